//! From what the compilers said to findings.
//!
//! That TypeScript reports nothing is no proof: a script without `lang="ts"`,
//! a truncated answer and an unclosed tag all pass it. So three questions are
//! asked, and the last is answered with yes only when the first two are.

use llmbench_api::{
    Check, Diagnostic, Error, ErrorKind, Findings, FindingsStatus, Result, Severity,
};

use crate::project::{PROBE, Staged};
use crate::worker::{Answer, Outcome, SfcReport, TypesReport, WorkerDiagnostic};

/// The findings of one answer of the worker, without durations and versions.
///
/// # Errors
/// `Protocol` when a compiler broke down on a file that is otherwise without
/// errors: then nobody can tell whether it is good.
pub(crate) fn judge(answer: &Answer, staged: &Staged) -> Result<Findings> {
    let sfc = match &answer.sfc {
        Outcome::Done(report) => report,
        Outcome::Crashed { crash } => return Err(broke_down("Vue's compiler", crash)),
    };
    let types = match &answer.types {
        Outcome::Done(report) => report,
        Outcome::Crashed { .. } if !sfc.errors.is_empty() => {
            &TypesReport { types_checked: false, diagnostics: Vec::new() }
        }
        Outcome::Crashed { crash } => return Err(broke_down("TypeScript", crash)),
    };

    let mut diagnostics: Vec<_> = sfc.errors.iter().map(|error| place(error, staged)).collect();
    diagnostics.extend(language_errors(sfc, staged));
    diagnostics.extend(types.diagnostics.iter().map(|found| place(found, staged)));
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let (in_probe, in_answer): (Vec<_>, Vec<_>) =
        errors.partition(|found| staged.has_probe && found.file == PROBE);
    let (error_count, probe_error_count) = (in_answer.len(), in_probe.len());

    let parses = sfc.errors.is_empty();
    let is_typescript =
        !sfc.scripts.is_empty() && sfc.scripts.iter().all(|script| is_typescript(&script.lang));
    let compiles = parses && is_typescript && types.types_checked && error_count == 0;
    let mut checks = vec![
        check("sfc_parses", parses, first_message(&sfc.errors)),
        check("script_lang_ts", is_typescript, language_message(sfc)),
        check("compiles", compiles, Some(format!("{error_count} error(s)"))),
    ];
    if staged.has_probe {
        let passed = types.types_checked && probe_error_count == 0;
        let message = if types.types_checked {
            format!("{probe_error_count} error(s) in {PROBE}")
        } else {
            "not checked: the syntax of the component is wrong".to_owned()
        };
        checks.push(check("probe", passed, Some(message)));
    }

    diagnostics.sort_by(|a, b| {
        (staged.entry != a.file, &a.file, a.line, a.column, &a.code).cmp(&(
            staged.entry != b.file,
            &b.file,
            b.line,
            b.column,
            &b.code,
        ))
    });
    let mut findings = Findings {
        status: if compiles { FindingsStatus::Passed } else { FindingsStatus::Failed },
        diagnostics,
        checks,
        ..Findings::default()
    };
    let mut measure = |name: &str, value: f64| {
        findings.measurements.insert(name.to_owned(), value);
    };
    measure("error_count", error_count as f64);
    if staged.has_probe {
        measure("probe_error_count", probe_error_count as f64);
    }
    measure("worker_rss_bytes", answer.rss_bytes as f64);
    Ok(findings)
}

fn place(found: &WorkerDiagnostic, staged: &Staged) -> Diagnostic {
    let file = found.file.clone().unwrap_or_default();
    let ours = file.is_empty() || staged.belongs_to_answer(&file);
    let severity = match found.category.as_str() {
        // An error in a file that came with the fixture is no fault of the answer.
        "error" if !ours && file != PROBE => Severity::Warning,
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => Severity::Info,
    };
    Diagnostic {
        severity,
        file,
        line: found.line,
        column: found.column,
        code: Some(found.code.clone()),
        message: found.message.clone(),
    }
}

fn is_typescript(lang: &str) -> bool {
    matches!(lang, "ts" | "tsx")
}

fn language_errors(sfc: &SfcReport, staged: &Staged) -> Vec<Diagnostic> {
    let error = |line, message: String| Diagnostic {
        severity: Severity::Error,
        file: staged.entry.clone(),
        line,
        column: None,
        code: Some("VUE-LANG".to_owned()),
        message,
    };
    let other = sfc.scripts.iter().filter(|script| !is_typescript(&script.lang));
    let mut errors: Vec<_> = other
        .map(|script| {
            let message = format!("the script's language is `{}` and not `ts`", script.lang);
            error(Some(script.line), message)
        })
        .collect();
    if sfc.scripts.is_empty() && sfc.errors.is_empty() {
        errors.push(error(None, "the component has no script".to_owned()));
    }
    errors
}

fn language_message(sfc: &SfcReport) -> Option<String> {
    if sfc.scripts.is_empty() {
        return Some("no script".to_owned());
    }
    let langs: Vec<_> = sfc.scripts.iter().map(|script| script.lang.as_str()).collect();
    Some(format!("lang={}", langs.join(", ")))
}

fn first_message(errors: &[WorkerDiagnostic]) -> Option<String> {
    errors.first().map(|error| error.message.clone())
}

fn check(name: &str, passed: bool, message: Option<String>) -> Check {
    Check {
        name: name.to_owned(),
        passed,
        weight: 1.0,
        earned: if passed { 1.0 } else { 0.0 },
        message,
    }
}

fn broke_down(what: &str, crash: &str) -> Error {
    let first: Vec<_> = crash.lines().take(6).collect();
    Error::new(
        ErrorKind::Protocol,
        format!("{what} broke down on the answer:\n{}", first.join("\n")),
    )
    .with_phase("check")
}
