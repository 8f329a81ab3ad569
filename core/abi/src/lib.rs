//! The raw types that really cross the plugin border, and nothing else.
//!
//! Only the adapters of `llmbench-plugin` implement and call what stands here;
//! plugin authors and the engine never see it. Requests, results and settings
//! cross as JSON text; tokens, samples and log events have a fixed layout.
//!
//! Rules for changes (checked by `tests/layout.rs`): within a major version,
//! methods and fields are only appended after the `last_prefix_field` marks,
//! which never move, and the crate's minor version is raised.
#![expect(non_local_definitions, reason = "abi_stable's sabi_trait emits such impls")]

mod context;
mod data;
mod module;
mod parts;

pub use context::*;
pub use data::*;
pub use module::*;
pub use parts::*;

/// Version of this binary interface, as the handshake compares it.
pub const ABI_VERSION: &str = env!("CARGO_PKG_VERSION");
