//! A plugin's components, made raw.

use std::sync::Arc;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::sabi_types::RRef;
use abi_stable::std_types::{RArc, RStr, RString};
use llmbench_abi::{
    BackendBox, ContextBox, MonitorBox, RawBackend, RawBackend_TO, RawEventSink_TO, RawMonitor,
    RawMonitor_TO, RawResult, RawTestType, RawTestType_TO, RawValidator, RawValidator_TO,
    SampleSinkBox, TestTypeBox, ValidatorBox,
};
use llmbench_api::{Backend, Monitor, TestType, Validator};

use crate::guard::{Guarded, decode, to_raw, to_raw_json};
use crate::import;

/// A plain component on the exporting side.
struct Exported<T: ?Sized>(Guarded<Arc<T>>);

/// A backend for the other side.
pub fn backend(backend: Arc<dyn Backend>) -> BackendBox {
    RawBackend_TO::from_ptr(RArc::new(Exported(Guarded::new(backend))), TD_Opaque)
}

impl RawBackend for Exported<dyn Backend> {
    fn probe(&self, cx: ContextBox) -> RawResult<RString> {
        to_raw_json(|| self.0.probe(&import::context(cx)))
    }

    fn models(&self, cx: ContextBox) -> RawResult<RString> {
        to_raw_json(|| self.0.models(&import::context(cx)))
    }

    fn identify(&self, model: RStr<'_>, cx: ContextBox) -> RawResult<RString> {
        to_raw_json(|| self.0.identify(&model, &import::context(cx)))
    }

    fn load(&self, model: RStr<'_>, options: RStr<'_>, cx: ContextBox) -> RawResult<RString> {
        to_raw_json(|| self.0.load(&model, &decode(&options)?, &import::context(cx)))
    }

    fn generate<'a>(
        &self,
        request: RStr<'a>,
        sink: RawEventSink_TO<'a, RRef<'a, ()>>,
        cx: ContextBox,
    ) -> RawResult<RString> {
        to_raw_json(|| {
            self.0.generate(&decode(&request)?, &import::event_sink(sink), &import::context(cx))
        })
    }

    fn generate_batch<'a>(
        &self,
        requests: RStr<'a>,
        arrival: RStr<'a>,
        sink: RawEventSink_TO<'a, RRef<'a, ()>>,
        cx: ContextBox,
    ) -> RawResult<RString> {
        to_raw_json(|| {
            let requests: Vec<_> = decode(&requests)?;
            self.0.generate_batch(
                &requests,
                &decode(&arrival)?,
                &import::event_sink(sink),
                &import::context(cx),
            )
        })
    }
}

/// A monitor for the other side.
pub fn monitor(monitor: Arc<dyn Monitor>) -> MonitorBox {
    RawMonitor_TO::from_ptr(RArc::new(Exported(Guarded::new(monitor))), TD_Opaque)
}

impl RawMonitor for Exported<dyn Monitor> {
    fn probe(&self, cx: ContextBox) -> RawResult<RString> {
        to_raw_json(|| self.0.probe(&import::context(cx)))
    }

    fn start(&self, options: RStr<'_>, sink: SampleSinkBox, cx: ContextBox) -> RawResult<()> {
        to_raw(|| self.0.start(&decode(&options)?, import::sample_sink(sink), &import::context(cx)))
    }

    fn stop(&self, cx: ContextBox) -> RawResult<RString> {
        to_raw_json(|| self.0.stop(&import::context(cx)))
    }
}

/// A validator for the other side.
pub fn validator(validator: Arc<dyn Validator>) -> ValidatorBox {
    RawValidator_TO::from_ptr(RArc::new(Exported(Guarded::new(validator))), TD_Opaque)
}

impl RawValidator for Exported<dyn Validator> {
    fn prepare(&self, project: RStr<'_>, cx: ContextBox) -> RawResult<RString> {
        to_raw_json(|| self.0.prepare(&decode(&project)?, &import::context(cx)))
    }

    fn check(&self, artifact: RStr<'_>, project: RStr<'_>, cx: ContextBox) -> RawResult<RString> {
        to_raw_json(|| self.0.check(&decode(&artifact)?, &decode(&project)?, &import::context(cx)))
    }
}

/// A test type for the other side.
pub fn test_type(test: Arc<dyn TestType>) -> TestTypeBox {
    RawTestType_TO::from_ptr(RArc::new(Exported(Guarded::new(test))), TD_Opaque)
}

impl RawTestType for Exported<dyn TestType> {
    fn describe(&self) -> RawResult<RString> {
        to_raw_json(|| Ok(self.0.describe()))
    }

    fn shipped_fixtures(&self) -> RawResult<RString> {
        to_raw_json(|| Ok(self.0.shipped_fixtures()))
    }

    fn load(&self, fixture: RStr<'_>) -> RawResult<RString> {
        to_raw_json(|| self.0.load(&decode(&fixture)?))
    }

    fn next(&self, case: RStr<'_>, history: RStr<'_>) -> RawResult<RString> {
        to_raw_json(|| self.0.next(&decode(&case)?, &decode(&history)?))
    }

    fn references(&self, case: RStr<'_>) -> RawResult<RString> {
        to_raw_json(|| self.0.references(&decode(&case)?))
    }

    fn answer_from_files(&self, case: RStr<'_>, files: RStr<'_>) -> RawResult<RString> {
        to_raw_json(|| self.0.answer_from_files(&decode(&case)?, &decode(&files)?))
    }
}
