//! Runs nvidia-smi without ever waiting for it longer than was agreed.
//!
//! The tool can hang inside the driver, and a process it leaves behind can
//! keep its output open. So output is read by threads of their own that nobody
//! waits for, and a tool that is given up is killed with its process group.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Lines that may wait for the sampler; a tool that floods is slowed down.
const WAITING_LINES: usize = 1_024;
/// A line longer than this is not a row; the rest of it is thrown away.
const LONGEST_LINE_BYTES: usize = 64 * 1_024;
/// Lines that one call may print; more than any machine has GPUs.
const MOST_LINES: usize = 1_024;
/// How long output may still come after the process ended.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// How long a killed process is waited for before it is left to a thread.
const REAP_LIMIT: Duration = Duration::from_millis(200);

/// Something that a running tool did.
#[derive(Debug)]
pub(crate) struct Event {
    /// Which start of the tool it comes from.
    pub run: u64,
    /// What happened.
    pub what: What,
}

/// See [`Event`].
#[derive(Debug)]
pub(crate) enum What {
    /// A line, and when its bytes arrived.
    Line {
        /// True for standard output, false for standard error.
        is_output: bool,
        /// When its bytes arrived.
        at: Instant,
        /// Without the line end.
        text: String,
    },
    /// Standard output was closed.
    EndOfOutput,
    /// Somebody wants the receiver to look up.
    Wake,
}

/// A channel of the right size for [`Event`]s.
pub(crate) fn events() -> (SyncSender<Event>, Receiver<Event>) {
    sync_channel(WAITING_LINES)
}

/// A started tool; it is killed when dropped.
pub(crate) struct Running {
    child: Option<Child>,
    ended: Option<Ended>,
}

#[derive(Clone, Copy)]
struct Ended {
    at: Instant,
    exit_code: Option<i32>,
}

impl Running {
    /// Starts the first of `programs` that exists; its lines go to `events`.
    ///
    /// # Errors
    /// A [`Failure`] that says which program could not be started and why.
    pub(crate) fn start(
        programs: &[PathBuf],
        arguments: &[String],
        run: u64,
        events: &SyncSender<Event>,
    ) -> Result<Self, Failure> {
        let mut first_failure = None;
        for program in programs {
            match spawn(program, arguments) {
                Ok(mut child) => {
                    let output = child.stdout.take();
                    let errors = child.stderr.take();
                    let running = Self { child: Some(child), ended: None };
                    let failed = |error: io::Error| Failure::of_start("thread", &error);
                    if let Some(output) = output {
                        read_in_thread(output, true, run, events.clone()).map_err(failed)?;
                    }
                    if let Some(errors) = errors {
                        read_in_thread(errors, false, run, events.clone()).map_err(failed)?;
                    }
                    return Ok(running);
                }
                Err(error) => {
                    let failure = Failure::of_start(&program.to_string_lossy(), &error);
                    first_failure.get_or_insert(failure);
                }
            }
        }
        Err(first_failure.unwrap_or_else(|| Failure::of_output("", None)))
    }

    /// Since when the process has been gone, as far as was noticed; `None` while it runs.
    pub(crate) fn ended_at(&mut self) -> Option<Instant> {
        if self.ended.is_none()
            && let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait)
        {
            self.ended = Some(Ended { at: Instant::now(), exit_code: status.code() });
        }
        self.ended.map(|ended| ended.at)
    }

    /// True when the process has been gone for long enough that no output of
    /// its own can still be on the way.
    pub(crate) fn is_over(&mut self) -> bool {
        self.ended_at().is_some_and(|at| at.elapsed() >= LAST_WORDS)
    }

    /// The exit status, waiting for it until `limit`; `None` when the process
    /// was ended by a signal or is still there.
    pub(crate) fn exit_code(&mut self, limit: Instant) -> Option<i32> {
        while self.ended_at().is_none() && Instant::now() < limit {
            thread::sleep(Duration::from_millis(5));
        }
        self.ended.and_then(|ended| ended.exit_code)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        kill_with_group(&mut child);
        let limit = Instant::now() + REAP_LIMIT;
        while Instant::now() < limit {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        // It hangs inside the kernel. A thread takes its status some day, so
        // that it does not stay a zombie; nobody waits for that thread.
        let _ = thread::Builder::new().name("nvidia-smi reaper".into()).spawn(move || child.wait());
    }
}

