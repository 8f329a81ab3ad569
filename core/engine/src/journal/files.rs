//! Writing so that it stays written.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::error::{JournalError, at};

/// Start of the name of a file that is not whole yet.
pub(super) const TEMPORARY: &str = ".writing-";

/// Writes a file so that it is either the old or the new one at any instant.
///
/// It is on disk under its name when this returns.
///
/// # Errors
/// [`JournalError::Write`]; the old file then still stands, without a temporary one beside it.
pub fn write_atomically(path: &Path, text: &str) -> Result<(), JournalError> {
    replace(path, text.as_bytes())
}

/// As [`write_atomically`], for bytes.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let write = || {
        // Its name is of no interest to whoever reads the error.
        let file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(dir);
        let mut file = file.map_err(without_path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        set_ordinary_permissions(file.as_file())?;
        file.persist(path)?;
        sync_dir(dir)
    };
    write().map_err(at(path))
}

/// The system's error, without the temporary file that `tempfile` names in it.
pub(super) fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path \"") {
        Some((reason, _)) => io::Error::new(error.kind(), reason),
        None => error,
    }
}

/// Writes a new file, on disk when this returns but for its name: see [`sync_dir`].
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Puts the names in a folder on disk: a file's own `fsync` does not.
///
/// Does nothing where folders cannot be opened as files (Windows keeps names by itself).
///
/// # Errors
/// Those of the system.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Temporary files are private to the user; results are as readable as any file.
#[cfg(unix)]
fn set_ordinary_permissions(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_ordinary_permissions(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_a_file_leaves_no_temporary_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.json");
        write_atomically(&path, "1").unwrap();
        write_atomically(&path, "2").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_the_file_that_was_to_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone").join("run.html");
        let message = write_atomically(&path, "1").unwrap_err().to_string();
        assert!(message.contains("run.html") && !message.contains(TEMPORARY), "{message}");
    }
}
