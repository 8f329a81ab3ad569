//! The run's folder: `run.json`, `samples.jsonl`, `artifacts/`.
//!
//! A record is on disk before the next attempt starts. `run.json` is replaced
//! as a whole. Reading back and resuming belong to a later format reader; the
//! writer guarantees that each line is one complete record.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use llmbench_api::record::{AttemptRecord, RunManifest};
use serde::Serialize;

/// A file of the run cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}")]
pub struct JournalError {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's words.
    pub source: io::Error,
}

/// The folder of one run, open for writing.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    samples: File,
}

impl Journal {
    /// Fails unless a run could be written below `out`; leaves nothing behind.
    ///
    /// # Errors
    /// [`JournalError`] naming the folder.
    pub fn check_writable(out: &Path) -> Result<(), JournalError> {
        let existing = out.ancestors().find(|path| path.as_os_str().is_empty() || path.exists());
        let existing =
            existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        tempfile::tempfile_in(existing).map(drop).map_err(at(out))
    }

    /// Makes the folder of a new run with its manifest.
    ///
    /// # Errors
    /// [`JournalError`]; an existing folder of that name is one.
    pub fn create(out: &Path, manifest: &RunManifest) -> Result<Self, JournalError> {
        std::fs::create_dir_all(out).map_err(at(out))?;
        let dir = out.join(&manifest.run_id);
        std::fs::create_dir(&dir).map_err(at(&dir))?;
        let artifacts = dir.join("artifacts");
        std::fs::create_dir(&artifacts).map_err(at(&artifacts))?;
        let path = dir.join("samples.jsonl");
        let samples =
            OpenOptions::new().create_new(true).append(true).open(&path).map_err(at(&path))?;
        let journal = Self { dir, samples };
        journal.write_manifest(manifest)?;
        Ok(journal)
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Replaces `run.json`.
    ///
    /// # Errors
    /// [`JournalError`]; the old file then still stands.
    pub fn write_manifest(&self, manifest: &RunManifest) -> Result<(), JournalError> {
        write_atomically(&self.dir.join("run.json"), &pretty(manifest))
    }

    /// Appends a record; it is on disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn append(&mut self, record: &AttemptRecord) -> Result<(), JournalError> {
        let path = self.dir.join("samples.jsonl");
        let mut line = serde_json::to_vec(record).map_err(|error| at(&path)(error.into()))?;
        line.push(b'\n');
        // One write call: a reader never sees a part of a line unless the disk is full.
        self.samples.write_all(&line).and_then(|()| self.samples.sync_data()).map_err(at(&path))
    }

    /// Makes the folder for an attempt's artifacts.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn artifacts(&self, id: &str) -> Result<Artifacts, JournalError> {
        let dir = self.dir.join("artifacts").join(id);
        // Not its parents: when the run's folder was removed, going on would lose results.
        match std::fs::create_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(at(&dir)(error));
            }
            _ => {}
        }
        Ok(Artifacts { dir })
    }

    /// Makes the folder for what is kept of a fixture.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn fixture(&self, name: &str) -> Result<Artifacts, JournalError> {
        let dir = Artifacts { dir: self.dir.join("fixtures") }.path(name);
        std::fs::create_dir_all(&dir).map_err(at(&dir))?;
        Ok(Artifacts { dir })
    }
}

/// The folder of one attempt, or of one fixture.
#[derive(Debug)]
pub struct Artifacts {
    dir: PathBuf,
}

impl Artifacts {
    /// Writes a text file; `/` in the name makes folders, `..` does not leave this one.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn text(&self, name: &str, text: &str) -> Result<(), JournalError> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        std::fs::write(&path, text).map_err(at(&path))
    }

    /// Writes a value as indented JSON.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), JournalError> {
        self.text(name, &pretty(value))
    }

    /// Moves a validator's kept file here; returns its new path relative to the run's folder.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn adopt(&self, file: &Path) -> Result<PathBuf, JournalError> {
        let name = file
            .file_name()
            .map_or_else(|| "kept".into(), |name| name.to_string_lossy().into_owned());
        let target = self.path(&name);
        if std::fs::rename(file, &target).is_err() {
            // Another file system: copy, then remove.
            std::fs::copy(file, &target).map_err(at(&target))?;
            let _ = std::fs::remove_file(file);
        }
        let id = self.dir.file_name().unwrap_or_default();
        Ok(Path::new("artifacts").join(id).join(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        let parts = name
            .split(['/', '\\'])
            .filter(|part| !part.is_empty() && *part != "." && *part != "..");
        parts.fold(self.dir.clone(), |path, part| path.join(part))
    }
}

/// Writes a file so that it is either the old or the new one at any instant.
///
/// # Errors
/// [`JournalError`]
pub fn write_atomically(path: &Path, text: &str) -> Result<(), JournalError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new().prefix(".writing-").tempfile_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        set_ordinary_permissions(file.as_file())?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(at(path))
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

fn pretty<T: Serialize>(value: &T) -> String {
    let mut text =
        serde_json::to_string_pretty(value).expect("records have string keys and finite numbers");
    text.push('\n');
    text
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_name_cannot_leave_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts { dir: dir.path().join("a") };
        std::fs::create_dir(dir.path().join("a")).unwrap();
        artifacts.text("../../etc/x.txt", "x").unwrap();
        assert!(dir.path().join("a/etc/x.txt").exists());
    }

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
    fn a_folder_that_cannot_be_made_is_noticed_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(Journal::check_writable(&file.join("results")).is_err());
        assert!(Journal::check_writable(&dir.path().join("new/results")).is_ok());
        assert!(!dir.path().join("new").exists());
    }
}
