//! What a command works with: layers of settings, resolved with their origins.
//!
//! defaults < user file < project `llmbench.toml` < `LLMBENCH_*` < flags.

mod duration;
mod files;
mod flags;
mod layer;
mod resolve;
mod stored;

pub(crate) use files::load_layers;
pub(crate) use flags::{run_layer, setting_layer};
pub(crate) use layer::{Layer, Origin};
pub(crate) use resolve::{Settings, resolve};
pub(crate) use stored::{disagreements, stored_layer, take_over};
