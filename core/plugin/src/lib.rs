//! What a plugin depends on: the traits, and everything that carries them
//! across the border between libraries.
//!
//! A plugin is a `cdylib` with one [`register!`] line for each component and
//! one [`export_plugin!`]:
//!
//! ```
//! use llmbench_plugin::{Case, Fixture, GenerateRequest, History, Json, Result, Step, TestDescription, TestType, Verdict};
//!
//! struct Pong;
//!
//! impl Pong {
//!     fn new(_settings: Json) -> Result<Self> {
//!         Ok(Self)
//!     }
//! }
//!
//! impl TestType for Pong {
//!     fn describe(&self) -> TestDescription {
//!         TestDescription { needs_fixture: false, ..Default::default() }
//!     }
//!     fn load(&self, fixture: &Fixture) -> Result<Case> {
//!         Ok(Case::new(fixture, Json::Null))
//!     }
//!     fn next(&self, _: &Case, history: &History) -> Result<Step> {
//!         Ok(match history.last_answer() {
//!             None => Step::ask(GenerateRequest::user("Say: pong")),
//!             Some(answer) => Step::done(Verdict::scored(if answer.text.contains("pong") { 10.0 } else { 0.0 })),
//!         })
//!     }
//! }
//!
//! llmbench_plugin::register!(TestType, "pong", "says pong", Pong::new);
//! llmbench_plugin::export_plugin!();
//! # fn main() {}
//! ```
//!
//! What this crate guarantees to both sides: a panic never crosses the border
//! (it becomes an error of kind `Panicked` with file, line and backtrace), log
//! records of the plugin reach the host's subscriber, and nothing else is
//! shared. Do not print in a plugin and do not install a global subscriber.

mod data_dir;
mod environment;
pub mod export;
pub mod guard;
pub mod import;
mod log;
mod macros;
#[cfg(feature = "mapped-file")]
mod mapped_file;
#[cfg(feature = "node-tools")]
pub mod node_tools;
pub mod registry;
pub mod root;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod sampling;
mod settings;

pub use data_dir::data_dir;
pub use environment::set_variable_default;
pub use llmbench_api::*;
#[cfg(feature = "mapped-file")]
pub use mapped_file::MappedFile;
pub use settings::{settings, whole_number};

/// What the macros need; not part of the interface.
#[doc(hidden)]
pub mod private {
    pub use abi_stable;
    pub use inventory;
    pub use llmbench_abi;
}
