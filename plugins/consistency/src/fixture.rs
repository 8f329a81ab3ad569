//! Fixtures: a prompt, and optionally what a right answer holds.
//!
//! A fixture of the test `refactoring` with one input will do as well: its
//! prompt is rendered with its input, and nothing else of it is used.

use llmbench_api::{Case, Error, ErrorKind, Fixture, Json, Result};
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::check::Check;

const PROMPT: &str = "prompt.md";
const CHECK: &str = "check.json";
const REFACTORING: &str = "fixture.json";
const INPUT: &str = "input.vue";
const TARGET: &str = "Component.vue";

/// What [`llmbench_api::TestType::next`] needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) prompt: String,
    /// What a right answer holds; without it, nothing is said about quality.
    pub(crate) check: Option<Check>,
}

/// Checks a fixture and turns it into a case.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] naming fixture, file and field.
pub(crate) fn load(fixture: &Fixture) -> Result<Case> {
    let template = fixture.file(PROMPT)?;
    let prompt = if fixture.files.contains_key(REFACTORING) {
        of_refactoring(fixture, template)?
    } else {
        template.trim().to_owned()
    };
    if prompt.is_empty() {
        return Err(wrong(fixture, PROMPT, "is empty"));
    }
    let check = fixture.files.get(CHECK).map(|text| {
        let check: Check = serde_json::from_str(text)
            .map_err(|error| wrong(fixture, CHECK, "is wrong").with_cause(&error))?;
        check.usable().map_err(|problem| wrong(fixture, CHECK, &problem))?;
        Ok(check)
    });
    let question = Question { prompt, check: check.transpose()? };
    Ok(Case::new(fixture, json!(question)))
}

/// The question of a case.
///
/// # Errors
/// [`ErrorKind::Internal`] for a case of another test.
pub(crate) fn of(case: &Case) -> Result<Question> {
    Question::deserialize(&case.data).map_err(|error| {
        let message = format!("case `{}` was not made by this test type", case.name);
        Error::new(ErrorKind::Internal, message).with_cause(&error)
    })
}

/// The prompt that `refactoring` would send.
fn of_refactoring(fixture: &Fixture, template: &str) -> Result<String> {
    #[derive(Deserialize, Default)]
    struct Settings {
        #[serde(default)]
        variables: std::collections::BTreeMap<String, Json>,
    }
    let settings: Settings = serde_json::from_str(fixture.file(REFACTORING)?)
        .map_err(|error| wrong(fixture, REFACTORING, "is wrong").with_cause(&error))?;
    let Some(input) = fixture.files.get(INPUT) else {
        let problem = format!("there is no `{INPUT}` beside it");
        return Err(wrong(fixture, REFACTORING, &problem).with_hint(
            "of the fixtures of `refactoring`, those with one component can be taken; or write a prompt.md without fixture.json",
        ));
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let own = [
        ("input_code", Value::from(input.trim_end())),
        ("target", Value::from(TARGET)),
        ("targets", Value::from(vec![TARGET])),
    ];
    let variables =
        settings.variables.iter().map(|(name, value)| (name.as_str(), Value::from(Serde(value))));
    let values = Value::from_pairs(variables.chain(own));
    environment
        .template_from_named_str(PROMPT, template)
        .and_then(|prompt| prompt.render(values))
        .map(|prompt| prompt.trim().to_owned())
        .map_err(|error| wrong(fixture, PROMPT, "cannot be rendered").with_cause(&error))
}

fn wrong(fixture: &Fixture, file: &str, problem: &str) -> Error {
    let message = format!("`{file}` of fixture `{}`: {problem}", fixture.name);
    Error::new(ErrorKind::InvalidInput, message)
        .with_hint("docs/consistency.md tells what a fixture holds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(files: &[(&str, &str)]) -> Fixture {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Fixture { name: "f".into(), dir: None, files: files.collect() }
    }

    #[test]
    fn every_shipped_fixture_loads_and_can_check_its_answers() {
        let shipped = crate::shipped::shipped_fixtures();
        assert_eq!(shipped.len(), 4);
        for fixture in shipped {
            assert!(of(&load(&fixture).unwrap()).unwrap().check.is_some(), "{}", fixture.name);
        }
    }

    #[test]
    fn a_fixture_of_refactoring_is_rendered_with_its_input() {
        let files = [
            ("prompt.md", "Type {{ target }}: {{ input_code }} in {{ style }}\n"),
            ("fixture.json", r#"{"variables": {"style": "full"}, "title": "x"}"#),
            ("input.vue", "<template/>\n"),
        ];
        let case = load(&fixture(&files)).unwrap();
        assert_eq!(of(&case).unwrap().prompt, "Type Component.vue: <template/> in full");
        let error = load(&fixture(&files[..2])).unwrap_err();
        assert!(error.to_string().contains("there is no `input.vue`"), "{error}");
        let unknown = [("prompt.md", "{{ nothing }}"), files[1], files[2]];
        assert!(load(&fixture(&unknown)).unwrap_err().to_string().contains("cannot be rendered"));
    }

    #[test]
    fn wrong_files_are_named() {
        let check = |files: &[(&str, &str)], part: &str| {
            let error = load(&fixture(files)).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        };
        check(&[], "prompt.md");
        check(&[("prompt.md", " \n")], "is empty");
        check(&[("prompt.md", "x"), ("check.json", "{}")], "names nothing");
        check(&[("prompt.md", "x"), ("check.json", r#"{"equal": "x"}"#)], "check.json");
    }
}
