//! Counts the pieces of an answer and the gaps between them, for backends that do not.
//!
//! Only for requests that are sent one by one: a backend that drives a load tells these itself.

use std::sync::{Mutex, PoisonError};

use llmbench_api::Generation;

/// The pieces of one answer so far.
#[derive(Debug, Default)]
pub(super) struct Pieces(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    count: u64,
    last_at_ns: u64,
    longest_ns: Option<u64>,
    gaps_ns: Vec<u64>,
}

impl Pieces {
    /// A piece of content arrived.
    pub(super) fn arrived(&self, at_ns: u64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.count > 0 {
            let gap = at_ns.saturating_sub(seen.last_at_ns);
            seen.longest_ns = seen.longest_ns.max(Some(gap));
            if seen.gaps_ns.len() < Generation::MOST_GAPS {
                seen.gaps_ns.push(gap);
            }
        }
        seen.count += 1;
        seen.last_at_ns = at_ns;
    }

    /// Adds what was seen, unless the backend told it.
    pub(super) fn complete(&self, answer: &mut Generation) {
        if answer.content_chunks.is_some() {
            return;
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answer.content_chunks = Some(seen.count);
        answer.longest_gap_ns = seen.longest_ns;
        answer.gaps_ns = std::mem::take(&mut seen.gaps_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lie_between_pieces_and_a_backend_that_tells_them_is_believed() {
        let pieces = Pieces::default();
        for at_ns in [100, 150, 450, 460] {
            pieces.arrived(at_ns);
        }
        let mut told = Generation { content_chunks: Some(9), ..Generation::default() };
        pieces.complete(&mut told);
        assert_eq!((told.content_chunks, told.longest_gap_ns), (Some(9), None));
        let mut answer = Generation::default();
        pieces.complete(&mut answer);
        assert_eq!(answer.gaps_ns, [50, 300, 10]);
        assert_eq!((answer.content_chunks, answer.longest_gap_ns), (Some(4), Some(300)));
    }

    #[test]
    fn one_piece_has_no_gap() {
        let pieces = Pieces::default();
        pieces.arrived(100);
        let mut answer = Generation::default();
        pieces.complete(&mut answer);
        assert_eq!((answer.content_chunks, answer.longest_gap_ns), (Some(1), None));
    }
}
