//! One attempt: drives the test type's state machine to its verdict.

mod ask;
mod pieces;
mod record;
mod speeds;
mod validate;

use llmbench_api::record::{AttemptRecord, AttemptStatus};
use llmbench_api::{
    Artifact, Case, Error, ErrorKind, Findings, History, ModelIdentity, PastStep, Series, Step,
    Verdict,
};

use crate::plan::PlannedAttempt;
use crate::session::Session;
use crate::validity::Tokenizer;

pub(crate) use ask::{Exchange, apply};
pub(crate) use record::RecordInput;
pub(crate) use validate::check;

/// A test that never ends would be a fault of its author.
const MAX_STEPS: usize = 1000;

/// What an attempt needs to know beside the session.
#[derive(Clone, Copy)]
pub struct AttemptInput<'a> {
    /// What was planned.
    pub planned: &'a PlannedAttempt,
    /// The model; its name is the one that was given.
    pub model: &'a ModelIdentity,
    /// The case.
    pub case: &'a Case,
    /// How this model counts tokens.
    pub tokenizer: Tokenizer,
    /// True when this model has seen this case's first prompt in this run.
    pub prompt_seen: bool,
}

/// A finished attempt with everything for its artifacts.
pub struct Attempt {
    /// The line for `samples.jsonl`.
    pub record: AttemptRecord,
    /// What happened, step by step.
    pub history: History,
    /// Monitor → everything it sampled, one for each batch of requests.
    pub series: Vec<(String, Series)>,
    /// The error that ended it, when one did.
    pub error: Option<Error>,
}

/// The record of an attempt that was not made because its model cannot be used.
pub fn unusable(session: &Session, input: AttemptInput<'_>, error: Error) -> Attempt {
    let timestamp = jiff::Timestamp::now().to_string();
    let history = beginning(input);
    let ending = lost(error);
    let record = record::record(RecordInput {
        session,
        input,
        timestamp,
        ending: &ending,
        history: &history,
        exchanges: &[],
        judging_retries: &[],
    });
    Attempt { record, history, series: Vec::new(), error: ending.error }
}

/// The history of an attempt that has done nothing yet.
fn beginning(input: AttemptInput<'_>) -> History {
    History {
        run_index: input.planned.run_index,
        steps: Vec::new(),
        seed: input.planned.seed,
        model: Some(Box::new(input.model.clone())),
        nonce: uuid::Uuid::new_v4().simple().to_string(),
    }
}

/// How the loop below ended.
struct Ending {
    status: AttemptStatus,
    verdict: Verdict,
    error: Option<Error>,
}

/// Makes one attempt. Never fails: a failure is its status.
pub fn attempt(session: &Session, input: AttemptInput<'_>) -> Attempt {
    let timestamp = jiff::Timestamp::now().to_string();
    let mut history = beginning(input);
    let mut exchanges = Vec::new();
    let mut judging_retries = Vec::new();
    let ending = drive(session, input, &mut history, &mut exchanges, &mut judging_retries);
    let record = record::record(RecordInput {
        session,
        input,
        timestamp,
        ending: &ending,
        history: &history,
        exchanges: &exchanges,
        judging_retries: &judging_retries,
    });
    let series = exchanges
        .into_iter()
        .flat_map(|exchange| exchange.watched)
        .map(|seen| (seen.name, seen.series))
        .collect();
    Attempt { record, history, series, error: ending.error }
}

fn drive(
    session: &Session,
    input: AttemptInput<'_>,
    history: &mut History,
    exchanges: &mut Vec<Exchange>,
    judging_retries: &mut Vec<String>,
) -> Ending {
    for _ in 0..MAX_STEPS {
        let step = match session.next_step(input.case, history) {
            Ok(step) => step,
            Err(error) => return lost(error),
        };
        match step {
            Step::Ask { requests, arrival } => {
                let exchange = ask::ask(session, input, requests, &arrival);
                history.steps.push(PastStep::Asked {
                    requests: exchange.requests.clone(),
                    answers: exchange.answers.clone(),
                });
                let failure = exchange.failure.clone();
                let invalid = exchange.invalid.clone();
                exchanges.push(exchange);
                if let Some(error) = failure {
                    return lost(error);
                }
                if let Some(reason) = invalid {
                    return Ending {
                        status: AttemptStatus::Invalid,
                        verdict: Verdict::invalid(reason),
                        error: None,
                    };
                }
            }
            Step::Validate { role, artifact } => {
                match judged(session, input.case, &role, &artifact, judging_retries) {
                    Ok(findings) => history.steps.push(PastStep::Validated {
                        role,
                        artifact,
                        findings: Box::new(findings),
                    }),
                    Err(error) => return lost(error),
                }
            }
            Step::Done { verdict } => {
                let max = session.description.max_score;
                if let Some(score) = verdict.score.filter(|score| !(0.0..=max).contains(score)) {
                    let message = format!("the test gave a score of {score} of at most {max}");
                    return lost(Error::new(ErrorKind::Internal, message));
                }
                let status = if verdict.invalid.is_some() {
                    AttemptStatus::Invalid
                } else {
                    AttemptStatus::Scored
                };
                return Ending { status, verdict: *verdict, error: None };
            }
            _ => {
                return lost(Error::new(
                    ErrorKind::Unsupported,
                    "the test wants a step that this llmbench does not know",
                ));
            }
        }
    }
    lost(Error::new(ErrorKind::Internal, format!("the test did not end after {MAX_STEPS} steps")))
}

/// Findings of a role; a role that nobody plays is skipped with its reason.
///
/// A validator whose tool was lost (killed, for example) or had no processor is asked again: the
/// answer is there, and the model need not be troubled.
pub(crate) fn judged(
    session: &Session,
    case: &Case,
    role: &str,
    artifact: &Artifact,
    retries: &mut Vec<String>,
) -> Result<Findings, Error> {
    session.tell(&crate::RunEvent::Judging { role });
    let mut left = session.options.retries;
    loop {
        let error = match check(session, case, role, artifact) {
            Err(error) => error,
            found => return found,
        };
        let is_lost =
            matches!(error.kind, ErrorKind::Protocol | ErrorKind::Unavailable | ErrorKind::Busy);
        if !is_lost || left == 0 || session.cancel.is_cancelled() {
            return Err(error);
        }
        left -= 1;
        let reason = format!("judging {role}: {error}");
        session.tell(&crate::RunEvent::Retrying { reason: &reason });
        retries.push(reason);
    }
}

/// The status of an attempt that an error ended.
fn lost(error: Error) -> Ending {
    let status = match error.kind {
        // A validator or plugin that overstays is a fault of the tool, not of the model.
        ErrorKind::Timeout if matches!(error.phase.as_deref(), Some("answer" | "first_token")) => {
            AttemptStatus::Timeout
        }
        ErrorKind::Cancelled => AttemptStatus::Cancelled,
        _ => AttemptStatus::InfraError,
    };
    Ending { status, verdict: Verdict::default(), error: Some(error) }
}
