//! The long-lived Node process that holds the warm compiler.

mod protocol;
mod self_test;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use llmbench_api::{CallContext, Error, ErrorKind, Result};
use llmbench_plugin::node_tools::{Group, Node, POLL, process};

pub(crate) use protocol::{
    Answer, AnyIdentifier, Coverage, Hello, Outcome, Request, SfcReport, SourceFile, TypesReport,
    WorkerDiagnostic,
};
pub use self_test::SELF_TEST_REQUESTS;
pub(crate) use self_test::{project_self_test, self_test};

use crate::toolchain::Engine;

const PROTOCOL: u32 = 2;
const START_LIMIT: Duration = Duration::from_secs(60);

/// The worker's files by name; they load each other from their own folder.
const SCRIPTS: [(&str, &str); 11] = [
    ("worker.mjs", include_str!("../toolchain/worker/worker.mjs")),
    ("types.mjs", include_str!("../toolchain/worker/types.mjs")),
    ("native.mjs", include_str!("../toolchain/worker/native.mjs")),
    ("virtual_files.mjs", include_str!("../toolchain/worker/virtual_files.mjs")),
    ("npm_project.mjs", include_str!("../toolchain/worker/npm_project.mjs")),
    ("project_config.mjs", include_str!("../toolchain/worker/project_config.mjs")),
    ("mount.mjs", include_str!("../toolchain/worker/mount.mjs")),
    ("coverage.mjs", include_str!("../toolchain/worker/coverage.mjs")),
    ("suppress.mjs", include_str!("../toolchain/worker/suppress.mjs")),
    ("sfc.mjs", include_str!("../toolchain/worker/sfc.mjs")),
    ("tsconfig.json", include_str!("../toolchain/tsconfig.json")),
];

/// What a worker checks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job<'a> {
    /// Answers that stand for themselves.
    Answers(Engine),
    /// Answers to the npm project that is described.
    Project(&'a str),
}

/// A running worker. One request at a time; killed when dropped.
pub(crate) struct Worker {
    group: Group,
    requests: Sender<String>,
    lines: Receiver<String>,
    stderr: Receiver<String>,
    last_words: Vec<String>,
    last_id: u64,
    /// The folder that holds its packages.
    pub(crate) root: PathBuf,
    /// What it runs on.
    pub(crate) hello: Hello,
    /// Resident memory after its last answer.
    pub(crate) rss_bytes: u64,
}

impl Worker {
    /// Starts a worker on the packages under `root` and waits until it has loaded them.
    ///
    /// # Errors
    /// `Unavailable` when it ends, says something else, or takes longer than a
    /// minute; `Protocol` when somebody killed it; `Cancelled`, and `Timeout`
    /// at the call's deadline.
    ///
    pub(crate) fn start(node: &Node, root: &Path, job: &Job<'_>, cx: &CallContext) -> Result<Self> {
        // Needed only until the worker has loaded them.
        let scripts = write_scripts()?;
        let mut command = process::command(&node.program);
        command
            // A check makes much garbage that is soon dead; the default of
            // 16 MiB has it copied again and again.
            .arg("--max-semi-space-size=64")
            .arg(scripts.path().join("worker.mjs"))
            .arg(root)
            .args(match job {
                Job::Answers(engine) => {
                    [scripts.path().join("tsconfig.json"), PathBuf::from(engine.argument())]
                }
                Job::Project(described) => [PathBuf::from(described), PathBuf::from("project")],
            })
            .current_dir(root);
        let mut group = Group::spawn(&mut command).map_err(|error| {
            let message = format!("cannot start `{}`", node.program.display());
            Error::new(ErrorKind::Unavailable, message).with_cause(&error)
        })?;
        let stderr = group.stderr_lines();
        let lines = process::lines(group.take_stdout());
        let requests = write_in_background(group.take_stdin());
        let mut worker = Self {
            group,
            requests,
            lines,
            stderr,
            last_words: Vec::new(),
            last_id: 0,
            root: root.to_owned(),
            hello: Hello::default(),
            rss_bytes: 0,
        };
        let hello = worker
            .next_line(START_LIMIT, "start", cx)
            .and_then(|line| worker.parse::<Hello>(&line))
            .map_err(|error| if worker.was_killed() { error } else { as_unavailable(error, cx) })?;
        if hello.ready != PROTOCOL {
            let message = format!("the worker speaks protocol {} and not {PROTOCOL}", hello.ready);
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        worker.hello = hello;
        tracing::debug!(pid = worker.group.id(), "started a type checker");
        Ok(worker)
    }

    /// The worker's answer to one request.
    ///
    /// # Errors
    /// `Protocol` when it ends or says something else, `Timeout` after `limit`
    /// or at the call's deadline, `Cancelled`. It is of no use any more then.
    pub(crate) fn ask(
        &mut self,
        request: &mut Request,
        limit: Duration,
        cx: &CallContext,
    ) -> Result<Answer> {
        self.last_id += 1;
        request.id = self.last_id;
        let line = serde_json::to_string(request).expect("a request is plain data");
        // When nobody writes any more, reading the answer tells why.
        let _ = self.requests.send(line);
        let line = self.next_line(limit, "check", cx)?;
        let answer: Answer = self.parse(&line)?;
        if answer.id != self.last_id {
            let message =
                format!("the type checker answered request {} and not {}", answer.id, self.last_id);
            return Err(Error::new(ErrorKind::Protocol, message).with_phase("check"));
        }
        self.rss_bytes = answer.rss_bytes;
        Ok(answer)
    }

    /// True while the process runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.group.exited().is_none()
    }

