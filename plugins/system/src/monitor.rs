//! The monitor: what its sampling thread does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use llmbench_api::{
    CallContext, Json, Monitor, MonitorInfo, MonitorOptions, Result, Sample, SampleSink, Series,
    metric,
};
use llmbench_plugin::sampling::{Sampler, Sampling};
use serde::Deserialize;

use crate::machine::{Machine, PROCESS, SYSTEM, Watched};
use crate::rapl::Rapl;

/// Name of the plugin in settings and messages.
pub const NAME: &str = "system";

/// The shortest interval: what the library needs between two readings of CPU
/// use, and some room for a tick that comes late.
const LEAST_INTERVAL: Duration =
    sysinfo::MINIMUM_CPU_UPDATE_INTERVAL.saturating_add(Duration::from_millis(50));

/// Watches CPU and memory of the machine, and of one process with its children.
pub struct SystemMonitor {
    sampling: Sampling,
    sysfs: PathBuf,
}

/// `[plugin.system]` of the settings file, or `--set system.key=value`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Where sysfs is mounted.
    sysfs: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sysfs: PathBuf::from("/sys") }
    }
}

/// What is read at each tick.
struct Reader {
    machine: Machine,
    rapl: Rapl,
    watched: Option<Watched>,
}

impl SystemMonitor {
    /// The monitor for these settings: `sysfs`, where the processors' energy is read.
    ///
    /// # Errors
    /// [`llmbench_api::ErrorKind::Settings`] when one is unknown or of the wrong type.
    pub fn new(settings: Json) -> Result<Self> {
        let Settings { sysfs } = llmbench_plugin::settings(NAME, settings)?;
        let why = "the shortest time in which CPU use can be measured";
        let sampling = Sampling::new(NAME).with_least_interval(LEAST_INTERVAL, why);
        Ok(Self { sampling, sysfs })
    }
}

impl Monitor for SystemMonitor {
    fn probe(&self, cx: &CallContext) -> Result<MonitorInfo> {
        cx.check()?;
        let device = Machine::open()?.device();
        let mut notes = Vec::new();
        if let Some(limit) = device.facts.get("memory_limit_bytes") {
            notes.push(format!(
                "memory is that of the whole machine; this process is limited to {limit} bytes"
            ));
        }
        let rapl = Rapl::open(&self.sysfs);
        notes.extend(rapl.remarks());
        let devices = std::iter::once(device).chain(rapl.devices().cloned()).collect();
        Ok(MonitorInfo { devices, source: "operating system counters".into(), notes })
    }

    fn start(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
    ) -> Result<()> {
        let machine = Machine::open()?;
        let (process_id, sysfs) = (options.process_id, self.sysfs.clone());
        self.sampling.start(options, sink, cx, move |sampler| {
            let mut reader = Reader::new(machine, Rapl::open(&sysfs), process_id, sampler);
            sampler.each_tick(|sampler| reader.sample(sampler));
            // So that the energy counters enclose what was done meanwhile.
            reader.energy(sampler);
        })
    }

    fn stop(&self, _cx: &CallContext) -> Result<Series> {
        self.sampling.stop()
    }
}

impl Reader {
    /// Tells `sampler` the devices.
    fn new(machine: Machine, rapl: Rapl, process_id: Option<u32>, sampler: &Sampler) -> Self {
        let mut this = Self { machine, rapl, watched: None };
        // First of all: the counters must be read before the generation begins.
        this.energy(sampler);
        let Self { machine, rapl, watched } = &mut this;
        let device = machine.device();
        sampler.recording().add_device(device);
        rapl.devices().for_each(|device| sampler.recording().add_device(device.clone()));
        if let Some(id) = process_id {
            *watched = machine.watch(id);
            match &*watched {
                Some(watched) => sampler.recording().add_device(watched.device()),
                None => {
                    sampler.recording().fail_device(PROCESS, &format!("there is no process {id}"))
                }
            }
        }
        this
    }

    fn energy(&mut self, sampler: &Sampler) {
        let at_ns = sampler.clock().now_ns();
        for (device, joules) in self.rapl.read(at_ns) {
            let values = [(metric::ENERGY_JOULES.to_owned(), joules)].into();
            sampler.keep(Sample { at_ns, device, values });
        }
    }

    fn sample(&mut self, sampler: &Sampler) {
        self.energy(sampler);
        let at_ns = sampler.clock().now_ns();
        let values = self.machine.values();
        if !values.is_empty() {
            sampler.keep(Sample { at_ns, device: SYSTEM.to_owned(), values });
        }
        let Some(watched) = &mut self.watched else { return };
        let at_ns = sampler.clock().now_ns();
        match self.machine.process_values(watched, at_ns) {
            Some(values) => sampler.keep(Sample { at_ns, device: PROCESS.to_owned(), values }),
            None => {
                let reason = format!("{} ended", watched.describe());
                tracing::debug!(reason, "no more samples of the process");
                sampler.recording().fail_device(PROCESS, &reason);
                self.watched = None;
            }
        }
    }
}
