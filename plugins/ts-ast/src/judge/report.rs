//! From judged files to findings.

use std::collections::BTreeMap;

use llmbench_api::{Check, Diagnostic, Findings, FindingsStatus, Json, Severity};
use serde_json::json;

use super::Judged;
use super::compared::Compared;
use crate::facts::{Facts, MarkKind};
use crate::position::Lines;

/// Most diagnostics of one answer.
const MAX_DIAGNOSTICS: usize = 200;

/// The findings of an answer of one file.
pub(super) fn one(file: &Judged<'_>) -> Findings {
    let total = file.weight();
    Findings {
        status: status(file.passed()),
        score: Some(file.score.points),
        diagnostics: diagnostics(file),
        measurements: measurements(std::slice::from_ref(file)),
        details: details(file),
        checks: checks(file, total, ""),
        ..Findings::default()
    }
}

/// The findings of an answer of several files: means by weight, sums, and checks called
/// `FILE/check`.
pub(super) fn several(files: &[Judged<'_>]) -> Findings {
    let total: f64 = files.iter().map(Judged::weight).sum();
    let points: f64 = files.iter().map(|file| file.score.points * file.weight()).sum();
    let score = if total > 0.0 { (points / total * 1e6).round() / 1e6 } else { 0.0 };
    let mut diagnostics: Vec<_> = files.iter().flat_map(diagnostics).collect();
    diagnostics.truncate(MAX_DIAGNOSTICS);
    let checks: Vec<_> = files
        .iter()
        .flat_map(|file| checks(file, total, &format!("{}/", file.read.path)))
        .collect();
    let by_file: BTreeMap<_, _> =
        files.iter().map(|file| (file.read.path.as_str(), details(file))).collect();
    let any = |key: &str| by_file.values().any(|details| details[key] == true);
    let missing: Vec<_> =
        checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str()).collect();
    let details = json!({
        "has_interfaces": any("has_interfaces"),
        "has_type_annotations": any("has_type_annotations"),
        "has_script_lang": by_file.values().all(|details| details["has_script_lang"] == true),
        "missing": missing,
        "score": score,
        "files": by_file,
    });
    Findings {
        status: status(files.iter().all(Judged::passed)),
        score: Some(score),
        diagnostics,
        measurements: measurements(files),
        details,
        checks,
        ..Findings::default()
    }
}

fn status(passed: bool) -> FindingsStatus {
    if passed { FindingsStatus::Passed } else { FindingsStatus::Failed }
}

/// Weights normalised so that those of the whole answer, `total`, add up to 10.
fn checks(file: &Judged<'_>, total: f64, prefix: &str) -> Vec<Check> {
    let scale = if total > 0.0 { 10.0 / total } else { 0.0 };
    file.outcomes
        .iter()
        .map(|outcome| Check {
            name: format!("{prefix}{}", outcome.name),
            passed: outcome.passed,
            weight: outcome.weight * scale,
            earned: outcome.earned,
            message: Some(outcome.message.clone()),
        })
        .collect()
}

fn diagnostics(file: &Judged<'_>) -> Vec<Diagnostic> {
    let facts = &file.read.facts;
    let lines = Lines::new(file.read.text.unwrap_or_default());
    let at = |severity, offset: usize, code: &str, message: String| {
        let (line, column) = lines.position(offset);
        Diagnostic {
            severity,
            file: file.read.path.clone(),
            line: Some(line),
            column: Some(column),
            code: Some(code.to_owned()),
            message,
        }
    };
    let errors = facts.errors.iter().map(|(o, m)| at(Severity::Error, *o, "parse", m.clone()));
    let marks = facts.marks.iter().map(|mark| {
        let (severity, code) = match mark.kind {
            MarkKind::Suppression => (Severity::Error, "suppression"),
            MarkKind::Any => (Severity::Warning, "any"),
            MarkKind::Assertion | MarkKind::DoubleAssertion | MarkKind::NonNull => {
                (Severity::Warning, "assertion")
            }
            MarkKind::WeakType => (Severity::Info, "weak_type"),
        };
        at(severity, mark.offset, code, mark.text.clone())
    });
    errors.chain(marks).take(MAX_DIAGNOSTICS).collect()
}

