//! Finds the fixtures that the settings name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use llmbench_api::{Fixture, TestType};
use llmbench_engine::fixtures;

use crate::error::{CliError, Result};
use crate::nearest::did_you_mean;

/// Stands for every fixture that there is.
const ALL: &str = "all";

/// A fixture and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its files.
    pub(crate) fixture: Fixture,
    /// A folder, or the plugin that ships it.
    pub(crate) origin: String,
}

/// Which fixtures are meant when none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// Those that the test names as its default, else all.
    Default,
    /// All of them.
    All,
}

/// The fixtures called `names`; a test that needs none gets an empty one.
///
/// A name with a path separator is a folder. Others are looked for in the
/// project's `fixtures/<test>/`, then among those that the plugin ships.
/// `all` means every one of these, `level:N` those of a level, and `@VARIANT`
/// behind any of them (or alone, for `all`) the variant of that name.
///
/// # Errors
/// A name that does not exist, with those that do; a folder that cannot be read.
pub(crate) fn find(
    test_name: &str,
    test: &dyn TestType,
    names: &[String],
    unnamed: Unnamed,
) -> Result<Vec<Found>> {
    let description = test.describe();
    if !description.needs_fixture && names.is_empty() {
        let fixture = Fixture { name: "default".into(), ..Fixture::default() };
        return Ok(vec![Found { fixture, origin: format!("made by the test `{test_name}`") }]);
    }
    let shelf = Shelf {
        test_name,
        test,
        shipped: test.shipped_fixtures(),
        project: project_dir(test_name),
    };
    let defaults = &description.default_fixtures;
    let names = match (names, unnamed) {
        ([], Unnamed::Default) if shelf.has_all(defaults) => defaults.as_slice(),
        ([], _) => &[ALL.to_owned()],
        (names, _) => names,
    };
    let mut found = Vec::new();
    for name in names {
        found.extend(shelf.named(name)?);
    }
    distinct(found)
}

/// Where fixtures are looked for.
struct Shelf<'a> {
    test_name: &'a str,
    test: &'a dyn TestType,
    shipped: Vec<Fixture>,
    project: PathBuf,
}

impl Shelf<'_> {
    /// True when there is at least one name and every one of them exists.
    fn has_all(&self, names: &[String]) -> bool {
        let available = self.available();
        !names.is_empty() && names.iter().all(|name| available.contains(name))
    }

    /// Everything that `text` means.
    fn named(&self, text: &str) -> Result<Vec<Found>> {
        if is_path(text) {
            return Ok(vec![self.one(text)?]);
        }
        let (name, variant) = match text.split_once('@') {
            Some((name, variant)) => (if name.is_empty() { ALL } else { name }, Some(variant)),
            None => (text, None),
        };
        let found = match name.strip_prefix("level:") {
            Some(level) => self.of_level(level)?,
            None if name == ALL => self.all()?,
            None => vec![self.one(name)?],
        };
        match variant {
            None => Ok(found),
            Some(variant) => found.into_iter().map(|found| in_variant(found, variant)).collect(),
        }
    }

    fn all(&self) -> Result<Vec<Found>> {
        let all = self.available();
        if all.is_empty() {
            let project = self.project.display();
            return Err(CliError::not_ready(format!(
                "the test `{}` has no fixtures",
                self.test_name
            ))
            .hint(format!("put one into {project}, or name a folder with `--fixture DIR`")));
        }
        all.iter().map(|name| self.one(name)).collect()
    }

    fn of_level(&self, text: &str) -> Result<Vec<Found>> {
        let level: u8 = text.parse().map_err(|_| {
            CliError::usage(format!("--fixture `level:{text}` names no level"))
                .hint("for example `--fixture level:3`")
        })?;
        let mut levels = BTreeSet::new();
        let mut found = Vec::new();
        for candidate in self.all()? {
            let its_level = self.test.load(&candidate.fixture)?.level;
            levels.extend(its_level);
            if its_level == Some(level) {
                found.push(candidate);
            }
        }
        if found.is_empty() {
            let levels: Vec<_> = levels.iter().map(u8::to_string).collect();
            let list = if levels.is_empty() { "none".into() } else { levels.join(", ") };
            return Err(CliError::not_ready(format!(
                "the test `{}` has no fixture of level {level}",
                self.test_name
            ))
            .hint(format!("levels that there are: {list}")));
        }
        Ok(found)
    }

    fn one(&self, name: &str) -> Result<Found> {
        let dir = if is_path(name) { PathBuf::from(name) } else { self.project.join(name) };
        if dir.is_dir() {
            let fixture = fixtures::read(&dir)?;
            return Ok(Found { fixture, origin: dir.display().to_string() });
        }
        if is_path(name) {
            let message = format!("there is no fixture folder {}", dir.display());
            return Err(CliError::not_ready(message).hint(
                "check the path; `llmbench fixtures list` names those that need none, and \
                 `llmbench fixtures new NAME --dir DIR` makes one",
            ));
        }
        let test_name = self.test_name;
        if let Some(fixture) = self.shipped.iter().find(|fixture| fixture.name == name) {
            let origin = format!("shipped with test `{test_name}`");
            return Ok(Found { fixture: fixture.clone(), origin });
        }
        let available = self.available();
        let error = CliError::not_ready(format!("the test `{test_name}` has no fixture `{name}`"));
        Err(if available.is_empty() {
            error.hint(format!("put one into {}", self.project.join(name).display()))
        } else {
            let list = format!("use one of: {}; or name a folder", available.join(", "));
            error.hint(did_you_mean(name, available.iter().map(String::as_str), &list))
        })
    }

    /// Names of the project's and the shipped fixtures, sorted, each once.
    fn available(&self) -> Vec<String> {
        let mut names = fixtures::list(&self.project);
        names.extend(self.shipped.iter().map(|fixture| fixture.name.clone()));
        names.sort();
        names.dedup();
        names
    }
}

fn in_variant(found: Found, variant: &str) -> Result<Found> {
    let fixture = fixtures::variant(&found.fixture, variant)?;
    Ok(Found { fixture, origin: format!("{}, variant `{variant}`", found.origin) })
}

fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name == "." || name == ".."
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

fn project_dir(test_name: &str) -> PathBuf {
    Path::new("fixtures").join(test_name)
}
