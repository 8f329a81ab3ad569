//! From findings to a verdict: score, record fields, and what was wrong in words.

mod measured;
mod reasons;

use std::collections::BTreeMap;

use llmbench_api::{Case, Findings, FindingsStatus, History, Json, Verdict};

use crate::extract::Extraction;
use crate::fixture::CaseData;
use crate::references::answer;
use crate::score;
use crate::test_type::{BEHAVIOUR, STRUCTURE, TYPES};

const MOST_ERRORS: usize = 50;

/// An attempt that got an answer with files.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) case: &'a Case,
    pub(crate) data: &'a CaseData,
    pub(crate) extraction: &'a Extraction,
    pub(crate) history: &'a History,
}

/// The verdict on an attempt that got no answer: it has no score.
pub(crate) fn unanswered(data: &CaseData, reason: &str) -> Verdict {
    let mut verdict = with_level(Verdict::default(), data);
    verdict.errors.push(format!("the model did not answer: {reason}"));
    for name in ["score", "compiles", "ast_score", "type_coverage"] {
        verdict.missing.insert(name.to_owned(), format!("the model did not answer: {reason}"));
    }
    verdict
}

/// The verdict on an answer without code, or without the file that all others belong to:
/// 0 points, for its structure too.
pub(crate) fn without_code(data: &CaseData, extraction: &Extraction) -> Verdict {
    let reason = match &extraction.reason {
        Some(reason) => format!("no code: {reason}"),
        None => format!("the answer has no `{}`, which it is about", data.targets[0]),
    };
    let verdict = Verdict::scored(0.0).with_metric("compiles", false).with_metric("ast_score", 0.0);
    let mut verdict = with_level(verdict, data);
    for name in ["output_code", "error_count", "gates", "score_parts", "type_coverage"] {
        verdict.missing.insert(name.to_owned(), format!("nothing to judge: {reason}"));
    }
    verdict.errors.push(reason);
    verdict
}

/// Why the behaviour of an answer that was judged otherwise need not be tested.
pub(crate) fn behaviour_is_settled(attempt: Attempt<'_>) -> Option<String> {
    let types = judged(attempt.history, TYPES).ok()?;
    let structure = judged(attempt.history, STRUCTURE).ok()?;
    let gate = score::decided(&measured::inputs(attempt, types, structure, None, 0.0))?;
    Some(format!("not run: the gate `{gate}` failed, which leaves no more points"))
}

/// The verdict once every role was judged that has to be.
pub(crate) fn verdict(attempt: Attempt<'_>) -> Verdict {
    let Attempt { data, extraction, history, .. } = attempt;
    let output = match &data.targets[..] {
        [target] => extraction.files.get(target).cloned(),
        targets => Some(answer(targets, &extraction.files)),
    };
    let mut verdict = with_level(Verdict { output, ..Verdict::default() }, data);
    let types = judged(history, TYPES);
    let structure = judged(history, STRUCTURE);
    let behaviour = match behaviour_is_settled(attempt) {
        Some(reason) => Err(reason),
        None => judged(history, BEHAVIOUR),
    };
    let ast_score = structure.clone().and_then(|found| {
        found.score.ok_or_else(|| {
            format!("validator `{}` in role `{STRUCTURE}` gave no score", found.validator)
        })
    });
    note(&mut verdict, "compiles", types.clone().map(measured::compiles));
    note(&mut verdict, "error_count", types.clone().map(measured::error_count));
    note(&mut verdict, "type_coverage", types.clone().and_then(measured::type_coverage));
    note(&mut verdict, "ast_score", ast_score.clone());
    for name in ["edit_similarity", "template_kept"] {
        note(&mut verdict, name, structure.clone().and_then(|it| measured::reported(it, name)));
    }
    if let Err(reason) = &behaviour {
        verdict.missing.insert(BEHAVIOUR.to_owned(), reason.clone());
    }
    verdict
        .errors
        .extend(types.as_ref().map(|it| reasons::compiler_errors(it)).unwrap_or_default());
    match (&types, &structure, &ast_score) {
        (Ok(types), Ok(structure), Ok(ast_score)) => {
            let behaviour = behaviour.as_ref().ok().copied();
            let mut inputs = measured::inputs(attempt, types, structure, behaviour, *ast_score);
            add_typing(&mut verdict, attempt, structure, &mut inputs);
            if data.has_probe && inputs.probe.is_none() {
                let reason = format!("validator `{}` gave no check `probe`", types.validator);
                verdict.missing.insert("probe".to_owned(), reason);
            }
            let score = score::score(&inputs);
            verdict.score = Some(score.value);
            verdict = verdict
                .with_metric("gates", as_json(&score.gates))
                .with_metric("score_parts", as_json(&score.parts));
            verdict.errors.extend(score.reasons);
        }
        _ => {
            let reasons = [types.clone().err(), structure.clone().err(), ast_score.clone().err()];
            let mut reasons: Vec<_> = reasons.into_iter().flatten().collect();
            reasons.dedup();
            for name in ["score", "gates", "score_parts"] {
                verdict.missing.insert(name.to_owned(), reasons.join("; "));
            }
        }
    }
    verdict.errors.extend(behaviour.map(reasons::failed_tests).unwrap_or_default());
    verdict.errors.extend(structure.map(reasons::failed_checks).unwrap_or_default());
    if verdict.errors.len() > MOST_ERRORS {
        let more = verdict.errors.len() - (MOST_ERRORS - 1);
        verdict.errors.truncate(MOST_ERRORS - 1);
        verdict.errors.push(format!("and {more} more"));
    }
    verdict
}

/// The findings of a role, or why there are none.
fn judged<'a>(history: &'a History, role: &str) -> Result<&'a Findings, String> {
    match history.findings(role) {
        None => Err(format!("role `{role}` was not judged")),
        Some(found) if found.status == FindingsStatus::Skipped => {
            let reason = found.reason.as_deref().unwrap_or("no reason given");
            Err(format!("role `{role}` was skipped: {reason}"))
        }
        Some(found) => Ok(found),
    }
}

fn add_typing(
    verdict: &mut Verdict,
    attempt: Attempt<'_>,
    structure: &Findings,
    inputs: &mut score::Inputs,
) {
    match measured::typing(attempt.data, structure, inputs.sfc_parses) {
        Ok(typing) => inputs.typing = Some(typing),
        Err(reason) => {
            verdict.missing.insert("typedness".to_owned(), reason);
        }
    }
    if inputs.suppression_count.is_none() {
        let reason = measured::unreported(structure, &["suppression_count"]);
        verdict.missing.insert("suppressions".to_owned(), reason);
    }
}

fn with_level(verdict: Verdict, data: &CaseData) -> Verdict {
    let mut verdict = verdict;
    note(&mut verdict, "level", data.level.ok_or_else(|| "the fixture states none".to_owned()));
    verdict
}

/// Records a value, or why there is none.
fn note(verdict: &mut Verdict, name: &str, value: Result<impl Into<Json>, String>) {
    match value {
        Ok(value) => {
            verdict.metrics.insert(name.to_owned(), value.into());
        }
        Err(reason) => {
            verdict.missing.insert(name.to_owned(), reason);
        }
    }
}

fn as_json<T: serde::Serialize>(values: &BTreeMap<&'static str, T>) -> Json {
    // Plain numbers and names always have a JSON form.
    serde_json::to_value(values).unwrap_or_default()
}
