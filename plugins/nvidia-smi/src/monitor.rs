//! The monitor: finds GPUs, starts and stops the sampling thread.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use llmbench_api::{
    CallContext, Clock, Error, ErrorKind, Json, Monitor, MonitorInfo, MonitorOptions, Result,
    SampleSink, Series,
};

use crate::failure::{Cause, Failure};
use crate::query::Query;
use crate::reading::Reading;
use crate::recording::Recording;
use crate::sampler::{Sampler, call_once};
use crate::settings::Settings;
use crate::tool::{self, Event, What};

/// Name of the plugin in settings and messages.
pub const NAME: &str = "nvidia-smi";

const DEFAULT_INTERVAL: Duration = Duration::from_millis(500);
/// The longest time for one probe.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
/// How long `stop` waits for the sampling thread.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Watches NVIDIA GPUs through the tool that comes with their driver.
pub struct NvidiaSmi {
    programs: Vec<PathBuf>,
    loop_mode: bool,
    least_patience: Duration,
    query: Arc<Mutex<Query>>,
    active: Mutex<Option<Active>>,
}

/// Sampling that is under way; it ends when this is dropped.
struct Active {
    clock: Clock,
    recording: Arc<Mutex<Recording>>,
    stop: Arc<AtomicBool>,
    sender: SyncSender<Event>,
    done: Receiver<()>,
}

impl NvidiaSmi {
    /// The monitor for these settings; see [`Settings`].
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] when one is unknown or of the wrong type.
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self::from_settings(&llmbench_plugin::settings(NAME, settings)?))
    }

    /// The monitor for settings that were read already.
    pub fn from_settings(settings: &Settings) -> Self {
        Self {
            programs: settings.programs(),
            loop_mode: settings.loop_mode,
            least_patience: Duration::from_secs(3),
            query: Arc::new(Mutex::new(Query::full())),
            active: Mutex::new(None),
        }
    }

    /// Gives up a silent tool after `patience` or five intervals, whichever is
    /// longer; three seconds unless a test is in a hurry.
    #[cfg(test)]
    pub(crate) fn with_patience(mut self, patience: Duration) -> Self {
        self.least_patience = patience;
        self
    }

    fn query_within(&self, limit: Instant, cx: &CallContext) -> Result<Vec<Reading>, Failure> {
        let allowed = limit.saturating_duration_since(Instant::now());
        loop {
            let query = lock(&self.query).clone();
            let answer = call_once(&self.programs, &query, limit, allowed, &|| cx.is_cancelled());
            match answer {
                Ok((readings, ..)) => return Ok(readings),
                Err(failure) => {
                    let Cause::UnknownColumn(column) = &failure.cause else { return Err(failure) };
                    let Some(next) = query.without(column) else { return Err(failure) };
                    *lock(&self.query) = next;
                }
            }
        }
    }
}

impl Monitor for NvidiaSmi {
    fn probe(&self, cx: &CallContext) -> Result<MonitorInfo> {
        cx.check()?;
        let allowed = cx.remaining().map_or(PROBE_LIMIT, |left| left.min(PROBE_LIMIT));
        let answer = self.query_within(Instant::now() + allowed, cx);
        if cx.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        let readings = answer.map_err(Failure::into_error)?;
        let mut notes = lock(&self.query).notes().to_vec();
        notes.extend(readings.iter().flat_map(Reading::remarks));
        let drivers: BTreeSet<&str> = readings
            .iter()
            .filter_map(|reading| reading.device.facts.get("driver_version"))
            .map(String::as_str)
            .collect();
        let source = if drivers.is_empty() {
            NAME.to_owned()
        } else {
            format!("{NAME} (driver {})", Vec::from_iter(drivers).join(", "))
        };
        let devices = readings.into_iter().map(|reading| reading.device).collect();
        Ok(MonitorInfo { devices, source, notes })
    }

    fn start(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
    ) -> Result<()> {
        let mut active = lock(&self.active);
        if active.is_some() {
            return Err(Error::new(ErrorKind::Internal, "nvidia-smi is sampling already"));
        }
        let interval = match options.interval() {
            Duration::ZERO => DEFAULT_INTERVAL,
            interval => interval,
        };
        let clock = cx.clock();
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let recording = Arc::new(Mutex::new(Recording::new(clock.now_ns(), interval_ms)));
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = tool::events();
        let (done_sender, done) = channel();
        let sampler = Sampler {
            programs: self.programs.clone(),
            loop_mode: self.loop_mode,
            interval,
            patience: self.least_patience.max(interval * 5),
            clock,
            sink,
            recording: Arc::clone(&recording),
            query: Arc::clone(&self.query),
            stop: Arc::clone(&stop),
            sender: sender.clone(),
            receiver,
        };
        thread::Builder::new()
            .name("nvidia-smi sampler".into())
            .spawn(move || {
                sampler.run();
                let _ = done_sender.send(());
            })
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "start the sampling thread").with_cause(&error)
            })?;
        *active = Some(Active { clock, recording, stop, sender, done });
        Ok(())
    }

    fn stop(&self, _cx: &CallContext) -> Result<Series> {
        let active = lock(&self.active)
            .take()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "nvidia-smi is not sampling"))?;
        let stopped_ns = active.clock.now_ns();
        active.tell();
        let is_late =
            matches!(active.done.recv_timeout(STOP_LIMIT), Err(RecvTimeoutError::Timeout));
        let mut recording = std::mem::take(&mut *lock(&active.recording));
        for column in lock(&self.query).unmeasured() {
            recording.warn(format!("this nvidia-smi does not know `{column}`; not measured"));
        }
        if is_late {
            recording.warn("the sampling thread did not end in time and was left behind".into());
        }
        Ok(recording.finish(stopped_ns))
    }
}

impl Active {
    fn tell(&self) {
        self.stop.store(true, Ordering::Release);
        // A full channel needs no waking: the thread is busy emptying it.
        let _ = self.sender.try_send(Event { run: 0, what: What::Wake });
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.tell();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, unix))]
#[path = "stand_in_tests.rs"]
mod stand_in_tests;
