//! The sampling thread: one long-lived tool, or one call per interval.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use llmbench_api::Sample;
use llmbench_plugin::sampling::{Recording, Sampler, lock, next_tick};

use crate::failure::{Cause, Failure};
use crate::query::Query;
use crate::reading::Reading;
use crate::row::RowError;
use crate::ticks::Ticks;
use crate::tool::{self, Event, Running, What};

/// How often a process is looked at that says nothing.
const LOOK_UP: Duration = Duration::from_millis(250);
/// The longest pause between two attempts.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);
/// Lines of an error text that are kept.
const MOST_TEXT_LINES: usize = 20;

/// What a sampling thread works with.
pub(crate) struct Tool<'a> {
    /// The program, and others to try if it is not there.
    pub programs: Vec<PathBuf>,
    /// Whether to begin with one process for all samples.
    pub loop_mode: bool,
    /// How long a tool may stay without a usable row.
    pub patience: Duration,
    /// Gets everything, and knows when to end.
    pub sampler: &'a Sampler,
    /// The columns that this tool is known to have.
    pub query: Arc<Mutex<Query>>,
    /// Where running tools report to.
    pub sender: SyncSender<Event>,
    /// What they report.
    pub receiver: Receiver<Event>,
}

/// How the long-lived process ended.
enum LoopEnd {
    Stopped,
    Failed { failure: Failure, had_rows: bool },
}

impl Tool<'_> {
    /// Samples until told to stop. Never fails: what goes wrong becomes a gap.
    pub(crate) fn run(self) {
        let mut rejected = Rejected::default();
        let rows_came = if self.loop_mode { self.run_loops(&mut rejected) } else { false };
        if !self.is_stopped() {
            self.run_calls(rows_came, &mut rejected);
        }
        rejected.tell(&mut self.recording());
    }

    /// Follows long-lived processes; returns when sampling was stopped or loop
    /// mode does not work. True when the last process gave rows.
    fn run_loops(&self, rejected: &mut Rejected) -> bool {
        let mut run = 0;
        loop {
            run += 1;
            match self.follow(run, rejected) {
                LoopEnd::Stopped => return false,
                LoopEnd::Failed { failure, .. } if self.adapt_query(&failure) => {}
                LoopEnd::Failed { failure, had_rows } => {
                    tracing::debug!(reason = failure.message, "loop mode of nvidia-smi ended");
                    self.recording().fail(&failure.message);
                    if failure.cause == Cause::Timeout && had_rows {
                        continue;
                    }
                    self.recording().warn(
                        "loop mode of nvidia-smi did not work; every sample is a call of its own, \
                         which can wake an idle driver and show as utilisation",
                    );
                    return had_rows;
                }
            }
        }
    }

    /// Follows one long-lived process to its end.
    fn follow(&self, run: u64, rejected: &mut Rejected) -> LoopEnd {
        let query = lock(&self.query).clone();
        let mut arguments = query.arguments();
        arguments.push(format!("--loop-ms={}", self.sampler.interval().as_millis()));
        let mut running = match Running::start(&self.programs, &arguments, run, &self.sender) {
            Ok(running) => running,
            Err(failure) => return LoopEnd::Failed { failure, had_rows: false },
        };
        let mut ticks = Ticks::new(self.sampler.interval());
        let mut text = Text::default();
        let mut had_rows = false;
        let mut last_row = Instant::now();
        loop {
            if self.is_stopped() {
                text.reject_into(rejected);
                return LoopEnd::Stopped;
            }
            let left = self.patience.saturating_sub(last_row.elapsed());
            if left.is_zero() {
                let failure = Failure::of_timeout(self.patience.as_millis(), &text.joined());
                text.reject_into(rejected);
                return LoopEnd::Failed { failure, had_rows };
            }
            let is_over = match self.receiver.recv_timeout(left.min(LOOK_UP)) {
                Ok(event) if event.run != run => false,
                Ok(Event { what: What::Line { is_output, at, text: line }, .. }) => {
                    match Reading::parse(query.columns(), &line) {
                        Ok(reading) => {
                            text.reject_into(rejected);
                            (had_rows, last_row) = (true, Instant::now());
                            let (round, stamp) = ticks.assign(reading.index, at);
                            self.take(&reading, stamp, round > 0);
                        }
                        Err(error) => text.push(line, is_output.then_some(error)),
                    }
                    false
                }
                Ok(Event { what: What::EndOfOutput, .. }) => true,
                Ok(Event { what: What::Wake, .. }) => false,
                Err(_) => running.is_over(),
            };
            if is_over {
                let exit_code = running.exit_code(Instant::now() + LOOK_UP);
                let failure = Failure::of_output(&text.joined(), exit_code);
                return LoopEnd::Failed { failure, had_rows };
            }
        }
    }

    /// One call per interval until stopped; the ticks do not drift, and those
    /// that were missed are left out.
    fn run_calls(&self, rows_came: bool, rejected: &mut Rejected) {
        // After a start or a failure the first reading is dropped: the call
        // itself may have woken the driver.
        let mut is_awake = rows_came;
        let mut back_off = self.sampler.interval().max(LOOK_UP);
        let mut due = Instant::now();
        while self.wait_until(due) {
            match self.call(rejected) {
                Ok((readings, at)) => {
                    for reading in &readings {
                        self.take(reading, at, is_awake);
                    }
                    is_awake = true;
                    back_off = self.sampler.interval().max(LOOK_UP);
                    due = next_tick(due, self.sampler.interval(), Instant::now());
                }
                Err(_) if self.is_stopped() => return,
                Err(failure) if self.adapt_query(&failure) => {}
                Err(failure) => {
                    self.recording().fail(&failure.message);
                    is_awake = false;
                    due = Instant::now() + back_off;
                    back_off = (back_off * 2).min(LONGEST_BACK_OFF);
                }
            }
        }
    }

    /// The rows of one call and when they arrived.
    fn call(&self, rejected: &mut Rejected) -> Result<(Vec<Reading>, Instant), Failure> {
        let query = lock(&self.query).clone();
        let limit = Instant::now() + self.patience;
        let (readings, at, errors) =
            call_once(&self.programs, &query, limit, self.patience, &|| self.is_stopped())?;
        for error in &errors {
            rejected.add(error, 1);
        }
        Ok((readings, at))
    }

    fn take(&self, reading: &Reading, at: Instant, is_kept: bool) {
        {
            let mut recording = self.recording();
            recording.add_device(reading.device.clone());
            for remark in reading.remarks() {
                recording.warn(remark);
            }
        }
        if is_kept {
            self.sampler.keep(Sample {
                at_ns: self.sampler.clock().at(at),
                device: reading.device.id.clone(),
                values: reading.values.clone(),
            });
        }
    }

    /// True when the failure was a column that the query can do without from now on.
    fn adapt_query(&self, failure: &Failure) -> bool {
        let Cause::UnknownColumn(column) = &failure.cause else { return false };
        let mut query = lock(&self.query);
        let Some(next) = query.without(column) else { return false };
        *query = next;
        true
    }

    /// False when sampling was stopped before `due`.
    fn wait_until(&self, due: Instant) -> bool {
        loop {
            if self.is_stopped() {
                return false;
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            // Whatever comes in belongs to a process that was given up, or is a call to look up.
            let _ = self.receiver.recv_timeout(left);
        }
    }

    fn is_stopped(&self) -> bool {
        self.sampler.is_stopped()
    }

    fn recording(&self) -> MutexGuard<'_, Recording> {
        self.sampler.recording()
    }
}

