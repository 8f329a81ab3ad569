//! What both displays know of a run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use llmbench_api::record::{AttemptRecord, AttemptStatus};
use llmbench_api::{Sample, metric};

/// Figures of a run so far.
#[derive(Debug, Default)]
pub(crate) struct State {
    attempts: usize,
    finished: usize,
    started: Option<Instant>,
    chunks: u64,
    first_chunk_ns: u64,
    last_chunk_ns: u64,
    hardware: BTreeMap<String, f64>,
}

impl State {
    pub(crate) fn start(&mut self, attempts: usize) {
        self.attempts = attempts;
    }

    pub(crate) fn attempt_started(&mut self) {
        // Loading and warming up is not what the next attempts take.
        self.started.get_or_insert_with(Instant::now);
        self.chunks = 0;
    }

    pub(crate) fn chunk(&mut self, at_ns: u64) {
        if self.chunks == 0 {
            self.first_chunk_ns = at_ns;
        }
        self.chunks += 1;
        self.last_chunk_ns = at_ns;
    }

    pub(crate) fn sample(&mut self, sample: &Sample) {
        let wanted = [(metric::GPU_UTILIZATION_PERCENT, "GPU"), (metric::CPU_PERCENT, "CPU")];
        for (name, label) in wanted {
            if let Some(value) = sample.values.get(name).filter(|_| sample.device != "process") {
                self.hardware.insert(label.to_owned(), *value);
            }
        }
    }

    pub(crate) fn attempt_finished(&mut self) {
        self.finished += 1;
    }

    /// Time left, from the attempts so far; `None` before the first is finished.
    pub(crate) fn eta(&self) -> Option<Duration> {
        let each = self.started?.elapsed().checked_div(u32::try_from(self.finished).ok()?)?;
        Some(each * u32::try_from(self.attempts.saturating_sub(self.finished)).ok()?)
    }

    /// Pieces in a second; a piece is about a token on most servers.
    pub(crate) fn chunks_per_second(&self) -> Option<f64> {
        let seconds = self.last_chunk_ns.saturating_sub(self.first_chunk_ns) as f64 / 1e9;
        (self.chunks > 1 && seconds > 0.0).then(|| (self.chunks - 1) as f64 / seconds)
    }

    /// For example `GPU 93 % · CPU 12 %`.
    pub(crate) fn hardware(&self) -> String {
        let order = ["GPU", "CPU"];
        let parts = order
            .iter()
            .filter_map(|label| Some(format!("{label} {:.0} %", self.hardware.get(*label)?)));
        parts.collect::<Vec<_>>().join(" · ")
    }
}

/// One line about a finished attempt.
pub(crate) fn finished_line(record: &AttemptRecord) -> String {
    let mut parts = Vec::new();
    match (record.status, record.score) {
        (AttemptStatus::Scored, Some(score)) => parts.push(format!("score {score:.1}")),
        (AttemptStatus::Scored, None) => parts.push("no score".to_owned()),
        (status, _) => parts.push(status.as_str().replace('_', " ")),
    }
    if let Some(compiles) = record.compiles {
        parts.push(if compiles { "compiles".into() } else { "does not compile".into() });
    }
    parts.extend(record.tokens_per_sec.map(|speed| format!("{speed:.1} tok/s")));
    parts.extend(record.duration_sec.map(|seconds| format!("{seconds:.1} s")));
    parts.extend(record.gpu_avg_utilization.map(|percent| format!("GPU {percent:.0} %")));
    let name = format!("{} · {} · run {}", record.model, record.fixture, record.run_number);
    let reason = match record.status {
        // A score of 0 wants an explanation; others stand in the report.
        AttemptStatus::Scored if record.score.is_some_and(|score| score > 0.0) => None,
        _ => record.errors.first(),
    };
    let reason = reason.map(|reason| format!("\n    {reason}")).unwrap_or_default();
    format!("{name}: {}{reason}", parts.join(", "))
}

/// `3m 05s`, `42s`.
pub(crate) fn short_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_counted_as_intervals_not_as_posts() {
        let mut state = State::default();
        assert_eq!(state.chunks_per_second(), None);
        for second in 0..=4 {
            state.chunk(second * 1_000_000_000);
        }
        assert_eq!(state.chunks_per_second(), Some(1.0));
    }

    #[test]
    fn there_is_no_eta_before_the_first_attempt() {
        let mut state = State::default();
        state.start(3);
        state.attempt_started();
        assert_eq!(state.eta(), None);
        state.attempt_finished();
        assert!(state.eta().is_some());
    }

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [(5, "5s"), (65, "1m 05s"), (3700, "1h 01m")] {
            assert_eq!(short_duration(Duration::from_secs(seconds)), text);
        }
    }
}
