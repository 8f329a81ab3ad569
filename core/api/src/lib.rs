//! What a plugin author reads: four traits and the plain data they exchange.
//!
//! - [`Backend`] runs a model, [`Monitor`] watches the hardware, [`Validator`]
//!   judges an answer, [`TestType`] decides what is asked and what it is worth.
//! - Every method is blocking: values go in, values come out. The only way back
//!   to the host during a call is what the call hands over: a sink for events
//!   or samples, and a [`CallContext`] for progress, cancellation and the clock.
//! - [`record`] holds the types of the files that a run leaves.
//!
//! This crate does no I/O, starts no runtime and knows nothing of dynamic
//! libraries; `llmbench-plugin` carries these traits across the border.

pub mod backend;
pub mod context;
pub mod error;
pub mod fixture;
pub mod measured;
pub mod monitor;
pub mod record;
pub mod test_type;
pub mod validator;

pub use backend::*;
pub use context::*;
pub use error::*;
pub use fixture::*;
pub use measured::*;
pub use monitor::*;
pub use test_type::*;
pub use validator::*;

/// Free-form JSON, used where a plugin defines the shape itself.
pub type Json = serde_json::Value;
