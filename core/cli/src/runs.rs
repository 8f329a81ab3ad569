//! Finds a run that a user names.

use std::path::{Path, PathBuf};

use llmbench_api::record::RunStatus;
use llmbench_engine::journal::RunLock;
use llmbench_report::{MANIFEST_FILE, ReadError, Run};
use serde::Deserialize;

use crate::error::{CliError, Result};

/// Stands for the newest run.
const LATEST: &str = "latest";

/// Whether the run in `dir` ended without being able to say so: no process works on it any more.
pub(crate) fn was_killed(status: RunStatus, dir: &Path) -> bool {
    status == RunStatus::Running && RunLock::is_held(dir) == Some(false)
}

/// The folder of the run called `name`: the folder itself, one of that name in `out`, `latest` for
/// the newest one in `out`, or the only one there that was given this label with `--name`.
///
/// # Errors
/// `NotReady` when there is none, or when a label stands for several; the hint says what to name.
pub(crate) fn find(name: &Path, out: &Path) -> Result<PathBuf> {
    for dir in [name.to_owned(), out.join(name)] {
        if dir.join(MANIFEST_FILE).is_file() {
            return Ok(dir);
        }
    }
    let runs = || {
        let entries = std::fs::read_dir(out).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|dir| dir.join(MANIFEST_FILE).is_file())
    };
    if name == Path::new(LATEST) {
        // Names begin with the time.
        return runs().max().ok_or_else(|| {
            CliError::not_ready(format!("there is no run in `{}`", out.display()))
                .hint("name the folder of runs with `--out DIR`, or the run's own folder")
        });
    }
    let mut labelled: Vec<PathBuf> = runs().filter(|dir| has_label(dir, name)).collect();
    labelled.sort();
    match (labelled.pop(), labelled.is_empty()) {
        (Some(dir), true) => Ok(dir),
        (Some(newest), false) => {
            let count = labelled.len() + 1;
            let message =
                format!("{count} runs in `{}` are called `{}`", out.display(), name.display());
            Err(CliError::not_ready(message)
                .hint(format!("name one by its folder; the newest is `{}`", newest.display())))
        }
        (None, _) => {
            if let Some(dir) =
                [name.to_owned(), out.join(name)].into_iter().find(|dir| dir.exists())
            {
                return Err(unreadable(&ReadError::NotARun { dir }));
            }
            let message = format!("no run `{}`: there is no such folder", name.display());
            let looked = format!("; none in `{}` has that name or label either", out.display());
            let hint = format!(
                "`llmbench history {}` lists the runs; `latest` is the newest",
                out.display()
            );
            Err(CliError::not_ready(message + &looked).hint(hint))
        }
    }
}

/// Reads the run called `name`.
///
/// # Errors
/// Those of [`find`], and of reading it.
pub(crate) fn open(name: &Path, out: &Path) -> Result<Run> {
    Run::open(find(name, out)?).map_err(|error| unreadable(&error))
}

pub(crate) fn unreadable(error: &ReadError) -> CliError {
    CliError::not_ready(error.to_string()).hint(error.hint())
}

fn has_label(dir: &Path, label: &Path) -> bool {
    /// The one field that is of interest, in any version of the format.
    #[derive(Deserialize)]
    struct Labelled {
        name: Option<PathBuf>,
    }
    let text = std::fs::read(dir.join(MANIFEST_FILE)).unwrap_or_default();
    serde_json::from_slice::<Labelled>(&text)
        .is_ok_and(|run| run.name.as_deref().is_some_and(|name| name == label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(out: &Path, folder: &str, label: &str) {
        let manifest = serde_json::json!({ "format_version": 1, "run_id": folder, "name": label });
        std::fs::create_dir(out.join(folder)).unwrap();
        std::fs::write(out.join(folder).join(MANIFEST_FILE), manifest.to_string()).unwrap();
    }

    #[test]
    fn a_run_is_found_by_folder_name_label_and_as_the_newest() {
        let out = tempfile::tempdir().unwrap();
        let out = out.path();
        for (folder, label) in [("2026-01", "night"), ("2026-02", "day"), ("2026-03", "day")] {
            run(out, folder, label);
        }
        let found = |name: &str| find(Path::new(name), out);
        assert_eq!(found("2026-02").unwrap(), out.join("2026-02"));
        assert_eq!(
            find(&out.join("2026-02"), Path::new("elsewhere")).unwrap(),
            out.join("2026-02")
        );
        assert_eq!(found("latest").unwrap(), out.join("2026-03"));
        assert_eq!(found("night").unwrap(), out.join("2026-01"));
        assert!(found("day").unwrap_err().message.contains("2 runs"));
        assert!(found("nobody").unwrap_err().message.contains("no such folder"));
    }
}
