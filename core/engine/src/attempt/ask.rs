//! Sends the requests of one step and watches the hardware meanwhile.

use std::sync::Arc;

use llmbench_api::{
    Arrival, BatchOutcome, Error, ErrorKind, Event, EventKind, EventSink, Flow, GenerateOptions,
    GenerateRequest, Generation, Overrides, Purpose,
};

use super::AttemptInput;
use crate::call::bounded;
use crate::events::{Observer, RunEvent};
use crate::session::Session;
use crate::validity;
use crate::watch::{Watch, Watched, Window};

/// A batch of requests and everything that came of it.
pub(crate) struct Exchange {
    /// As sent.
    pub(crate) requests: Vec<GenerateRequest>,
    /// One for each request that was sent.
    pub(crate) answers: Vec<BatchOutcome>,
    /// What the monitors saw.
    pub(crate) watched: Vec<Watched>,
    /// The error that ends the attempt.
    pub(crate) failure: Option<Error>,
    /// Why the attempt does not count.
    pub(crate) invalid: Option<String>,
    /// Failures that were retried.
    pub(crate) retries: Vec<String>,
}

impl Exchange {
    /// The complete answers whose figures are the attempt's.
    pub(crate) fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.requests.iter().zip(&self.answers).filter_map(|(request, answer)| match answer {
            BatchOutcome::Answered(generation) if request.purpose == Purpose::Measured => {
                Some(generation)
            }
            _ => None,
        })
    }

    /// True when nothing of it is part of the attempt's figures.
    pub(crate) fn is_preparation(&self) -> bool {
        !self.requests.is_empty()
            && self.requests.iter().all(|request| request.purpose == Purpose::Preparation)
    }

    /// When the model was at work.
    pub(crate) fn windows(&self) -> Vec<Window> {
        self.generations()
            .map(|answer| Window { from_ns: answer.sent_at_ns, to_ns: answer.done_at_ns })
            .collect()
    }
}

/// Sends `requests`; monitors sample while they are answered and stop before anything is judged.
pub(crate) fn ask(
    session: &Session,
    input: AttemptInput<'_>,
    requests: Vec<GenerateRequest>,
    arrival: &Arrival,
) -> Exchange {
    let requests: Vec<_> =
        requests.into_iter().map(|request| complete(session, input, request)).collect();
    let watch = Watch::start(session);
    let mut retries = Vec::new();
    let outcome = match arrival {
        Arrival::Sequential => one_after_the_other(session, &requests, &mut retries),
        scheduled => as_batch(session, &requests, scheduled),
    };
    let watched = watch.stop();
    let (answers, failure) = match outcome {
        Ok(answers) => (answers, None),
        Err((answers, error)) => (answers, Some(error)),
    };
    let invalid = requests.iter().zip(&answers).find_map(|(request, answer)| match answer {
        BatchOutcome::Answered(generation) if !session.description.judges_truncation => {
            validity::invalid(request, generation, input.tokenizer)
        }
        _ => None,
    });
    Exchange { requests, answers, watched, failure, invalid, retries }
}

/// Fills in model, seed and the run's options where the test left them at their defaults.
fn complete(
    session: &Session,
    input: AttemptInput<'_>,
    mut request: GenerateRequest,
) -> GenerateRequest {
    request.model.clone_from(&input.model.name);
    request.options = merged(&request.options, &session.options.generate);
    request.options.seed = input.planned.seed;
    apply(&request.overrides, &mut request.options);
    request
}

/// What the test insists on.
pub(crate) fn apply(overrides: &Overrides, options: &mut GenerateOptions) {
    let Overrides { num_ctx, max_tokens, temperature, seed_offset } = overrides;
    options.num_ctx = num_ctx.unwrap_or(options.num_ctx);
    options.max_tokens = max_tokens.unwrap_or(options.max_tokens);
    options.temperature = temperature.unwrap_or(options.temperature);
    options.seed = options.seed.wrapping_add(seed_offset.unwrap_or(0));
}

/// The test's options, and the run's wherever the test left the default.
fn merged(test: &GenerateOptions, run: &GenerateOptions) -> GenerateOptions {
    fn pick<T: PartialEq + Copy>(test: T, default: T, run: T) -> T {
        if test == default { run } else { test }
    }
    let default = GenerateOptions::default();
    GenerateOptions {
        num_ctx: pick(test.num_ctx, default.num_ctx, run.num_ctx),
        max_tokens: pick(test.max_tokens, default.max_tokens, run.max_tokens),
        temperature: pick(test.temperature, default.temperature, run.temperature),
        top_p: pick(test.top_p, default.top_p, run.top_p),
        top_k: pick(test.top_k, default.top_k, run.top_k),
        repeat_penalty: pick(test.repeat_penalty, default.repeat_penalty, run.repeat_penalty),
        seed: run.seed,
    }
}

