//! One run of a script in a sandbox, watched from outside.
//!
//! Whose fault an early end is, is decided here: a limit, a crash or a missing
//! result is the code's own; a signal that nobody inside can send, a sandbox
//! that does not start, and a machine too busy to run it, are not.

mod output;
#[cfg(target_os = "linux")]
mod usage;

use std::io::Write;
use std::process::ExitStatus;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use llmbench_api::{CallContext, Error, ErrorKind, Json, Result};
use llmbench_plugin::node_tools::Group;

use crate::sandbox::{Limits, Place, Sandbox};
use output::Output;

/// How often the process is looked at. 4 GB are written in about a second.
const POLL: Duration = Duration::from_millis(15);
/// A process with so many threads makes them for no good reason.
#[cfg(target_os = "linux")]
const MAX_THREADS: u64 = 256;
/// The script's own way to say that it never got as far as the code under test.
const NOT_STARTED: i32 = 70;
/// A run that waits for a processor gets more time, up to so many times its limit.
const MOST_PATIENCE: u32 = 4;

/// What to run.
pub(crate) struct Task<'a> {
    pub(crate) script: &'a str,
    /// Handed to the script on its standard input.
    pub(crate) job: &'a str,
    /// Begins the line that holds the result; nobody else knows it.
    pub(crate) nonce: &'a str,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With this result.
    Completed(Json),
    WallLimit,
    CpuLimit,
    MemoryLimit,
    DiskLimit,
    ProcessLimit,
    Crashed(String),
}

impl Ended {
    /// Name for records.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::WallLimit => "wall_limit",
            Self::CpuLimit => "cpu_limit",
            Self::MemoryLimit => "memory_limit",
            Self::DiskLimit => "disk_limit",
            Self::ProcessLimit => "process_limit",
            Self::Crashed(_) => "crashed",
        }
    }

    /// What happened, for the user.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Completed(_) => "it ended by itself".to_owned(),
            Self::WallLimit => "it was stopped at its limit of time".to_owned(),
            Self::CpuLimit => "it was stopped at its limit of processor time".to_owned(),
            Self::MemoryLimit => "it was stopped at its limit of memory".to_owned(),
            Self::DiskLimit => "it was stopped at its limit of written data".to_owned(),
            Self::ProcessLimit => "it was stopped because of its many threads".to_owned(),
            Self::Crashed(how) => format!("it crashed ({how})"),
        }
    }
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    pub(crate) wall_sec: f64,
    /// As last seen from outside.
    pub(crate) cpu_sec: Option<f64>,
    pub(crate) peak_memory_bytes: Option<u64>,
    /// Time in which it could have gone on, but other processes had the processors.
    pub(crate) starved: Duration,
}

/// Runs `task` to its end or to one of its limits.
///
/// # Errors
/// `Unavailable` when it cannot be started; `Protocol` when somebody else
/// stopped it; `Busy` when the machine had no time for it; `Cancelled`, and
/// `Timeout` at the call's deadline. No process is left in any case.
pub(crate) fn run(
    sandbox: &Sandbox,
    place: &Place,
    task: Task<'_>,
    limits: &Limits,
    wall: Duration,
    cx: &CallContext,
) -> Result<Outcome> {
    let begin = Instant::now();
    let mut group = sandbox.spawn(place, task.script, limits).map_err(|error| {
        let message = format!("cannot start `{}` in the sandbox", place.node.display());
        Error::new(ErrorKind::Unavailable, message).with_cause(&error)
    })?;
    if let Some(mut stdin) = group.take_stdin() {
        // A script that ended already is noticed below.
        let _ = stdin.write_all(task.job.as_bytes());
    }
    let output = Output::read(&mut group, task.nonce);
    let mut watch = Watch::new(place, limits);
    let ended = loop {
        match output.result.recv_timeout(POLL) {
            Ok(line) => {
                // Ends by itself at once; whoever kills it now spoils the result.
                watch.look_for_starvation(&group);
                let status = wait(&mut group, begin + wall + watch.starved, cx)?;
                break conclude(sandbox, status, Some(&line), &output, &watch)?;
            }
            Err(RecvTimeoutError::Disconnected) if group.exited().is_none() => {
                std::thread::sleep(POLL);
            }
            Err(_) => {}
        }
        if let Some(status) = group.exited() {
            let line = output.result.recv_timeout(Duration::from_secs(2)).ok();
            break conclude(sandbox, Some(status), line.as_deref(), &output, &watch)?;
        }
        cx.check().map_err(|error| error.with_phase("check"))?;
        if begin.elapsed() >= wall + watch.starved {
            watch.look_for_starvation(&group);
        }
        if begin.elapsed() >= wall + watch.starved {
            break Ended::WallLimit;
        }
        if begin.elapsed() >= wall * MOST_PATIENCE {
            return Err(too_busy(watch.starved));
        }
        if let Some(limit) = watch.exceeded(&group) {
            break limit;
        }
    };
    group.kill();
    Ok(Outcome {
        ended,
        wall_sec: begin.elapsed().as_secs_f64(),
        cpu_sec: watch.cpu_sec,
        peak_memory_bytes: watch.peak,
        starved: watch.starved,
    })
}

/// The error for a run that other processes kept from its processor.
pub(crate) fn too_busy(starved: Duration) -> Error {
    let message = format!(
        "the machine is too busy for behaviour tests: they waited {:.1} s for a processor",
        starved.as_secs_f64()
    );
    Error::new(ErrorKind::Busy, message)
        .with_hint(
            "stop other work on this machine, or raise `vitest.timeout_ms` and `vitest.test_timeout_ms`",
        )
        .with_phase("check")
}

