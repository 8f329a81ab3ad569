//! Child processes that can be stopped with everything they started.
//!
//! A child leads a process group of its own; stopping it kills the group. On
//! Windows `taskkill /T` takes the place of the group.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use llmbench_api::{CallContext, Error, ErrorKind, Result};

/// How long a call may go on without looking whether it was cancelled.
pub const POLL: Duration = Duration::from_millis(25);

/// Longest line that is read from a child.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// A command for `program` that Node's own environment variables cannot change.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_remove("NODE_OPTIONS").env_remove("NODE_PATH").env_remove("NODE_ENV");
    command
}

/// A child process and its process group, killed when dropped.
pub struct Group {
    child: Child,
    status: Option<ExitStatus>,
}

impl Group {
    /// Starts `command` with all three streams piped.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        Ok(Self { child: command.spawn()?, status: None })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; `None` while it runs.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
            if self.status.is_some() {
                // What it left behind would keep the pipes open.
                kill_group(self.child.id());
            }
        }
        self.status
    }

    /// Kills the group and waits for the child.
    pub fn kill(&mut self) {
        if self.status.is_none() {
            kill_group(self.child.id());
            // The error would be that it is gone already.
            let _ = self.child.kill();
            self.status = self.child.wait().ok();
        }
    }

    /// Its standard input, once.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its standard output, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// The lines of stderr as they come; ends when the stream does.
    pub fn stderr_lines(&mut self) -> Receiver<String> {
        lines(self.child.stderr.take())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(unix)]
fn kill_group(id: u32) {
    let group = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // The error would be that nobody is left in it.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(id: u32) {
    let id = id.to_string();
    let _ = command(Path::new("taskkill"))
        .args(["/T", "/F", "/PID", &id])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// The lines of a stream, read by a thread of their own.
///
/// Text that is not UTF-8 is replaced; the channel ends with the stream, or at
/// a line longer than 64 MiB.
pub fn lines(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    if let Some(stream) = stream {
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            loop {
                line.clear();
                match reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
                    Ok(read) if read > 0 && (read as u64) < MAX_LINE_BYTES => {}
                    _ => break,
                }
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if send.send(text).is_err() {
                    break;
                }
            }
        });
    }
    receive
}

/// What a command left when it ended by itself.
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its lines of standard output.
    pub stdout: Vec<String>,
    /// Its lines of standard error.
    pub stderr: Vec<String>,
}

/// Runs `command` to its end, handing over each line of stderr as it comes.
///
/// # Errors
/// `Unavailable` when it cannot be started, `Timeout` after `limit` or at the
/// call's deadline, `Cancelled`; the process group is gone by then.
pub fn run(
    mut command: Command,
    what: &str,
    limit: Duration,
    cx: &CallContext,
    mut on_stderr: impl FnMut(&str),
) -> Result<Output> {
    let mut group = Group::spawn(&mut command).map_err(|error| {
        Error::new(ErrorKind::Unavailable, format!("cannot start {what}")).with_cause(&error)
    })?;
    drop(group.take_stdin());
    let stdout = lines(group.take_stdout());
    let stderr = group.stderr_lines();
    let give_up = Instant::now() + limit;
    let mut seen = Vec::new();
    loop {
        match stderr.recv_timeout(POLL) {
            Ok(line) => {
                on_stderr(&line);
                seen.push(line);
            }
            // A stream can be closed long before the process ends.
            Err(RecvTimeoutError::Disconnected) if group.exited().is_none() => {
                std::thread::sleep(POLL);
            }
            Err(_) => {
                if let Some(status) = group.exited() {
                    seen.extend(stderr.iter());
                    return Ok(Output { status, stdout: stdout.iter().collect(), stderr: seen });
                }
            }
        }
        cx.check()?;
        if Instant::now() >= give_up {
            return Err(Error::new(
                ErrorKind::Timeout,
                format!("{what} did not end within {} s", limit.as_secs()),
            ));
        }
    }
}

/// The last `count` lines.
pub fn tail(lines: &[String], count: usize) -> String {
    lines[lines.len().saturating_sub(count)..].join("\n")
}
