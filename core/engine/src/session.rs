//! Everything that a run is made of, resolved and loaded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use llmbench_api::record::IdleRecord;
use llmbench_api::{
    Backend, CallContext, Case, GenerateOptions, History, Monitor, Result, Step, TestDescription,
    TestType, Validator,
};

use crate::call::bounded;
use crate::control::{self, CancelToken};
use crate::events::{Observer, RunEvent};
use crate::watch::IdleDraws;

/// How long a test may think about its next step.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// Limits and measures of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOptions {
    /// For one whole answer.
    pub request_timeout: Duration,
    /// For loading a model and warming it up.
    pub load_timeout: Duration,
    /// For one judgement.
    pub check_timeout: Duration,
    /// How often an infrastructure failure is retried.
    pub retries: u32,
    /// Pause before the first retry; doubled for each next one.
    pub retry_pause: Duration,
    /// Time between two samples of a monitor.
    pub monitor_interval: Duration,
    /// For how long the idle draw is measured before the run; not at all with 0.
    pub idle_baseline: Duration,
    /// Sampling and limits sent with each request; the seed is the base seed.
    pub generate: GenerateOptions,
    /// Requests at a time up to which this machine's measuring is known to be exact;
    /// `None` when it was not calibrated.
    pub certified_streams: Option<u64>,
    /// Requests that this machine's client is known to make in a second.
    pub certified_requests_per_sec: Option<f64>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            load_timeout: Duration::from_secs(300),
            check_timeout: Duration::from_secs(120),
            retries: 2,
            retry_pause: Duration::from_secs(1),
            monitor_interval: Duration::from_millis(500),
            idle_baseline: Duration::from_secs(2),
            generate: GenerateOptions::default(),
            certified_streams: None,
            certified_requests_per_sec: None,
        }
    }
}

/// Who plays a role.
#[derive(Clone)]
pub enum RolePlayer {
    /// A validator.
    Validator {
        /// Its name.
        name: String,
        /// The component.
        validator: Arc<dyn Validator>,
    },
    /// Nobody, and why.
    Skipped {
        /// The reason, for the user.
        reason: String,
    },
}

/// A monitor and its name.
#[derive(Clone)]
pub struct NamedMonitor {
    /// Its name.
    pub name: String,
    /// The component.
    pub monitor: Arc<dyn Monitor>,
}

/// How a monitor came to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonitorOrigin {
    /// The user named it: it must work.
    Named,
    /// One of several that could watch the GPUs: the first that finds one is taken.
    FirstWithGpu,
    /// It is taken where it works.
    IfThere,
}

/// The components of a run, ready to be used.
pub struct Session {
    /// Decides what is asked.
    pub test: Arc<dyn TestType>,
    /// What it says of itself.
    pub description: TestDescription,
    /// Runs the models.
    pub backend: Arc<dyn Backend>,
    /// Watch the hardware.
    pub monitors: Vec<NamedMonitor>,
    /// Why other monitors do not take part, for the figures that they would have given.
    pub unavailable_monitors: Vec<String>,
    /// Role → who plays it.
    pub roles: BTreeMap<String, RolePlayer>,
    /// Limits and measures.
    pub options: RunOptions,
    /// Process that computes, where it is known; servers start it with the model.
    pub process_id: Mutex<Option<u32>>,
    /// Monitor → what its devices drew before the run.
    pub idle: Mutex<BTreeMap<String, IdleRecord>>,
    /// Stops the run.
    pub cancel: CancelToken,
    /// Watches the run.
    pub observer: Arc<dyn Observer>,
}

impl Session {
    /// A call context that ends after `limit`, with progress going to the observer.
    pub fn context(&self, limit: Duration) -> CallContext {
        let observer = Arc::clone(&self.observer);
        let progress = move |fraction: Option<f64>, message: &str| {
            observer.event(&RunEvent::Preparing { message, fraction });
        };
        control::context(&self.cancel, Some(limit), Arc::new(progress))
    }

    /// Process that computes, where it is known.
    pub fn process_id(&self) -> Option<u32> {
        *self.process_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Monitor → what its devices drew before the run.
    pub(crate) fn idle_draws(&self) -> IdleDraws {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The test's next step; a test that does not come back is given up on.
    ///
    /// # Errors
    /// As [`TestType::next`]; kind `Timeout` with phase `hang`.
    pub fn next_step(&self, case: &Case, history: &History) -> Result<Step> {
        let cx = control::quiet_context(&self.cancel, Some(STEP_LIMIT));
        let (test, case, history) = (Arc::clone(&self.test), case.clone(), history.clone());
        bounded("the test", &cx, move |_| test.next(&case, &history))
    }

    /// Tells the observer.
    pub fn tell(&self, event: &RunEvent<'_>) {
        self.observer.event(event);
    }
}
