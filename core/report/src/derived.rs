//! Writes the files of a run that can be made again at any time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::html::{Source, html};
use crate::{Report, render};

/// Name of the file with the figures.
pub const SUMMARY_FILE: &str = "summary.json";
/// Name of the file for people.
pub const REPORT_FILE: &str = "report.md";
/// Name of the page for a browser.
pub const PAGE_FILE: &str = "report.html";
/// Name of the file for spreadsheets.
pub const TABLE_FILE: &str = "samples.csv";

/// Makes a file's content of a report and the run's folder.
type Renderer = fn(&Report<'_>, &Path) -> String;

/// A derived file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {source}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl WriteError {
    /// What to do next.
    pub fn hint(&self) -> String {
        "make the folder writable or free some space, then run `llmbench report` on it: the attempts themselves are kept".to_owned()
    }
}

/// Writes summary, report, table and page of a run into `dir` and returns their paths, in this order.
///
/// Each file is written beside its place and renamed, so that a reader finds
/// either the old one or the new one, whole.
///
/// # Errors
/// [`WriteError`] for the first file that cannot be written; those before it
/// stand, and no temporary file is left.
pub fn write_derived(
    dir: impl AsRef<Path>,
    report: &Report<'_>,
) -> Result<Vec<PathBuf>, WriteError> {
    // One after the other: of a large run, each is large.
    let dir = dir.as_ref();
    let files: [(&str, Renderer); 4] = [
        (SUMMARY_FILE, |report, _| render::json(&report.summary)),
        (REPORT_FILE, |report, _| render::markdown(report)),
        (TABLE_FILE, |report, _| render::csv(report)),
        (PAGE_FILE, |report, dir| html(&[Source { report, dir: Some(dir) }])),
    ];
    files
        .into_iter()
        .map(|(name, render)| {
            let path = dir.join(name);
            match replace(dir, name, &render(report, dir)) {
                Ok(()) => Ok(path),
                Err(source) => Err(WriteError { path, source }),
            }
        })
        .collect()
}

fn replace(dir: &Path, name: &str, content: &str) -> io::Result<()> {
    // The process id keeps two reports of the same run apart.
    let temporary = dir.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, dir.join(name)));
    if written.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempts;
    use crate::testing::{manifest, scored};

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writes_its_files_and_nothing_else_and_again_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = manifest(&["m"], &["f"], 1);
        let records = attempts(&[scored("m", "f", 1, 8.0)]);
        let report = Report::new(&manifest, &records);
        let paths = write_derived(dir.path(), &report).unwrap();
        assert_eq!(names(dir.path()), ["report.html", "report.md", "samples.csv", "summary.json"]);
        let first: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        write_derived(dir.path(), &report).unwrap();
        let second: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(first, second);
        assert_eq!(names(dir.path()).len(), 4);
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        // A folder in the place of a file cannot be replaced by renaming.
        fs::create_dir(dir.path().join(REPORT_FILE)).unwrap();
        fs::write(dir.path().join(REPORT_FILE).join("x"), "").unwrap();
        let manifest = manifest(&["m"], &["f"], 1);
        let error = write_derived(dir.path(), &Report::new(&manifest, &[])).unwrap_err();
        assert!(error.path.ends_with(REPORT_FILE), "{error}");
        assert!(error.hint().contains("llmbench report"));
        assert_eq!(names(dir.path()), ["report.md", "summary.json"]);
    }
}
