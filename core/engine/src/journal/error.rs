//! What can be wrong with a run's folder.

use std::io;
use std::path::{Path, PathBuf};

/// A run's folder cannot be written, read or had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Another process works on the run.
    #[error("{} is in use by {}", dir.display(), holder(*pid))]
    Locked {
        /// The run's folder.
        dir: PathBuf,
        /// The other process, where it can be told.
        pid: Option<u32>,
    },
    /// A line that is not the last one holds no record.
    #[error("{}, line {line}: {message}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or("another process".into(), |pid| format!("the process {pid}"))
}

/// Turns the system's words into an error about writing `path`.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::Write { path, source }
}
