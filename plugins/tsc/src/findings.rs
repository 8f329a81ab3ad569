//! From what the compilers said to findings.
//!
//! That TypeScript reports nothing is no proof: a script without `lang="ts"`,
//! a truncated answer and an unclosed tag all pass it. So three questions are
//! asked, and the last is answered with yes only when the first two are.

mod coverage;

use std::borrow::Cow;
use std::path::Path;

use llmbench_api::{
    Check, Diagnostic, Error, ErrorKind, Findings, FindingsStatus, Result, Severity,
};
use serde_json::json;

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
    let types = types_of(&answer.types, sfc)?;
    if let Some(file) = &types.outside {
        return Err(outside(file));
    }

    let mut others: Vec<_> = sfc.errors.iter().map(|error| place(error, staged)).collect();
    let language = language_errors(sfc, staged);
    let is_typescript = all_typescript(sfc, staged, &language);
    others.extend(language);
    let found: Vec<_> = types.diagnostics.iter().map(|found| place(found, staged)).collect();
    let probe_error_count = errors(&found).filter(|found| in_probe(found, staged)).count();
    // An npm project's own check command is vue-tsc alone.
    let count_of_others = if staged.whole_project { 0 } else { others.len() };
    let count = |found: &[Diagnostic]| {
        count_of_others + errors(found).filter(|found| !in_probe(found, staged)).count()
    };
    let error_count = count(&found);
    let count_without_suppressions = match &answer.without_suppressions {
        None => error_count,
        Some(outcome) => {
            let types = types_of(outcome, sfc)?;
            count(&types.diagnostics.iter().map(|found| place(found, staged)).collect::<Vec<_>>())
        }
    };

    let parses = sfc.errors.is_empty();
    let builds = staged.whole_project || parses && is_typescript;
    let compiles = builds && types.types_checked && error_count == 0;
    let mut checks = vec![
        check("sfc_parses", parses, first_message(&sfc.errors)),
        check("script_lang_ts", is_typescript, language_message(sfc, staged)),
        check("compiles", compiles, Some(format!("{error_count} error(s)"))),
    ];
    if staged.has_probe {
        let passed = types.types_checked && probe_error_count == 0;
        let message = if types.types_checked {
            format!("{probe_error_count} error(s) in {PROBE}")
        } else {
            "not checked: the syntax of the answer is wrong".to_owned()
        };
        checks.push(check("probe", passed, Some(message)));
    }

    let mut findings = Findings {
        status: if compiles { FindingsStatus::Passed } else { FindingsStatus::Failed },
        diagnostics: others.into_iter().chain(found).collect(),
        checks,
        details: json!({}),
        ..Findings::default()
    };
    let mut measure = |name: &str, value: f64| {
        findings.measurements.insert(name.to_owned(), value);
    };
    measure("error_count", error_count as f64);
    measure("error_count_without_suppressions", count_without_suppressions as f64);
    if let Some(count) = types.baseline_error_count {
        measure("baseline_error_count", count as f64);
    }
    if staged.has_probe {
        measure("probe_error_count", probe_error_count as f64);
    }
    measure("worker_rss_bytes", answer.rss_bytes as f64);
    coverage::add(&answer.coverage, &mut findings);
    let key = |found: &Diagnostic| {
        let place = (found.file.clone(), found.line, found.column, found.code.clone());
        (staged.entry != found.file, place)
    };
    findings.diagnostics.sort_by_cached_key(key);
    Ok(findings)
}

/// What TypeScript says; nothing when it trips over what Vue's compiler refuses anyway.
fn types_of<'a>(
    outcome: &'a Outcome<TypesReport>,
    sfc: &SfcReport,
) -> Result<Cow<'a, TypesReport>> {
    match outcome {
        Outcome::Done(report) => Ok(Cow::Borrowed(report)),
        Outcome::Crashed { .. } if !sfc.errors.is_empty() => Ok(Cow::Owned(TypesReport::default())),
        Outcome::Crashed { crash } => Err(broke_down("TypeScript", crash)),
    }
}

fn errors(found: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    found.iter().filter(|found| found.severity == Severity::Error)
}

fn in_probe(found: &Diagnostic, staged: &Staged) -> bool {
    staged.has_probe && found.file == PROBE
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

/// One for each script that is not TypeScript, and for each component without one.
fn language_errors(sfc: &SfcReport, staged: &Staged) -> Vec<Diagnostic> {
    let error = |file: &str, line, message: String| Diagnostic {
        severity: if staged.whole_project { Severity::Warning } else { Severity::Error },
        file: file.to_owned(),
        line,
        column: None,
        code: Some("VUE-LANG".to_owned()),
        message,
    };
    let mut errors = Vec::new();
    for file in &staged.answer_files {
        let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
        match extension {
            Some("vue") => {
                let mut scripts = sfc.scripts.iter().filter(|script| script.file == *file);
                for script in scripts.clone().filter(|script| !is_typescript(&script.lang)) {
                    let message =
                        format!("the script's language is `{}` and not `ts`", script.lang);
                    errors.push(error(file, Some(script.line), message));
                }
                let broken = sfc.errors.iter().any(|error| error.file.as_ref() == Some(file));
                if scripts.next().is_none() && !broken {
                    errors.push(error(file, None, "the component has no script".to_owned()));
                }
            }
            Some("js" | "jsx" | "mjs" | "cjs") => {
                errors.push(error(file, None, "the file is JavaScript".to_owned()));
            }
            _ => {}
        }
    }
    errors
}

/// True when each part of the answer that is code is TypeScript.
fn all_typescript(sfc: &SfcReport, staged: &Staged, errors: &[Diagnostic]) -> bool {
    let components = staged.answer_files.iter().filter(|file| file.ends_with(".vue"));
    let has_script = |file: &String| sfc.scripts.iter().any(|script| script.file == *file);
    errors.is_empty() && components.into_iter().all(has_script)
}

fn language_message(sfc: &SfcReport, staged: &Staged) -> Option<String> {
    if !staged.entry.ends_with(".vue") && sfc.scripts.is_empty() {
        return Some(staged.entry.clone());
    }
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

fn outside(file: &str) -> Error {
    let message = format!("the npm project's own check does not look at `{file}`");
    Error::new(ErrorKind::InvalidInput, message).with_hint(
        "name the right configuration in the fixture's `project` option (`\"tsconfig\"`), or set \
         `\"build\": true` when the project is checked with `vue-tsc -b`",
    )
}

fn broke_down(what: &str, crash: &str) -> Error {
    let first: Vec<_> = crash.lines().take(6).collect();
    Error::new(
        ErrorKind::Protocol,
        format!("{what} broke down on the answer:\n{}", first.join("\n")),
    )
    .with_phase("check")
}
