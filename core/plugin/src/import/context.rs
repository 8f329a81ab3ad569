//! Contexts and sinks of the host, made plain inside a plugin.

use std::sync::Arc;

use abi_stable::sabi_types::RRef;
use abi_stable::std_types::RSlice;
use llmbench_abi::{ContextBox, RawEvent, RawEventSink_TO, RawSample, RawValue, SampleSinkBox};
use llmbench_api::{
    CallContext, CancelGuard, Control, Event, EventKind, EventSink, Flow, Sample, SampleSink,
};

use crate::export;

/// The context of a call.
pub(crate) fn context(raw: ContextBox) -> CallContext {
    let deadline_ns = Some(raw.deadline_ns()).filter(|ns| *ns != u64::MAX);
    CallContext::new(Arc::new(ImportedContext { raw: Arc::new(raw), deadline_ns }))
}

struct ImportedContext {
    raw: Arc<ContextBox>,
    deadline_ns: Option<u64>,
}

impl Control for ImportedContext {
    fn now_ns(&self) -> u64 {
        self.raw.now_ns()
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    fn is_cancelled(&self) -> bool {
        self.raw.is_cancelled()
    }

    fn progress(&self, fraction: Option<f64>, message: &str) {
        self.raw.progress(fraction.unwrap_or(-1.0), message.into());
    }

    fn on_cancel(&self, wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        let id = self.raw.on_cancel(export::callback(wake));
        let raw = Arc::clone(&self.raw);
        CancelGuard::new(move || raw.off_cancel(id))
    }
}

/// A sink for events, valid while the call lasts.
pub(crate) fn event_sink<'a>(raw: RawEventSink_TO<'a, RRef<'a, ()>>) -> impl EventSink + 'a {
    ImportedEvents(raw)
}

struct ImportedEvents<'a>(RawEventSink_TO<'a, RRef<'a, ()>>);

impl EventSink for ImportedEvents<'_> {
    fn event(&self, event: Event<'_>) -> Flow {
        let kind = match event.kind {
            EventKind::Text => 0,
            EventKind::Thinking => 1,
            EventKind::ToolCall => 2,
            EventKind::Usage => 3,
            EventKind::Done => 4,
            _ => return Flow::Continue,
        };
        let raw = RawEvent {
            at_ns: event.at_ns,
            request_index: event.request_index,
            kind,
            text: event.text.into(),
        };
        if self.0.event(raw) == 0 { Flow::Continue } else { Flow::Stop }
    }
}

/// A sink for samples.
pub(crate) fn sample_sink(raw: SampleSinkBox) -> Arc<dyn SampleSink> {
    Arc::new(ImportedSamples(raw))
}

struct ImportedSamples(SampleSinkBox);

impl SampleSink for ImportedSamples {
    fn sample(&self, sample: &Sample) {
        let values: Vec<RawValue<'_>> = sample
            .values
            .iter()
            .map(|(metric, value)| RawValue { metric: metric.as_str().into(), value: *value })
            .collect();
        self.0.sample(RawSample {
            at_ns: sample.at_ns,
            device: sample.device.as_str().into(),
            values: RSlice::from_slice(&values),
        });
    }
}
