//! Sends the requests of one step and watches the hardware meanwhile.

use std::sync::Arc;
use std::time::Duration;

use llmbench_api::{
    Arrival, BatchOutcome, Error, ErrorKind, Event, EventKind, EventSink, Flow, GenerateOptions,
    GenerateRequest, Generation, Overrides, Purpose,
};

use super::AttemptInput;
use super::pieces::Pieces;
use crate::call::bounded;
use crate::counting::Count;
use crate::events::{Observer, RunEvent};
use crate::session::{RunOptions, Session};
use crate::validity::{self, Tokenizer};
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
    /// What makes the figures doubtful.
    pub(crate) warnings: Vec<String>,
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

    /// When the model was at work; these may overlap.
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
        Ok(answers) => {
            let cut_short = session.cancel.is_cancelled().then(|| cancelled(&answers)).flatten();
            (answers, cut_short)
        }
        Err((answers, error)) => (answers, Some(error)),
    };
    let invalid = match session.description.judges_truncation {
        true => None,
        false => invalid(session, input, &requests, &answers),
    };
    let warnings = beyond_certified(arrival, &session.options).into_iter().collect();
    Exchange { requests, answers, watched, failure, invalid, retries, warnings }
}

/// Why the answers do not count; asks how the model counts this text where that is in doubt.
fn invalid(
    session: &Session,
    input: AttemptInput<'_>,
    requests: &[GenerateRequest],
    answers: &[BatchOutcome],
) -> Option<String> {
    let answered = requests.iter().zip(answers).filter_map(|(request, answer)| match answer {
        BatchOutcome::Answered(generation) => Some((request, generation)),
        BatchOutcome::Failed(_) => None,
    });
    validity::invalid(answered, input.tokenizer, |request| {
        let count = Count::learn(session, &input.model.name, request).ok()??;
        Some(Tokenizer {
            bytes_per_token: Some(count.bytes_per_token),
            overhead_tokens: count.overhead_tokens,
            ..input.tokenizer
        })
    })
}

/// A remark when a load is more than this machine was found to measure exactly.
fn beyond_certified(arrival: &Arrival, options: &RunOptions) -> Option<String> {
    let advice =
        "the client's own delays may be part of the figures (`llmbench doctor --calibrate`)";
    match (arrival, options.certified_streams, options.certified_requests_per_sec) {
        (Arrival::Closed { concurrency }, Some(certified), _)
            if u64::from(*concurrency) > certified =>
        {
            Some(format!(
                "{concurrency} requests at a time, but this machine measures exactly only up to \
                 {certified}: {advice}"
            ))
        }
        (Arrival::Open { rate_per_second, .. }, _, Some(certified))
            if *rate_per_second > certified =>
        {
            Some(format!(
                "{rate_per_second} requests per second, but this machine's client makes at most \
                 {certified:.0}: {advice}"
            ))
        }
        _ => None,
    }
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

/// The error of the first request that was not answered because the user stopped the run.
fn cancelled(answers: &[BatchOutcome]) -> Option<Error> {
    answers.iter().find_map(|answer| match answer {
        BatchOutcome::Failed(error) if error.kind == ErrorKind::Cancelled => Some(error.clone()),
        _ => None,
    })
}

/// Failures of a load before its first answer, after which asking more is in vain.
const MOST_FAILED: usize = 3;

/// A failure ends the exchange, but for requests of a load: that counts its failures, and none is
/// asked again, because the second try would be another request at another time.
fn one_after_the_other(
    session: &Session,
    requests: &[GenerateRequest],
    retries: &mut Vec<String>,
) -> Outcome {
    let mut answers = Vec::new();
    for request in requests {
        let is_of_load = !session.description.is_scored && request.purpose == Purpose::Measured;
        let outcome = match is_of_load {
            true => generate(session, request),
            false => with_retries(session, request, retries),
        };
        let error = match outcome {
            Ok(generation) => {
                answers.push(BatchOutcome::Answered(generation));
                continue;
            }
            Err(error) => error,
        };
        answers.push(BatchOutcome::Failed(error.clone()));
        let in_vain = answers.len() >= MOST_FAILED
            && answers.iter().all(|answer| matches!(answer, BatchOutcome::Failed(_)));
        if !is_of_load || in_vain || session.cancel.is_cancelled() {
            return Err((answers, error));
        }
    }
    Ok(answers)
}

/// How long a run waits at most because a server asks for it.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Infrastructure failures are repeated after a pause that doubles, or after the time that the
/// server asks for where that is longer; each is recorded. A server that asks for more than
/// [`LONGEST_WAIT`] is not asked again.
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
        let Some(wait) = wait(pause, &error) else {
            return Err(error.with_hint(
                "it was not asked again; go on later with `llmbench run --resume latest`",
            ));
        };
        left -= 1;
        let reason = error.to_string();
        session.tell(&RunEvent::Retrying { reason: &reason });
        tracing::warn!(reason, "request failed, trying again");
        retries.push(reason);
        if !session.cancel.sleep(wait) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        pause *= 2;
    }
}

