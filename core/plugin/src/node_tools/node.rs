//! The `node` program: where it is and whether it is recent enough.

use std::path::{Path, PathBuf};
use std::time::Duration;

use llmbench_api::{CallContext, Error, ErrorKind, Result};

use super::process;

/// Oldest major version that the worker runs on.
const OLDEST_MAJOR: u32 = 20;
/// The major version that is recommended.
const RECOMMENDED_MAJOR: u32 = 24;

/// What to do when there is no usable Node.js, for the user of `plugin`.
fn install_hint(plugin: &str) -> String {
    format!(
        "install Node.js {RECOMMENDED_MAJOR} ({OLDEST_MAJOR} or newer works), or name it with \
         `--set {plugin}.node=PATH`; `llmbench doctor` checks it"
    )
}

/// A `node` that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it lies.
    pub program: PathBuf,
    /// Without the leading `v`.
    pub version: String,
}

impl Node {
    /// The `node` that the settings of `plugin` name, else the first one on `PATH`.
    ///
    /// # Errors
    /// `Unavailable` when there is none, when it does not run, or when it is too old.
    pub fn find(plugin: &str, configured: Option<&Path>, cx: &CallContext) -> Result<Self> {
        let hint = install_hint(plugin);
        let program = match configured {
            Some(path) => path.to_owned(),
            None => on_path(&executable("node")).ok_or_else(|| {
                Error::new(ErrorKind::Unavailable, "cannot find `node` on PATH").with_hint(&hint)
            })?,
        };
        let mut command = process::command(&program);
        command.arg("--version");
        let what = format!("`{} --version`", program.display());
        let output = process::run(command, &what, Duration::from_secs(20), cx, |_| {})
            .map_err(|error| unavailable(error, &hint))?;
        let said = output.stdout.first().map(String::as_str).unwrap_or_default();
        let version = said.strip_prefix('v').filter(|_| output.status.success());
        let Some((version, major)) = version.and_then(|v| Some((v, major(v)?))) else {
            let message = format!(
                "{what} answered `{said}` ({}) in place of a version {}",
                output.status,
                process::tail(&output.stderr, 3)
            );
            return Err(Error::new(ErrorKind::Unavailable, message.trim()).with_hint(&hint));
        };
        if major < OLDEST_MAJOR {
            let message = format!(
                "`{}` is Node.js {version}, and {OLDEST_MAJOR} or newer is needed",
                program.display()
            );
            return Err(Error::new(ErrorKind::Unavailable, message).with_hint(&hint));
        }
        Ok(Self { program, version: version.to_owned() })
    }

    /// The `npm` that belongs to it: beside it, else the first one on `PATH`.
    ///
    /// # Errors
    /// `Unavailable` when there is none.
    pub fn npm(&self) -> Result<PathBuf> {
        let name = if cfg!(windows) { "npm.cmd".to_owned() } else { executable("npm") };
        self.folder()
            .map(|folder| folder.join(&name))
            .filter(|npm| npm.is_file())
            .or_else(|| on_path(&name))
            .ok_or_else(|| {
                let message = format!(
                    "cannot find `npm` beside `{}` or on PATH; it installs packages",
                    self.program.display()
                );
                Error::new(ErrorKind::Unavailable, message)
                    .with_hint("install Node.js with its npm")
            })
    }

    /// The program that really runs: `program` may be a script that chooses one.
    ///
    /// # Errors
    /// `Unavailable` when it does not say.
    pub fn executable(&self, cx: &CallContext) -> Result<PathBuf> {
        let what = format!("`{}`", self.program.display());
        let mut command = process::command(&self.program);
        command.args(["--print", "process.execPath"]);
        let output = process::run(command, &what, Duration::from_secs(20), cx, |_| {})?;
        let path = output.stdout.first().map(PathBuf::from).unwrap_or_default();
        path.canonicalize().map_err(|error| {
            let message = format!("{what} does not say which program it is");
            Error::new(ErrorKind::Unavailable, message).with_cause(&error)
        })
    }

    /// The folder it lies in, unless it was named without one.
    pub fn folder(&self) -> Option<&Path> {
        self.program.parent().filter(|folder| !folder.as_os_str().is_empty())
    }
}

/// The same error with kind `Unavailable`, except that a stop stays a stop.
pub fn unavailable(mut error: Error, hint: &str) -> Error {
    if error.kind != ErrorKind::Cancelled {
        error.kind = ErrorKind::Unavailable;
        error.hint.get_or_insert_with(|| hint.to_owned());
    }
    error
}

fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A remark for users of a version that works but is older than the recommended one.
pub fn advice(version: &str) -> Option<String> {
    major(version)
        .filter(|major| *major < RECOMMENDED_MAJOR)
        .map(|_| format!("Node.js {RECOMMENDED_MAJOR} is recommended; {version} works"))
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("20.20.2"), Some(20));
        assert_eq!(major("x.1"), None);
    }

    #[test]
    fn an_old_version_is_remarked() {
        assert!(advice("20.20.2").is_some_and(|text| text.contains("24")));
        assert_eq!(advice("24.0.0"), None);
    }
}
