//! Has an artifact judged.

use std::sync::Arc;

use llmbench_api::{Artifact, Case, Error, ErrorKind, Findings};

use crate::call::bounded;
use crate::session::{RolePlayer, Session};

/// What the role's validator finds; skipped with the reason when nobody plays it.
///
/// # Errors
/// Failures of the validator itself; a time-out of a validator has phase `check`.
pub(crate) fn check(
    session: &Session,
    case: &Case,
    role: &str,
    artifact: &Artifact,
) -> Result<Findings, Error> {
    let (name, validator) = match session.roles.get(role) {
        Some(RolePlayer::Validator { name, validator }) => (name, Arc::clone(validator)),
        Some(RolePlayer::Skipped { reason }) => return Ok(Findings::skipped(reason.clone())),
        None => {
            return Ok(Findings::skipped(format!("the test does not declare the role `{role}`")));
        }
    };
    let (artifact, project) = (artifact.clone(), case.project.clone());
    let cx = crate::control::quiet_context(&session.cancel, Some(session.options.check_timeout));
    let mut findings =
        bounded("a validator", &cx, move |cx| validator.check(&artifact, &project, cx)).map_err(
            |error| {
                if error.kind == ErrorKind::Timeout { error.with_phase("check") } else { error }
            },
        )?;
    findings.validator = name.clone();
    Ok(findings)
}