type Outcome = Result<Vec<BatchOutcome>, (Vec<BatchOutcome>, Error)>;

fn one_after_the_other(
    session: &Session,
    requests: &[GenerateRequest],
    retries: &mut Vec<String>,
) -> Outcome {
    let mut answers = Vec::new();
    for request in requests {
        match with_retries(session, request, retries) {
            Ok(generation) => answers.push(BatchOutcome::Answered(generation)),
            Err(error) => {
                answers.push(BatchOutcome::Failed(error.clone()));
                return Err((answers, error));
            }
        }
    }
    Ok(answers)
}

/// Infrastructure failures are repeated after a pause that doubles; each is recorded.
fn with_retries(
    session: &Session,
    request: &GenerateRequest,
    retries: &mut Vec<String>,
) -> Result<Generation, Error> {
    let mut pause = session.options.retry_pause;
    let mut left = session.options.retries;
    loop {
        let error = match generate(session, request) {
            Ok(generation) => return Ok(generation),
            Err(error) => error,
        };
        if !error.kind.is_transient() || left == 0 || session.cancel.is_cancelled() {
            return Err(error);
        }
        left -= 1;
        let reason = error.to_string();
        session.tell(&RunEvent::Retrying { reason: &reason });
        tracing::warn!(reason, "request failed, trying again");
        retries.push(reason);
        if !session.cancel.sleep(pause) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        pause *= 2;
    }
}

/// One request, with the run's time limit.
pub(crate) fn generate(session: &Session, request: &GenerateRequest) -> Result<Generation, Error> {
    let cx = crate::control::quiet_context(&session.cancel, Some(session.options.request_timeout));
    let (backend, request, sink) = (Arc::clone(&session.backend), request.clone(), sink(session));
    bounded("the backend", &cx, move |cx| backend.generate(&request, &sink, cx))
}

fn as_batch(session: &Session, requests: &[GenerateRequest], arrival: &Arrival) -> Outcome {
    // Each request may use its whole limit, one after the other in the worst case.
    let limit = session.options.request_timeout * requests.len().max(1) as u32;
    let cx = crate::control::quiet_context(&session.cancel, Some(limit));
    let (backend, requests, arrival, sink) =
        (Arc::clone(&session.backend), requests.to_vec(), arrival.clone(), sink(session));
    bounded("the backend", &cx, move |cx| backend.generate_batch(&requests, &arrival, &sink, cx))
        .map_err(|error| (Vec::new(), error))
}

fn sink(session: &Session) -> ObservedEvents {
    ObservedEvents(Arc::clone(&session.observer))
}

/// Passes the arrival of text on to the observer.
struct ObservedEvents(Arc<dyn Observer>);

impl EventSink for ObservedEvents {
    fn event(&self, event: Event<'_>) -> Flow {
        if matches!(event.kind, EventKind::Text | EventKind::Thinking) {
            self.0.event(&RunEvent::Chunk { bytes: event.text.len(), at_ns: event.at_ns });
        }
        Flow::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_sets_holds_and_the_rest_is_the_runs() {
        let test = GenerateOptions { max_tokens: 5, ..GenerateOptions::default() };
        let run = GenerateOptions { max_tokens: 100, num_ctx: 512, ..GenerateOptions::default() };
        let merged = merged(&test, &run);
        assert_eq!((merged.max_tokens, merged.num_ctx), (5, 512));
    }

    #[test]
    fn what_a_test_insists_on_holds_also_where_it_is_a_default() {
        let run = GenerateOptions { num_ctx: 512, seed: 7, ..GenerateOptions::default() };
        let mut options = merged(&GenerateOptions::default(), &run);
        options.seed = 7;
        let default = GenerateOptions::default().num_ctx;
        let overrides =
            Overrides { num_ctx: Some(default), seed_offset: Some(35), ..Overrides::default() };
        apply(&overrides, &mut options);
        assert_eq!((options.num_ctx, options.seed), (default, 42));
        apply(&Overrides::default(), &mut options);
        assert_eq!((options.num_ctx, options.seed), (default, 42));
    }
}
