//! The monitor: finds GPUs, starts and stops the sampling thread.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llmbench_api::{
    CallContext, Error, ErrorKind, Json, Monitor, MonitorInfo, MonitorOptions, Result, SampleSink,
    Series,
};
use llmbench_plugin::sampling::{Sampling, lock};

use crate::failure::{Cause, Failure};
use crate::query::Query;
use crate::reading::Reading;
use crate::sampler::{Tool, call_once};
use crate::settings::Settings;
use crate::tool::{self, Event, What};

/// Name of the plugin in settings and messages.
pub const NAME: &str = "nvidia-smi";

/// The longest time for one probe.
const PROBE_LIMIT: Duration = Duration::from_secs(3);

/// Watches NVIDIA GPUs through the tool that comes with their driver.
pub struct NvidiaSmi {
    programs: Vec<PathBuf>,
    loop_mode: bool,
    least_patience: Duration,
    query: Arc<Mutex<Query>>,
    sampling: Sampling,
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
            sampling: Sampling::new(NAME),
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
        let (sender, receiver) = tool::events();
        let wake = sender.clone();
        let (programs, loop_mode) = (self.programs.clone(), self.loop_mode);
        let (least_patience, query) = (self.least_patience, Arc::clone(&self.query));
        self.sampling.start_with_wake(
            options,
            sink,
            cx,
            // A full channel needs no waking: the thread is busy emptying it.
            move || drop(wake.try_send(Event { run: 0, what: What::Wake })),
            move |sampler| {
                sampler.recording().first_is_dropped_by(NAME);
                let patience = least_patience.max(sampler.interval() * 5);
                Tool { programs, loop_mode, patience, sampler, query, sender, receiver }.run();
            },
        )
    }

    fn stop(&self, _cx: &CallContext) -> Result<Series> {
        self.sampling.stop_with(|recording| {
            for column in lock(&self.query).unmeasured() {
                recording.warn(format!("this nvidia-smi does not know `{column}`; not measured"));
            }
        })
    }
}

#[cfg(all(test, unix))]
#[path = "stand_in_tests.rs"]
mod stand_in_tests;
