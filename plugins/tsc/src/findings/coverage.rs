//! How much of the answer has a type.

use llmbench_api::{Diagnostic, Findings, Severity};
use serde_json::json;

use crate::worker::{AnyIdentifier, Coverage};

/// Identifiers of type `any` that are listed one by one.
const LISTED: usize = 20;

/// Adds measurements and the first identifiers of type `any`, or the reason why
/// nothing was measured.
pub(super) fn add(coverage: &Coverage, findings: &mut Findings) {
    let (identifiers, of_any) = match coverage {
        Coverage::Measured { identifier_count: 0, .. } => {
            return explain(findings, "the answer has no identifiers");
        }
        Coverage::Measured { identifier_count, any_identifiers } => {
            (*identifier_count as f64, any_identifiers)
        }
        Coverage::Unknown { reason } => return explain(findings, reason),
        Coverage::Crashed { crash } => {
            return explain(findings, crash.lines().next().unwrap_or_default());
        }
    };
    let any = of_any.len() as f64;
    let measured = [
        ("identifier_count", identifiers),
        ("any_identifier_count", any),
        ("type_coverage", (identifiers - any) / identifiers),
    ];
    findings.measurements.extend(measured.map(|(name, value)| (name.to_owned(), value)));
    findings.diagnostics.extend(of_any.iter().take(LISTED).map(diagnostic));
}

fn explain(findings: &mut Findings, reason: &str) {
    findings.details["type_coverage"] = json!(reason);
}

fn diagnostic(found: &AnyIdentifier) -> Diagnostic {
    Diagnostic {
        severity: Severity::Info,
        file: found.file.clone(),
        line: Some(found.line),
        column: Some(found.column),
        code: Some("ANY".to_owned()),
        message: format!("the type of `{}` is `any`", found.word),
    }
}
