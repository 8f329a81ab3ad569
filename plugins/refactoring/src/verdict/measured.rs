//! What findings say, as the inputs of the score. What was not measured stays unknown.

use std::collections::BTreeMap;

use llmbench_api::{Findings, FindingsStatus};

use super::Attempt;
use crate::extract::same_code;
use crate::fixture::CaseData;
use crate::score::{Inputs, Typing};
use crate::test_type::STRUCTURE;

/// So many errors of the caller probe leave nothing of it.
const PROBE_ERRORS_TO_NOTHING: f64 = 3.0;
const NEAR_EMPTY_SHARE: f64 = 0.2;
/// Share of the tokens in the input's order from which on an answer without one annotation is
/// the input: an empty `export {}` beside it makes no difference.
const COPY_SHARE: f64 = 0.97;

/// The inputs of the score but for the typing, whose absence has a reason: see [`typing`].
pub(super) fn inputs(
    attempt: Attempt<'_>,
    types: &Findings,
    structure: &Findings,
    behaviour: Option<&Findings>,
    ast_score: f64,
) -> Inputs {
    let data = attempt.data;
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
    let code_share = share("code_token_count", "input_code_token_count");
    let beyond =
        |name: &str, allowance| measured(name).map(|it| (it - allowed(data, allowance)).max(0.0));
    Inputs {
        missing_files: attempt.extraction.missing.clone(),
        sfc_parses,
        script_lang_ts: passed(types, "script_lang_ts"),
        suppression_count: measured("suppression_count"),
        compiles: compiles(types),
        error_count: error_count(types),
        behaviour: behaviour.map(|found| found.status == FindingsStatus::Passed),
        ast_score,
        typing: None,
        type_coverage: coverage_beyond(data, types),
        any_assertion_count: beyond("any_assertion_count", "any_assertions"),
        double_assertion_count: beyond("double_assertion_count", "double_assertions"),
        probe: match (data.has_probe, sfc_parses) {
            (false, _) => None,
            // The compiler repairs what it parses, so that its word on callers is worth nothing.
            (true, Some(false)) => Some(0.0),
            (true, _) => probe(types),
        },
        unchanged_or_empty: unchanged_or_empty(attempt, structure, code_share),
        lost_name_count: measured("lost_name_count"),
        template_share: share("template_node_count", "input_template_node_count"),
        code_share,
    }
}

/// How the answer is typed, or why that is not known.
///
/// A count that was not measured is not 0: without all of them there is no typedness.
pub(super) fn typing(
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
    let mut beyond = |name, allowance: &str| (measured(name) - allowed(data, allowance)).max(0.0);
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

/// Whether it compiles, also with the comments blanked that silence the compiler.
///
/// Without a check of that name a validator says it by its status.
pub(super) fn compiles(types: &Findings) -> bool {
    let says_so = passed(types, "compiles").unwrap_or(types.status == FindingsStatus::Passed);
    says_so && silenced_error_count(types) <= shown_error_count(types)
}

/// Type errors, those that were silenced among them.
pub(super) fn error_count(types: &Findings) -> u64 {
    shown_error_count(types).max(silenced_error_count(types))
}

/// Share of names and expressions whose type is not `any`, or why it is not known.
pub(super) fn type_coverage(types: &Findings) -> Result<f64, String> {
    types.measurements.get("type_coverage").copied().ok_or_else(|| {
        match types.details.get("type_coverage").and_then(|reason| reason.as_str()) {
            Some(reason) => reason.to_owned(),
            None => format!("validator `{}` reported no `type_coverage`", types.validator),
        }
    })
}

/// The same, without the names that the fixture allows to be `any`.
fn coverage_beyond(data: &CaseData, types: &Findings) -> Option<f64> {
    let measured = |name: &str| types.measurements.get(name).copied();
    match (measured("identifier_count"), measured("any_identifier_count")) {
        (Some(all), Some(any)) if all > 0.0 => {
            let beyond = (any - allowed(data, "any_identifiers")).max(0.0);
            Some(1.0 - beyond / all)
        }
        _ => type_coverage(types).ok(),
    }
}

/// A measurement that is only reported, or why it is not there.
pub(super) fn reported(structure: &Findings, name: &str) -> Result<f64, String> {
    let value = structure.measurements.get(name).copied();
    value.ok_or_else(|| unreported(structure, &[name]))
}

/// What to say about measurements that the structure validator did not give.
pub(super) fn unreported(structure: &Findings, measurements: &[&str]) -> String {
    let names: Vec<_> = measurements.iter().map(|name| format!("`{name}`")).collect();
    let validator = &structure.validator;
    format!("validator `{validator}` in role `{STRUCTURE}` reported no {}", names.join(", "))
}

fn allowed(data: &CaseData, name: &str) -> f64 {
    data.allowed.get(name).copied().unwrap_or_default()
}

fn passed(findings: &Findings, check: &str) -> Option<bool> {
    findings.check(check).map(|check| check.passed)
}

fn shown_error_count(types: &Findings) -> u64 {
    match types.measurements.get("error_count") {
        Some(count) => *count as u64,
        None => types.error_count() as u64,
    }
}

fn silenced_error_count(types: &Findings) -> u64 {
    types.measurements.get("error_count_without_suppressions").map_or(0, |count| *count as u64)
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

/// Whether the answer is what was asked about, or next to nothing; `None` without an input.
///
/// White space, comments and `lang` make no change: an answer with the input's code (all but a
/// few tokens) and not one annotation is the input.
fn unchanged_or_empty(
    attempt: Attempt<'_>,
    structure: &Findings,
    code_share: Option<f64>,
) -> Option<bool> {
    let Attempt { case, data, extraction, .. } = attempt;
    let mut inputs: BTreeMap<&str, &str> = BTreeMap::new();
    for (target, path) in &data.inputs {
        inputs.insert(target, case.project.files.get(path)?);
    }
    if inputs.is_empty() {
        return None;
    }
    let text = |target: &str| extraction.files.get(target).map_or("", String::as_str);
    let same_text = inputs.iter().all(|(target, input)| same_code(input, text(target)));
    let measured = |name: &str| structure.measurements.get(name).copied();
    let is_copy = measured("edit_similarity").is_some_and(|share| share >= COPY_SHARE);
    let same_meaning = is_copy && measured("annotation_count") == Some(0.0);
    let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count() as f64;
    let before: f64 = inputs.values().map(|input| visible(input)).sum();
    let after: f64 = inputs.keys().map(|target| visible(text(target))).sum();
    let near_empty = after < before * NEAR_EMPTY_SHARE
        || code_share.is_some_and(|share| share < NEAR_EMPTY_SHARE);
    Some(same_text || same_meaning || near_empty)
}
