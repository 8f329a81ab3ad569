//! Writes a run's folder, and opens one that is to go on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use llmbench_api::record::{AttemptRecord, RunManifest};

use super::artifacts::{Artifacts, inside, pretty};
use super::error::{JournalError, at};
use super::files::{TEMPORARY, replace, sync_dir, without_path, write_atomically, write_synced};
use super::lock::RunLock;
use super::samples::{Samples, StoredRecord};

const MANIFEST: &str = "run.json";
const SAMPLES: &str = "samples.jsonl";
/// Lines that were replaced by a later attempt of the same id.
const SUPERSEDED: &str = "samples.superseded.jsonl";
const ARTIFACTS: &str = "artifacts";
/// Folder of what is kept of the fixtures.
const FIXTURES: &str = "fixtures";

/// The folder of one run, open for writing by this process alone.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    samples: File,
    /// Bytes of whole records.
    whole_bytes: u64,
    _lock: RunLock,
}

/// A run that goes on.
#[derive(Debug)]
pub struct Recovered {
    /// For the records to come.
    pub journal: Journal,
    /// Records that stay.
    pub records: Vec<AttemptRecord>,
    /// Records that were put aside, so that their attempts are made again.
    pub superseded: Vec<AttemptRecord>,
    /// Where a torn last line was put.
    pub torn: Option<PathBuf>,
}

impl Journal {
    /// Fails unless a run could be written below `out`; leaves nothing behind.
    ///
    /// # Errors
    /// [`JournalError::Write`] naming the folder.
    pub fn check_writable(out: &Path) -> Result<(), JournalError> {
        let existing = out.ancestors().find(|path| path.as_os_str().is_empty() || path.exists());
        let existing =
            existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = tempfile::tempfile_in(existing).map(drop);
        made.map_err(|error| at(out)(without_path(error)))
    }

    /// Makes the folder of a new run with its manifest, and locks it.
    ///
    /// # Errors
    /// [`JournalError::Write`]; an existing folder of that name is one.
    pub fn create(out: &Path, manifest: &RunManifest) -> Result<Self, JournalError> {
        std::fs::create_dir_all(out).map_err(at(out))?;
        let dir = out.join(&manifest.run_id);
        std::fs::create_dir(&dir).map_err(at(&dir))?;
        let lock = RunLock::acquire(&dir)?;
        write_atomically(&dir.join(MANIFEST), &pretty(manifest))?;
        let journal = Self::open(dir, lock)?;
        sync_dir(out).map_err(at(out))?;
        Ok(journal)
    }

    /// Opens a run that is to go on, with its `samples` as they were read under `lock`.
    ///
    /// A torn line moves to `samples.jsonl.torn-N`. Records for which `redo`
    /// holds move to `samples.superseded.jsonl`, their artifacts to
    /// `artifacts/<id>.superseded-N`. Killed at any instant of this, nothing is
    /// lost: each line is in its new place before it leaves the old one.
    ///
    /// # Errors
    /// [`JournalError::Write`]
    pub fn recover(
        dir: &Path,
        lock: RunLock,
        samples: Samples,
        redo: impl Fn(&AttemptRecord) -> bool,
    ) -> Result<Recovered, JournalError> {
        remove_half_written(dir);
        let path = dir.join(SAMPLES);
        let torn = samples.torn.as_deref().map(|torn| keep_torn(dir, torn)).transpose()?;
        let (gone, kept): (Vec<_>, Vec<_>) =
            samples.records.into_iter().partition(|stored| redo(&stored.record));
        if gone.is_empty() && samples.earlier_lines.is_empty() {
            if torn.is_some() {
                let file = OpenOptions::new().write(true).open(&path).map_err(at(&path))?;
                let cut = file.set_len(samples.whole_bytes).and_then(|()| file.sync_all());
                cut.map_err(at(&path))?;
            }
            if !samples.is_ended {
                let file = OpenOptions::new().append(true).open(&path);
                let ended = file.and_then(|mut file| file.write_all(b"\n").map(|()| file));
                ended.and_then(|file| file.sync_all()).map_err(at(&path))?;
            }
        } else {
            keep_superseded(dir, samples.earlier_lines.iter().chain(&gone))?;
            // Before their lines go: who comes later would not know that they are to be kept.
            for stored in &gone {
                keep_artifacts(dir, &stored.record.id)?;
            }
            replace(&path, &lines(&kept))?;
        }
        let records = |stored: Vec<StoredRecord>| stored.into_iter().map(|one| one.record);
        Ok(Recovered {
            journal: Self::open(dir.to_owned(), lock)?,
            records: records(kept).collect(),
            superseded: records(gone).collect(),
            torn,
        })
    }

