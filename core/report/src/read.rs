//! Reads what a run left behind.

mod samples;
mod shape;

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use llmbench_api::record::{AttemptRecord, FORMAT_VERSION, RunManifest, RunStatus};

use crate::attempt::Attempt;
use crate::versions::{self, JsonProblem, Version, VersionProblem};
use crate::{MANIFEST_FILE, SAMPLES_FILE};

/// A run as it lies on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The folder it was read from.
    pub dir: PathBuf,
    /// `run.json`.
    pub manifest: RunManifest,
    /// `samples.jsonl`, in the file's order, each id once; without answers and findings.
    pub records: Vec<Attempt>,
    /// What was tolerated while reading, in the order of the lines.
    pub warnings: Vec<ReadWarning>,
}

/// Something that was wrong and could be tolerated.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadWarning {
    /// The last line is cut off or garbled: the run was killed while it wrote it. The line is left out.
    TornLastLine {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The last record is whole but its line end is missing. The record counts.
    UnendedLastLine {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// An id occurs twice. The later line counts, as in any journal.
    DuplicateId {
        /// The file.
        path: PathBuf,
        /// The id.
        id: String,
        /// Line that no longer counts, from 1.
        earlier_line: usize,
        /// Line that counts, from 1.
        later_line: usize,
    },
    /// There is no file of attempts: the run ended before the first one.
    NoSamples {
        /// The file that is not there.
        path: PathBuf,
    },
}

/// Why a run cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The path is not the folder of a run.
    #[error("cannot read `{}` as a run: it holds no `{MANIFEST_FILE}`", dir.display())]
    NotARun {
        /// The path.
        dir: PathBuf,
    },
    /// A file of the run is there but cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A finished run has lost its attempts.
    #[error("`{}` is missing, although the run is finished and planned {planned} attempts", path.display())]
    MissingSamples {
        /// The file.
        path: PathBuf,
        /// Attempts planned.
        planned: u32,
    },
    /// `run.json` does not say in which format the run is written.
    #[error("`{}` has no whole number in its field `format_version`", path.display())]
    NoVersion {
        /// The file.
        path: PathBuf,
    },
    /// The run was written by a newer llmbench.
    #[error(
        "`{}` is written in format version {found}; this llmbench reads versions up to {FORMAT_VERSION}",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// There never was such a format.
    #[error("`{}` names format version {found}, which does not exist", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A file holds something else than it should.
    #[error("`{}`, line {line}{}: {message}", path.display(), in_field(field))]
    BadContent {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The field, such as `plan.runs`; empty where there is none to name.
        field: String,
        /// What is wrong.
        message: String,
    },
}

impl Run {
    /// The run in `dir`, with everything that could be tolerated listed in [`Run::warnings`].
    ///
    /// Accepted: fields that this version does not know, blank lines, and a
    /// last line that was torn when the run was killed.
    ///
    /// # Errors
    /// [`ReadError`], naming file, line and field; [`ReadError::hint`] says what to do.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, ReadError> {
        let dir = dir.as_ref();
        let path = dir.join(MANIFEST_FILE);
        let text = std::fs::read(&path).map_err(|source| match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                ReadError::NotARun { dir: dir.to_owned() }
            }
            _ => ReadError::Io { path: path.clone(), source },
        })?;
        let (version, manifest) = read_manifest(&path, &text)?;
        let path = dir.join(SAMPLES_FILE);
        let (records, warnings) = match File::open(&path) {
            Ok(file) => samples::read(&path, file, version)?,
            Err(source) if source.kind() == ErrorKind::NotFound => {
                no_samples(path, &manifest).map(|warning| (Vec::new(), vec![warning]))?
            }
            Err(source) => return Err(ReadError::Io { path, source }),
        };
        Ok(Self { dir: dir.to_owned(), manifest, records, warnings })
    }

    /// The whole record of one of this run's attempts, read from its place in the file.
    ///
    /// # Errors
    /// [`ReadError::Io`] when the file cannot be read, [`ReadError::BadContent`] when something
    /// else stands there by now: the file was replaced since the run was opened.
    pub fn details(&self, attempt: &Attempt) -> Result<AttemptRecord, ReadError> {
        let path = self.dir.join(SAMPLES_FILE);
        let changed = |line| ReadError::BadContent {
            path: path.clone(),
            line,
            field: String::new(),
            message: format!("attempt `{}` no longer stands here", attempt.id),
        };
        let place = attempt.place.ok_or_else(|| changed(0))?;
        let mut line = vec![0; place.bytes];
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(place.offset))?;
            file.read_exact(&mut line)
        });
        read.map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => changed(place.line),
            _ => ReadError::Io { path: path.clone(), source },
        })?;
        let version = Version::of(Some(u64::from(self.manifest.format_version)));
        let version = version.map_err(|_| changed(place.line))?;
        match version.record(&line) {
            Ok(record) if record.id == attempt.id => Ok(record),
            _ => Err(changed(place.line)),
        }
    }
}

