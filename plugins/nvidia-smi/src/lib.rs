//! llmbench plugin: watches NVIDIA GPUs through `nvidia-smi`.
//!
//! One long-lived `nvidia-smi --loop-ms` prints a row per GPU and interval; a
//! thread reads them. When that does not work, every sample is a call of its
//! own. What goes wrong while sampling is a gap with its reason and never an
//! error of the run.
//!
//! - The first reading after each start of the tool is dropped: asking wakes an
//!   idle driver, which then reports utilisation that nothing caused.
//! - What the driver does not report is absent, never 0.
//! - A tool that hangs is killed with its process group; nobody waits for a
//!   pipe that something else keeps open.
//!
//! Not done here: processes are not attributed to GPUs, instances of a split
//! GPU (MIG) are not watched one by one, and energy is not computed.

mod failure;
mod monitor;
mod query;
mod reading;
mod row;
mod sampler;
mod settings;
mod ticks;
mod tool;

#[cfg(test)]
mod vector_tests;

pub use monitor::{NAME, NvidiaSmi};
pub use settings::Settings;

llmbench_plugin::register!(
    Monitor,
    "nvidia-smi",
    "watches NVIDIA GPUs through nvidia-smi",
    NvidiaSmi::new
);
llmbench_plugin::export_plugin!();
