//! llmbench plugin: watches NVIDIA GPUs through NVIDIA's management library (NVML).
//!
//! The library is loaded when it is needed and stays loaded: no process is
//! started, so that samples can come ten times a second. What goes wrong while
//! sampling is a gap with its reason and never an error of the run.
//!
//! - What the driver does not report is absent, never 0, and is not asked for again.
//! - The first reading has no utilisation and no power: they tell what was before it.
//! - A last reading is taken when sampling stops, so that energy counters
//!   enclose the generation.
//! - A call that hangs in the driver hangs a thread of this plugin and nothing else.
//!
//! Not done here: NVML is never shut down (that would end the use of others in
//! this process), and instances of a split GPU (MIG) have memory only, because
//! the driver reports nothing else for them.

mod devices;
mod failure;
mod library;
mod monitor;
mod pcie;
mod processes;
mod reading;
mod sampler;
mod settings;

pub use monitor::{NAME, Nvml};
pub use settings::Settings;

llmbench_plugin::register!(
    Monitor,
    "nvml",
    "watches NVIDIA GPUs through NVIDIA's management library",
    Nvml::new
);
llmbench_plugin::export_plugin!();
