//! From findings to a verdict: score, record fields, and what was wrong in words.

use std::collections::BTreeMap;

use llmbench_api::{Case, Findings, FindingsStatus, History, Json, Severity, Verdict};

use crate::extract::{Extraction, same_code};
use crate::fixture::{CaseData, INPUT};
use crate::score::{self, Inputs, Typing};
use crate::test_type::{BEHAVIOUR, STRUCTURE, TYPES};

const MOST_ERRORS: usize = 50;
/// Of the compiler's errors; the rest is for gates and structure checks.
const MOST_COMPILER_ERRORS: usize = 30;
/// So many errors of the caller probe leave nothing of it.
const PROBE_ERRORS_TO_NOTHING: f64 = 3.0;
const NEAR_EMPTY_SHARE: f64 = 0.2;

/// The verdict on an attempt that got no answer: it has no score.
pub(crate) fn unanswered(reason: &str) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.errors.push(format!("the model did not answer: {reason}"));
    for name in ["score", "compiles", "ast_score"] {
        verdict.missing.insert(name.to_owned(), format!("the model did not answer: {reason}"));
    }
    verdict
}

/// The verdict on an answer without code: 0 points, for its structure too.
pub(crate) fn without_code(extraction: &Extraction) -> Verdict {
    let reason = extraction.reason.as_deref().unwrap_or("the answer holds no code");
    let mut verdict =
        Verdict::scored(0.0).with_metric("compiles", false).with_metric("ast_score", 0.0);
    verdict.errors.push(format!("no code: {reason}"));
    for name in ["output_code", "error_count", "gates", "score_parts"] {
        verdict.missing.insert(name.to_owned(), format!("nothing to judge: {reason}"));
    }
    verdict
}

/// The verdict on `code` once every role was judged.
pub(crate) fn verdict(case: &Case, data: &CaseData, code: &str, history: &History) -> Verdict {
    let mut verdict = Verdict { output: Some(code.to_owned()), ..Verdict::default() };
    let types = judged(history, TYPES);
    let structure = judged(history, STRUCTURE);
    let behaviour = judged(history, BEHAVIOUR);
    match &types {
        Ok(found) => {
            verdict = verdict
                .with_metric("compiles", compiles(found))
                .with_metric("error_count", error_count(found));
        }
        Err(reason) => {
            for name in ["compiles", "error_count"] {
                verdict.missing.insert(name.to_owned(), reason.clone());
            }
        }
    }
    let ast_score = match &structure {
        Ok(found) => found.score.ok_or_else(|| {
            format!("validator `{}` in role `{STRUCTURE}` gave no score", found.validator)
        }),
        Err(reason) => Err(reason.clone()),
    };
    match &ast_score {
        Ok(value) => verdict = verdict.with_metric("ast_score", *value),
        Err(reason) => {
            verdict.missing.insert("ast_score".to_owned(), reason.clone());
        }
    }
    if let Err(reason) = &behaviour {
        verdict.missing.insert(BEHAVIOUR.to_owned(), reason.clone());
    }
    verdict.errors.extend(types.as_ref().map(|found| compiler_errors(found)).unwrap_or_default());
    match (&types, &structure, ast_score) {
        (Ok(types), Ok(structure), Ok(ast_score)) => {
            let input = case.project.files.get(INPUT).map_or("", String::as_str);
            let mut inputs = inputs(data, types, structure, behaviour.ok(), ast_score, input, code);
            match typing(data, structure, inputs.sfc_parses) {
                Ok(typing) => inputs.typing = Some(typing),
                Err(reason) => {
                    verdict.missing.insert("typedness".to_owned(), reason);
                }
            }
            if inputs.suppression_count.is_none() {
                let reason = unreported(structure, &["suppression_count"]);
                verdict.missing.insert("suppressions".to_owned(), reason);
            }
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
        (types, structure, ast_score) => {
            let reasons: Vec<_> =
                [types.as_ref().err(), structure.as_ref().err(), ast_score.as_ref().err()]
                    .into_iter()
                    .flatten()
                    .map(String::as_str)
                    .collect();
            let mut reasons = reasons;
            reasons.dedup();
            for name in ["score", "gates", "score_parts"] {
                verdict.missing.insert(name.to_owned(), reasons.join("; "));
            }
        }
    }
    verdict.errors.extend(structure.as_ref().map(|found| failed_checks(found)).unwrap_or_default());
    if verdict.errors.len() > MOST_ERRORS {
        let more = verdict.errors.len() - (MOST_ERRORS - 1);
        verdict.errors.truncate(MOST_ERRORS - 1);
        verdict.errors.push(format!("and {more} more"));
    }
    verdict
}

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

fn inputs(
    data: &CaseData,
    types: &Findings,
    structure: &Findings,
    behaviour: Option<&Findings>,
    ast_score: f64,
    input: &str,
    code: &str,
) -> Inputs {
    let measured = |name: &str| structure.measurements.get(name).copied();
    let parses_here = measured("parse_error_count").map(|count| count == 0.0);
    let sfc_parses = match (passed(types, "sfc_parses"), parses_here) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (first, second) => first.or(second),
    };
    let share = |part: &str, whole: &str| match (measured(part), measured(whole)) {
        (Some(part), Some(whole)) if whole > 0.0 => Some(part / whole),
        _ => None,
    };
    Inputs {
        sfc_parses,
        script_lang_ts: passed(types, "script_lang_ts"),
        suppression_count: measured("suppression_count"),
        compiles: compiles(types),
        error_count: error_count(types),
        behaviour: behaviour.map(|found| found.status == FindingsStatus::Passed),
        ast_score,
        // The caller adds it, or notes why it is not known.
        typing: None,
        probe: match (data.has_probe, sfc_parses) {
            (false, _) => None,
            // The compiler repairs what it parses, so that its word on callers is worth nothing.
            (true, Some(false)) => Some(0.0),
            (true, _) => probe(types),
        },
        unchanged_or_empty: same_code(input, code) || is_near_empty(input, code),
        lost_name_count: measured("lost_name_count"),
        template_share: share("template_node_count", "input_template_node_count"),
    }
}

