//! What the server did with one request.

use std::time::Instant;

/// The instants of one answer; made only for requests whose schedule has an `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The schedule's `id`.
    pub id: u64,
    /// When the last byte of the request was read.
    pub received_at: Instant,
    /// For each piece of content, in order, the instant just before it was handed to
    /// the socket. Pieces that were written together have the same one.
    pub sent_at: Vec<Instant>,
    /// True when the answer was sent to its end.
    pub is_complete: bool,
}
