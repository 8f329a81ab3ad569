//! The monitor: what its sampling thread does.

use std::sync::Arc;
use std::time::Duration;

use llmbench_api::{
    CallContext, Json, Monitor, MonitorInfo, MonitorOptions, Result, Sample, SampleSink, Series,
};
use llmbench_plugin::sampling::{Sampler, Sampling};
use serde::Deserialize;

use crate::machine::{Machine, PROCESS, SYSTEM, Watched};

/// Name of the plugin in settings and messages.
pub const NAME: &str = "system";

/// The shortest interval: what the library needs between two readings of CPU
/// use, and some room for a tick that comes late.
const LEAST_INTERVAL: Duration =
    sysinfo::MINIMUM_CPU_UPDATE_INTERVAL.saturating_add(Duration::from_millis(50));

/// Watches CPU and memory of the machine, and of one process with its children.
pub struct SystemMonitor {
    sampling: Sampling,
}

/// There is nothing to set yet; unknown names are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

/// What is read at each tick.
struct Reader {
    machine: Machine,
    watched: Option<Watched>,
}

impl SystemMonitor {
    /// The monitor; it has no settings.
    ///
    /// # Errors
    /// [`llmbench_api::ErrorKind::Settings`] when there is one.
    pub fn new(settings: Json) -> Result<Self> {
        let Settings {} = llmbench_plugin::settings(NAME, settings)?;
        let why = "the shortest time in which CPU use can be measured";
        Ok(Self { sampling: Sampling::new(NAME).with_least_interval(LEAST_INTERVAL, why) })
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
        Ok(MonitorInfo { devices: vec![device], source: "operating system counters".into(), notes })
    }

    fn start(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
    ) -> Result<()> {
        let machine = Machine::open()?;
        let process_id = options.process_id;
        self.sampling.start(options, sink, cx, move |sampler| {
            let mut reader = Reader::new(machine, process_id, sampler);
            sampler.each_tick(|sampler| reader.sample(sampler));
        })
    }

    fn stop(&self, _cx: &CallContext) -> Result<Series> {
        self.sampling.stop()
    }
}

impl Reader {
    /// Tells `sampler` the devices.
    fn new(mut machine: Machine, process_id: Option<u32>, sampler: &Sampler) -> Self {
        let device = machine.device();
        sampler.recording().add_device(device);
        let mut watched = None;
        if let Some(id) = process_id {
            watched = machine.watch(id);
            match &watched {
                Some(watched) => sampler.recording().add_device(watched.device()),
                None => {
                    sampler.recording().fail_device(PROCESS, &format!("there is no process {id}"))
                }
            }
        }
        Self { machine, watched }
    }

    fn sample(&mut self, sampler: &Sampler) {
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
