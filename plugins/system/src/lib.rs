//! llmbench plugin: watches CPU and memory of the machine, and of one process
//! together with everything it started.
//!
//! - `system`: 100 % is all cores. `process`: 100 % is one core, memory is
//!   resident and summed, so that pages which processes share count for each.
//! - CPU use is what came between two readings; the first sample has none.
//! - Energy is that of the processors' packages, where the kernel lets it be read.
//! - A process that ends is a gap with its reason; no zeros follow.
//!
//! Not done here: GPUs, disks, networks, and temperatures.

mod machine;
mod monitor;
mod process_tree;
mod rapl;

pub use machine::{PROCESS, SYSTEM};
pub use monitor::{NAME, SystemMonitor};

llmbench_plugin::register!(
    Monitor,
    "system",
    "watches CPU and memory of the machine and of one process",
    SystemMonitor::new
);
llmbench_plugin::export_plugin!();
