//! The four kinds of components as trait objects. JSON in, JSON out.

use abi_stable::sabi_trait;
use abi_stable::sabi_types::RRef;
use abi_stable::std_types::{RArc, RStr, RString};

use crate::{ContextBox, RawEventSink_TO, RawResult, SampleSinkBox};

/// See `llmbench_api::Backend`.
#[sabi_trait]
pub trait RawBackend: Send + Sync {
    /// JSON of `ServerInfo`.
    fn probe(&self, cx: ContextBox) -> RawResult<RString>;
    /// JSON of a list of `ModelSummary`.
    fn models(&self, cx: ContextBox) -> RawResult<RString>;
    /// JSON of `ModelIdentity`.
    fn identify(&self, model: RStr<'_>, cx: ContextBox) -> RawResult<RString>;
    /// JSON of `Measured<f64>`.
    fn load(&self, model: RStr<'_>, options: RStr<'_>, cx: ContextBox) -> RawResult<RString>;
    /// JSON of `Generation`.
    fn generate<'a>(
        &self,
        request: RStr<'a>,
        sink: RawEventSink_TO<'a, RRef<'a, ()>>,
        cx: ContextBox,
    ) -> RawResult<RString>;
    /// JSON of a list of `BatchOutcome`.
    #[sabi(last_prefix_field)]
    fn generate_batch<'a>(
        &self,
        requests: RStr<'a>,
        arrival: RStr<'a>,
        sink: RawEventSink_TO<'a, RRef<'a, ()>>,
        cx: ContextBox,
    ) -> RawResult<RString>;
}

/// A shared backend.
pub type BackendBox = RawBackend_TO<'static, RArc<()>>;

/// See `llmbench_api::Monitor`.
#[sabi_trait]
pub trait RawMonitor: Send + Sync {
    /// JSON of `MonitorInfo`.
    fn probe(&self, cx: ContextBox) -> RawResult<RString>;
    /// Starts sampling.
    fn start(&self, options: RStr<'_>, sink: SampleSinkBox, cx: ContextBox) -> RawResult<()>;
    /// JSON of `Series`.
    #[sabi(last_prefix_field)]
    fn stop(&self, cx: ContextBox) -> RawResult<RString>;
}

/// A shared monitor.
pub type MonitorBox = RawMonitor_TO<'static, RArc<()>>;

/// See `llmbench_api::Validator`.
#[sabi_trait]
pub trait RawValidator: Send + Sync {
    /// JSON of `ValidatorInfo`.
    fn prepare(&self, project: RStr<'_>, cx: ContextBox) -> RawResult<RString>;
    /// JSON of `Findings`.
    #[sabi(last_prefix_field)]
    fn check(&self, artifact: RStr<'_>, project: RStr<'_>, cx: ContextBox) -> RawResult<RString>;
}

/// A shared validator.
pub type ValidatorBox = RawValidator_TO<'static, RArc<()>>;

/// See `llmbench_api::TestType`.
#[sabi_trait]
pub trait RawTestType: Send + Sync {
    /// JSON of `TestDescription`.
    fn describe(&self) -> RawResult<RString>;
    /// JSON of a list of `Fixture`.
    fn shipped_fixtures(&self) -> RawResult<RString>;
    /// JSON of `Case`.
    fn load(&self, fixture: RStr<'_>) -> RawResult<RString>;
    /// JSON of `Step`.
    fn next(&self, case: RStr<'_>, history: RStr<'_>) -> RawResult<RString>;
    /// JSON of a list of `Reference`.
    #[sabi(last_prefix_field)]
    fn references(&self, case: RStr<'_>) -> RawResult<RString>;
    /// JSON of a text; `null` from a plugin that was built before 1.1.
    fn answer_from_files(&self, _case: RStr<'_>, _files: RStr<'_>) -> RawResult<RString> {
        RawResult::ROk(RString::from("null"))
    }
}

/// A shared test type.
pub type TestTypeBox = RawTestType_TO<'static, RArc<()>>;
