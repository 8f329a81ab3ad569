//! Loads and initialises the library, without ever waiting for it longer than was agreed.

use std::ffi::OsStr;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use llmbench_api::{Error, ErrorKind, Result};
use nvml_wrapper::Nvml;

use crate::failure::unavailable;

/// The name that the system's loader looks for.
const DEFAULT_LIBRARY: &str = if cfg!(windows) { "nvml.dll" } else { "libnvidia-ml.so.1" };
/// The library as WSL has it, where it is not on the loader's path.
const WSL_LIBRARY: &str = "/usr/lib/wsl/lib/libnvidia-ml.so.1";

/// The initialised library. It is never shut down and never unloaded: a thread
/// that hangs in it may come back, and initialising is counted per process.
pub(crate) struct Library(ManuallyDrop<Nvml>);

impl Library {
    /// Loads the first of `files` that there is, and initialises it. May hang with the driver.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] with the reason of the first one.
    pub(crate) fn open(files: &[PathBuf]) -> Result<Self> {
        let mut first = None;
        for file in files {
            match Nvml::builder().lib_path(file.as_os_str()).init() {
                Ok(nvml) => return Ok(Self(ManuallyDrop::new(nvml))),
                Err(error) => {
                    first.get_or_insert_with(|| unavailable(&error, &file.display().to_string()));
                }
            }
        }
        Err(first.unwrap_or_else(|| Error::new(ErrorKind::Unavailable, "no library was named")))
    }
}

impl Deref for Library {
    type Target = Nvml;

    fn deref(&self) -> &Nvml {
        &self.0
    }
}

/// The files to try, in this order.
pub(crate) fn files(named: Option<&OsStr>) -> Vec<PathBuf> {
    match named {
        Some(file) => vec![file.into()],
        None if cfg!(target_os = "linux") => vec![DEFAULT_LIBRARY.into(), WSL_LIBRARY.into()],
        None => vec![DEFAULT_LIBRARY.into()],
    }
}

/// What `work` gives, or an error when it does not within `limit`; the thread is then left behind.
///
/// # Errors
/// [`ErrorKind::Unavailable`] when it hangs, or when it panics; else those of `work`.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = channel();
    thread::Builder::new()
        .name("nvml probe".into())
        .spawn(move || drop(sender.send(work())))
        .map_err(|error| Error::new(ErrorKind::Internal, "start a thread").with_cause(&error))?;
    receiver.recv_timeout(limit).unwrap_or_else(|_| {
        let message = format!("NVML did not answer within {} ms", limit.as_millis());
        Err(Error::new(ErrorKind::Unavailable, message)
            .with_hint("see whether `nvidia-smi` hangs too; a GPU may have to be reset"))
    })
}
