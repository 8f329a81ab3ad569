//! Finds plugins, checks them, loads them, and hands out their components.
//!
//! - [`SearchPath`] says where libraries may lie, first match wins.
//! - [`Host`] loads a library at most once, never unloads it, and creates
//!   components by kind and name.
//! - [`LoadError`] says which file was refused, what was found, what was
//!   wanted, and what to do.
//!
//! Loading a library runs its code: plugins are trusted, answers of models are
//! not. What this crate deliberately does not do: download, update or unload.

mod error;
mod host;
mod layout;
mod library;
mod log;
mod precheck;
mod search;

pub use error::{HostError, LoadError};
pub use host::{Component, Duplicate, Host, Listing, PluginSource};
pub use library::Plugin;
pub use llmbench_plugin::data_dir;
pub use llmbench_plugin::registry::{ComponentInfo, ComponentKind, PluginInfo};
pub use search::{Candidate, Origin, SearchDir, SearchPath};
