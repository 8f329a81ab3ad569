//! Reads a fixture of this test: which files it holds and what they must say.

use std::collections::BTreeMap;

use llmbench_api::{Case, Error, ErrorKind, Fixture, Json, Result};
use serde::{Deserialize, Serialize};

use crate::prompt;

/// The component that the model gets.
pub const INPUT: &str = "input.vue";
/// An answer that is worth the full score.
pub const EXPECTED: &str = "expected.vue";
const PROMPT: &str = "prompt.md";
const AST_CHECKS: &str = "ast_checks.json";
const SETTINGS: &str = "fixture.json";
const PROBE: &str = "probe.ts";
const MUTANTS: &str = "mutants/";
const HINT: &str = "docs/writing-a-fixture.md tells what a fixture holds";

/// What `fixture.json` says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixtureSettings {
    /// Format of this file; 1.
    pub version: u32,
    /// One line for lists.
    pub title: String,
    /// How hard it is, 1..=5.
    pub level: u8,
    /// File name that the answer takes.
    #[serde(default = "default_target")]
    pub target: String,
    /// Further variables of the prompt.
    #[serde(default)]
    pub variables: BTreeMap<String, Json>,
    /// Highest score that `input.vue` and each mutant may reach.
    pub max_scores: BTreeMap<String, f64>,
    /// For editors.
    #[serde(default, rename = "$schema")]
    pub schema: Option<String>,
}

/// What [`crate::Refactoring`] keeps of a fixture in [`Case::data`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseData {
    /// The rendered prompt.
    pub prompt: String,
    /// File name that the answer takes.
    pub target: String,
    /// The fixture has a caller probe.
    pub has_probe: bool,
    /// One line for lists.
    pub title: String,
    /// How hard it is, 1..=5.
    pub level: u8,
    /// Highest score that `input.vue` and each mutant may reach.
    pub max_scores: BTreeMap<String, f64>,
    /// What the structure check lets pass, by measurement (`any`, `assertions` …).
    pub allowed: BTreeMap<String, f64>,
}

fn default_target() -> String {
    "Component.vue".to_owned()
}

/// `fixture`, checked in full.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] naming the file, the field and what was expected.
pub fn load(fixture: &Fixture) -> Result<Case> {
    let input = not_empty(fixture, INPUT)?;
    not_empty(fixture, EXPECTED)?;
    let template = not_empty(fixture, PROMPT)?;
    let checks = read_json(fixture, AST_CHECKS)?;
    let settings = read_settings(fixture)?;
    check_max_scores(fixture, &settings.max_scores)?;
    let place = place(fixture, PROMPT);
    let prompt = prompt::render(&place, template, input, &settings.target, &settings.variables)?;
    if !prompt.contains(input.trim_end()) {
        return Err(wrong(fixture, PROMPT, "does not show the component")
            .with_hint("put `{{ input_code }}` where the model shall find it"));
    }
    let data = CaseData {
        prompt,
        target: settings.target,
        has_probe: fixture.files.contains_key(PROBE),
        title: settings.title,
        level: settings.level,
        max_scores: settings.max_scores,
        allowed: allowed(&checks),
    };
    let data = serde_json::to_value(data).map_err(|error| {
        Error::new(ErrorKind::Internal, "cannot store the case").with_cause(&error)
    })?;
    Ok(Case::new(fixture, data))
}

/// The names of the mutants among the files of a fixture, in order.
pub fn mutants(files: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    files
        .keys()
        .map(String::as_str)
        .filter(|path| path.starts_with(MUTANTS) && path.ends_with(".vue"))
}

fn read_settings(fixture: &Fixture) -> Result<FixtureSettings> {
    let json = read_json(fixture, SETTINGS)?;
    let settings: FixtureSettings = serde_json::from_value(json)
        .map_err(|error| wrong(fixture, SETTINGS, &error.to_string()))?;
    let problem = if settings.version != 1 {
        format!("`version` is {}, but this llmbench reads 1", settings.version)
    } else if settings.title.trim().is_empty() {
        "`title` is empty, but must say in one line what the fixture is about".to_owned()
    } else if !(1..=5).contains(&settings.level) {
        format!(
            "`level` is {}, but must be a whole number from 1 (easy) to 5 (hard)",
            settings.level
        )
    } else if !is_file_name(&settings.target) {
        format!("`target` is `{}`, but must be a file name like `Component.vue`", settings.target)
    } else if let Some(name) =
        settings.variables.keys().find(|name| prompt::OWN_VARIABLES.contains(&name.as_str()))
    {
        format!("`variables.{name}` is a name that llmbench fills in itself")
    } else {
        return Ok(settings);
    };
    Err(wrong(fixture, SETTINGS, &problem))
}

fn check_max_scores(fixture: &Fixture, max_scores: &BTreeMap<String, f64>) -> Result<()> {
    for name in [INPUT].into_iter().chain(mutants(&fixture.files)) {
        if !max_scores.contains_key(name) {
            let problem = format!("`max_scores` has no entry for `{name}`");
            return Err(wrong(fixture, SETTINGS, &problem).with_hint(format!(
                "add \"{name}\" with the highest score that it may reach, 0 to 10"
            )));
        }
    }
    for (name, limit) in max_scores {
        let problem = if !fixture.files.contains_key(name) {
            format!("`max_scores` names `{name}`, but there is no such file")
        } else if name != INPUT && !mutants(&fixture.files).any(|mutant| mutant == name) {
            format!("`max_scores` names `{name}`, which is neither {INPUT} nor mutants/*.vue")
        } else if !(0.0..=10.0).contains(limit) {
            format!("`max_scores.{name}` is {limit}, but must be a number from 0 to 10")
        } else {
            continue;
        };
        return Err(wrong(fixture, SETTINGS, &problem));
    }
    Ok(())
}

