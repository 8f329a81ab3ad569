//! What every sampling monitor needs: a thread that is started and stopped, ticks
//! on a fixed grid, and a recording that knows its gaps.
//!
//! A monitor holds a [`Sampling`] and gives `start` the body of its thread. The
//! body reads devices and hands each [`crate::Sample`] to its [`Sampler`]; what
//! cannot be read becomes a gap with its reason. Nothing here reads hardware.

mod gaps;
mod recording;
mod ticks;
mod worker;

pub use gaps::{GAP_INTERVALS, is_gap};
pub use recording::{Recording, drop_what_looks_back};
pub use ticks::next_tick;
pub use worker::{DEFAULT_INTERVAL, FIRST_ROUND_LIMIT, STOP_LIMIT, Sampler, Sampling, lock};