impl ReadError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NotARun { .. } => {
                "name the folder of one run, for example `results/<run-id>`".to_owned()
            }
            Self::Io { .. } => "check that the file exists and may be read".to_owned(),
            Self::MissingSamples { path, .. } => {
                format!(
                    "copy the run's whole folder: `{SAMPLES_FILE}` belongs at `{}`",
                    path.display()
                )
            }
            Self::NoVersion { .. } => {
                format!("check that this is the `{MANIFEST_FILE}` that llmbench wrote")
            }
            Self::NewerFormat { .. } => {
                "read it with the llmbench that wrote it, or install a newer one".to_owned()
            }
            Self::UnknownFormat { .. } => {
                "restore the file from a copy of the run: it was changed by hand".to_owned()
            }
            Self::BadContent { path, line, .. } if is_samples(path) => format!(
                "restore the file from a copy of the run, or delete line {line}: the report then counts that attempt as not taken"
            ),
            Self::BadContent { .. } => {
                "restore the file from a copy of the run: it was changed by hand".to_owned()
            }
        }
    }
}

impl fmt::Display for ReadWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornLastLine { path, line } => write!(
                f,
                "`{}`, line {line}: the last line is cut off and was left out; that attempt counts as not taken",
                path.display()
            ),
            Self::UnendedLastLine { path, line } => write!(
                f,
                "`{}`, line {line}: the last line has no line end; its record is whole and counts",
                path.display()
            ),
            Self::DuplicateId { path, id, earlier_line, later_line } => write!(
                f,
                "`{}`, line {later_line}: attempt `{id}` stands in line {earlier_line} already; the later line counts",
                path.display()
            ),
            Self::NoSamples { path } => {
                write!(f, "`{}` is missing: the run ended before its first attempt", path.display())
            }
        }
    }
}

fn read_manifest(path: &Path, text: &[u8]) -> Result<(Version, RunManifest), ReadError> {
    let bad = |problem: JsonProblem| {
        let line = problem.line;
        bad_content(path, line, problem)
    };
    let number = versions::number_in(text).map_err(bad)?;
    let version = Version::of(number).map_err(|problem| {
        let path = path.to_owned();
        match problem {
            VersionProblem::Absent => ReadError::NoVersion { path },
            VersionProblem::Newer(found) => ReadError::NewerFormat { path, found },
            VersionProblem::Unknown(found) => ReadError::UnknownFormat { path, found },
        }
    })?;
    Ok((version, version.manifest(text).map_err(bad)?))
}

fn no_samples(path: PathBuf, manifest: &RunManifest) -> Result<ReadWarning, ReadError> {
    let planned = manifest.plan.attempts;
    if manifest.status == RunStatus::Finished && planned > 0 {
        return Err(ReadError::MissingSamples { path, planned });
    }
    Ok(ReadWarning::NoSamples { path })
}

fn bad_content(path: &Path, line: usize, problem: JsonProblem) -> ReadError {
    let JsonProblem { field, message, .. } = problem;
    ReadError::BadContent { path: path.to_owned(), line, field, message }
}

fn in_field(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!(", field `{field}`") }
}

fn is_samples(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == SAMPLES_FILE)
}

#[cfg(test)]
mod tests;
