//! Servers that end with the test that started them.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(60);

/// Runs until its standard input closes, so that the server also ends when the
/// test process is killed or keeps it in a static. Then everything in the
/// process group goes, what the server started included, and the directory with it.
const SCRIPT: &str = r#"
dir=$1
shift
"$@" </dev/null >"$dir/server.log" 2>&1 &
server=$!
cat >/dev/null
trap '' TERM
kill -TERM 0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
rm -rf -- "$dir"
kill -KILL 0
"#;

/// A server in a process group of its own, which ends with this value or with the test process.
#[derive(Debug)]
pub(crate) struct Guardian {
    process: Child,
}

impl Guardian {
    /// Starts `program` with `arguments`; what it prints goes to `server.log` in `dir`, which
    /// goes with the server. `prepare` sets its environment.
    ///
    /// # Errors
    /// Whatever the system says.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: &[A],
        dir: &Path,
        prepare: impl FnOnce(&mut Command),
    ) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "server-guardian"]).arg(dir).arg(program).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        prepare(&mut command);
        own_process_group(&mut command);
        Ok(Self { process: command.spawn()? })
    }

    /// Id of the guardian, which is also that of the process group.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // The end of its input makes the guardian end the group.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// A server that a test starts: how it is seen to be ready, or to have failed for want of a port.
pub(crate) trait Served: Sized {
    /// Whether it answers. Its own log may tell whether it is really this server that does.
    fn is_ready(&self) -> bool;
    /// What it has printed so far.
    fn log(&self) -> String;
    /// What its log says when another process has its port.
    const PORT_TAKEN: &str;
}

/// Starts a server by `spawn` and waits until it is ready.
///
/// # Panics
/// When it cannot be started, or is not ready within a minute.
pub(crate) fn start<S: Served>(program: &Path, spawn: impl Fn() -> io::Result<S>) -> S {
    // Another process may take the free port in the meantime, so try again.
    let mut log = String::new();
    for _ in 0..3 {
        let server =
            spawn().unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if server.is_ready() {
                return server;
            }
            log = server.log();
            if log.contains(S::PORT_TAKEN) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if !log.contains(S::PORT_TAKEN) {
            break;
        }
    }
    panic!("{} was not ready within {START_LIMIT:?}; its log:\n{log}", program.display());
}

/// What a server in `dir` has printed so far.
pub(crate) fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("server.log")).unwrap_or_default()
}

/// A port that was free a moment ago.
///
/// # Errors
/// Whatever the system says.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Sends a GET request and returns the whole answer with its headers.
///
/// # Errors
/// When nothing answers.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(unix)]
fn own_process_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_process_group(_command: &mut Command) {}
