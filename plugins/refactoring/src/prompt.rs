//! Renders a fixture's `prompt.md`.

use std::collections::BTreeMap;

use llmbench_api::{Error, ErrorKind, Json, Result};
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

/// Names that every prompt may use beside the fixture's own variables.
pub(crate) const OWN_VARIABLES: [&str; 3] = ["input_code", "target", "targets"];

/// What `{{ input_code }}` stands for: the code, or each of `several` files in a fence with its path.
pub(crate) fn input_code(inputs: &[(&str, &str)], several: bool) -> String {
    let parts: Vec<_> = inputs
        .iter()
        .map(|(path, text)| if several { fenced(path, text) } else { text.trim_end().to_owned() })
        .collect();
    parts.join("\n\n")
}

/// `code` in a fence that names its path; the fence is longer than any in the code.
pub(crate) fn fenced(path: &str, code: &str) -> String {
    let longest = code.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let language = path.rsplit('.').next().unwrap_or_default();
    format!("{fence}{language} {path}\n{}\n{fence}", code.trim_end())
}

/// `template` with its variables filled in, as text: nothing is escaped.
///
/// `place` names the template in errors; the first of `targets` is the entry.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] with the line of a syntax error or of an unknown variable.
pub fn render(
    place: &str,
    template: &str,
    input_code: &str,
    targets: &[String],
    variables: &BTreeMap<String, Json>,
) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let mut values: BTreeMap<&str, Value> =
        variables.iter().map(|(name, value)| (name.as_str(), Value::from(Serde(value)))).collect();
    values.insert("input_code", Value::from(input_code.trim_end()));
    values.insert("target", Value::from(targets.first().map_or("", String::as_str)));
    values.insert("targets", Value::from(targets.to_vec()));
    environment
        .template_from_named_str("prompt.md", template)
        .and_then(|prompt| prompt.render(Value::from_pairs(values)))
        .map_err(|error| explain(place, &error, variables))
}

fn explain(place: &str, error: &minijinja::Error, variables: &BTreeMap<String, Json>) -> Error {
    let line = error.line().map(|line| format!(":{line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let known: Vec<_> =
        OWN_VARIABLES.into_iter().chain(variables.keys().map(String::as_str)).collect();
    let message = format!("cannot render the prompt {place}{line}: {}{detail}", error.kind());
    Error::new(ErrorKind::InvalidInput, message).with_hint(format!(
        "it may use {}; more go under `variables` in fixture.json",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str) -> Result<String> {
        let variables = BTreeMap::from([("model_rules".to_owned(), Json::from(vec!["a", "b"]))]);
        render(
            "demo/prompt.md",
            template,
            "<b>&</b>\n",
            &["C.vue".to_owned(), "a.ts".to_owned()],
            &variables,
        )
    }

    #[test]
    fn variables_are_filled_in_without_escaping() {
        let text = rendered(
            "{{ target }} of {{ targets | join(', ') }}:\n{{ input_code }}\n{{ model_rules | join('-') }}\n",
        );
        assert_eq!(text.unwrap(), "C.vue of C.vue, a.ts:\n<b>&</b>\na-b");
    }

    #[test]
    fn several_files_are_shown_in_fences_that_name_them() {
        let inputs = [("C.vue", "<p/>\n"), ("b.js", "a ```` b\n")];
        let expected = "```vue C.vue\n<p/>\n```\n\n`````js b.js\na ```` b\n`````";
        assert_eq!(input_code(&inputs, true), expected);
        assert_eq!(input_code(&inputs[..1], false), "<p/>");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let check = |template: &str, expected: &[&str]| {
            let error = rendered(template).unwrap_err();
            let text = format!("{error} | {}", error.hint.as_deref().unwrap_or_default());
            for part in expected {
                assert!(text.contains(part), "`{text}` does not say `{part}`");
            }
        };
        check(
            "a\nb {{ input_cod }}",
            &["demo/prompt.md:2", "undefined", "input_code, target, targets, model_rules"],
        );
        check("a\n\n{{ target", &["demo/prompt.md:3", "syntax error"]);
        check("{% if target %}x", &["demo/prompt.md:1", "syntax error"]);
        check("{{ target | nofilter }}", &["demo/prompt.md:1", "nofilter"]);
    }
}
