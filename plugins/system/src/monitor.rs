//! The monitor: starts and stops the sampling thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use llmbench_api::{
    CallContext, Clock, Error, ErrorKind, Json, Monitor, MonitorInfo, MonitorOptions, Result,
    Sample, SampleSink, Series,
};
use serde::Deserialize;

use crate::machine::{Machine, PROCESS, SYSTEM, Watched};
use crate::recording::Recording;
use crate::schedule::next_tick;

/// Name of the plugin in settings and messages.
pub const NAME: &str = "system";

const DEFAULT_INTERVAL: Duration = Duration::from_millis(500);
/// The shortest interval: what the library needs between two readings of CPU
/// use, and some room for a tick that comes late.
const LEAST_INTERVAL: Duration =
    sysinfo::MINIMUM_CPU_UPDATE_INTERVAL.saturating_add(Duration::from_millis(50));
/// How long `stop` waits for the sampling thread.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Watches CPU and memory of the machine, and of one process with its children.
#[derive(Default)]
pub struct SystemMonitor {
    active: Mutex<Option<Active>>,
}

/// There is nothing to set yet; unknown names are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

/// Sampling that is under way; it ends when this is dropped.
struct Active {
    clock: Clock,
    recording: Arc<Mutex<Recording>>,
    // The thread ends as soon as this is gone.
    stop: Sender<()>,
    done: Receiver<()>,
}

struct Sampler {
    machine: Machine,
    watched: Option<Watched>,
    interval: Duration,
    clock: Clock,
    sink: Arc<dyn SampleSink>,
    recording: Arc<Mutex<Recording>>,
}

impl SystemMonitor {
    /// The monitor; it has no settings.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] when there is one.
    pub fn new(settings: Json) -> Result<Self> {
        let Settings {} = llmbench_plugin::settings(NAME, settings)?;
        Ok(Self::default())
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
        let mut active = lock(&self.active);
        if active.is_some() {
            return Err(Error::new(ErrorKind::Internal, "the system is being sampled already"));
        }
        let asked = match options.interval() {
            Duration::ZERO => DEFAULT_INTERVAL,
            asked => asked,
        };
        let interval = asked.max(LEAST_INTERVAL);
        let clock = cx.clock();
        let asked_ms = u64::try_from(asked.as_millis()).unwrap_or(u64::MAX);
        let mut recording = Recording::new(clock.now_ns(), asked_ms, interval);
        if interval > asked {
            recording.warn(format!(
                "system: sampled every {} ms instead of {asked_ms} ms, the shortest time in which \
                 CPU use can be measured",
                interval.as_millis()
            ));
        }
        let machine = Machine::open()?;
        let process_id = options.process_id;
        let recording = Arc::new(Mutex::new(recording));
        let mut sampler = Sampler {
            machine,
            watched: None,
            interval,
            clock,
            sink,
            recording: Arc::clone(&recording),
        };
        let (stop, stopped) = channel();
        let (done_sender, done) = channel();
        thread::Builder::new()
            .name("system sampler".into())
            .spawn(move || {
                sampler.run(process_id, &stopped);
                let _ = done_sender.send(());
            })
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "start the sampling thread").with_cause(&error)
            })?;
        *active = Some(Active { clock, recording, stop, done });
        Ok(())
    }

    fn stop(&self, _cx: &CallContext) -> Result<Series> {
        let Active { clock, recording, stop, done } = lock(&self.active)
            .take()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the system is not being sampled"))?;
        let stopped_ns = clock.now_ns();
        drop(stop);
        let is_late = matches!(done.recv_timeout(STOP_LIMIT), Err(RecvTimeoutError::Timeout));
        let mut recording = std::mem::take(&mut *lock(&recording));
        if is_late {
            recording.warn("the sampling thread did not end in time and was left behind".into());
        }
        Ok(recording.finish(stopped_ns))
    }
}

impl Sampler {
    /// Samples until `stopped` says so.
    fn run(&mut self, process_id: Option<u32>, stopped: &Receiver<()>) {
        let device = self.machine.device();
        lock(&self.recording).add_device(device);
        if let Some(id) = process_id {
            self.watched = self.machine.watch(id);
            match &self.watched {
                Some(watched) => lock(&self.recording).add_device(watched.device()),
                None => {
                    lock(&self.recording).end_device(PROCESS, format!("there is no process {id}"))
                }
            }
        }
        let mut due = Instant::now();
        loop {
            self.sample();
            due = next_tick(due, self.interval, Instant::now());
            let left = due.saturating_duration_since(Instant::now());
            if stopped.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn sample(&mut self) {
        let at_ns = self.clock.now_ns();
        let values = self.machine.values();
        if !values.is_empty() {
            self.keep(Sample { at_ns, device: SYSTEM.to_owned(), values });
        }
        let Some(watched) = &mut self.watched else { return };
        let at_ns = self.clock.now_ns();
        match self.machine.process_values(watched, at_ns) {
            Some(values) => self.keep(Sample { at_ns, device: PROCESS.to_owned(), values }),
            None => {
                let reason = format!("{} ended", watched.describe());
                tracing::debug!(reason, "no more samples of the process");
                lock(&self.recording).end_device(PROCESS, reason);
                self.watched = None;
            }
        }
    }

    fn keep(&self, sample: Sample) {
        lock(&self.recording).keep(sample.clone());
        // Outside the lock: the host's code must not delay a stop.
        self.sink.sample(&sample);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
