//! What both displays know of a run. Moments are told, never looked up, so that a display can be tested.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use llmbench_api::record::AttemptRecord;
use llmbench_api::{Sample, metric};
use llmbench_engine::RunEvent;

use super::estimate::Estimate;

/// Stretch over which the speed of a stream is told.
const SPEED_WINDOW: Duration = Duration::from_secs(3);
/// Shorter stretches say nothing about a speed.
const SHORTEST_WINDOW: Duration = Duration::from_millis(500);
/// Stretch of hardware figures that is kept.
pub(crate) const HARDWARE_WINDOW: Duration = Duration::from_secs(30);

/// What is being done.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Phase {
    /// Before the first attempt, or between two.
    #[default]
    Between,
    /// Preparation with a message and, where known, a fraction.
    Preparing(String, Option<f64>),
    /// A model is being loaded and warmed up.
    Loading,
    /// The request is sent.
    Waiting,
    /// The answer is coming in.
    Streaming,
    /// Judged in this role.
    Judging(String),
}

/// The attempt under way, or the model that is being loaded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Current {
    pub(crate) model: String,
    /// Fixture and number of the run; `None` while the model is loaded.
    pub(crate) attempt: Option<(String, u32)>,
    pub(crate) since: Duration,
}

/// How fast an answer comes in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    /// By the number of tokens in a chunk, as counted in this model's attempts before.
    Tokens(f64),
    /// A chunk is not a token; how many it holds is not known yet.
    Chunks(f64),
}

/// A run so far.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) attempts: usize,
    pub(crate) scored: usize,
    pub(crate) lost: usize,
    pub(crate) phase: Phase,
    pub(crate) phase_since: Duration,
    pub(crate) current: Option<Current>,
    /// When the plan was begun.
    pub(crate) started: Option<Duration>,
    /// Chunks of the answer so far.
    pub(crate) chunks: u64,
    first_chunk: Duration,
    recent: VecDeque<Duration>,
    /// Model → tokens and chunks of its attempts.
    tokens: BTreeMap<String, (u64, u64)>,
    /// Label → time and value, oldest first.
    hardware: BTreeMap<&'static str, VecDeque<(Duration, f64)>>,
    estimate: Estimate,
}

impl State {
    /// Takes an event that happened at `now`.
    pub(crate) fn event(&mut self, event: &RunEvent<'_>, now: Duration) {
        match event {
            RunEvent::Preparing { message, fraction } => {
                self.enter(Phase::Preparing((*message).to_owned(), *fraction), now);
            }
            RunEvent::Planned { attempts } => {
                let owned =
                    |(model, fixture): &(&str, &str)| ((*model).to_owned(), (*fixture).to_owned());
                self.estimate.plan(attempts.iter().map(owned));
            }
            RunEvent::Extended { attempts, added } => {
                self.attempts = *attempts;
                let owned =
                    |(model, fixture): &(&str, &str)| ((*model).to_owned(), (*fixture).to_owned());
                self.estimate.add(added.iter().map(owned));
            }
            RunEvent::Started { attempts } => {
                self.attempts = *attempts;
                self.started = Some(now);
                self.enter(Phase::Between, now);
            }
            RunEvent::Warming { model } => {
                let model = (*model).to_owned();
                self.current = Some(Current { model, attempt: None, since: now });
                self.enter(Phase::Loading, now);
            }
            RunEvent::AttemptStarted { model, fixture, run_number, .. } => {
                if let Some(Current { model, attempt: None, since }) = &self.current {
                    self.estimate.warmed(model, now.saturating_sub(*since));
                }
                let attempt = Some(((*fixture).to_owned(), *run_number));
                self.current = Some(Current { model: (*model).to_owned(), attempt, since: now });
                self.chunks = 0;
                self.recent.clear();
                self.enter(Phase::Waiting, now);
            }
            RunEvent::Chunk { .. } => self.chunk(now),
            RunEvent::Sampled { sample, .. } => self.sample(sample, now),
            RunEvent::Judging { role } => self.enter(Phase::Judging((*role).to_owned()), now),
            RunEvent::Retrying { .. } => {
                self.chunks = 0;
                self.recent.clear();
                self.enter(Phase::Waiting, now);
            }
            RunEvent::AttemptFinished { record, .. } => self.finished(record, now),
            _ => {}
        }
    }

    /// True while nothing of the plan is left.
    pub(crate) fn is_over(&self) -> bool {
        self.attempts > 0 && self.finished_count() == self.attempts
    }

    fn enter(&mut self, phase: Phase, now: Duration) {
        if phase != self.phase {
            self.phase_since = now;
            self.phase = phase;
        }
    }

