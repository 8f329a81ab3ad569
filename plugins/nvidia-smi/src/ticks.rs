//! Which rows belong together.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Gives all rows of one round of the loop the same time stamp.
///
/// A new round begins when a GPU comes again, or when more than half an
/// interval has passed since the round began.
#[derive(Debug)]
pub(crate) struct Ticks {
    interval: Duration,
    began: Option<Instant>,
    seen: BTreeSet<u32>,
    count: u64,
}

impl Ticks {
    /// No round yet.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, began: None, seen: BTreeSet::new(), count: 0 }
    }

    /// The number of the round, from 0, and its time stamp, for a row about
    /// GPU `index` whose bytes arrived at `at`.
    pub(crate) fn assign(&mut self, index: u32, at: Instant) -> (u64, Instant) {
        let began = match self.began {
            Some(began)
                if !self.seen.contains(&index)
                    && at.saturating_duration_since(began) <= self.interval / 2 =>
            {
                began
            }
            previous => {
                self.count += u64::from(previous.is_some());
                self.began = Some(at);
                self.seen.clear();
                at
            }
        };
        self.seen.insert(index);
        (self.count, began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_round_share_a_stamp() {
        let start = Instant::now();
        let mut ticks = Ticks::new(Duration::from_millis(100));
        let mut check = |index: u32, at_ms: u64, round: u64, stamp_ms: u64| {
            let (found, stamp) = ticks.assign(index, start + Duration::from_millis(at_ms));
            assert_eq!(
                (found, stamp.duration_since(start)),
                (round, Duration::from_millis(stamp_ms))
            );
        };
        check(0, 0, 0, 0);
        check(1, 3, 0, 0);
        check(0, 100, 1, 100);
        check(1, 104, 1, 100);
        // GPU 0 was skipped: the pause tells the rounds apart.
        check(1, 203, 2, 203);
        // Rounds that came late arrive together: the GPU tells them apart.
        check(0, 204, 2, 203);
        check(0, 205, 3, 205);
    }
}
