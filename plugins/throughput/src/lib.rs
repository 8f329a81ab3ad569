//! Throughput: how fast a model answers, one request at a time or many, at a fixed number under
//! way or at a fixed rate.
//!
//! Each load point is a case of its own (`c1`, `c16`, `r0.5`, `sweep`, `pp512`, `tg128`), so that
//! journal, resumption, statistics and comparisons work by load point. An attempt calibrates the
//! prompts' length by the server's own counts, warms up, asks, and works out what the answers'
//! instants say. `docs/throughput.md` tells what each figure means.
//!
//! Nothing here sends or times anything: the backend drives the load and takes the instants.

mod calibration;
mod describe;
mod figures;
mod list;
mod load;
mod prompt;
mod remarks;
mod request;
mod settings;
mod sweep;
mod test_type;
mod window;

pub use test_type::Throughput;

llmbench_plugin::register!(
    TestType,
    "throughput",
    "measures latency and throughput under load",
    Throughput::new
);
llmbench_plugin::export_plugin!();