    fn chunk(&mut self, now: Duration) {
        if self.chunks == 0 {
            self.first_chunk = now;
        }
        self.chunks += 1;
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|first| now.saturating_sub(*first) > SPEED_WINDOW) {
            self.recent.pop_front();
        }
        self.enter(Phase::Streaming, now);
    }

    fn sample(&mut self, sample: &Sample, now: Duration) {
        let wanted = [(metric::GPU_UTILIZATION_PERCENT, "GPU"), (metric::CPU_PERCENT, "CPU")];
        for (name, label) in wanted {
            let value = sample.values.get(name).filter(|_| sample.device != "process");
            let Some(value) = value else { continue };
            let series = self.hardware.entry(label).or_default();
            series.push_back((now, *value));
            let is_old = |(at, _): &(Duration, f64)| now.saturating_sub(*at) > 2 * HARDWARE_WINDOW;
            while series.front().is_some_and(is_old) {
                series.pop_front();
            }
        }
    }

    fn finished(&mut self, record: &AttemptRecord, now: Duration) {
        if record.is_lost() {
            self.lost += 1;
        } else {
            self.scored += 1;
        }
        if let Some(current) = &self.current {
            let took = now.saturating_sub(current.since);
            self.estimate.attempt(&record.model, &record.fixture, took);
        }
        // A retried answer's chunks were not counted by the server.
        if let Some(count) = record.completion_tokens.filter(|_| record.retries.is_empty())
            && self.chunks > 0
        {
            let (tokens, chunks) = self.tokens.entry(record.model.clone()).or_default();
            *tokens += count;
            *chunks += self.chunks;
        }
        self.chunks = 0;
        self.recent.clear();
        self.enter(Phase::Between, now);
    }

    /// Attempts that are over.
    pub(crate) fn finished_count(&self) -> usize {
        self.scored + self.lost
    }

    /// Time left; `None` before the first attempt is over.
    pub(crate) fn eta(&self, now: Duration) -> Option<Duration> {
        let current = self.current.as_ref().and_then(|current| {
            let (fixture, _) = current.attempt.as_ref()?;
            (self.phase != Phase::Between).then(|| {
                (current.model.as_str(), fixture.as_str(), now.saturating_sub(current.since))
            })
        });
        self.estimate.left(current).filter(|_| self.finished_count() > 0)
    }

    /// How fast the answer came in over the last seconds; `None` when nothing comes in.
    pub(crate) fn speed(&self, now: Duration) -> Option<Speed> {
        if self.phase != Phase::Streaming {
            return None;
        }
        let start = self.first_chunk.max(now.saturating_sub(SPEED_WINDOW));
        let span = now.saturating_sub(start);
        if span < SHORTEST_WINDOW {
            return None;
        }
        // The chunk that opens the span is its start, not a part of it.
        let chunks = self.recent.iter().filter(|at| **at > start).count() as f64;
        let per_second = chunks / span.as_secs_f64();
        let ratio = self.current.as_ref().and_then(|current| self.tokens.get(&current.model));
        Some(match ratio {
            Some((tokens, chunks)) => Speed::Tokens(per_second * *tokens as f64 / *chunks as f64),
            None => Speed::Chunks(per_second),
        })
    }

    /// The labels of hardware that was watched, GPU first.
    pub(crate) fn hardware(&self) -> Vec<&'static str> {
        let order = ["GPU", "CPU"];
        order.into_iter().filter(|label| self.hardware.contains_key(label)).collect()
    }

    /// The last 30 seconds in `count` equal parts, the highest value of each; `None` where nothing was measured.
    pub(crate) fn series(&self, label: &str, count: usize, now: Duration) -> Vec<Option<f64>> {
        let length = HARDWARE_WINDOW.as_nanos() / count.max(1) as u128;
        // Parts begin at fixed moments, so that a value does not change while it moves along.
        let place = |at: Duration| at.as_nanos() / length;
        let first = (place(now) + 1).saturating_sub(count as u128);
        let mut parts = vec![None; count];
        for (at, value) in self.hardware.get(label).into_iter().flatten() {
            let Some(index) = place(*at).checked_sub(first) else { continue };
            if let Some(part) = usize::try_from(index).ok().and_then(|index| parts.get_mut(index)) {
                *part = Some(part.map_or(*value, |before: f64| before.max(*value)));
            }
        }
        parts
    }

    /// The newest value, when it is not older than five seconds.
    pub(crate) fn newest(&self, label: &str, now: Duration) -> Option<f64> {
        let (at, value) = self.hardware.get(label)?.back()?;
        (now.saturating_sub(*at) <= Duration::from_secs(5)).then_some(*value)
    }
}
