//! Plain objects made raw, for the side that provides them.

mod components;
mod context;

pub use components::{backend, monitor, test_type, validator};
pub(crate) use context::{callback, context, event_sink, sample_sink};
