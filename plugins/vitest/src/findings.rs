//! From a run to findings.

use std::collections::BTreeMap;

use llmbench_api::{Check, Diagnostic, Findings, FindingsStatus, Severity};
use serde_json::json;

use crate::baseline::{self, Baseline};
use crate::report::{Report, SpecRun};
use crate::run::Ended;

/// Whether the answer left the results and the machine alone.
pub const STAYS_IN_SANDBOX: &str = "stays_in_sandbox";
/// Present when the run did not get to its end.
pub const COMPLETES: &str = "completes";
/// Present when something was thrown that nobody caught.
pub const NO_UNHANDLED_ERRORS: &str = "no_unhandled_errors";

const MAX_DIAGNOSTICS: usize = 20;

/// What a run of the spec says about the answer.
///
/// `refused_files` are files of the answer that would have replaced the
/// fixture's own.
pub(crate) fn judge(
    run: SpecRun,
    owed: &Baseline,
    refused_files: &[String],
    entry: &str,
    sandbox: &str,
) -> Findings {
    let SpecRun { outcome, report } = run;
    let mut distrust =
        refused_files.first().map(|name| format!("the answer tried to replace `{name}`"));
    let mut checks = Vec::new();
    let mut diagnostics = Vec::new();
    let report = report.unwrap_or_default();
    if !matches!(outcome.ended, Ended::Completed(_)) {
        checks.push(check(COMPLETES, false, Some(outcome.ended.describe())));
    }
    distrust = distrust.or_else(|| report.distrust());
    let tests = judge_tests(&report, owed, &outcome.ended);
    let passed = tests.iter().filter(|test| test.passed).count();
    let test_count = tests.len();
    checks.extend(tests);
    checks.push(check(STAYS_IN_SANDBOX, distrust.is_none(), distrust));
    if let Some(error) = report.unhandled.first() {
        checks.push(check(NO_UNHANDLED_ERRORS, false, Some(error.clone())));
    }
    let mut say = |file: &str, code: &str, message: String| {
        diagnostics.push(Diagnostic {
            severity: Severity::Error,
            file: file.to_owned(),
            line: None,
            column: None,
            code: Some(code.to_owned()),
            message,
        });
    };
    for refused in &report.refused {
        say(&refused.file, "IMPORT", format!("`{}` may not be imported", refused.specifier));
    }
    for attempt in &report.attempts {
        say(entry, "ESCAPE", format!("tried {attempt}"));
    }
    for error in &report.errors {
        say(entry, "LOAD", error.clone());
    }
    diagnostics.truncate(MAX_DIAGNOSTICS);
    // Errors of files and hooks fail the run as they do in Vitest itself.
    let good = checks.iter().all(|check| check.passed) && report.errors.is_empty();
    let mut measurements = BTreeMap::from([
        ("test_count".to_owned(), test_count as f64),
        ("passed_test_count".to_owned(), passed as f64),
        ("check_sec".to_owned(), outcome.wall_sec),
    ]);
    measurements.extend(outcome.cpu_sec.map(|value| ("cpu_sec".to_owned(), value)));
    let memory = outcome.peak_memory_bytes.map(|bytes| bytes as f64);
    measurements.extend(memory.map(|value| ("peak_memory_bytes".to_owned(), value)));
    Findings {
        status: if good { FindingsStatus::Passed } else { FindingsStatus::Failed },
        checks,
        diagnostics,
        measurements,
        details: json!({ "sandbox": sandbox, "ended": outcome.ended.name() }),
        ..Findings::default()
    }
}

/// One check for each test: those that are owed, then others that ran.
fn judge_tests(report: &Report, owed: &Baseline, ended: &Ended) -> Vec<Check> {
    let never_ran = match ended {
        Ended::Completed(_) => "missing in the output".to_owned(),
        early => format!("not known: {}", early.describe()),
    };
    let names = baseline::unique(report.tests.iter().map(|test| test.name.clone()));
    let ran: BTreeMap<_, _> = names.iter().zip(&report.tests).collect();
    let judge = |name: &String| match ran.get(name) {
        None => check(name, false, Some(never_ran.clone())),
        Some(test) if test.state == "passed" => check(name, true, None),
        Some(test) => {
            let message = test.message.clone().unwrap_or_else(|| format!("it is {}", test.state));
            check(name, false, Some(message))
        }
    };
    let others = names.iter().filter(|name| !owed.tests.contains(name));
    let others = others.filter(|name| ran[name].state != "skipped");
    owed.tests.iter().chain(others).map(judge).collect()
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
