//! What was wrong, in lines for the user.

use llmbench_api::{Check, Findings, Severity};

/// Of the compiler's errors; the rest is for gates, tests and structure checks.
const MOST_COMPILER_ERRORS: usize = 30;
/// Of failed behaviour tests.
const MOST_FAILED_TESTS: usize = 10;

/// `Component.vue:12:5 TS2322 …` for each error.
pub(super) fn compiler_errors(types: &Findings) -> Vec<String> {
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
            format!("{place} {code}{}", first_line(&it.message))
        })
        .collect();
    if errors.len() > MOST_COMPILER_ERRORS {
        lines.push(format!("and {} more compiler errors", errors.len() - MOST_COMPILER_ERRORS));
    }
    lines
}

/// One line for each behaviour test that failed.
pub(super) fn failed_tests(behaviour: &Findings) -> Vec<String> {
    let failed: Vec<_> = behaviour.checks.iter().filter(|check| !check.passed).collect();
    let mut lines: Vec<_> =
        failed.iter().take(MOST_FAILED_TESTS).map(|it| line("behaviour test", it)).collect();
    if failed.len() > MOST_FAILED_TESTS {
        lines.push(format!("and {} more behaviour tests", failed.len() - MOST_FAILED_TESTS));
    }
    lines
}

/// One line for each structure check that failed and has a weight.
pub(super) fn failed_checks(structure: &Findings) -> Vec<String> {
    let failed = structure.checks.iter().filter(|check| !check.passed && check.weight > 0.0);
    failed.map(|check| line("structure check", check)).collect()
}

fn line(what: &str, check: &Check) -> String {
    match &check.message {
        Some(message) => format!("{what} `{}` failed: {}", check.name, first_line(message)),
        None => format!("{what} `{}` failed", check.name),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