/// What a single call printed.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Lines on standard output.
    pub lines: Vec<String>,
    /// Lines on standard error.
    pub errors: Vec<String>,
    /// When the first line arrived.
    pub at: Option<Instant>,
    /// Exit status; `None` when a signal ended it.
    pub exit_code: Option<i32>,
    /// True when it was killed because the time was over or nobody cared any more.
    pub is_cut_off: bool,
}

impl Answer {
    /// Everything it said, for an error message.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().chain(&self.errors).cloned().collect::<Vec<_>>().join("\n")
    }
}

/// Runs the tool once, until `limit` at most; `is_unwanted` is asked now and
/// then whether to give up before.
///
/// # Errors
/// When the program cannot be started. Everything else is in the [`Answer`].
pub(crate) fn call(
    programs: &[PathBuf],
    arguments: &[String],
    limit: Instant,
    is_unwanted: &dyn Fn() -> bool,
) -> Result<Answer, Failure> {
    let (sender, receiver) = events();
    let mut running = Running::start(programs, arguments, 0, &sender)?;
    drop(sender);
    let mut answer = Answer::default();
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        if left.is_zero() || is_unwanted() {
            answer.is_cut_off = true;
            return Ok(answer);
        }
        match receiver.recv_timeout(left.min(Duration::from_millis(20))) {
            Ok(Event { what: What::Line { is_output, at, text }, .. }) => {
                answer.at.get_or_insert(at);
                let lines = if is_output { &mut answer.lines } else { &mut answer.errors };
                if lines.len() < MOST_LINES {
                    lines.push(text);
                }
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) if !running.is_over() => {}
            Err(_) => break,
        }
    }
    answer.exit_code = running.exit_code(limit);
    answer.is_cut_off = running.ended_at().is_none();
    Ok(answer)
}

fn spawn(program: &PathBuf, arguments: &[String]) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    command.spawn()
}

fn kill_with_group(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        // The group outlives its leader as long as a child of it is there. If
        // neither is, there is nobody to kill, and that is fine.
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
    let _ = child.kill();
}

fn read_in_thread(
    source: impl Read + Send + 'static,
    is_output: bool,
    run: u64,
    events: SyncSender<Event>,
) -> io::Result<()> {
    thread::Builder::new()
        .name("nvidia-smi reader".into())
        .spawn(move || {
            let alive = read_lines(source, |at, text| {
                events.send(Event { run, what: What::Line { is_output, at, text } }).is_ok()
            });
            if alive && is_output {
                let _ = events.send(Event { run, what: What::EndOfOutput });
            }
        })
        .map(drop)
}

/// Gives each line with the instant at which its last bytes arrived; false when
/// `take` did not want more.
fn read_lines(mut source: impl Read, mut take: impl FnMut(Instant, String) -> bool) -> bool {
    let mut chunk = [0; 4_096];
    let mut line = Vec::new();
    let mut is_too_long = false;
    loop {
        let count = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let at = Instant::now();
        for &byte in &chunk[..count] {
            if byte != b'\n' {
                is_too_long |= line.len() >= LONGEST_LINE_BYTES;
                if !is_too_long {
                    line.push(byte);
                }
                continue;
            }
            is_too_long = false;
            if !take_line(&mut line, at, &mut take) {
                return false;
            }
        }
    }
    take_line(&mut line, Instant::now(), &mut take)
}

fn take_line(
    line: &mut Vec<u8>,
    at: Instant,
    take: &mut impl FnMut(Instant, String) -> bool,
) -> bool {
    let text = String::from_utf8_lossy(line).trim().to_owned();
    line.clear();
    text.is_empty() || take(at, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expected: &[&str]) {
        let mut lines = Vec::new();
        let alive = read_lines(input, |_, text| {
            lines.push(text);
            true
        });
        assert!(alive);
        assert_eq!(lines, expected);
    }

    #[test]
    fn lines_end_at_any_line_end_and_at_the_end_of_output() {
        check(b"", &[]);
        check(b"a, b\r\n\r\nc\n", &["a, b", "c"]);
        check(b"a\nb", &["a", "b"]);
        check(b"\xff\xfe, 1\n", &["\u{fffd}\u{fffd}, 1"]);
    }

    #[test]
    fn an_endless_line_does_not_fill_the_memory() {
        let endless = vec![b'x'; 3 * LONGEST_LINE_BYTES];
        let mut longest = 0;
        read_lines(&endless[..], |_, text| {
            longest = longest.max(text.len());
            true
        });
        assert_eq!(longest, LONGEST_LINE_BYTES);
    }

    #[test]
    fn a_receiver_that_is_gone_ends_the_reader() {
        assert!(!read_lines(&b"a\nb\n"[..], |_, _| false));
    }
}
