//! The measurements of a calibration: the plugin as runs load it, against a server in this process.

use std::sync::Arc;
use std::time::Duration;

use llmbench_api::record::{Calibration, ErrorFigures, StreamCalibration};
use llmbench_api::{Arrival, Backend, BatchOutcome, Clock, GenerateRequest, Generation};
use llmbench_engine::CancelToken;
use llmbench_engine::control::quiet_context;
use llmbench_report::stats::percentile;
use llmbench_schedule_server::{Record, Schedule, ScheduleServer};

use crate::error::{CliError, Result};
use crate::exit::ExitCode;

/// For one batch; far beyond what it takes.
const LIMIT: Duration = Duration::from_secs(120);
/// Streams at which capacity is measured.
const CAPACITY_STREAMS: u32 = 32;
/// For how long each capacity is measured, the time between batches left out.
const CAPACITY_TIME: Duration = Duration::from_secs(2);
/// Batches at most, should the clock not advance as expected.
const MOST_BATCHES: usize = 200;

/// What is measured with what.
pub(super) struct Bench<'a> {
    pub(super) server: &'a ScheduleServer,
    pub(super) backend: &'a Arc<dyn Backend>,
    pub(super) cancel: &'a CancelToken,
}

/// A batch that was answered in full.
struct Answered {
    answers: Vec<Generation>,
    clock: Clock,
}

impl Bench<'_> {
    /// The errors with `streams` at a time: first token after 50 ms, then 40 tokens, one
    /// every 5 ms. Each stream is repeated so often that there are at least 30 answers.
    pub(super) fn errors(&self, streams: u64) -> Result<StreamCalibration> {
        let schedule = |id| Schedule {
            first: Duration::from_millis(50),
            every: Duration::from_millis(5),
            tokens: Some(40),
            id: Some(id),
            ..Schedule::default()
        };
        let rounds = 30_u64.div_ceil(streams).max(3);
        let schedules: Vec<_> = (0..streams * rounds).map(schedule).collect();
        self.server.take_records();
        let Answered { answers, clock } = self.batch(&schedules, streams as u32)?;
        compare(streams, &answers, &self.server.take_records(), clock)
    }

    /// Adds how much the client takes and what it costs.
    pub(super) fn capacity(&self, found: &mut Calibration) -> Result<()> {
        // Short enough that the answers of a batch do not fill the memory.
        let flood = Schedule { tokens: Some(500), per_write: 64, ..Schedule::default() };
        let (chunks, seconds, cpu) = self.flood(&flood, 4 * CAPACITY_STREAMS as usize)?;
        found.chunks_per_sec = Some(chunks / seconds);
        found.cpu_us_per_chunk = cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / chunks);
        if cpu.is_none() {
            let reason = "this system does not tell the processor time of a thread";
            found.missing.insert("cpu_us_per_chunk".into(), reason.into());
        }
        let one = Schedule { tokens: Some(1), ..Schedule::default() };
        let (requests, seconds, _) = self.flood(&one, 2000)?;
        found.requests_per_sec = Some(requests / seconds);
        Ok(())
    }

    /// Pieces, the seconds in which they came, and the client's processor time. The time
    /// includes handing the results over; the seconds do not.
    fn flood(&self, schedule: &Schedule, requests: usize) -> Result<(f64, f64, Option<Duration>)> {
        let schedules = vec![schedule.clone(); requests];
        // Connections and memory are part of no measurement.
        self.batch(&schedules, CAPACITY_STREAMS)?;
        let before = self.client_time();
        let (mut pieces, mut time_ns) = (0, 0);
        for _ in 0..MOST_BATCHES {
            let Answered { answers, .. } = self.batch(&schedules, CAPACITY_STREAMS)?;
            pieces += answers.iter().filter_map(|answer| answer.content_chunks).sum::<u64>();
            let start = answers.iter().map(|answer| answer.sent_at_ns).min();
            let end = answers.iter().map(|answer| answer.done_at_ns).max();
            time_ns += end.unwrap_or(0).saturating_sub(start.unwrap_or(0));
            if time_ns >= CAPACITY_TIME.as_nanos() as u64 {
                break;
            }
        }
        let used = before.zip(self.client_time()).map(|(from, to)| to.saturating_sub(from));
        Ok((pieces as f64, time_ns.max(1) as f64 / 1e9, used))
    }

    /// Processor time of this process without the server's thread.
    fn client_time(&self) -> Option<Duration> {
        Some(process_time()?.saturating_sub(self.server.cpu_time()?))
    }

    fn batch(&self, schedules: &[Schedule], streams: u32) -> Result<Answered> {
        let request = |schedule: &Schedule| {
            let mut request = GenerateRequest::user("Say something.");
            request.model = schedule.to_string();
            request.limit_ms = Some(LIMIT.as_millis() as u64);
            request
        };
        let requests: Vec<_> = schedules.iter().map(request).collect();
        let cx = quiet_context(self.cancel, Some(LIMIT));
        let arrival = Arrival::Closed { concurrency: streams };
        let outcomes = self.backend.generate_batch(&requests, &arrival, &(), &cx)?;
        if self.cancel.is_cancelled() {
            return Err(CliError::new(ExitCode::Interrupted, "interrupted; nothing was kept"));
        }
        let answers = outcomes.into_iter().map(|outcome| match outcome {
            BatchOutcome::Answered(answer) => Ok(answer),
            BatchOutcome::Failed(error) => Err(CliError::from(error)),
        });
        Ok(Answered { answers: answers.collect::<Result<_>>()?, clock: cx.clock() })
    }
}

