//! One process at a time works on a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use super::error::{JournalError, at};

/// The file that is locked. It stays: removing it would let a third process lock a file of the
/// same name while the second still waits for the old one.
const LOCK_FILE: &str = ".lock";

/// The right to write into a run's folder, until it is dropped or the process ends.
///
/// An advisory lock of the operating system (`flock`, `LockFileEx`), so that a
/// process that was killed holds nothing. The file names the process for
/// whoever comes second.
#[derive(Debug)]
pub struct RunLock {
    /// `None` on file systems that cannot lock.
    _file: Option<File>,
}

impl RunLock {
    /// Locks the folder of a run.
    ///
    /// A file system without locks (some network shares) is not an obstacle:
    /// the run goes on unguarded, and the log says so.
    ///
    /// # Errors
    /// [`JournalError::Locked`] naming the process that works on it;
    /// [`JournalError::Write`] when the lock file cannot be made.
    pub fn acquire(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(LOCK_FILE);
        // Not truncated on opening: the other process's id is in it.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(at(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid =
                    file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(JournalError::Locked { dir: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                tracing::warn!(%error, path = %path.display(), "the run is not locked");
                return Ok(Self { _file: None });
            }
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
        // Only for the message above: a full disk must not keep a run from being resumed.
        let named = file.set_len(0).and_then(|()| file.rewind());
        let named = named.and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = named {
            tracing::debug!(%error, "the lock does not name this process");
        }
        Ok(Self { _file: Some(file) })
    }

    /// Whether a process works on the run in `dir`; `None` where that cannot be told.
    pub fn is_held(dir: &Path) -> Option<bool> {
        let file = File::open(dir.join(LOCK_FILE)).ok()?;
        match file.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_told_who_holds_it_until_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(RunLock::is_held(dir.path()), None);
        let lock = RunLock::acquire(dir.path()).unwrap();
        assert_eq!(RunLock::is_held(dir.path()), Some(true));
        let error = RunLock::acquire(dir.path()).unwrap_err();
        let own = std::process::id();
        assert!(matches!(error, JournalError::Locked { pid: Some(pid), .. } if pid == own));
        assert!(error.to_string().contains(&format!("the process {own}")), "{error}");
        drop(lock);
        assert_eq!(RunLock::is_held(dir.path()), Some(false));
        RunLock::acquire(dir.path()).unwrap();
    }
}
