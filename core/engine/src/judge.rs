//! Judges answers that exist already, without a model.

use llmbench_api::{
    Answer, Arrival, Case, DoneReason, Error, ErrorKind, GenerateRequest, Generation, History,
    ModelIdentity, PastStep, Step, Verdict,
};

use crate::attempt::judged;
use crate::session::Session;

/// What an attempt asked and was answered: all that is needed to judge it again.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Index of the run, from 0.
    pub run_index: u32,
    /// Seed of the attempt.
    pub seed: u64,
    /// The model that answered, where it is known.
    pub model: Option<Box<ModelIdentity>>,
    /// One for each time that the test asked, oldest first.
    pub exchanges: Vec<StoredExchange>,
}

/// The answers to one batch of requests.
#[derive(Debug, Clone)]
pub struct StoredExchange {
    /// As they were sent; without them those that the test makes now.
    pub requests: Option<Vec<GenerateRequest>>,
    /// One for each request.
    pub answers: Vec<Answer>,
}

impl Stored {
    /// One answer to the first request of a test.
    pub fn answer(text: impl Into<String>) -> Self {
        let generation = Generation {
            text: text.into(),
            done_reason: DoneReason::Stop,
            ..Generation::default()
        };
        let answers = vec![Answer::Answered(generation)];
        Self { exchanges: vec![StoredExchange { requests: None, answers }], ..Self::default() }
    }
}

/// What the test makes of `stored`, with the real validators.
///
/// The test's state machine is driven as in a run, with what is stored as the replies
/// to its requests.
///
/// Files, not an answer, are judged by way of [`llmbench_api::TestType::answer_from_files`].
///
/// # Errors
/// Failures of the test or of a validator, after the run's number of retries; `Unsupported` when
/// the test asks more often than answers are stored.
pub fn judge(session: &Session, case: &Case, stored: &Stored) -> Result<(Verdict, History), Error> {
    let mut history = History {
        run_index: stored.run_index,
        seed: stored.seed,
        model: stored.model.clone(),
        ..History::default()
    };
    let mut exchanges = stored.exchanges.iter();
    loop {
        let step = match session.next_step(case, &history) {
            // A case that asks nothing can be judged all the same: the answer is here.
            Err(error) if history.steps.is_empty() && error.kind == ErrorKind::InvalidInput => {
                Step::Ask { requests: Vec::new(), arrival: Arrival::Sequential }
            }
            step => step?,
        };
        match step {
            Step::Ask { requests, .. } => {
                let exchange = exchanges.next().ok_or_else(|| asks_more(stored))?;
                history.steps.push(PastStep::Asked {
                    requests: exchange.requests.clone().unwrap_or(requests),
                    answers: exchange.answers.clone(),
                });
            }
            Step::Validate { role, artifact } => {
                let findings = Box::new(judged(session, case, &role, &artifact, &mut Vec::new())?);
                history.steps.push(PastStep::Validated { role, artifact, findings });
            }
            Step::Done { verdict } => return Ok((*verdict, history)),
            _ => {
                let message = "this version of llmbench does not know what the test asks for";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        }
    }
}

fn asks_more(stored: &Stored) -> Error {
    let message = match stored.exchanges.as_slice() {
        [StoredExchange { requests: None, .. }] => {
            "this test asks more than once, so a single answer cannot be judged".to_owned()
        }
        exchanges => format!(
            "the test asks more often than in the run, where it asked {} times",
            exchanges.len()
        ),
    };
    Error::new(ErrorKind::Unsupported, message)
}
