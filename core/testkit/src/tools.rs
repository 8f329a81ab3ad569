//! Programs that tests need and may not find.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that a test needs, and why it cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The program.
    pub program: String,
    /// What was tried, and what to do.
    pub reason: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.program, self.reason)
    }
}

impl std::error::Error for Missing {}

/// Says that a test is skipped and why; the caller then returns.
///
/// # Panics
/// In continuous integration (`CI=true`), where nothing may be missing.
#[expect(clippy::print_stderr, reason = "the test's own output is where a reader looks for it")]
pub fn skip_or_fail(reason: impl fmt::Display) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "missing in CI: {reason}");
    eprintln!("SKIPPED: {reason}");
}

/// The `ollama` program: `LLMBENCH_OLLAMA_BIN`, then `PATH`, then where `go install` puts it.
///
/// # Errors
/// [`Missing`] with the places that were searched.
pub fn find_ollama() -> Result<PathBuf, Missing> {
    if let Some(path) = std::env::var_os("LLMBENCH_OLLAMA_BIN") {
        return named("ollama", "LLMBENCH_OLLAMA_BIN", path.into());
    }
    if let Some(path) = on_path("ollama") {
        return Ok(path);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let places = [
        go_path().map(|path| path.join("bin")),
        std::env::var_os("GOBIN").map(PathBuf::from),
        home.as_ref().map(|home| home.join("go-bin")),
        home.as_ref().map(|home| home.join("go/bin")),
    ];
    let name = executable("ollama");
    places.into_iter().flatten().map(|dir| dir.join(&name)).find(|path| path.is_file()).ok_or_else(
        || Missing {
            program: "ollama".into(),
            reason: "not in LLMBENCH_OLLAMA_BIN, PATH or Go's bin directories; install Ollama, \
                     or run `go install github.com/ollama/ollama@v0.6.5`"
                .into(),
        },
    )
}

/// llama.cpp's `llama-server`: `LLMBENCH_LLAMA_SERVER_BIN`, then `PATH`.
///
/// # Errors
/// [`Missing`] with the places that were searched.
pub fn find_llama_server() -> Result<PathBuf, Missing> {
    match std::env::var_os("LLMBENCH_LLAMA_SERVER_BIN") {
        Some(path) => named("llama-server", "LLMBENCH_LLAMA_SERVER_BIN", path.into()),
        None => find_on_path(
            "llama-server",
            "install llama.cpp, or run `.ci/llama-server`, which builds it, and set \
             LLMBENCH_LLAMA_SERVER_BIN to the path that it prints",
        ),
    }
}

fn named(program: &str, variable: &str, path: PathBuf) -> Result<PathBuf, Missing> {
    if path.is_file() {
        return Ok(path);
    }
    let reason = format!("{variable} names {}, which is no file", path.display());
    Err(Missing { program: program.into(), reason })
}

/// The `node` program on `PATH`.
///
/// # Errors
/// [`Missing`] when there is none.
pub fn find_node() -> Result<PathBuf, Missing> {
    find_on_path("node", "install Node.js 22 or later")
}

/// The `npm` program on `PATH`.
///
/// # Errors
/// [`Missing`] when there is none.
pub fn find_npm() -> Result<PathBuf, Missing> {
    find_on_path("npm", "install npm, which comes with Node.js")
}

/// A Chromium or Chrome on `PATH`, for tests of the HTML report.
///
/// # Errors
/// [`Missing`] when there is none.
pub fn find_chromium() -> Result<PathBuf, Missing> {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    names.iter().find_map(|name| on_path(name)).ok_or_else(|| Missing {
        program: "chromium".into(),
        reason: "not on PATH; install Debian's package `chromium`".into(),
    })
}

fn find_on_path(program: &str, advice: &str) -> Result<PathBuf, Missing> {
    on_path(program).ok_or_else(|| Missing {
        program: program.into(),
        reason: format!("not on PATH; {advice}"),
    })
}

fn on_path(program: &str) -> Option<PathBuf> {
    let name = executable(program);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join(&name))
        .find(|path| path.is_file())
}

fn executable(program: &str) -> OsString {
    Path::new(program).with_extension(std::env::consts::EXE_EXTENSION).into_os_string()
}

fn go_path() -> Option<PathBuf> {
    let output = Command::new("go").args(["env", "GOPATH"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    let path = path.trim();
    (output.status.success() && !path.is_empty()).then(|| PathBuf::from(path))
}
