//! The built `llmbench`, run as a user runs it.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Variables of the caller that must not reach the program under test.
const STRIPPED: [&str; 4] = ["OLLAMA_", "LLMBENCH_", "XDG_", "CI"];

/// Runs `llmbench` in a directory of its own; it keeps the directory between runs.
///
/// The program sees an empty home, no variable of llmbench, Ollama or XDG, no
/// colours and an empty standard input.
///
/// ```no_run
/// let command = llmbench_testkit::LlmbenchCommand::new();
/// let output = command.run(&["--version"]);
/// assert_eq!(output.code, 0, "{output}");
/// ```
#[derive(Debug)]
pub struct LlmbenchCommand {
    program: PathBuf,
    dir: TempDir,
    env: Vec<(OsString, OsString)>,
    limit: Duration,
}

/// What a run said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit code; 128 plus the number when a signal ended it.
    pub code: i32,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output read as one JSON value.
    ///
    /// # Panics
    /// When it is anything else; the message shows it.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON value: {error}\n{self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit code {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

impl LlmbenchCommand {
    /// The program that was built beside the running test.
    ///
    /// # Panics
    /// When it was not built.
    #[expect(clippy::new_without_default, reason = "a default should not panic")]
    pub fn new() -> Self {
        let program = build_dir().join(format!("llmbench{}", std::env::consts::EXE_SUFFIX));
        assert!(
            program.is_file(),
            "{} is not there: run `cargo build` first (with `--release` for release tests)",
            program.display()
        );
        Self::for_program(program)
    }

    /// Runs another program under the same conditions.
    ///
    /// # Panics
    /// When there is no temporary directory.
    pub fn for_program(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let dir = tempfile::Builder::new().prefix("llmbench-test-").tempdir();
        let dir = dir.expect("a temporary directory");
        for name in ["home", "work"] {
            std::fs::create_dir(dir.path().join(name)).expect("the directory is new and ours");
        }
        Self { program, dir, env: Vec::new(), limit: Duration::from_secs(120) }
    }

    /// Sets a variable for all later runs.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// How long a run may take until it is killed and the test fails; 120 s at first.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The working directory of the runs.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// The home directory that the runs see.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Writes a file below the working directory, with the directories on its way.
    ///
    /// # Panics
    /// When the file system refuses.
    pub fn write(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.dir().join(path);
        let parent = path.parent().expect("a file below the working directory has a parent");
        std::fs::create_dir_all(parent).expect("the directory is ours");
        std::fs::write(&path, text).expect("the directory is ours");
        path
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it does not end within the limit; the message shows what it had said.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        self.start(arguments).wait()
    }

    /// Starts the program, for tests that interrupt it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Running {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if STRIPPED.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        let home = self.home();
        command
            .args(arguments)
            .current_dir(self.dir())
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_DATA_HOME", home.join(".local/share"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("XDG_STATE_HOME", home.join(".local/state"))
            .env("NO_COLOR", "1")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", self.program.display()));
        let stdout = read_in_background(child.stdout.take());
        let stderr = read_in_background(child.stderr.take());
        Running { child, stdout, stderr, start: Instant::now(), limit: self.limit }
    }
}

/// A started `llmbench`; killed when dropped before its end.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    start: Instant,
    limit: Duration,
}

impl Running {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the signal of Ctrl-C; does nothing where there are no signals.
    pub fn interrupt(&self) {
        let _ = Command::new("kill").args(["-INT", &self.id().to_string()]).status();
    }

    /// Kills the program without a chance to clean up.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it does not end within the limit; the message shows what it had said.
    pub fn wait(mut self) -> Output {
        let status = loop {
            match self.child.try_wait().expect("the child is ours") {
                Some(status) => break Some(status),
                None if self.start.elapsed() > self.limit => {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let output = Output {
            code: status.map_or(-1, exit_code),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
        };
        assert!(status.is_some(), "llmbench did not end within {:?}\n{output}", self.limit);
        output
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The directory that holds the built program and plugins: `target/debug` or its like.
///
/// # Panics
/// When the running program was not built by cargo.
pub fn build_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let dir = test.parent().expect("a file has a parent");
    let dir = if dir.ends_with("deps") || dir.ends_with("examples") {
        dir.parent().expect("`deps` lies in a build directory")
    } else {
        dir
    };
    dir.to_owned()
}

/// Path of a built plugin library, for example `plugin_library("ollama")`.
///
/// # Panics
/// When it was not built.
pub fn plugin_library(name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let name = name.replace('-', "_");
    let path = build_dir().join(format!("{DLL_PREFIX}llmbench_plugin_{name}{DLL_SUFFIX}"));
    assert!(path.is_file(), "{} is not there: run `cargo build` first", path.display());
    path
}

fn read_in_background(pipe: Option<impl Read + Send + 'static>) -> Option<JoinHandle<Vec<u8>>> {
    let mut pipe = pipe?;
    Some(std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    }))
}

fn text(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(unix)]
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell() -> LlmbenchCommand {
        LlmbenchCommand::for_program("/bin/sh")
    }

    #[test]
    fn a_run_tells_its_code_and_both_outputs() {
        let output = shell().run(&["-c", "echo '{\"a\":1}'; echo warning >&2; exit 3"]);
        assert_eq!((output.code, output.json()["a"].as_i64()), (3, Some(1)));
        assert_eq!(output.stderr, "warning\n");
    }

    #[test]
    fn each_command_has_a_home_and_directory_of_its_own() {
        let (first, second) = (shell(), shell().env("LLMBENCH_X", "kept"));
        first.write("a/b.txt", "text");
        let output = first.run(&["-c", "cat a/b.txt; echo $HOME; echo \"x${LLMBENCH_X-}\""]);
        assert_eq!(output.stdout, format!("text{}\nx\n", first.home().display()));
        assert_eq!(second.run(&["-c", "ls; echo $LLMBENCH_X"]).stdout, "kept\n");
        assert_ne!(first.dir(), second.dir());
    }

    #[test]
    fn an_interrupt_reaches_the_program() {
        // Not a shell: one that was started with SIGINT ignored, as a background job is, cannot trap it.
        let node = match crate::tools::find_node() {
            Ok(node) => node,
            Err(missing) => return crate::skip_or_fail(missing),
        };
        let command = LlmbenchCommand::for_program(node);
        let script = "process.on('SIGINT', () => process.exit(130)); \
                      require('fs').writeFileSync('up', ''); setInterval(() => {}, 1000)";
        let running = command.start(&["-e", script]);
        while !command.dir().join("up").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        running.interrupt();
        assert_eq!(running.wait().code, 130);
    }

    #[test]
    #[should_panic(expected = "did not end within")]
    fn no_run_hangs() {
        shell().limit(Duration::from_millis(100)).run(&["-c", "exec sleep 600"]);
    }
}
