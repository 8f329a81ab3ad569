//! Answers whose scores a fixture states.

use std::collections::BTreeMap;

use llmbench_api::{Case, Error, ErrorKind, Reference, Result};

use crate::fixture::{self, CaseData, EXPECTED, INPUT};
use crate::score::MAX_SCORE;

/// The solution, the unchanged input and every mutant of `case`, each as an answer of a model.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when the case lacks a file or a limit.
pub(crate) fn references(case: &Case, data: &CaseData) -> Result<Vec<Reference>> {
    let mut references = vec![reference(case, EXPECTED, MAX_SCORE, MAX_SCORE)?];
    for name in [INPUT].into_iter().chain(fixture::mutants(&case.project.files)) {
        references.push(reference(case, name, 0.0, limit(case, &data.max_scores, name)?)?);
    }
    Ok(references)
}

fn reference(case: &Case, name: &str, min_score: f64, max_score: f64) -> Result<Reference> {
    let code = case.project.files.get(name).ok_or_else(|| incomplete(case, name, "file"))?;
    Ok(Reference { name: name.to_owned(), answer: fenced(code), min_score, max_score })
}

fn limit(case: &Case, max_scores: &BTreeMap<String, f64>, name: &str) -> Result<f64> {
    max_scores.get(name).copied().ok_or_else(|| incomplete(case, name, "highest score for"))
}

fn incomplete(case: &Case, name: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("case `{}` has no {what} `{name}`", case.name))
        .with_hint("load the fixture again: its case was stored by another version")
}

/// `code` as a model answers it; the fence is longer than any in the code.
fn fenced(code: &str) -> String {
    let longest = code.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}vue\n{}\n{fence}\n", code.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_must_reach_ten_and_the_others_must_stay_below_their_limits() {
        let case = fixture::load(&fixture::tests::demo()).unwrap();
        let data: CaseData = serde_json::from_value(case.data.clone()).unwrap();
        let found: Vec<_> = references(&case, &data)
            .unwrap()
            .into_iter()
            .map(|it| (it.name, it.min_score, it.max_score))
            .collect();
        let expected =
            [("expected.vue", 10.0, 10.0), ("input.vue", 0.0, 1.0), ("mutants/bad.vue", 0.0, 2.5)];
        assert_eq!(found, expected.map(|(name, min, max)| (name.to_owned(), min, max)));
    }

    #[test]
    fn the_fence_is_longer_than_any_in_the_code() {
        assert_eq!(fenced("a\n"), "```vue\na\n```\n");
        assert_eq!(fenced("a ````"), "`````vue\na ````\n`````\n");
    }
}