/// How long to wait before the next try; `None` when the server asks for too much.
fn wait(pause: Duration, error: &Error) -> Option<Duration> {
    let asked = Duration::from_millis(error.retry_after_ms.unwrap_or(0));
    (asked <= LONGEST_WAIT).then(|| pause.max(asked))
}

/// One request, with the run's time limit.
pub(crate) fn generate(session: &Session, request: &GenerateRequest) -> Result<Generation, Error> {
    let cx = crate::control::quiet_context(&session.cancel, Some(session.options.request_timeout));
    let (backend, request, sink) = (Arc::clone(&session.backend), request.clone(), sink(session));
    bounded("the backend", &cx, move |cx| {
        let mut answer = backend.generate(&request, &sink, cx)?;
        sink.pieces.complete(&mut answer);
        Ok(answer)
    })
}

/// What a backend may need for a batch beyond its requests' own limits.
const BATCH_GRACE: Duration = Duration::from_secs(5);

fn as_batch(session: &Session, requests: &[GenerateRequest], arrival: &Arrival) -> Outcome {
    let request_limit = session.options.request_timeout;
    let limit = batch_limit(requests.len(), arrival, request_limit);
    let cx = crate::control::quiet_context(&session.cancel, Some(limit));
    let mut requests = requests.to_vec();
    for request in &mut requests {
        request.limit_ms.get_or_insert(request_limit.as_millis() as u64);
    }
    let (backend, arrival) = (Arc::clone(&session.backend), arrival.clone());
    let sink = ObservedBatch(Arc::clone(&session.observer));
    bounded("the backend", &cx, move |cx| backend.generate_batch(&requests, &arrival, &sink, cx))
        .map_err(|error| (Vec::new(), error))
}

/// How long a batch may take when each request uses its whole limit.
///
/// A closed loop of n requests at c a time takes at most ⌈n/c⌉ limits. An open one
/// takes its schedule, whose exponential gaps may add up to twice their mean, and
/// the last request's limit. The backend ends each request at its own limit; this
/// one is for a backend that does not.
fn batch_limit(count: usize, arrival: &Arrival, request_limit: Duration) -> Duration {
    let rounds = |concurrency: u32| count.div_ceil(concurrency.max(1) as usize).max(1);
    let limit = match arrival {
        Arrival::Closed { concurrency } => {
            request_limit.saturating_mul(rounds(*concurrency).min(u32::MAX as usize) as u32)
        }
        Arrival::Open { rate_per_second, poisson } => {
            let stretch = if *poisson { 2.0 } else { 1.0 };
            let schedule_sec = count as f64 / rate_per_second * stretch;
            Duration::try_from_secs_f64(schedule_sec)
                .unwrap_or(Duration::MAX)
                .saturating_add(request_limit)
        }
        _ => request_limit.saturating_mul(rounds(1).min(u32::MAX as usize) as u32),
    };
    // A deadline must stay an instant that can be represented.
    limit.saturating_add(BATCH_GRACE).min(Duration::from_secs(30 * 24 * 3600))
}