fn is_file_name(name: &str) -> bool {
    name.len() > ".vue".len() && name.ends_with(".vue") && !name.contains(['/', '\\'])
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

/// The numbers under `allow`; whether they are right is for the structure validator to say.
fn allowed(checks: &Json) -> BTreeMap<String, f64> {
    let entries = checks.get("allow").and_then(Json::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
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
pub(crate) mod tests {
    use super::*;

    const GOOD: &str = r#"{ "version": 1, "title": "A demo", "level": 2,
        "variables": { "name": "Ada" }, "max_scores": { "input.vue": 1, "mutants/bad.vue": 2.5 } }"#;

    pub(crate) fn demo() -> Fixture {
        let files = [
            (
                INPUT,
                "<script setup>\nconst a = 1\n</script>\n<template><p>{{ a }}</p></template>\n",
            ),
            (
                EXPECTED,
                "<script setup lang=\"ts\">\nconst a: number = 1\n</script>\n<template><p>{{ a }}</p></template>\n",
            ),
            (PROMPT, "Type {{ target }} for {{ name }}:\n{{ input_code }}\n"),
            (
                AST_CHECKS,
                r#"{ "version": 1, "checks": [], "allow": { "any": 1, "lost_names": ["x"] } }"#,
            ),
            (SETTINGS, GOOD),
            (PROBE, "import './Component.vue'\n"),
            (
                "mutants/bad.vue",
                "<script setup lang=\"ts\">\nconst a: any = 1\n</script>\n<template><p>{{ a }}</p></template>\n",
            ),
        ];
        Fixture {
            name: "demo".into(),
            dir: None,
            files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
        }
    }

    #[test]
    fn a_good_fixture_becomes_a_case_with_all_its_files() {
        let case = load(&demo()).unwrap();
        assert_eq!(case.project.files, demo().files);
        let data: CaseData = serde_json::from_value(case.data).unwrap();
        assert!(
            data.prompt.starts_with("Type Component.vue for Ada:\n<script setup>"),
            "{}",
            data.prompt
        );
        assert!(data.has_probe);
        assert_eq!((data.level, data.max_scores["mutants/bad.vue"]), (2, 2.5));
        assert_eq!(data.allowed, BTreeMap::from([("any".to_owned(), 1.0)]));
    }

    #[track_caller]
    fn check(path: &str, content: Option<&str>, expected: &str) {
        let mut fixture = demo();
        match content {
            Some(text) => fixture.files.insert(path.into(), text.into()),
            None => fixture.files.remove(path),
        };
        let error = load(&fixture).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        assert!(error.hint.is_some());
        let text = error.to_string();
        assert!(
            text.contains(expected) && text.contains("demo"),
            "`{text}` does not say `{expected}`"
        );
    }

    #[test]
    fn every_mistake_names_file_field_and_expectation() {
        for path in [INPUT, EXPECTED, PROMPT, AST_CHECKS, SETTINGS] {
            check(path, None, &format!("has no file `{path}`"));
        }
        check(INPUT, Some(" \n"), "demo/input.vue: is empty");
        check(
            AST_CHECKS,
            Some("{ \"a\": }"),
            "demo/ast_checks.json: is not JSON: expected value at line 1 column 8",
        );
        check(AST_CHECKS, Some("[]"), "must hold a JSON object");
        check(PROMPT, Some("{{ nobody }}"), "demo/prompt.md:1: undefined value");
        check(PROMPT, Some("{{ target }}"), "does not show the component");
        let with = |from: &str, to: &str, expected: &str| {
            assert!(GOOD.contains(from));
            check(SETTINGS, Some(&GOOD.replace(from, to)), expected);
        };
        with("\"title\"", "\"titel\"", "unknown field `titel`, expected one of `version`, `title`");
        with("\"title\": \"A demo\", ", "", "missing field `title`");
        with("A demo", " ", "`title` is empty");
        with("\"version\": 1", "\"version\": 2", "`version` is 2");
        with("\"level\": 2", "\"level\": 6", "`level` is 6, but must be a whole number from 1");
        with("\"level\": 2", "\"level\": \"2\"", "invalid type: string \"2\"");
        with("\"level\": 2", "\"level\": 2, \"target\": \"../x.vue\"", "`target` is `../x.vue`");
        with("\"name\": \"Ada\"", "\"target\": \"Ada\"", "`variables.target`");
        with("\"input.vue\": 1, ", "", "no entry for `input.vue`");
        with(", \"mutants/bad.vue\": 2.5", "", "no entry for `mutants/bad.vue`");
        with("bad.vue\": 2.5", "bad.vue\": 2.5, \"mutants/gone.vue\": 1", "there is no such file");
        with("bad.vue\": 2.5", "bad.vue\": 2.5, \"expected.vue\": 1", "neither input.vue nor");
        with("2.5", "11", "`max_scores.mutants/bad.vue` is 11");
    }
}
