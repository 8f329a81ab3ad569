//! What the host hands to a plugin: contexts, sinks and the log.

use abi_stable::sabi_trait;
use abi_stable::std_types::{RArc, RBox, RStr};

use crate::{RawEvent, RawFlow, RawLogEvent, RawSample};

/// A callback that is called at most once.
#[sabi_trait]
pub trait RawOnce: Send {
    /// Calls it; later calls do nothing.
    #[sabi(last_prefix_field)]
    fn call(&mut self);
}

/// An owned callback.
pub type OnceBox = RawOnce_TO<'static, RBox<()>>;

/// Clock, deadline, cancellation and progress of one call.
#[sabi_trait]
pub trait RawContext: Send + Sync {
    /// Nanoseconds on the host's monotonic clock.
    fn now_ns(&self) -> u64;
    /// Deadline on the same clock; `u64::MAX` when there is none.
    fn deadline_ns(&self) -> u64;
    /// True once the call should end early.
    fn is_cancelled(&self) -> bool;
    /// Progress for the user; a negative fraction means unknown.
    fn progress(&self, fraction: f64, message: RStr<'_>);
    /// Registers a callback for cancellation; returns its id.
    fn on_cancel(&self, callback: RawOnce_TO<'static, RBox<()>>) -> u64;
    /// Forgets a callback.
    #[sabi(last_prefix_field)]
    fn off_cancel(&self, id: u64);
}

/// A shared context.
pub type ContextBox = RawContext_TO<'static, RArc<()>>;

/// Receives the pieces of a stream.
#[sabi_trait]
pub trait RawEventSink: Send + Sync {
    /// Takes one piece; must not block.
    #[sabi(last_prefix_field)]
    fn event(&self, event: RawEvent<'_>) -> RawFlow;
}

/// Receives samples as they are taken.
#[sabi_trait]
pub trait RawSampleSink: Send + Sync {
    /// Takes one sample; must not block.
    #[sabi(last_prefix_field)]
    fn sample(&self, sample: RawSample<'_>);
}

/// A shared receiver of samples.
pub type SampleSinkBox = RawSampleSink_TO<'static, RArc<()>>;

/// The host's log.
#[sabi_trait]
pub trait RawLog: Send + Sync {
    /// The most verbose level that anybody wants: 0 off, 1 error … 5 trace.
    fn max_level(&self) -> u8;
    /// Whether an event of this level and target would be kept.
    fn enabled(&self, level: u8, target: RStr<'_>) -> bool;
    /// Takes one event.
    #[sabi(last_prefix_field)]
    fn event(&self, event: RawLogEvent<'_>);
}

/// The shared log.
pub type LogBox = RawLog_TO<'static, RArc<()>>;
