//! Drives requests: which one is sent when, and the loop over the sockets.
//!
//! A request is under way on exactly one connection of one worker, a worker is one
//! thread with one event loop, and every request that a source hands out is
//! finished exactly once. Nothing here knows what is asked.

mod control;
mod schedule;
mod slot;
mod source;
mod worker;

pub(crate) use control::Control;
pub(crate) use schedule::Offsets;
pub(crate) use source::{ClosedLoop, OpenLoop, Single};
pub(crate) use worker::{Limits, Worker};

use std::time::Instant;

/// A request that is due.
pub(crate) struct Job<E> {
    pub(crate) exchange: E,
    /// When it should have been sent.
    pub(crate) due: Instant,
    /// When nobody waits for it any more.
    pub(crate) expires_at: Option<Instant>,
}

/// Where workers get requests from.
pub(crate) trait Source<E>: Sync {
    /// The next request that is due, for a place that has been free since `free_since`.
    fn take(&self, free_since: Instant) -> Option<Job<E>>;
    /// True when there are none any more.
    fn is_exhausted(&self) -> bool;
}
