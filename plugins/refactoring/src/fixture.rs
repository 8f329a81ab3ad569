//! Reads a fixture of this test: which files it holds and what they must say.

mod layout;
mod settings;

use std::collections::BTreeMap;

use llmbench_api::{Case, Error, ErrorKind, Fixture, Json, Project, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::prompt;
use crate::score::MAX_SCORE;
use layout::Layout;
pub use settings::{FixtureSettings, ProjectSettings};

/// Name, without ending, of what the model gets.
pub(crate) const INPUT: &str = "input";
/// Name, without ending, of an answer that is worth the full score.
pub(crate) const EXPECTED: &str = "expected";
const PROMPT: &str = "prompt.md";
const AST_CHECKS: &str = "ast_checks.json";
const SETTINGS: &str = "fixture.json";
const PROBE: &str = "probe.ts";
const SPEC: &str = "spec.ts";
const MUTANTS: &str = "mutants/";
const SUPPORT: &str = "support/";
const PROJECT: &str = "project";
const HINT: &str = "docs/writing-a-fixture.md tells what a fixture holds";

/// What [`crate::Refactoring`] keeps of a fixture in [`Case::data`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseData {
    /// The rendered prompt; `None` for a fixture without one, which only judges.
    pub prompt: Option<String>,
    /// The fixture serves to judge answers that exist already.
    pub judge_only: bool,
    /// Files that the answer consists of, the entry first.
    pub targets: Vec<String>,
    /// Target → path of its input in the project's files; targets without one are new files.
    pub inputs: BTreeMap<String, String>,
    /// The fixture has a caller probe.
    pub has_probe: bool,
    /// How hard it is, 1..=5.
    pub level: Option<u8>,
    /// What the structure check lets pass, by measurement (`any`, `assertions` …).
    pub allowed: BTreeMap<String, f64>,
    /// Answers whose scores the fixture states.
    pub references: Vec<StoredReference>,
}

/// An answer whose score the fixture states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredReference {
    /// `expected.vue`, `mutants/any-everywhere.vue` …
    pub name: String,
    /// Target → text.
    pub files: BTreeMap<String, String>,
    /// Lowest score that is right.
    pub min_score: f64,
    /// Highest score that is right.
    pub max_score: f64,
}

/// `fixture`, checked in full.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] naming the file, the field and what was expected.
pub fn load(fixture: &Fixture) -> Result<Case> {
    let checked = settings::read(fixture)?;
    let layout = layout::of(fixture, &checked)?;
    let settings = &checked.settings;
    let checks = if settings.judge_only && !fixture.files.contains_key(AST_CHECKS) {
        Json::Null
    } else {
        read_json(fixture, AST_CHECKS)?
    };
    let data = CaseData {
        prompt: prompt_of(fixture, settings, &checked.targets, &layout)?,
        judge_only: settings.judge_only,
        inputs: layout.inputs.iter().map(|(t, (path, _))| (t.clone(), path.clone())).collect(),
        has_probe: fixture.files.contains_key(PROBE),
        level: settings.level,
        allowed: allowed(&checks),
        references: references(fixture, settings, &layout)?,
        targets: checked.targets,
    };
    let project = project(fixture, layout, &data, checked.project.as_ref());
    let data = serde_json::to_value(data).map_err(|error| {
        Error::new(ErrorKind::Internal, "cannot store the case").with_cause(&error)
    })?;
    let title = Some(checked.settings.title);
    let level = checked.settings.level;
    Ok(Case { title, level, project, ..Case::new(fixture, data) })
}

fn prompt_of(
    fixture: &Fixture,
    settings: &FixtureSettings,
    targets: &[String],
    layout: &Layout,
) -> Result<Option<String>> {
    if settings.judge_only && !fixture.files.contains_key(PROMPT) {
        return Ok(None);
    }
    let template = not_empty(fixture, PROMPT)?;
    let ordered = targets.iter().filter_map(|target| layout.inputs.get(target));
    let inputs: Vec<_> = ordered
        .map(|(path, text)| {
            let name = path.strip_prefix(INPUT).and_then(|rest| rest.strip_prefix('/'));
            (name.unwrap_or(&targets[0]), text.as_str())
        })
        .collect();
    let code = prompt::input_code(&inputs, targets.len() > 1);
    let place = place(fixture, PROMPT);
    let prompt = prompt::render(&place, template, &code, targets, &settings.variables)?;
    if inputs.iter().any(|(_, text)| !prompt.contains(text.trim_end())) {
        return Err(wrong(fixture, PROMPT, "does not show the component")
            .with_hint("put `{{ input_code }}` where the model shall find it"));
    }
    Ok(Some(prompt))
}