/// Sums over all files; of an answer that does not parse only the number of errors.
fn measurements(files: &[Judged<'_>]) -> BTreeMap<String, f64> {
    let mut measurements = BTreeMap::new();
    let errors: usize = files.iter().map(|file| file.read.facts.errors.len()).sum();
    measurements.insert("parse_error_count".to_owned(), errors as f64);
    if errors > 0 {
        return measurements;
    }
    for file in files {
        let mut add = |name: &str, value: u32| {
            *measurements.entry(name.to_owned()).or_insert(0.0) += f64::from(value);
        };
        count(&file.read.facts, &mut add);
        if let Some(input) = &file.read.input {
            add("lost_name_count", file.lost.len() as u32);
            add("input_statement_count", input.statement_count);
            add("input_template_node_count", input.template_node_count);
        }
    }
    if files.iter().any(|file| file.read.input.is_some()) {
        let nothing = Facts::default();
        let compared = files
            .iter()
            .map(|file| {
                let input = file.read.input.as_ref().unwrap_or(&nothing);
                Compared::of(&file.read.facts, input)
            })
            .fold(Compared::nothing(), Compared::plus);
        let mut add = |name: &str, value: Option<f64>| {
            measurements.extend(value.map(|value| (name.to_owned(), value)));
        };
        add("code_token_count", Some(compared.answer_tokens as f64));
        add("input_code_token_count", Some(compared.input_tokens as f64));
        add("edit_similarity", compared.similarity());
        add("template_kept", compared.template_kept());
    }
    measurements
}

fn count(facts: &Facts, add: &mut impl FnMut(&str, u32)) {
    for (name, kind) in [
        ("any_count", MarkKind::Any),
        ("assertion_count", MarkKind::Assertion),
        ("double_assertion_count", MarkKind::DoubleAssertion),
        ("non_null_count", MarkKind::NonNull),
        ("suppression_count", MarkKind::Suppression),
        ("weak_type_count", MarkKind::WeakType),
    ] {
        add(name, facts.count(kind));
    }
    let (parameters, typed_parameters) = facts.parameter_counts();
    let (functions, return_types) = facts.return_counts();
    let interfaces = facts.types.iter().filter(|declaration| declaration.interface).count();
    add("any_assertion_count", facts.any_assertion_count);
    add("annotation_count", facts.annotation_count);
    add("named_parameter_count", parameters);
    add("typed_parameter_count", typed_parameters);
    add("function_count", functions);
    add("return_type_count", return_types);
    add("interface_count", interfaces as u32);
    add("type_alias_count", (facts.types.len() - interfaces) as u32);
    add("statement_count", facts.statement_count);
    add("template_node_count", facts.template_node_count);
}

/// What is told about one file beyond scores and counts.
fn details(file: &Judged<'_>) -> Json {
    let Judged { read, lost, outcomes, score } = file;
    let facts = &read.facts;
    let parses = facts.errors.is_empty();
    let (parameters, typed_parameters) = facts.parameter_counts();
    let missing: Vec<&str> =
        outcomes.iter().filter(|o| !o.passed).map(|o| o.name.as_str()).collect();
    let pairs = |list: &[(&'static str, f64)]| -> Json {
        list.iter().map(|(name, points)| ((*name).to_owned(), json!(points))).collect()
    };
    let types: Vec<Json> = facts
        .types
        .iter()
        .map(|declaration| {
            let resolved = facts.resolve(std::slice::from_ref(&declaration.shape));
            json!({
                "name": declaration.name,
                "kind": if declaration.interface { "interface" } else { "type" },
                "used": declaration.used,
                "members": resolved.to_json(),
            })
        })
        .collect();
    json!({
        "has_interfaces": parses && facts.types.iter().any(|declaration| declaration.used),
        "has_type_annotations": parses && facts.annotation_count > facts.any_annotation_count,
        "has_script_lang": facts.is_typescript(),
        "missing": missing,
        "score": score.points,
        "facts": {
            "earned": score.earned,
            "penalties": pairs(&score.penalties),
            "caps": pairs(&score.caps),
            "types": types,
            "props": facts.resolve_props().to_json(),
            "emits": facts.resolve_emits().to_json(),
            "imports": facts.imports.iter().map(|i| format!("{}:{}", i.from, i.name)).collect::<Vec<_>>(),
            "script_setup": facts.scripts.iter().any(|script| script.setup),
            "options_api": facts.options_api,
            "satisfies_count": facts.satisfies_count,
            "annotation_count": facts.annotation_count,
            "named_parameters": format!("{typed_parameters}/{parameters}"),
            "lost_names": lost.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}
