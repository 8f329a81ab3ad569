//! Answers whose scores a fixture states, and files as a model hands them over.

use std::collections::BTreeMap;

use llmbench_api::Reference;

use crate::fixture::CaseData;
use crate::prompt;

/// The solution, the unchanged input and every mutant of a case, each as an answer of a model.
pub(crate) fn references(data: &CaseData) -> Vec<Reference> {
    let reference = |stored: &crate::fixture::StoredReference| Reference {
        name: stored.name.clone(),
        answer: answer(&data.targets, &stored.files),
        min_score: stored.min_score,
        max_score: stored.max_score,
    };
    data.references.iter().map(reference).collect()
}

/// `files` as a model answers them: each in a fence that names it, in the order of `targets`.
///
/// What is no target comes last; reading the answer leaves it out.
pub(crate) fn answer(targets: &[String], files: &BTreeMap<String, String>) -> String {
    let others = files.keys().filter(|path| !targets.contains(path));
    let blocks = targets.iter().chain(others).filter_map(|path| {
        let text = files.get(path)?;
        Some(format!("{}\n", prompt::fenced(path, text)))
    });
    blocks.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::extract;
    use crate::fixture::{self, tests::demo};

    #[test]
    fn the_solution_must_reach_ten_and_the_others_must_stay_below_their_limits() {
        let case = fixture::load(&demo()).unwrap();
        let data: CaseData = serde_json::from_value(case.data).unwrap();
        let found: Vec<_> =
            references(&data).into_iter().map(|it| (it.name, it.min_score, it.max_score)).collect();
        let expected =
            [("expected.vue", 10.0, 10.0), ("input.vue", 0.0, 1.0), ("mutants/bad.vue", 0.0, 2.5)];
        assert_eq!(found, expected.map(|(name, min, max)| (name.to_owned(), min, max)));
    }

    #[test]
    fn whatever_files_are_handed_over_are_found_again() {
        let targets = ["C.vue".to_owned(), "a.ts".to_owned()];
        for (vue, ts) in [
            ("<script>\nlet a\n</script>\n", "export const a = 1\n"),
            ("<script>\nlet `` a", "export const help = `\n```js\nx\n````\n`\n"),
            ("nothing", "```vue C.vue\nx\n```\n"),
        ] {
            let files = BTreeMap::from([
                (targets[0].clone(), vue.to_owned()),
                (targets[1].clone(), ts.to_owned()),
            ]);
            let found = extract(&answer(&targets, &files), &targets, &BTreeMap::new());
            let trimmed = |files: &BTreeMap<String, String>| -> Vec<String> {
                files.values().map(|text| text.trim_end().to_owned()).collect()
            };
            assert_eq!(trimmed(&found.files), trimmed(&files));
            assert!(found.missing.is_empty() && !found.truncated, "{found:?}");
        }
    }
}
