//! The sampling thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use llmbench_api::{Result, Sample, metric};
use llmbench_plugin::sampling::{Sampler, next_tick};
use nvml_wrapper::error::NvmlError;

use crate::devices::{self, Watched};
use crate::failure::{Then, reason, then};
use crate::library::Library;
use crate::pcie::{self, Pcie};
use crate::processes::Processes;
use crate::reading::Reader;

/// First pause before a lost device, or the library, is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a sampling thread works with.
pub(crate) struct Sampling<'a> {
    /// Gets everything, and knows when to end.
    pub sampler: &'a Sampler,
    /// Whether the library may measure PCIe traffic.
    pub measures_pcie: bool,
    /// The server's process, where it is known.
    pub server: Option<u32>,
}

/// One device while it is sampled.
struct Tracked<'nvml> {
    watched: Watched<'nvml>,
    reader: Reader,
    pcie: Pcie,
    retry_at: Option<Instant>,
    pause: Duration,
}

/// Why devices are not sampled any more.
enum End {
    Stopped,
    Reopen(NvmlError),
}

impl Sampling<'_> {
    /// Samples until told to stop. Never fails: what goes wrong becomes a gap.
    pub(crate) fn run(&self, open: impl Fn() -> Result<Arc<Library>>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let reason = match open() {
                Ok(library) => match self.follow(&library) {
                    End::Stopped => return,
                    End::Reopen(error) => format!("NVML: {error}"),
                },
                Err(error) => error.to_string(),
            };
            tracing::debug!(reason, "NVML is opened again");
            self.sampler.recording().fail(&reason);
            self.sampler.end_first_round();
            if began.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            if !self.sampler.wait_until(Instant::now() + pause) {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Samples every device until stopped, or until the library must be opened again.
    fn follow(&self, library: &Library) -> End {
        let found = match devices::find(library) {
            Ok(found) => found,
            Err(error) => return End::Reopen(error),
        };
        for (id, reason) in &found.refused {
            self.sampler.recording().warn(format!("{id}: not watched: {reason}"));
        }
        let mut tracked: Vec<Tracked<'_>> = found.watched.into_iter().map(Tracked::new).collect();
        let mut is_first = true;
        let mut processes = self.server.map(Processes::new);
        let mut due = Instant::now();
        loop {
            let is_last = !self.sampler.wait_until(due);
            if let Err(error) = self.round(&mut tracked, processes.as_mut()) {
                return if is_last { End::Stopped } else { End::Reopen(error) };
            }
            // After the first reading: what a driver takes for the facts must not be
            // missing from the energy. Before its end, so that the generation is left alone.
            if std::mem::take(&mut is_first) {
                self.learn_facts(library, &mut tracked);
                self.sampler.end_first_round();
            }
            if is_last {
                return End::Stopped;
            }
            due = next_tick(due, self.sampler.interval(), Instant::now());
            if self.measures_pcie {
                self.measure_pcie(&mut tracked, due);
            }
        }
    }

    /// Records the devices with their facts.
    fn learn_facts(&self, library: &Library, tracked: &mut [Tracked<'_>]) {
        let driver = library.sys_driver_version().ok();
        for one in tracked {
            one.watched.learn_facts(driver.as_deref());
            self.sampler.recording().add_device(one.watched.record.clone());
        }
    }

    /// Asks every device once. All samples of a round share an instant.
    fn round(
        &self,
        tracked: &mut [Tracked<'_>],
        mut processes: Option<&mut Processes>,
    ) -> std::result::Result<(), NvmlError> {
        let at_ns = self.sampler.clock().now_ns();
        for one in tracked.iter_mut().filter(|one| one.is_due()) {
            let id = one.watched.record.id.clone();
            match one.reader.read(&one.watched) {
                Ok(reading) => {
                    let mut values = reading.values;
                    if let Some(traffic) = one.pcie.traffic(at_ns, reading.pcie) {
                        put(&mut values, metric::PCIE_SENT_BYTES_PER_SECOND, traffic.sent);
                        put(&mut values, metric::PCIE_RECEIVED_BYTES_PER_SECOND, traffic.received);
                    }
                    if let Some(processes) = &mut processes
                        && !one.watched.is_instance
                    {
                        self.attribute(processes, one, &mut values);
                    }
                    self.remark(one);
                    one.answered();
                    if !values.is_empty() {
                        self.sampler.keep(Sample { at_ns, device: id, values });
                    }
                }
                Err(error) if then(&error) == Then::Reopen => return Err(error),
                Err(error) => {
                    self.sampler.recording().fail_device(&id, &format!("{id}: {}", reason(&error)));
                    one.lost();
                }
            }
        }
        Ok(())
    }

    fn attribute(
        &self,
        processes: &mut Processes,
        one: &Tracked<'_>,
        values: &mut BTreeMap<String, f64>,
    ) {
        let id = &one.watched.record.id;
        let Some(shares) = processes.shares(id, &one.watched.device) else { return };
        for (name, value) in shares.values() {
            put(values, name, value);
        }
        let server = self.server.unwrap_or_default();
        if let Some(remark) = shares.remark(id, server) {
            self.sampler.recording().warn(remark);
        }
    }

    /// What the device does not report is said once it was asked.
    fn remark(&self, one: &Tracked<'_>) {
        let remarks = one.reader.remarks(&one.watched);
        if !remarks.is_empty() {
            let mut recording = self.sampler.recording();
            for remark in remarks {
                recording.warn(remark);
            }
        }
    }

    /// Uses the time before `due` for one device whose traffic must be measured.
    fn measure_pcie(&self, tracked: &mut [Tracked<'_>], due: Instant) {
        let has_time = due.saturating_duration_since(Instant::now()) > pcie::MEASURING;
        let wanting = tracked
            .iter_mut()
            .filter(|one| !one.watched.is_instance && one.retry_at.is_none() && one.pcie.is_due());
        if let Some(one) = wanting.take(usize::from(has_time)).next() {
            one.pcie.measure(&one.watched.device);
        }
    }
}

impl<'nvml> Tracked<'nvml> {
    fn new(watched: Watched<'nvml>) -> Self {
        let (reader, pcie) = (Reader::default(), Pcie::default());
        Self { watched, reader, pcie, retry_at: None, pause: FIRST_PAUSE }
    }

    fn is_due(&self) -> bool {
        self.retry_at.is_none_or(|at| at <= Instant::now())
    }

    fn answered(&mut self) {
        (self.retry_at, self.pause) = (None, FIRST_PAUSE);
    }

    fn lost(&mut self) {
        self.retry_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

fn put(values: &mut BTreeMap<String, f64>, name: &str, value: f64) {
    values.insert(name.to_owned(), value);
}
