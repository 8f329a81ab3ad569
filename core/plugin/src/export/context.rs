//! The host's contexts and sinks, made raw.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::sabi_types::RRef;
use abi_stable::std_types::{RArc, RStr};
use llmbench_abi::{
    ContextBox, OnceBox, RawContext, RawContext_TO, RawEvent, RawEventSink, RawEventSink_TO,
    RawFlow, RawOnce, RawOnce_TO, RawSample, RawSampleSink, RawSampleSink_TO, SampleSinkBox,
};
use llmbench_api::{
    CallContext, CancelGuard, Control, Event, EventKind, EventSink, Flow, Sample, SampleSink,
};

use crate::guard::{Guarded, guard_or};

/// A call context for the other side.
pub(crate) fn context(cx: &CallContext) -> ContextBox {
    let exported = ExportedContext {
        control: Guarded::new(Arc::clone(cx.control())),
        guards: Guarded::new(Mutex::default()),
        next_id: AtomicU64::new(1),
    };
    RawContext_TO::from_ptr(RArc::new(exported), TD_Opaque)
}

struct ExportedContext {
    control: Guarded<Arc<dyn Control>>,
    guards: Guarded<Mutex<HashMap<u64, CancelGuard>>>,
    next_id: AtomicU64,
}

impl RawContext for ExportedContext {
    fn now_ns(&self) -> u64 {
        guard_or(0, || self.control.now_ns())
    }

    fn deadline_ns(&self) -> u64 {
        guard_or(u64::MAX, || self.control.deadline_ns().unwrap_or(u64::MAX))
    }

    fn is_cancelled(&self) -> bool {
        guard_or(true, || self.control.is_cancelled())
    }

    fn progress(&self, fraction: f64, message: RStr<'_>) {
        guard_or((), || self.control.progress((fraction >= 0.0).then_some(fraction), &message));
    }

    fn on_cancel(&self, mut callback: OnceBox) -> u64 {
        guard_or(0, || {
            let guard = self.control.on_cancel(Box::new(move || callback.call()));
            let id = self.next_id.fetch_add(1, Ordering::Relaxed);
            self.guards.lock().unwrap_or_else(PoisonError::into_inner).insert(id, guard);
            id
        })
    }

    fn off_cancel(&self, id: u64) {
        guard_or((), || {
            let guard = self.guards.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            // Outside the lock: unregistering may call back.
            drop(guard);
        });
    }
}

/// A callback for the other side.
pub(crate) fn callback(wake: Box<dyn FnOnce() + Send>) -> OnceBox {
    RawOnce_TO::from_value(ExportedOnce(Some(wake)), TD_Opaque)
}

struct ExportedOnce(Option<Box<dyn FnOnce() + Send>>);

impl Drop for ExportedOnce {
    fn drop(&mut self) {
        let never_called = self.0.take();
        guard_or((), || drop(never_called));
    }
}

impl RawOnce for ExportedOnce {
    fn call(&mut self) {
        if let Some(wake) = self.0.take() {
            guard_or((), wake);
        }
    }
}

/// A borrowed event sink that the other side may call while the call lasts.
pub(crate) struct ExportedEvents<'a>(&'a dyn EventSink);

/// Wraps `sink`; pass [`ExportedEvents::raw`] across.
pub(crate) fn event_sink(sink: &dyn EventSink) -> ExportedEvents<'_> {
    ExportedEvents(sink)
}

impl<'a> ExportedEvents<'a> {
    pub(crate) fn raw(&'a self) -> RawEventSink_TO<'a, RRef<'a, ()>> {
        RawEventSink_TO::from_ptr(RRef::new(self), TD_Opaque)
    }
}

impl RawEventSink for ExportedEvents<'_> {
    fn event(&self, event: RawEvent<'_>) -> RawFlow {
        guard_or(2, || {
            let Some(kind) = event_kind(event.kind) else { return 0 };
            let plain = Event {
                request_index: event.request_index,
                kind,
                at_ns: event.at_ns,
                text: event.text.as_str(),
            };
            match self.0.event(plain) {
                Flow::Continue => 0,
                Flow::Stop => 1,
            }
        })
    }
}

/// The kind behind a number; `None` for kinds of a newer plugin, which are passed over.
fn event_kind(number: u8) -> Option<EventKind> {
    Some(match number {
        0 => EventKind::Text,
        1 => EventKind::Thinking,
        2 => EventKind::ToolCall,
        3 => EventKind::Usage,
        4 => EventKind::Done,
        _ => return None,
    })
}

/// A sample sink for the other side.
pub(crate) fn sample_sink(sink: Arc<dyn SampleSink>) -> SampleSinkBox {
    RawSampleSink_TO::from_ptr(RArc::new(ExportedSamples(Guarded::new(sink))), TD_Opaque)
}

struct ExportedSamples(Guarded<Arc<dyn SampleSink>>);

impl RawSampleSink for ExportedSamples {
    fn sample(&self, sample: RawSample<'_>) {
        guard_or((), || {
            let values =
                sample.values.iter().map(|value| (value.metric.to_string(), value.value)).collect();
            self.0.sample(&Sample {
                at_ns: sample.at_ns,
                device: sample.device.to_string(),
                values,
            });
        });
    }
}
