//! What a spec says about the fixture's own input, learned once.
//!
//! The tests that pass on the input are the tests that every answer owes: one
//! that is missing counts as failed. A spec that fails on the input is broken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use llmbench_api::{Error, ErrorKind, Project, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::report::SpecRun;
use crate::run::Ended;
use crate::suite::Suite;

/// Changes when a baseline would come out differently for the same files.
const VERSION: u32 = 1;

/// Names of the tests that an answer owes, in the spec's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) tests: Vec<String>,
}

/// Baselines in memory and in the data directory.
#[derive(Debug, Default)]
pub(crate) struct Baselines {
    known: Mutex<BTreeMap<String, Baseline>>,
}

impl Baselines {
    /// The baseline of `suite`, from memory, from disk, or from a run of the input.
    ///
    /// # Errors
    /// Those of `learn`.
    pub(crate) fn get(
        &self,
        suite: &Suite,
        lock: &str,
        folder: &Path,
        learn: impl FnOnce() -> Result<Baseline>,
    ) -> Result<Baseline> {
        let key = key(suite, lock);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&key) {
            return Ok(found.clone());
        }
        let path = folder.join(format!("{key}.json"));
        let stored = std::fs::read(&path).ok();
        let baseline = match stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            Some(baseline) => baseline,
            None => {
                let baseline = learn()?;
                store(&path, &baseline);
                baseline
            }
        };
        known().insert(key, baseline.clone());
        Ok(baseline)
    }
}

/// The baseline that a run of the input shows.
///
/// # Errors
/// `InvalidInput` that names fixture and test when the spec does not pass.
pub(crate) fn from_run(run: SpecRun, project: &Project) -> Result<Baseline> {
    let name = project.dir.as_deref().and_then(Path::file_name);
    let name = name.map_or(project.id.as_str().into(), |name| name.to_string_lossy());
    let broken = |what: String| {
        let message =
            format!("the behaviour tests of fixture `{name}` do not pass on its input: {what}");
        Err(Error::new(ErrorKind::InvalidInput, message)
            .with_hint("correct the fixture's spec or its input"))
    };
    let Some(report) = run.report else {
        return broken(run.outcome.ended.describe()).map_err(|error| match run.outcome.ended {
            Ended::WallLimit | Ended::CpuLimit => error.with_hint(
                "correct the fixture's spec or its input; on a slow machine raise \
                 `vitest.timeout_ms` and `vitest.cpu_limit_ms`",
            ),
            _ => error,
        });
    };
    if let Some(reason) = report.distrust() {
        return broken(reason);
    }
    if let Some(error) = report.errors.iter().chain(&report.unhandled).next() {
        return broken(error.clone());
    }
    if let Some(test) = report.tests.iter().find(|test| test.state == "failed") {
        let message = test.message.as_deref().unwrap_or("it failed");
        return broken(format!("`{}`: {message}", test.name));
    }
    let passed = report.tests.into_iter().filter(|test| test.state == "passed");
    let tests = unique(passed.map(|test| test.name));
    if tests.is_empty() {
        return broken("it has no tests".to_owned());
    }
    Ok(Baseline { tests })
}

/// Names that occur again get a number.
pub(crate) fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeMap::<String, u32>::new();
    let number = |name: String| {
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name} ({count})") }
    };
    names.map(number).collect()
}

fn key(suite: &Suite, lock: &str) -> String {
    let mut hash = Sha256::new();
    let text = serde_json::to_string(&(VERSION, env!("CARGO_PKG_VERSION"), lock, suite));
    hash.update(text.expect("a suite is plain data"));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A baseline that cannot be stored is learned again another time.
fn store(path: &Path, baseline: &Baseline) {
    let write = || {
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        std::fs::create_dir_all(&folder)?;
        let text = serde_json::to_vec(baseline)?;
        let file = tempfile::NamedTempFile::new_in(&folder)?;
        std::fs::write(file.path(), text)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    let written: std::io::Result<()> = write();
    if let Err(error) = written {
        tracing::debug!(path = %path.display(), %error, "cannot store a baseline");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_the_same_name_are_told_apart() {
        let names = ["a", "b", "a", "a"].map(str::to_owned);
        assert_eq!(unique(names.into_iter()), ["a", "b", "a (2)", "a (3)"]);
    }
}
