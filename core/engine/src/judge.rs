//! Judges an answer that exists already, without a model.

use llmbench_api::{
    Arrival, BatchOutcome, Case, DoneReason, Error, ErrorKind, Generation, History, PastStep, Step,
    Verdict,
};

use crate::attempt::judged;
use crate::session::Session;

/// What the test makes of `answer`, with the real validators.
///
/// The test's state machine is driven as in a run, with `answer` as the reply
/// to its first request.
///
/// Files, not an answer, are judged by way of [`llmbench_api::TestType::answer_from_files`].
///
/// # Errors
/// Failures of the test or of a validator, after the run's number of retries; `Unsupported` when the test asks a second time.
pub fn judge(session: &Session, case: &Case, answer: &str) -> Result<(Verdict, History), Error> {
    let mut history = History::default();
    loop {
        let step = match session.next_step(case, &history) {
            // A case that asks nothing can be judged all the same: the answer is here.
            Err(error) if history.steps.is_empty() && error.kind == ErrorKind::InvalidInput => {
                Step::Ask { requests: Vec::new(), arrival: Arrival::Sequential }
            }
            step => step?,
        };
        match step {
            Step::Ask { requests, .. } if history.steps.is_empty() => {
                let generation = Generation {
                    text: answer.to_owned(),
                    done_reason: DoneReason::Stop,
                    ..Generation::default()
                };
                history.steps.push(PastStep::Asked {
                    requests,
                    answers: vec![BatchOutcome::Answered(generation)],
                });
            }
            Step::Validate { role, artifact } => {
                let findings = Box::new(judged(session, case, &role, &artifact, &mut Vec::new())?);
                history.steps.push(PastStep::Validated { role, artifact, findings });
            }
            Step::Done { verdict } => return Ok((*verdict, history)),
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "this test asks more than once, so a single answer cannot be judged",
                ));
            }
        }
    }
}
