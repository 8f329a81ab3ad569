//! Raw objects made plain, for the side that uses them.

mod components;
mod context;

pub use components::{ImportedTestType, backend, monitor, test_type, validator};
pub(crate) use context::{context, event_sink, sample_sink};