    /// Opens `samples.jsonl` for appending; makes it and the folder of artifacts where they are not there.
    fn open(dir: PathBuf, lock: RunLock) -> Result<Self, JournalError> {
        let artifacts = dir.join(ARTIFACTS);
        std::fs::create_dir_all(&artifacts).map_err(at(&artifacts))?;
        let path = dir.join(SAMPLES);
        let samples =
            OpenOptions::new().create(true).append(true).open(&path).map_err(at(&path))?;
        let whole_bytes = samples.metadata().map_err(at(&path))?.len();
        samples.sync_all().and_then(|()| sync_dir(&dir)).map_err(at(&path))?;
        Ok(Self { dir, samples, whole_bytes, _lock: lock })
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Replaces `run.json`.
    ///
    /// # Errors
    /// [`JournalError::Write`]; the old file then still stands.
    pub fn write_manifest(&self, manifest: &RunManifest) -> Result<(), JournalError> {
        write_atomically(&self.dir.join(MANIFEST), &pretty(manifest))
    }

    /// Appends a record; it is on disk when this returns.
    ///
    /// # Errors
    /// [`JournalError::Write`]; the file then ends with the record before, as
    /// far as it still can be written at all.
    pub fn append(&mut self, record: &AttemptRecord) -> Result<(), JournalError> {
        let path = self.dir.join(SAMPLES);
        let line = serde_json::to_vec(record).map_err(|error| at(&path)(error.into()))?;
        self.append_line(&line)
    }

    /// Appends a record as it is stored elsewhere, without its line end; see [`Journal::append`].
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_line(&mut self, line: &[u8]) -> Result<(), JournalError> {
        let path = self.dir.join(SAMPLES);
        let line = [line, b"\n"].concat();
        // One write call: a reader never sees a part of a line unless the disk is full.
        if let Err(error) = self.samples.write_all(&line).and_then(|()| self.samples.sync_data()) {
            let cut = self.samples.set_len(self.whole_bytes);
            if let Err(error) = cut.and_then(|()| self.samples.sync_data()) {
                tracing::warn!(%error, "a torn line stays in samples.jsonl until the run is resumed");
            }
            return Err(at(&path)(error));
        }
        self.whole_bytes += line.len() as u64;
        Ok(())
    }

    /// Makes the folder for an attempt's artifacts; what an unfinished attempt left there goes.
    ///
    /// # Errors
    /// [`JournalError::Write`]
    pub fn artifacts(&self, id: &str) -> Result<Artifacts, JournalError> {
        Artifacts::create(self.dir.join(ARTIFACTS).join(id))
    }

    /// Makes the folder for what is kept of a fixture, empty.
    ///
    /// # Errors
    /// [`JournalError::Write`]
    pub fn fixture(&self, name: &str) -> Result<Artifacts, JournalError> {
        let all = self.dir.join(FIXTURES);
        match std::fs::create_dir(&all) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(at(&all)(error));
            }
            _ => {}
        }
        Artifacts::create(inside(&all, name))
    }
}

/// Removes files that a killed process had not renamed to their place yet.
fn remove_half_written(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(TEMPORARY) || (name.starts_with('.') && name.ends_with(".tmp")) {
            // Only untidy when it stays.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn lines(records: &[StoredRecord]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for stored in records {
        bytes.extend_from_slice(&stored.line);
        bytes.push(b'\n');
    }
    bytes
}

/// Writes a torn line into a file of its own, which is on disk on return.
fn keep_torn(dir: &Path, torn: &[u8]) -> Result<PathBuf, JournalError> {
    let mut number = 1;
    loop {
        let path = dir.join(format!("{SAMPLES}.torn-{number}"));
        match std::fs::read(&path) {
            // Left by a process that was killed before it cut the line off.
            Ok(bytes) if bytes == torn => return Ok(path),
            Ok(_) => number += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_synced(&path, torn).and_then(|()| sync_dir(dir)).map_err(at(&path))?;
                return Ok(path);
            }
            Err(source) => return Err(JournalError::Read { path, source }),
        }
    }
}

/// Adds lines to `samples.superseded.jsonl`, each once, on disk on return.
fn keep_superseded<'a>(
    dir: &Path,
    records: impl Iterator<Item = &'a StoredRecord>,
) -> Result<(), JournalError> {
    let path = dir.join(SUPERSEDED);
    let mut bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(JournalError::Read { path, source }),
    };
    for stored in records {
        // Left by a process that was killed before the line left its old place.
        if !bytes.split(|byte| *byte == b'\n').any(|line| line == stored.line) {
            bytes.extend_from_slice(&stored.line);
            bytes.push(b'\n');
        }
    }
    replace(&path, &bytes)
}

/// Gives an attempt's artifacts another name, so that they do not mix with those of the next.
fn keep_artifacts(dir: &Path, id: &str) -> Result<(), JournalError> {
    let artifacts = dir.join(ARTIFACTS);
    let from = artifacts.join(id);
    if !from.exists() {
        return Ok(());
    }
    let free = |number: &u32| !artifacts.join(format!("{id}.superseded-{number}")).exists();
    let number = (1..).find(free).unwrap_or(u32::MAX);
    let to = artifacts.join(format!("{id}.superseded-{number}"));
    std::fs::rename(&from, to).and_then(|()| sync_dir(&artifacts)).map_err(at(&from))
}

#[cfg(test)]
pub(super) mod tests;