    /// True when a signal ended the process: that says nothing about the tool.
    #[cfg(unix)]
    fn was_killed(&mut self) -> bool {
        use std::os::unix::process::ExitStatusExt;
        self.group.exited().is_some_and(|status| status.signal().is_some())
    }

    #[cfg(not(unix))]
    fn was_killed(&mut self) -> bool {
        false
    }

    /// Id of the process.
    pub(crate) fn process_id(&self) -> u32 {
        self.group.id()
    }

    fn next_line(&mut self, limit: Duration, phase: &str, cx: &CallContext) -> Result<String> {
        let give_up = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(POLL) {
                Ok(line) if line.is_empty() => {}
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended(phase)),
            }
            self.last_words.extend(self.stderr.try_iter());
            let keep = self.last_words.len().saturating_sub(100);
            self.last_words.drain(..keep);
            cx.check().map_err(|error| error.with_phase(phase))?;
            if Instant::now() >= give_up {
                let message = format!(
                    "the type checker did not answer within {} ms and was stopped",
                    limit.as_millis()
                );
                return Err(Error::new(ErrorKind::Timeout, message)
                    .with_phase(phase)
                    .with_hint("allow more with `--set tsc.check_timeout_ms=MILLISECONDS`"));
            }
        }
    }

    fn ended(&mut self, phase: &str) -> Error {
        // Its output is closed: what still runs is of no use.
        let status = match self.group.exited() {
            Some(status) => status.to_string(),
            None => {
                std::thread::sleep(POLL);
                self.group.exited().map_or("its output closed".to_owned(), |s| s.to_string())
            }
        };
        self.group.kill();
        self.last_words.extend(self.stderr.iter());
        let mut message = format!("the type checker ended unexpectedly ({status})");
        if !self.last_words.is_empty() {
            message = format!("{message}; it said:\n{}", process::tail(&self.last_words, 12));
        }
        Error::new(ErrorKind::Protocol, message).with_phase(phase)
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, line: &str) -> Result<T> {
        serde_json::from_str(line).map_err(|error| {
            let start: String = line.chars().take(120).collect();
            let message = format!("the type checker said something that is no answer: `{start}`");
            Error::new(ErrorKind::Protocol, message).with_cause(&error)
        })
    }
}

/// A worker that does not get going is a missing tool, unless the caller gave up.
fn as_unavailable(mut error: Error, cx: &CallContext) -> Error {
    if cx.check().is_ok() {
        error.kind = ErrorKind::Unavailable;
        error.hint = Some(
            "run `llmbench doctor`; the program is chosen with `--set tsc.node=PATH`".to_owned(),
        );
    }
    error
}

fn write_scripts() -> Result<tempfile::TempDir> {
    let write = || {
        let folder = tempfile::Builder::new().prefix("llmbench-tsc-worker-").tempdir()?;
        for (name, text) in SCRIPTS {
            std::fs::write(folder.path().join(name), text)?;
        }
        Ok(folder)
    };
    write().map_err(|error: std::io::Error| {
        let folder = std::env::temp_dir();
        let message = format!("cannot write the type checker's worker to `{}`", folder.display());
        Error::new(ErrorKind::Unavailable, message).with_cause(&error)
    })
}

/// A worker that stopped reading must not block the caller.
fn write_in_background(stdin: Option<std::process::ChildStdin>) -> Sender<String> {
    let (send, receive) = mpsc::channel::<String>();
    if let Some(mut stdin) = stdin {
        std::thread::spawn(move || {
            while let Ok(mut line) = receive.recv() {
                line.push('\n');
                if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
                    break;
                }
            }
        });
    }
    send
}