/// The readings of a single call, when they arrived, and lines that were no rows.
///
/// # Errors
/// The [`Failure`] when there is not one row; some rows beside an error text
/// (one of several GPUs is lost) are no failure.
pub(crate) fn call_once(
    programs: &[PathBuf],
    query: &Query,
    limit: Instant,
    allowed: Duration,
    is_unwanted: &dyn Fn() -> bool,
) -> Result<(Vec<Reading>, Instant, Vec<RowError>), Failure> {
    let answer = tool::call(programs, &query.arguments(), limit, is_unwanted)?;
    let mut readings = Vec::new();
    let mut rejected = Vec::new();
    for line in &answer.lines {
        match Reading::parse(query.columns(), line) {
            Ok(reading) => readings.push(reading),
            Err(error) => rejected.push(error),
        }
    }
    match answer.at {
        Some(at) if !readings.is_empty() => Ok((readings, at, rejected)),
        _ if answer.is_cut_off => Err(Failure::of_timeout(allowed.as_millis(), &answer.text())),
        _ => Err(Failure::of_output(&answer.text(), answer.exit_code)),
    }
}

/// Lines of the tool that were not used.
#[derive(Default)]
struct Rejected {
    lines: u64,
    example: Option<String>,
}

impl Rejected {
    /// Counts `lines` lines that are no rows; `error` is about the first of them.
    fn add(&mut self, error: &RowError, lines: u64) {
        self.lines += lines;
        self.example.get_or_insert_with(|| error.to_string());
    }

    fn tell(self, recording: &mut Recording) {
        if let Some(example) = self.example {
            let lines = self.lines;
            recording
                .warn(format!("{lines} line(s) of nvidia-smi were not used; the first: {example}"));
        }
    }
}

/// Lines since the last row that are no rows: an error text, if the tool ends
/// now, else rejected.
#[derive(Default)]
struct Text {
    lines: Vec<String>,
    first_error: Option<RowError>,
    rejected: u64,
}

impl Text {
    fn push(&mut self, line: String, error: Option<RowError>) {
        if self.lines.len() < MOST_TEXT_LINES {
            self.lines.push(line);
        }
        if let Some(error) = error {
            self.first_error.get_or_insert(error);
            self.rejected += 1;
        }
    }

    fn joined(&self) -> String {
        self.lines.join("\n")
    }

    fn reject_into(&mut self, rejected: &mut Rejected) {
        if let Some(error) = self.first_error.take() {
            rejected.add(&error, self.rejected);
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_rows_are_counted_with_the_first_as_an_example() {
        let error = Reading::parse(Query::full().columns(), "1, 2, 3").unwrap_err();
        let mut rejected = Rejected::default();
        rejected.add(&error, 1);
        rejected.add(&error, 1);
        let mut recording = Recording::default();
        rejected.tell(&mut recording);
        assert_eq!(
            recording.finish(0).warnings,
            [
                "2 line(s) of nvidia-smi were not used; the first: expected 17 cells, found 3: `1, 2, 3`"
            ]
        );
    }
}
