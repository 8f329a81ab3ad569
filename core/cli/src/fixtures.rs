//! Finds the fixtures that the settings name.

use std::path::{Path, PathBuf};

use llmbench_api::{Fixture, TestType};
use llmbench_engine::fixtures;

use crate::error::{CliError, Result};

/// A fixture and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its files.
    pub(crate) fixture: Fixture,
    /// A folder, or the plugin that ships it.
    pub(crate) origin: String,
}

/// The fixtures called `names`, or all of them; a test that needs none gets an empty one.
///
/// A name with a path separator is a folder. Others are looked for in the
/// project's `fixtures/<test>/`, then among those that the plugin ships.
///
/// # Errors
/// A name that does not exist, with those that do; a folder that cannot be read.
pub(crate) fn find(test_name: &str, test: &dyn TestType, names: &[String]) -> Result<Vec<Found>> {
    if !test.describe().needs_fixture && names.is_empty() {
        let fixture = Fixture { name: "default".into(), ..Fixture::default() };
        return Ok(vec![Found { fixture, origin: format!("made by the test `{test_name}`") }]);
    }
    let shipped = test.shipped_fixtures();
    let project = project_dir(test_name);
    if !names.is_empty() {
        let found: Result<Vec<Found>> =
            names.iter().map(|name| one(test_name, name, &project, &shipped)).collect();
        return found.and_then(distinct);
    }
    let all = available(&project, &shipped);
    if all.is_empty() {
        return Err(CliError::not_ready(format!("the test `{test_name}` has no fixtures")).hint(
            format!("put one into {}, or name a folder with `--fixture DIR`", project.display()),
        ));
    }
    all.iter().map(|name| one(test_name, name, &project, &shipped)).collect()
}

/// Results are kept by fixture name, so two fixtures of one name would be mixed up.
fn distinct(found: Vec<Found>) -> Result<Vec<Found>> {
    for (index, later) in found.iter().enumerate() {
        if let Some(earlier) =
            found[..index].iter().find(|other| other.fixture.name == later.fixture.name)
        {
            let message = format!(
                "two fixtures are called `{}`: {} and {}",
                later.fixture.name, earlier.origin, later.origin
            );
            return Err(CliError::usage(message).hint("rename one of the folders"));
        }
    }
    Ok(found)
}

fn one(test_name: &str, name: &str, project: &Path, shipped: &[Fixture]) -> Result<Found> {
    let as_path = Path::new(name);
    let is_path = name.contains(['/', '\\']) || name == "." || name == "..";
    let dir = if is_path { as_path.to_owned() } else { project.join(name) };
    if dir.is_dir() {
        let fixture = fixtures::read(&dir)?;
        return Ok(Found { fixture, origin: dir.display().to_string() });
    }
    if is_path {
        return Err(CliError::not_ready(format!("there is no fixture folder {}", dir.display())));
    }
    if let Some(fixture) = shipped.iter().find(|fixture| fixture.name == name) {
        return Ok(Found {
            fixture: fixture.clone(),
            origin: format!("shipped with test `{test_name}`"),
        });
    }
    let available = available(project, shipped);
    let error = CliError::not_ready(format!("the test `{test_name}` has no fixture `{name}`"));
    Err(if available.is_empty() {
        error.hint(format!("put one into {}", project.join(name).display()))
    } else {
        error.hint(format!("use one of: {}; or name a folder", available.join(", ")))
    })
}

/// Names of the project's and the shipped fixtures, sorted, each once.
fn available(project: &Path, shipped: &[Fixture]) -> Vec<String> {
    let mut names = fixtures::list(project);
    names.extend(shipped.iter().map(|fixture| fixture.name.clone()));
    names.sort();
    names.dedup();
    names
}

fn project_dir(test_name: &str) -> PathBuf {
    Path::new("fixtures").join(test_name)
}