fn sink(session: &Session) -> ObservedEvents {
    ObservedEvents { observer: Arc::clone(&session.observer), pieces: Pieces::default() }
}

/// Passes the arrival of text on to the observer, and counts the pieces.
struct ObservedEvents {
    observer: Arc<dyn Observer>,
    pieces: Pieces,
}

impl EventSink for ObservedEvents {
    fn event(&self, event: Event<'_>) -> Flow {
        if is_content(&event) {
            self.pieces.arrived(event.at_ns);
        }
        tell(&*self.observer, &event)
    }
}

/// Passes the arrival of the texts of a batch on to the observer.
struct ObservedBatch(Arc<dyn Observer>);

impl EventSink for ObservedBatch {
    fn event(&self, event: Event<'_>) -> Flow {
        tell(&*self.0, &event)
    }
}

fn is_content(event: &Event<'_>) -> bool {
    matches!(event.kind, EventKind::Text | EventKind::Thinking)
}

fn tell(observer: &dyn Observer, event: &Event<'_>) -> Flow {
    if is_content(event) {
        observer.event(&RunEvent::Chunk { bytes: event.text.len(), at_ns: event.at_ns });
    }
    Flow::Continue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_may_take_what_its_schedule_and_its_requests_limits_allow() {
        fn check(count: usize, arrival: Arrival, expected_sec: u64) {
            let limit = batch_limit(count, &arrival, Duration::from_secs(30));
            assert_eq!(limit, Duration::from_secs(expected_sec) + BATCH_GRACE, "{arrival:?}");
        }
        let open = |rate_per_second, poisson| Arrival::Open { rate_per_second, poisson };
        check(3, Arrival::Sequential, 90);
        check(64, Arrival::Closed { concurrency: 32 }, 60);
        check(65, Arrival::Closed { concurrency: 32 }, 90);
        check(0, Arrival::Closed { concurrency: 0 }, 30);
        check(100, open(10.0, false), 40);
        check(100, open(10.0, true), 50);
        // Nonsense is the backend's to refuse; here it must not panic.
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(batch_limit(100, &open(rate, false), Duration::from_secs(30)) >= BATCH_GRACE);
        }
    }

    #[test]
    fn a_retry_waits_as_long_as_the_server_asks_but_not_for_ever() {
        let error = Error::new(ErrorKind::Busy, "full");
        let second = Duration::from_secs(1);
        assert_eq!(wait(second, &error), Some(second));
        for (asked, expected) in [(0, Some(1)), (7, Some(7)), (60, Some(60)), (61, None)] {
            let error = error.clone().with_retry_after(Duration::from_secs(asked));
            assert_eq!(wait(second, &error), expected.map(Duration::from_secs), "{asked}");
        }
    }

    #[test]
    fn a_load_beyond_what_was_certified_is_remarked() {
        let options = RunOptions {
            certified_streams: Some(32),
            certified_requests_per_sec: Some(900.0),
            ..RunOptions::default()
        };
        let closed = |concurrency| Arrival::Closed { concurrency };
        let open = |rate_per_second| Arrival::Open { rate_per_second, poisson: true };
        for within in [Arrival::Sequential, closed(32), open(900.0)] {
            assert_eq!(beyond_certified(&within, &options), None, "{within:?}");
        }
        for beyond in [closed(33), open(901.0)] {
            assert!(beyond_certified(&beyond, &options).is_some(), "{beyond:?}");
            assert_eq!(beyond_certified(&beyond, &RunOptions::default()), None, "{beyond:?}");
        }
    }

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
