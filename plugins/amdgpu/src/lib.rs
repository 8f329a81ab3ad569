//! llmbench plugin: watches AMD GPUs through the files of Linux' `amdgpu` driver.
//!
//! Files below `/sys` are read, nothing is started and no library is loaded.
//!
//! - What the driver does not report is absent, never 0, and is not asked for again.
//! - The first reading has no utilisation and no power: they tell what was before it.
//! - A GPU that sleeps is left to sleep: reading would wake it. It is a gap with its reason.
//!
//! Not done here: throttling (the driver has it in a table whose layout changes
//! with each generation), PCIe traffic (its file blocks for a second), and whose
//! process holds the memory.

mod card;
mod monitor;
mod settings;

pub use monitor::{AmdGpu, NAME};
pub use settings::Settings;

llmbench_plugin::register!(Monitor, "amdgpu", "watches AMD GPUs through sysfs", AmdGpu::new);
llmbench_plugin::export_plugin!();