/// How it ended; `None` when it had to be stopped.
fn wait(group: &mut Group, until: Instant, cx: &CallContext) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = group.exited() {
            return Ok(Some(status));
        }
        cx.check().map_err(|error| error.with_phase("check"))?;
        if Instant::now() >= until {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What an end means.
fn conclude(
    sandbox: &Sandbox,
    status: Option<ExitStatus>,
    line: Option<&str>,
    output: &Output,
    watch: &Watch<'_>,
) -> Result<Ended> {
    let Some(status) = status else { return Ok(Ended::WallLimit) };
    if status.success()
        && let Some(line) = line
    {
        return Ok(match serde_json::from_str(line) {
            Ok(result) => Ended::Completed(result),
            Err(_) => Ended::Crashed("its result is cut off".to_owned()),
        });
    }
    let said = output.last_words();
    let error = |kind, message: &str| {
        let message =
            if said.is_empty() { message.to_owned() } else { format!("{message}: {said}") };
        Err(Error::new(kind, message).with_phase("check"))
    };
    if let Some(signal) = signal(sandbox, status) {
        return match Signal::of(signal) {
            Signal::CpuLimit => Ok(Ended::CpuLimit),
            Signal::Outside if watch.near_cpu_limit() => Ok(Ended::CpuLimit),
            Signal::Outside if watch.near_memory_limit() => Ok(Ended::MemoryLimit),
            Signal::Outside => error(
                ErrorKind::Protocol,
                &format!("the test process was killed (signal {signal})"),
            ),
            // How V8 and allocators say so before they abort.
            Signal::Own
                if ["out of memory", "allocation"].iter().any(|text| said.contains(text)) =>
            {
                Ok(Ended::MemoryLimit)
            }
            Signal::Own => {
                Ok(Ended::Crashed(format!("signal {signal} {said}").trim_end().to_owned()))
            }
        };
    }
    match status.code() {
        Some(NOT_STARTED) => error(ErrorKind::Protocol, "the test runner did not start"),
        Some(126 | 127) => error(ErrorKind::Unavailable, "the sandbox cannot be started"),
        _ if said.starts_with("bwrap:") || said.starts_with("sh:") => {
            error(ErrorKind::Unavailable, "the sandbox cannot be started")
        }
        Some(0) => Ok(Ended::Crashed("it ended without a result".to_owned())),
        code => {
            let first = said.lines().next().unwrap_or_default();
            let how = format!("exit code {} {first}", code.unwrap_or(-1));
            Ok(Ended::Crashed(how.trim_end().to_owned()))
        }
    }
}

enum Signal {
    CpuLimit,
    /// Nobody inside can send it, and the kernel does so only when memory is short.
    Outside,
    Own,
}

impl Signal {
    /// Numbers as on Linux and macOS.
    fn of(number: i32) -> Self {
        match number {
            24 => Self::CpuLimit,
            1 | 2 | 3 | 9 | 15 => Self::Outside,
            _ => Self::Own,
        }
    }
}

#[cfg(unix)]
fn signal(sandbox: &Sandbox, status: ExitStatus) -> Option<i32> {
    let by_code = status.code().filter(|code| *code > 128 && sandbox.reports_signals_as_codes());
    std::os::unix::process::ExitStatusExt::signal(&status).or(by_code.map(|code| code - 128))
}

#[cfg(not(unix))]
fn signal(_sandbox: &Sandbox, _status: ExitStatus) -> Option<i32> {
    None
}

/// What the processes of a run use.
struct Watch<'a> {
    place: &'a Place,
    limits: &'a Limits,
    polls: u32,
    cpu_sec: Option<f64>,
    memory: Option<u64>,
    peak: Option<u64>,
    starved: Duration,
}

impl<'a> Watch<'a> {
    fn new(place: &'a Place, limits: &'a Limits) -> Self {
        Self {
            place,
            limits,
            polls: 0,
            cpu_sec: None,
            memory: None,
            peak: None,
            starved: Duration::ZERO,
        }
    }

    /// Elsewhere than on Linux nothing tells it: a busy machine then counts as a slow answer.
    fn look_for_starvation(&mut self, group: &Group) {
        #[cfg(target_os = "linux")]
        {
            self.starved = self.starved.max(usage::starved(group.id()));
        }
        #[cfg(not(target_os = "linux"))]
        let _ = group;
    }

    /// The limit that was passed, if one was.
    fn exceeded(&mut self, group: &Group) -> Option<Ended> {
        self.polls += 1;
        #[cfg(target_os = "linux")]
        if let Some(usage) = usage::of(group.id()) {
            self.cpu_sec = Some(usage.cpu_sec);
            self.memory = Some(usage.memory_bytes);
            self.peak = self.peak.max(Some(usage.memory_bytes));
            if usage.memory_bytes > self.limits.memory_bytes {
                return Some(Ended::MemoryLimit);
            }
            if usage.threads > MAX_THREADS {
                return Some(Ended::ProcessLimit);
            }
            if usage.cpu_sec > self.limits.cpu_sec as f64 {
                return Some(Ended::CpuLimit);
            }
        }
        if !self.polls.is_multiple_of(8) {
            return None;
        }
        self.look_for_starvation(group);
        (self.place.written_bytes() > self.limits.disk_bytes).then_some(Ended::DiskLimit)
    }

    fn near_cpu_limit(&self) -> bool {
        self.cpu_sec.is_some_and(|used| used > self.limits.cpu_sec as f64 - 0.2)
    }

    fn near_memory_limit(&self) -> bool {
        self.memory.is_some_and(|used| used > self.limits.memory_bytes / 10 * 8)
    }
}