/// How the answer is typed, or why that is not known.
///
/// A count that was not measured is not 0: without all of them there is no typedness.
fn typing(
    data: &CaseData,
    structure: &Findings,
    sfc_parses: Option<bool>,
) -> Result<Typing, String> {
    if sfc_parses == Some(false) {
        // What cannot be parsed could not be counted; it is not taken for well typed.
        return Ok(Typing { typed_parameter_share: 0.0, ..Typing::default() });
    }
    let mut absent = Vec::new();
    let mut measured = |name: &'static str| {
        let value = structure.measurements.get(name).copied();
        if value.is_none() {
            absent.push(name);
        }
        value.unwrap_or_default()
    };
    let mut beyond = |name, allowance: &str| {
        (measured(name) - data.allowed.get(allowance).copied().unwrap_or_default()).max(0.0)
    };
    let mut typing = Typing {
        any_count: beyond("any_count", "any"),
        assertion_count: beyond("assertion_count", "assertions"),
        double_assertion_count: beyond("double_assertion_count", "double_assertions"),
        non_null_count: beyond("non_null_count", "non_null"),
        weak_type_count: beyond("weak_type_count", "weak_types"),
        typed_parameter_share: 1.0,
    };
    let parameters = measured("named_parameter_count");
    if parameters > 0.0 {
        typing.typed_parameter_share = measured("typed_parameter_count") / parameters;
    }
    if absent.is_empty() { Ok(typing) } else { Err(unreported(structure, &absent)) }
}

fn unreported(structure: &Findings, measurements: &[&str]) -> String {
    let names: Vec<_> = measurements.iter().map(|name| format!("`{name}`")).collect();
    let validator = &structure.validator;
    format!("validator `{validator}` in role `{STRUCTURE}` reported no {}", names.join(", "))
}

fn passed(findings: &Findings, check: &str) -> Option<bool> {
    findings.check(check).map(|check| check.passed)
}

/// The check of that name; a validator without it says so by its status.
fn compiles(types: &Findings) -> bool {
    passed(types, "compiles").unwrap_or(types.status == FindingsStatus::Passed)
}

fn error_count(types: &Findings) -> u64 {
    match types.measurements.get("error_count") {
        Some(count) => *count as u64,
        None => types.error_count() as u64,
    }
}

fn probe(types: &Findings) -> Option<f64> {
    let check = types.check("probe")?;
    let errors = types.measurements.get("probe_error_count").copied().unwrap_or_default();
    Some(if check.passed {
        1.0
    } else if errors > 0.0 {
        (1.0 - errors / PROBE_ERRORS_TO_NOTHING).max(0.0)
    } else {
        check.earned
    })
}

fn is_near_empty(input: &str, code: &str) -> bool {
    let visible = |text: &str| text.chars().filter(|character| !character.is_whitespace()).count();
    (visible(code) as f64) < visible(input) as f64 * NEAR_EMPTY_SHARE
}

fn compiler_errors(types: &Findings) -> Vec<String> {
    let errors: Vec<_> =
        types.diagnostics.iter().filter(|it| it.severity == Severity::Error).collect();
    let mut lines: Vec<_> = errors
        .iter()
        .take(MOST_COMPILER_ERRORS)
        .map(|it| {
            let mut place = it.file.clone();
            for number in [it.line, it.column].into_iter().flatten() {
                place.push_str(&format!(":{number}"));
            }
            let code = it.code.as_deref().map(|code| format!("{code} ")).unwrap_or_default();
            format!("{place} {code}{}", it.message.lines().next().unwrap_or_default())
        })
        .collect();
    if errors.len() > MOST_COMPILER_ERRORS {
        lines.push(format!("and {} more compiler errors", errors.len() - MOST_COMPILER_ERRORS));
    }
    lines
}

fn failed_checks(structure: &Findings) -> Vec<String> {
    let failed = structure.checks.iter().filter(|check| !check.passed && check.weight > 0.0);
    failed
        .map(|check| match &check.message {
            Some(message) => format!("structure check `{}` failed: {message}", check.name),
            None => format!("structure check `{}` failed", check.name),
        })
        .collect()
}

fn as_json<T: serde::Serialize>(values: &BTreeMap<&'static str, T>) -> Json {
    // Plain numbers and names always have a JSON form.
    serde_json::to_value(values).unwrap_or_default()
}
