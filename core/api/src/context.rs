//! What a call may use to look back at the host: clock, deadline, cancellation, progress.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Error, ErrorKind, Result};

/// The host's side of a [`CallContext`]. Plugins use the context, not this trait.
pub trait Control: Send + Sync + 'static {
    /// Nanoseconds on the host's monotonic clock, now.
    fn now_ns(&self) -> u64;
    /// Instant on the same clock after which nobody waits for the call any more.
    fn deadline_ns(&self) -> Option<u64>;
    /// True once the host wants the call to end early.
    fn is_cancelled(&self) -> bool;
    /// Tells the user how far the call is; `fraction` in 0..=1 when it is known.
    fn progress(&self, fraction: Option<f64>, message: &str);
    /// Calls `wake` once, from any thread, when the call is cancelled; at once
    /// if it is already. The returned guard unregisters it when dropped.
    fn on_cancel(&self, wake: Box<dyn FnOnce() + Send>) -> CancelGuard;
}

/// Unregisters a cancellation callback when dropped.
#[must_use = "the callback is unregistered when the guard is dropped"]
pub struct CancelGuard(Option<Box<dyn FnOnce() + Send>>);

impl CancelGuard {
    /// A guard that runs `unregister` when it is dropped.
    pub fn new(unregister: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(unregister)))
    }

    /// A guard with nothing to unregister.
    pub fn noop() -> Self {
        Self(None)
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(unregister) = self.0.take() {
            unregister();
        }
    }
}

/// The host's monotonic clock, readable inside a plugin without a call across the border.
///
/// The standard library's `Instant` cannot cross between libraries, so a clock
/// pairs one local instant with the host's reading at that moment. The pairing
/// costs one call (about 10 ns of uncertainty); each reading after it is as
/// exact as the system's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    anchor: Instant,
    anchor_ns: u64,
}

impl Clock {
    /// Pairs the local clock with the host's.
    pub fn new(control: &dyn Control) -> Self {
        Self { anchor_ns: control.now_ns(), anchor: Instant::now() }
    }

    /// Nanoseconds on the host's monotonic clock, now.
    pub fn now_ns(&self) -> u64 {
        self.at(Instant::now())
    }

    /// A local instant as nanoseconds on the host's clock.
    pub fn at(&self, instant: Instant) -> u64 {
        match instant.checked_duration_since(self.anchor) {
            Some(later) => self.anchor_ns + later.as_nanos() as u64,
            None => {
                self.anchor_ns.saturating_sub(self.anchor.duration_since(instant).as_nanos() as u64)
            }
        }
    }

    /// The local instant at `ns` of the host's clock.
    pub fn instant(&self, ns: u64) -> Instant {
        if ns >= self.anchor_ns {
            self.anchor + Duration::from_nanos(ns - self.anchor_ns)
        } else {
            self.anchor
                .checked_sub(Duration::from_nanos(self.anchor_ns - ns))
                .unwrap_or(self.anchor)
        }
    }
}

/// Handed to every call that can take long. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct CallContext {
    control: Arc<dyn Control>,
    clock: Clock,
}

impl CallContext {
    /// Wraps the host's side; hosts and tests call this, plugins never need to.
    pub fn new(control: Arc<dyn Control>) -> Self {
        let clock = Clock::new(&*control);
        Self { control, clock }
    }

    /// The host's side, for adapters.
    pub fn control(&self) -> &Arc<dyn Control> {
        &self.control
    }

    /// The host's clock; copy it once and read it as often as needed.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Local instant after which nobody waits for the call any more.
    pub fn deadline(&self) -> Option<Instant> {
        self.control.deadline_ns().map(|ns| self.clock.instant(ns))
    }

    /// Time left until the deadline; zero when it has passed, `None` without one.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// True once the host wants the call to end early.
    pub fn is_cancelled(&self) -> bool {
        self.control.is_cancelled()
    }

    /// Tells the user how far the call is; `fraction` in 0..=1 when it is known.
    pub fn progress(&self, fraction: Option<f64>, message: &str) {
        self.control.progress(fraction, message);
    }

    /// See [`Control::on_cancel`].
    pub fn on_cancel(&self, wake: impl FnOnce() + Send + 'static) -> CancelGuard {
        self.control.on_cancel(Box::new(wake))
    }

    /// Fails when the call was cancelled or its deadline has passed.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] or [`ErrorKind::Timeout`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        if self.remaining().is_some_and(|left| left.is_zero()) {
            return Err(Error::new(ErrorKind::Timeout, "the deadline has passed"));
        }
        Ok(())
    }
}
