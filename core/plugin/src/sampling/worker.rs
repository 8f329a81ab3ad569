//! Starts and stops a sampling thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use llmbench_api::{
    CallContext, Clock, Error, ErrorKind, MonitorOptions, Result, Sample, SampleSink, Series,
};

use super::recording::Recording;
use super::ticks::next_tick;

/// Time between two samples where none is asked for.
pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(500);

/// How long [`Sampling::stop`] waits for the thread; one that hangs in a driver is left behind.
pub const STOP_LIMIT: Duration = Duration::from_secs(2);

/// How long [`Sampling::start`] waits for the first round. Not longer with a longer
/// interval: how long a driver takes to answer has nothing to do with how often it is asked.
pub const FIRST_ROUND_LIMIT: Duration = Duration::from_secs(2);

/// How often a wait for the first round looks whether the run was cancelled.
const LOOK_UP: Duration = Duration::from_millis(20);

/// The sampling of one monitor, which is under way or not.
///
/// # Example
/// ```no_run
/// use std::sync::Arc;
/// use llmbench_plugin::sampling::Sampling;
/// use llmbench_plugin::{CallContext, MonitorOptions, Result, Sample, SampleSink, Series};
///
/// fn start(
///     sampling: &Sampling,
///     options: &MonitorOptions,
///     sink: Arc<dyn SampleSink>,
///     cx: &CallContext,
/// ) -> Result<()> {
///     sampling.start(options, sink, cx, |sampler| {
///         sampler.each_tick(|sampler| {
///             let values = [("beats".to_owned(), 1.0)].into();
///             sampler.keep(Sample { at_ns: sampler.clock().now_ns(), device: "clock".into(), values });
///         });
///     })
/// }
/// ```
pub struct Sampling {
    name: &'static str,
    least_interval: Option<(Duration, &'static str)>,
    active: Mutex<Option<Active>>,
}

/// Sampling that is under way; it ends when this is dropped.
struct Active {
    clock: Clock,
    shared: Arc<Shared>,
    wake: Box<dyn Fn() + Send>,
    done: Receiver<()>,
}

#[derive(Default)]
struct Shared {
    recording: Mutex<Recording>,
    stopped: Mutex<bool>,
    stopping: Condvar,
}

impl Sampling {
    /// Sampling of the monitor `name`, not under way.
    pub const fn new(name: &'static str) -> Self {
        Self { name, least_interval: None, active: Mutex::new(None) }
    }

    /// The shortest interval that is used, and what for: a shorter one is lengthened, with a warning.
    pub const fn with_least_interval(mut self, interval: Duration, why: &'static str) -> Self {
        self.least_interval = Some((interval, why));
        self
    }

    /// Starts a thread that does `body`, and returns when its first round is over, so
    /// that what is done from then on lies between two readings.
    ///
    /// The first round is over when the body says so ([`Sampler::end_first_round`]),
    /// when it first sleeps until a later instant, or when it ends. A thread that needs
    /// longer than [`FIRST_ROUND_LIMIT`], than half of the time that `cx` has left, or
    /// than until `cx` is cancelled goes on unwaited for.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when sampling is under way already, or no thread can be started.
    pub fn start(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
        body: impl FnOnce(&Sampler) + Send + 'static,
    ) -> Result<()> {
        let first_round = self.spawn(options, sink, cx, || {}, body)?;
        wait_for(&first_round, cx);
        Ok(())
    }

    /// As [`Sampling::start`], for a body that waits for something else than its
    /// [`Sampler`]: `wake` is called, from another thread and maybe twice, when sampling
    /// shall end. Returns at once, without waiting for a reading.
    ///
    /// # Errors
    /// As [`Sampling::start`].
    pub fn start_with_wake(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
        wake: impl Fn() + Send + 'static,
        body: impl FnOnce(&Sampler) + Send + 'static,
    ) -> Result<()> {
        self.spawn(options, sink, cx, wake, body).map(drop)
    }

