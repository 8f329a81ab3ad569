//! The host's clock, cancellation, and the context of a call.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use llmbench_api::{CallContext, CancelGuard, Control};

/// Nanoseconds on the host's monotonic clock: since the first call in this process.
pub fn now_ns() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    EPOCH.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Callbacks and their ids.
type Callbacks = Vec<(u64, Box<dyn FnOnce() + Send>)>;

/// Stops everything that was started with it. Clones share one state.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Shared>);

#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    next_id: AtomicU64,
    callbacks: Mutex<Callbacks>,
}

impl CancelToken {
    /// Cancels, and calls every registered callback once.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let callbacks = std::mem::take(&mut *self.lock());
        for (_, callback) in callbacks {
            callback();
        }
    }

    /// True after [`CancelToken::cancel`].
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Calls `wake` when cancelled; at once if that has happened already.
    pub fn on_cancel(&self, wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        let mut callbacks = self.lock();
        if self.is_cancelled() {
            drop(callbacks);
            wake();
            return CancelGuard::noop();
        }
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        callbacks.push((id, wake));
        let token = self.clone();
        CancelGuard::new(move || token.lock().retain(|(other, _)| *other != id))
    }

    /// Sleeps for `duration`; returns early, with `false`, when cancelled.
    pub fn sleep(&self, duration: Duration) -> bool {
        let (sender, receiver) = std::sync::mpsc::channel();
        let _registered = self.on_cancel(Box::new(move || {
            let _ = sender.send(());
        }));
        receiver.recv_timeout(duration).is_err() && !self.is_cancelled()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Callbacks> {
        self.0.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives the progress messages of a call.
pub type ProgressSink = Arc<dyn Fn(Option<f64>, &str) + Send + Sync>;

/// The context of one call: ends after `limit` or when `cancel` says so.
pub fn context(
    cancel: &CancelToken,
    limit: Option<Duration>,
    progress: ProgressSink,
) -> CallContext {
    let deadline_ns = limit.map(|limit| now_ns().saturating_add(limit.as_nanos() as u64));
    CallContext::new(Arc::new(HostControl { cancel: cancel.clone(), deadline_ns, progress }))
}

/// A context whose progress nobody looks at.
pub fn quiet_context(cancel: &CancelToken, limit: Option<Duration>) -> CallContext {
    context(cancel, limit, Arc::new(|_, _| {}))
}

struct HostControl {
    cancel: CancelToken,
    deadline_ns: Option<u64>,
    progress: ProgressSink,
}

impl Control for HostControl {
    fn now_ns(&self) -> u64 {
        now_ns()
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn progress(&self, fraction: Option<f64>, message: &str) {
        (self.progress)(fraction, message);
    }

    fn on_cancel(&self, wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        self.cancel.on_cancel(wake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_runs_once_and_not_after_its_guard_is_dropped() {
        let token = CancelToken::default();
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let kept = token.on_cancel(Box::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        let counter = Arc::clone(&count);
        drop(token.on_cancel(Box::new(move || {
            counter.fetch_add(100, Ordering::SeqCst);
        })));
        token.cancel();
        token.cancel();
        drop(kept);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn registering_after_the_cancellation_calls_at_once() {
        let token = CancelToken::default();
        token.cancel();
        let (sender, receiver) = std::sync::mpsc::channel();
        let _guard = token.on_cancel(Box::new(move || sender.send(()).unwrap()));
        assert!(receiver.try_recv().is_ok());
        assert!(!token.sleep(Duration::from_secs(60)));
    }
}
