//! Answers whose scores a fixture states, and files as a model hands them over.

use std::collections::BTreeMap;

use llmbench_api::{Error, ErrorKind, Reference, Result};

use crate::extract::resolve;
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

/// `files` of any names as a model answers them.
///
/// A file is taken for the target of the same path, or of a path that it does not contradict;
/// the only file of a task may be called anything that ends alike. Further files are left out.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when no file or two stand for a target.
pub(crate) fn answer_from_files(
    case: &str,
    data: &CaseData,
    files: &BTreeMap<String, String>,
) -> Result<String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, text) in files {
        let Some(target) = resolve(name, &data.targets).or_else(|| alike(name, files, data)) else {
            continue;
        };
        if let Some(other) = names.insert(target, name) {
            let message = format!("`{other}` and `{name}` both stand for `{target}` of `{case}`");
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_hint("give only one of them, or name the folders as the fixture does"));
        }
        found.insert(target.to_owned(), text.clone());
    }
    if found.is_empty() {
        let message = format!("none of the {} file(s) is an answer to `{case}`", files.len());
        let targets = data.targets.join(", ");
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_hint(format!("an answer consists of {targets}")));
    }
    Ok(answer(&data.targets, &found))
}

/// The one target for the one file, when both are of the same kind.
fn alike<'d>(name: &str, files: &BTreeMap<String, String>, data: &'d CaseData) -> Option<&'d str> {
    let [target] = &data.targets[..] else { return None };
    let kind = |path: &str| path.rsplit('.').next().map(str::to_ascii_lowercase);
    (files.len() == 1 && kind(name) == kind(target)).then_some(target.as_str())
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
    fn files_are_handed_over_by_their_names() {
        let data = |fixture| {
            let case = fixture::load(&fixture).unwrap();
            serde_json::from_value::<CaseData>(case.data).unwrap()
        };
        let check = |data: &CaseData, names: &[&str], expected: &str| {
            let files = names.iter().map(|name| ((*name).to_owned(), format!("of {name}\n")));
            let found = match answer_from_files("demo", data, &files.collect()) {
                Ok(answer) => answer,
                Err(error) => format!("{error} | {}", error.hint.as_deref().unwrap()),
            };
            assert!(found.contains(expected), "{names:?}: {found}");
        };
        let one = data(demo());
        check(&one, &["answer-7.vue"], "```vue Component.vue\nof answer-7.vue\n```");
        check(&one, &["a.vue", "x/Component.vue"], "```vue Component.vue\nof x/Component.vue");
        check(&one, &["a.ts"], "none of the 1 file(s) is an answer to `demo` | an answer consists");
        check(&one, &["a.vue", "b.vue"], "none of the 2 file(s)");
        let cart = data(fixture::tests::cart());
        check(&cart, &["README.md", "src/store.ts"], "```ts store.ts\nof src/store.ts\n```\n");
        check(&cart, &["a/store.ts", "b/store.ts"], "`a/store.ts` and `b/store.ts` both stand for");
        check(&cart, &["answer.vue"], "an answer consists of Cart.vue, store.ts, types.d.ts");
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
