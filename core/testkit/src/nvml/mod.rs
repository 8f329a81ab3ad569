//! A stand-in for NVIDIA's management library: a C file that is compiled when a test needs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::tools::Missing;

/// The stand-in's source.
const SOURCE: &str = include_str!("stub.c");

/// A compiled stand-in in a folder of its own; it goes when this is dropped.
///
/// What it says can be changed at any time, also while it is loaded.
///
/// ```
/// # fn main() -> Result<(), llmbench_testkit::Missing> {
/// let stub = match llmbench_testkit::NvmlStub::new("gpus 2") {
///     Ok(stub) => stub,
///     Err(missing) => {
///         llmbench_testkit::skip_or_fail(missing);
///         return Ok(());
///     }
/// };
/// assert!(stub.library().is_file());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NvmlStub {
    folder: TempDir,
}

impl NvmlStub {
    /// A stand-in that says what the lines of `control` say; `stub.c` explains them.
    ///
    /// # Errors
    /// [`Missing`] without a C compiler (`CC`, else `cc`), and on other systems than Linux.
    ///
    /// # Panics
    /// When there is no temporary directory.
    pub fn new(control: &str) -> Result<Self, Missing> {
        Self::without(&[], control)
    }

    /// As [`NvmlStub::new`], from a library that lacks functions: `INIT`, `POWER`, `ENERGY`.
    ///
    /// # Errors
    /// As [`NvmlStub::new`].
    ///
    /// # Panics
    /// As [`NvmlStub::new`].
    pub fn without(functions: &[&str], control: &str) -> Result<Self, Missing> {
        Self::compile(functions.iter().map(|function| format!("WITHOUT_{function}")), control)
    }

    /// As [`NvmlStub::new`], but says the same for ever, so that its answers take next to no time:
    /// to measure what a monitor costs.
    ///
    /// # Errors
    /// As [`NvmlStub::new`].
    ///
    /// # Panics
    /// As [`NvmlStub::new`].
    pub fn unchanging(control: &str) -> Result<Self, Missing> {
        Self::compile(["UNCHANGING".to_owned()], control)
    }

    fn compile(defines: impl IntoIterator<Item = String>, control: &str) -> Result<Self, Missing> {
        let missing = |reason: String| Missing { program: "cc".into(), reason };
        if !cfg!(target_os = "linux") {
            return Err(missing("the stand-in for NVML is built on Linux only".into()));
        }
        let folder = tempfile::Builder::new().prefix("llmbench-nvml-").tempdir();
        let stub = Self { folder: folder.expect("a temporary directory") };
        let source = stub.folder.path().join("stub.c");
        std::fs::write(&source, SOURCE).expect("the folder is ours");
        stub.say(control);
        let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        command.args(["-shared", "-fPIC", "-O1", "-pthread"]);
        command.arg(format!("-DCONTROL=\"{}\"", stub.control().display()));
        command.args(defines.into_iter().map(|define| format!("-D{define}")));
        let output = command.arg("-o").arg(stub.library()).arg(&source).output();
        let output = output.map_err(|error| missing(format!("no C compiler: {error}")))?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the stand-in does not compile: {said}");
        Ok(stub)
    }

    /// The library's file.
    pub fn library(&self) -> PathBuf {
        self.folder.path().join("libnvidia-ml-stand-in.so.1")
    }

    /// Says what the lines of `control` say from now on.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn say(&self, control: &str) {
        // In one step: it is read at any moment.
        let next = self.folder.path().join("control.next");
        std::fs::write(&next, format!("{control}\n")).expect("the folder is ours");
        std::fs::rename(&next, self.control()).expect("the folder is ours");
    }

    fn control(&self) -> PathBuf {
        Path::new(self.folder.path()).join("control")
    }
}
