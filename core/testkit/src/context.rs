//! The context of a call and a sink that keeps what it gets.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use llmbench_api::{
    CallContext, CancelGuard, Control, Event, EventKind, EventSink, Flow, Sample, SampleSink,
};

/// A [`CallContext`] that a test can cancel; derefs to the context.
#[derive(Clone)]
pub struct TestContext {
    context: CallContext,
    control: Arc<TestControl>,
}

impl TestContext {
    /// Cancels every call that was given this context.
    pub fn cancel(&self) {
        self.control.cancelled.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(&mut *lock(&self.control.waiting));
        for wake in waiting.into_values() {
            wake();
        }
    }

    /// The messages that calls passed to `progress`, oldest first.
    pub fn progress_messages(&self) -> Vec<String> {
        lock(&self.control.messages).clone()
    }
}

impl Deref for TestContext {
    type Target = CallContext;

    fn deref(&self) -> &CallContext {
        &self.context
    }
}

/// A context whose deadline lies `deadline` ahead; without one it never ends by itself.
pub fn context(deadline: Option<Duration>) -> TestContext {
    let control = Arc::new(TestControl {
        start: Instant::now(),
        deadline,
        cancelled: AtomicBool::new(false),
        next_id: AtomicU64::new(0),
        waiting: Arc::default(),
        messages: Mutex::default(),
    });
    TestContext { context: CallContext::new(control.clone()), control }
}

/// One event of a stream, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// What it held.
    pub kind: EventKind,
    /// When its bytes arrived.
    pub at_ns: u64,
    /// Its text.
    pub text: String,
}

/// A sink that keeps every event and sample, and can stop a call after some of them.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Arc<Mutex<Vec<RecordedEvent>>>,
    samples: Arc<Mutex<Vec<Sample>>>,
    stop_after: Option<usize>,
}

impl Recorder {
    /// A sink that wants everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that answers [`Flow::Stop`] to the `count`th event and all later ones.
    pub fn stopping_after(count: usize) -> Self {
        Self { stop_after: Some(count), ..Self::default() }
    }

    /// What has arrived so far, oldest first.
    pub fn events(&self) -> Vec<RecordedEvent> {
        lock(&self.events).clone()
    }

    /// The text of all events of `kind`, joined.
    pub fn text(&self, kind: EventKind) -> String {
        lock(&self.events).iter().filter(|e| e.kind == kind).map(|e| e.text.as_str()).collect()
    }

    /// Samples so far, oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        lock(&self.samples).clone()
    }
}

impl EventSink for Recorder {
    fn event(&self, event: Event<'_>) -> Flow {
        let mut events = lock(&self.events);
        events.push(RecordedEvent {
            kind: event.kind,
            at_ns: event.at_ns,
            text: event.text.to_owned(),
        });
        match self.stop_after {
            Some(count) if events.len() >= count => Flow::Stop,
            _ => Flow::Continue,
        }
    }
}

impl SampleSink for Recorder {
    fn sample(&self, sample: &Sample) {
        lock(&self.samples).push(sample.clone());
    }
}

type Wake = Box<dyn FnOnce() + Send>;

struct TestControl {
    start: Instant,
    deadline: Option<Duration>,
    cancelled: AtomicBool,
    next_id: AtomicU64,
    waiting: Arc<Mutex<BTreeMap<u64, Wake>>>,
    messages: Mutex<Vec<String>>,
}

impl Control for TestControl {
    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.deadline.map(|deadline| deadline.as_nanos() as u64)
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn progress(&self, _fraction: Option<f64>, message: &str) {
        lock(&self.messages).push(message.to_owned());
    }

    fn on_cancel(&self, wake: Wake) -> CancelGuard {
        let id = self.next_id.fetch_add(1, Ordering::SeqCst);
        lock(&self.waiting).insert(id, wake);
        // Cancelled between the caller's check and the line above: the callback is still ours to run.
        if self.is_cancelled() {
            let wake = lock(&self.waiting).remove(&id);
            if let Some(wake) = wake {
                wake();
            }
            return CancelGuard::noop();
        }
        let waiting = self.waiting.clone();
        CancelGuard::new(move || {
            lock(&waiting).remove(&id);
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelling_wakes_those_who_wait_and_those_who_come_later() {
        let cx = context(None);
        let woken = Arc::new(AtomicU64::new(0));
        let count = |woken: &Arc<AtomicU64>| {
            let woken = woken.clone();
            move || {
                woken.fetch_add(1, Ordering::SeqCst);
            }
        };
        let _kept = cx.on_cancel(count(&woken));
        drop(cx.on_cancel(count(&woken)));
        cx.cancel();
        assert!(cx.is_cancelled());
        let _late = cx.on_cancel(count(&woken));
        assert_eq!(woken.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn the_deadline_passes() {
        assert!(context(Some(Duration::ZERO)).check().is_err());
        assert!(context(Some(Duration::from_secs(3600))).check().is_ok());
        assert_eq!(context(None).remaining(), None);
    }
}
