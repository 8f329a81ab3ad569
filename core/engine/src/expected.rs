//! Keeps the expected solutions of a run's fixtures beside its results.
//!
//! A report can then show an answer beside the solution on any machine, long
//! after the fixtures have changed. They are copies for readers: nothing judges
//! by them.

use llmbench_api::Case;

use crate::journal::{Journal, JournalError};
use crate::session::Session;

/// Name of the file, in a folder with the fixture's name below `fixtures/`.
const EXPECTED_FILE: &str = "expected.md";

/// Writes `fixtures/<name>/expected.md` for each case whose test states an answer worth the highest score.
///
/// A test that states none, or fails to say, leaves no file; the report tells that there is none.
///
/// # Errors
/// [`JournalError`] when a file cannot be written.
pub(crate) fn keep(
    journal: &Journal,
    session: &Session,
    cases: &[Case],
) -> Result<(), JournalError> {
    let highest = session.description.max_score;
    for case in cases {
        let references = match session.test.references(case) {
            Ok(references) => references,
            Err(error) => {
                tracing::warn!(%error, fixture = case.name, "the expected solution is not kept");
                continue;
            }
        };
        if let Some(solution) = references.iter().find(|known| known.min_score >= highest) {
            let mut kept = journal.fixture(&case.name)?;
            kept.text(EXPECTED_FILE, &solution.answer)?;
            kept.finish()?;
        }
    }
    Ok(())
}