/// What validators get to see: no solution, no mutants, nothing of an npm project.
fn project(
    fixture: &Fixture,
    layout: Layout,
    data: &CaseData,
    npm: Option<&ProjectSettings>,
) -> Project {
    let mut files = layout.support;
    for name in [PROBE, SPEC, AST_CHECKS] {
        files.extend(fixture.files.get_key_value(name).map(|(n, text)| (n.clone(), text.clone())));
    }
    files.extend(layout.inputs.into_values());
    let mut options = json!({ "input": data.inputs });
    for (key, name) in [("probe", PROBE), ("spec", SPEC)] {
        if files.contains_key(name) {
            options[key] = json!(name);
        }
    }
    if let Some(npm) = npm {
        options["project"] = json!(npm);
    }
    Project { id: String::new(), dir: fixture.dir.clone(), files, options }
}

fn references(
    fixture: &Fixture,
    settings: &FixtureSettings,
    layout: &Layout,
) -> Result<Vec<StoredReference>> {
    let limits = &settings.max_scores;
    let input = layout.inputs.iter().map(|(target, (_, text))| (target.clone(), text.clone()));
    let mut limited = vec![(layout.input_name.clone(), input.collect::<BTreeMap<_, _>>())];
    limited.retain(|(_, files)| !files.is_empty());
    limited.extend(layout.mutants.clone());
    for (name, limit) in limits {
        let problem = if !limited.iter().any(|(known, _)| known == name) {
            let names: Vec<_> = limited.iter().map(|(known, _)| known.as_str()).collect();
            format!(
                "`max_scores` names `{name}`, which is neither the input nor a mutant; \
                 there are {}",
                names.join(", ")
            )
        } else if !(0.0..=MAX_SCORE).contains(limit) {
            format!("`max_scores.{name}` is {limit}, but must be a number from 0 to 10")
        } else {
            continue;
        };
        return Err(wrong(fixture, SETTINGS, &problem));
    }
    let mut references = Vec::new();
    if !layout.expected.is_empty() {
        references.push(StoredReference {
            name: layout.expected_name.clone(),
            files: layout.expected.clone(),
            min_score: MAX_SCORE,
            max_score: MAX_SCORE,
        });
    }
    for (name, files) in limited {
        match limits.get(&name) {
            Some(&max_score) => {
                references.push(StoredReference { name, files, min_score: 0.0, max_score });
            }
            None if settings.judge_only && name == layout.input_name => {}
            None => {
                let problem = format!("`max_scores` has no entry for `{name}`");
                return Err(wrong(fixture, SETTINGS, &problem).with_hint(format!(
                    "add \"{name}\" with the highest score that it may reach, 0 to 10"
                )));
            }
        }
    }
    Ok(references)
}

fn not_empty<'a>(fixture: &'a Fixture, path: &str) -> Result<&'a str> {
    let text = fixture.file(path)?;
    if text.trim().is_empty() {
        return Err(wrong(fixture, path, "is empty"));
    }
    Ok(text)
}

fn read_json(fixture: &Fixture, path: &str) -> Result<Json> {
    let json: Json = serde_json::from_str(fixture.file(path)?)
        .map_err(|error| wrong(fixture, path, &format!("is not JSON: {error}")))?;
    if !json.is_object() {
        return Err(wrong(fixture, path, "must hold a JSON object"));
    }
    Ok(json)
}

/// The numbers under `allow`, of all files together; whether they are right is for the
/// structure validator to say.
fn allowed(checks: &Json) -> BTreeMap<String, f64> {
    let files = checks.get("files").and_then(Json::as_object).into_iter().flatten();
    let mut allowed = BTreeMap::new();
    for checks in std::iter::once(checks).chain(files.map(|(_, checks)| checks)) {
        let entries = checks.get("allow").and_then(Json::as_object).into_iter().flatten();
        for (name, value) in entries {
            if let Some(value) = value.as_f64() {
                *allowed.entry(name.clone()).or_insert(0.0) += value;
            }
        }
    }
    allowed
}

fn place(fixture: &Fixture, path: &str) -> String {
    match &fixture.dir {
        Some(dir) => dir.join(path).display().to_string(),
        None => format!("{}/{path}", fixture.name),
    }
}

fn wrong(fixture: &Fixture, path: &str, problem: &str) -> Error {
    let message = format!("fixture `{}`: {}: {problem}", fixture.name, place(fixture, path));
    Error::new(ErrorKind::InvalidInput, message).with_hint(HINT)
}

#[cfg(test)]
pub(crate) mod tests;
