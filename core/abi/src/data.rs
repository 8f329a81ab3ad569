//! Fixed-layout data: errors, stream events, samples, log events.

use abi_stable::StableAbi;
use abi_stable::std_types::{RResult, RSlice, RStr, RString};

/// An error as JSON text of `llmbench_api::Error`.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
pub struct RawError {
    /// The JSON text.
    pub json: RString,
}

/// Result of every raw call.
pub type RawResult<T> = RResult<T, RawError>;

/// 0 continue, 1 stop, 2 the receiver panicked (stop).
pub type RawFlow = u8;

/// One piece of a generated stream.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, Copy)]
pub struct RawEvent<'a> {
    /// Instant on the host's clock at which the bytes arrived.
    pub at_ns: u64,
    /// Request of a batch, else 0.
    pub request_index: u32,
    /// 0 text, 1 thinking, 2 tool call, 3 usage, 4 done.
    pub kind: u8,
    /// Text or JSON, depending on the kind.
    pub text: RStr<'a>,
}

/// One named value of a sample.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, Copy)]
pub struct RawValue<'a> {
    /// Metric name with its unit.
    pub metric: RStr<'a>,
    /// The value.
    pub value: f64,
}

/// Values of one device at one moment.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, Copy)]
pub struct RawSample<'a> {
    /// Instant on the host's clock.
    pub at_ns: u64,
    /// Device id.
    pub device: RStr<'a>,
    /// What could be read.
    pub values: RSlice<'a, RawValue<'a>>,
}

/// A typed field of a log event.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, Copy)]
pub struct RawField<'a> {
    /// Field name.
    pub name: RStr<'a>,
    /// 0 text, 1 `i64`, 2 `u64`, 3 `f64`, 4 `bool`.
    pub tag: u8,
    /// The bits of a number or bool.
    pub bits: u64,
    /// The text of a text field.
    pub text: RStr<'a>,
}

/// A log event of a plugin.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, Copy)]
pub struct RawLogEvent<'a> {
    /// 1 error … 5 trace.
    pub level: u8,
    /// Module path or target.
    pub target: RStr<'a>,
    /// Source file.
    pub file: RStr<'a>,
    /// Source line.
    pub line: u32,
    /// Names and fields of the spans around it, outermost first.
    pub spans: RStr<'a>,
    /// The message.
    pub message: RStr<'a>,
    /// All other fields.
    pub fields: RSlice<'a, RawField<'a>>,
}
