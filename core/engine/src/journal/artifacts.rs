//! The files of one attempt, or of one fixture.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::{JournalError, at};
use super::files::{sync_dir, write_synced};

/// The folder of one attempt, or of one fixture.
#[derive(Debug)]
pub struct Artifacts {
    dir: PathBuf,
    /// Folders whose names are not on disk yet.
    unsynced: BTreeSet<PathBuf>,
}

impl Artifacts {
    /// Makes the empty folder `dir`; what a killed process left in it goes.
    pub(super) fn create(dir: PathBuf) -> Result<Self, JournalError> {
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&dir)(error)),
            _ => {}
        }
        // Not its parents: when the run's folder was removed, going on would lose results.
        std::fs::create_dir(&dir).map_err(at(&dir))?;
        let mut unsynced = BTreeSet::from([dir.clone()]);
        unsynced.extend(dir.parent().map(Path::to_owned));
        Ok(Self { dir, unsynced })
    }

    /// Writes a text file; `/` in the name makes folders, `..` does not leave this one.
    ///
    /// # Errors
    /// [`JournalError::Write`]
    pub fn text(&mut self, name: &str, text: &str) -> Result<(), JournalError> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
            let between = parent.ancestors().take_while(|dir| *dir != self.dir);
            self.unsynced.extend(between.map(Path::to_owned));
        }
        write_synced(&path, text.as_bytes()).map_err(at(&path))
    }

    /// Writes a value as indented JSON.
    ///
    /// # Errors
    /// [`JournalError::Write`]
    pub fn json<T: Serialize>(&mut self, name: &str, value: &T) -> Result<(), JournalError> {
        self.text(name, &pretty(value))
    }

    /// Moves a validator's kept file here; returns its new path relative to the run's folder.
    ///
    /// # Errors
    /// [`JournalError::Write`]
    pub fn adopt(&mut self, file: &Path) -> Result<PathBuf, JournalError> {
        let name = file
            .file_name()
            .map_or_else(|| "kept".into(), |name| name.to_string_lossy().into_owned());
        let target = self.path(&name);
        if std::fs::rename(file, &target).is_err() {
            // Another file system: copy, then remove.
            std::fs::copy(file, &target).map_err(at(&target))?;
            let _ = std::fs::remove_file(file);
        }
        File::open(&target).and_then(|file| file.sync_all()).map_err(at(&target))?;
        let id = self.dir.file_name().unwrap_or_default();
        Ok(Path::new("artifacts").join(id).join(name))
    }

    /// Puts the names of all files on disk: now a record may refer to them.
    ///
    /// # Errors
    /// [`JournalError::Write`]
    pub fn finish(self) -> Result<(), JournalError> {
        self.unsynced.iter().try_for_each(|dir| sync_dir(dir).map_err(at(dir)))
    }

    fn path(&self, name: &str) -> PathBuf {
        inside(&self.dir, name)
    }
}

/// The path of `name` below `dir`, whatever `name` holds.
pub(super) fn inside(dir: &Path, name: &str) -> PathBuf {
    let parts =
        name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != "." && *part != "..");
    parts.fold(dir.to_owned(), |path, part| path.join(part))
}

/// A value as the text of a file.
pub(super) fn pretty<T: Serialize>(value: &T) -> String {
    let mut text =
        serde_json::to_string_pretty(value).expect("records have string keys and finite numbers");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_name_cannot_leave_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let mut artifacts = Artifacts::create(dir.path().join("a")).unwrap();
        artifacts.text("../../etc/x.txt", "x").unwrap();
        artifacts.finish().unwrap();
        assert!(dir.path().join("a/etc/x.txt").exists());
    }

    #[test]
    fn what_a_killed_attempt_left_does_not_mix_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let mut half = Artifacts::create(dir.path().join("a")).unwrap();
        half.text("9-request.json", "half").unwrap();
        let mut whole = Artifacts::create(dir.path().join("a")).unwrap();
        whole.text("1-request.json", "whole").unwrap();
        whole.finish().unwrap();
        assert!(!dir.path().join("a/9-request.json").exists());
    }
}