/// The client's instants against those at which the server sent.
fn compare(
    streams: u64,
    answers: &[Generation],
    records: &[Record],
    clock: Clock,
) -> Result<StreamCalibration> {
    let lost = || CliError::new(ExitCode::Unexpected, "an answer and its record do not match");
    let (mut first_ms, mut gap_us, mut mean_us) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        let answer = answers.get(record.id as usize).ok_or_else(lost)?;
        let sent_ns: Vec<_> = record.sent_at.iter().map(|at| clock.at(*at) as f64).collect();
        let first_ns = answer.first_token_at_ns.ok_or_else(lost)? as f64;
        if sent_ns.len() < 2 || sent_ns.len() != answer.gaps_ns.len() + 1 {
            return Err(lost());
        }
        first_ms.push((first_ns - sent_ns[0]) / 1e6);
        let real: Vec<_> = sent_ns.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let seen = answer.gaps_ns.iter().map(|gap| *gap as f64);
        let errors: Vec<_> = seen.zip(&real).map(|(seen, real)| (seen - real) / 1e3).collect();
        mean_us.push(errors.iter().sum::<f64>() / errors.len() as f64);
        gap_us.extend(errors.iter().map(|error| error.abs()));
    }
    if records.len() != answers.len() {
        return Err(lost());
    }
    Ok(StreamCalibration {
        streams,
        answers: answers.len() as u64,
        ttft_error_ms: figures(&mut first_ms),
        itl_error_us: figures(&mut gap_us),
        mean_itl_error_us: mean_us.iter().sum::<f64>() / mean_us.len().max(1) as f64,
    })
}

fn figures(values: &mut [f64]) -> ErrorFigures {
    values.sort_by(f64::total_cmp);
    let at = |share| percentile(values, share).unwrap_or_default();
    ErrorFigures {
        mean: values.iter().sum::<f64>() / values.len().max(1) as f64,
        median: at(0.5),
        p99: at(0.99),
        max: at(1.0),
    }
}

#[cfg(unix)]
fn process_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

#[cfg(not(unix))]
fn process_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn errors_are_the_differences_of_the_instants() {
        let cx = quiet_context(&CancelToken::default(), None);
        let (clock, start) = (cx.clock(), Instant::now());
        let sent_at = [0, 5, 10].map(|ms| start + Duration::from_millis(ms)).to_vec();
        let record = Record { id: 0, received_at: start, sent_at, is_complete: true };
        let answer = Generation {
            first_token_at_ns: Some(clock.at(start) + 2_000_000),
            gaps_ns: vec![5_004_000, 4_998_000],
            ..Generation::default()
        };
        let found = compare(1, &[answer], &[record], clock).unwrap();
        assert!((found.ttft_error_ms.mean - 2.0).abs() < 1e-6, "{found:?}");
        assert!((found.itl_error_us.max - 4.0).abs() < 1e-3, "{found:?}");
        assert!((found.itl_error_us.median - 3.0).abs() < 1e-3, "{found:?}");
        assert!((found.mean_itl_error_us - 1.0).abs() < 1e-3, "{found:?}");
        assert!(compare(1, &[], &[], clock).is_ok());
    }
}