    /// The thread is under way; its first round is over when the sender is gone.
    fn spawn(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
        wake: impl Fn() + Send + 'static,
        body: impl FnOnce(&Sampler) + Send + 'static,
    ) -> Result<Receiver<()>> {
        let mut active = lock(&self.active);
        if active.is_some() {
            let message = format!("{} is sampling already", self.name);
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let asked = match options.interval() {
            Duration::ZERO => DEFAULT_INTERVAL,
            asked => asked,
        };
        let asked_ms = u64::try_from(asked.as_millis()).unwrap_or(u64::MAX);
        let least = self.least_interval.map_or(Duration::ZERO, |(least, _)| least);
        let interval = asked.max(least);
        let clock = cx.clock();
        let mut recording = Recording::new(clock.now_ns(), asked_ms, interval);
        if let Some((_, why)) = self.least_interval.filter(|_| interval > asked) {
            recording.warn(format!(
                "{}: sampled every {} ms instead of {asked_ms} ms, {why}",
                self.name,
                interval.as_millis()
            ));
        }
        let shared = Arc::new(Shared { recording: Mutex::new(recording), ..Shared::default() });
        let (first_round, is_over) = channel();
        let first_round = Mutex::new(Some(first_round));
        let sampler = Sampler { interval, clock, sink, shared: Arc::clone(&shared), first_round };
        let (done_sender, done) = channel();
        thread::Builder::new()
            .name(format!("{} sampler", self.name))
            .spawn(move || {
                body(&sampler);
                let _ = done_sender.send(());
            })
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "start the sampling thread").with_cause(&error)
            })?;
        *active = Some(Active { clock, shared, wake: Box::new(wake), done });
        Ok(is_over)
    }

    /// Ends the thread and gives what it recorded. `remark` may add to it before it is finished.
    ///
    /// Waits at most [`STOP_LIMIT`]; a thread that does not end until then is
    /// left behind, and a warning says so.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when sampling is not under way.
    pub fn stop_with(&self, remark: impl FnOnce(&mut Recording)) -> Result<Series> {
        let active = lock(&self.active).take().ok_or_else(|| {
            Error::new(ErrorKind::Internal, format!("{} is not sampling", self.name))
        })?;
        let stopped_ns = active.clock.now_ns();
        active.tell();
        let end = active.done.recv_timeout(STOP_LIMIT);
        let mut recording = std::mem::take(&mut *lock(&active.shared.recording));
        match end {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => {
                recording.warn("the sampling thread did not end in time and was left behind");
            }
            Err(RecvTimeoutError::Disconnected) => {
                recording.fail("the sampling thread panicked");
            }
        }
        remark(&mut recording);
        Ok(recording.finish(stopped_ns))
    }

    /// As [`Sampling::stop_with`], with nothing to add.
    ///
    /// # Errors
    /// As [`Sampling::stop_with`].
    pub fn stop(&self) -> Result<Series> {
        self.stop_with(|_| {})
    }
}

fn wait_for(first_round: &Receiver<()>, cx: &CallContext) {
    let limit = cx.remaining().map_or(FIRST_ROUND_LIMIT, |left| FIRST_ROUND_LIMIT.min(left / 2));
    let limit = Instant::now() + limit;
    while !cx.is_cancelled() {
        let left = limit.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return tracing::debug!("the first round of samples is not waited for any longer");
        }
        if first_round.recv_timeout(left.min(LOOK_UP)) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

impl Active {
    fn tell(&self) {
        *lock(&self.shared.stopped) = true;
        self.shared.stopping.notify_all();
        (self.wake)();
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.tell();
    }
}

/// What the body of a sampling thread works with.
pub struct Sampler {
    interval: Duration,
    clock: Clock,
    sink: Arc<dyn SampleSink>,
    shared: Arc<Shared>,
    first_round: Mutex<Option<Sender<()>>>,
}

impl Sampler {
    /// Time between two samples.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The host's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Takes a sample, and passes it on to the host's live display.
    pub fn keep(&self, sample: Sample) {
        self.recording().keep(sample.clone());
        // Outside the lock: the host's code must not delay a stop.
        self.sink.sample(&sample);
    }

    /// What has been seen so far. Not to be held while a device is read: `stop` waits for it.
    pub fn recording(&self) -> MutexGuard<'_, Recording> {
        lock(&self.shared.recording)
    }

    /// True when sampling shall end.
    pub fn is_stopped(&self) -> bool {
        *lock(&self.shared.stopped)
    }

    /// Says that every device was read once, or that none can be: [`Sampling::start`] returns.
    pub fn end_first_round(&self) {
        lock(&self.first_round).take();
    }

    /// Sleeps until `due`; false when sampling was stopped before. Who sleeps has read
    /// what there is: the first round is over.
    pub fn wait_until(&self, due: Instant) -> bool {
        if due > Instant::now() {
            self.end_first_round();
        }
        let mut stopped = lock(&self.shared.stopped);
        while !*stopped {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.shared.stopping.wait_timeout(stopped, left);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Does `sample` at once and then at every tick of the grid, until stopped.
    pub fn each_tick(&self, mut sample: impl FnMut(&Self)) {
        let mut due = Instant::now();
        while self.wait_until(due) {
            sample(self);
            due = next_tick(due, self.interval, Instant::now());
        }
    }
}

/// The mutex's content; a panic of another holder does not matter.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
