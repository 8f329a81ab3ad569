//! The host's side of a call, as tests need it: a clock, a deadline and a button to cancel.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use llmbench_api::{CallContext, CancelGuard, Control, Event, EventKind, EventSink, Flow};

type Callback = Box<dyn FnOnce() + Send>;

/// Cancels, remembers progress, and calls `at_progress` at each report.
pub(crate) struct TestControl {
    started: Instant,
    deadline_ns: Option<u64>,
    cancelled: AtomicBool,
    callbacks: Arc<Mutex<Vec<(u64, Callback)>>>,
    progress: Mutex<Vec<(Option<f64>, String)>>,
    at_progress: Box<dyn Fn() + Send + Sync>,
}

impl TestControl {
    pub(crate) fn new(
        deadline_ns: Option<u64>,
        at_progress: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            deadline_ns,
            cancelled: AtomicBool::new(false),
            callbacks: Arc::default(),
            progress: Mutex::default(),
            at_progress: Box::new(at_progress),
        })
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        let callbacks = std::mem::take(&mut *self.callbacks.lock().unwrap());
        for (_, callback) in callbacks {
            callback();
        }
    }

    pub(crate) fn registered(&self) -> usize {
        self.callbacks.lock().unwrap().len()
    }

    pub(crate) fn progress_seen(&self) -> Vec<(Option<f64>, String)> {
        self.progress.lock().unwrap().clone()
    }
}

impl Control for TestControl {
    fn now_ns(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn progress(&self, fraction: Option<f64>, message: &str) {
        self.progress.lock().unwrap().push((fraction, message.to_owned()));
        (self.at_progress)();
    }

    fn on_cancel(&self, wake: Callback) -> CancelGuard {
        let mut callbacks = self.callbacks.lock().unwrap();
        let id = callbacks.last().map_or(1, |(last, _)| last + 1);
        callbacks.push((id, wake));
        let callbacks = Arc::clone(&self.callbacks);
        CancelGuard::new(move || {
            let mut callbacks = callbacks.lock().unwrap();
            let position = callbacks.iter().position(|(other, _)| *other == id);
            let removed = position.map(|position| callbacks.remove(position));
            drop(callbacks);
            drop(removed);
        })
    }
}

/// A context that is never cancelled and has no deadline.
pub(crate) fn quiet() -> CallContext {
    CallContext::new(TestControl::new(None, || ()))
}

/// Keeps events; stops after `most`.
pub(crate) struct Events {
    most: usize,
    seen: Mutex<Vec<(u32, EventKind, u64, String)>>,
}

impl Events {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, seen: Mutex::default() }
    }

    pub(crate) fn seen(&self) -> Vec<(u32, EventKind, u64, String)> {
        self.seen.lock().unwrap().clone()
    }
}

impl EventSink for Events {
    fn event(&self, event: Event<'_>) -> Flow {
        let mut seen = self.seen.lock().unwrap();
        seen.push((event.request_index, event.kind, event.at_ns, event.text.to_owned()));
        if seen.len() < self.most { Flow::Continue } else { Flow::Stop }
    }
}
