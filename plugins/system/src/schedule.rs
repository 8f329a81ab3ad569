//! When the next sample is due, and which stretches were too long.

use std::time::{Duration, Instant};

/// A stretch longer than this many intervals between two samples is a gap.
pub const GAP_INTERVALS: f64 = 2.5;

/// The next tick after `now` on the grid that `due` lies on: ticks do not
/// drift, and those that were missed are left out.
pub(crate) fn next_tick(due: Instant, interval: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due);
    let missed = late.as_nanos() / interval.as_nanos().max(1);
    due + interval * u32::try_from(missed + 1).unwrap_or(u32::MAX)
}

/// True when the stretch is longer than [`GAP_INTERVALS`] intervals.
pub(crate) fn is_gap(from_ns: u64, to_ns: u64, interval: Duration) -> bool {
    to_ns.saturating_sub(from_ns) as f64 > GAP_INTERVALS * interval.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stay_on_their_grid_and_missed_ones_are_left_out() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let check = |now_ms: u64, expected_ms: u64| {
            assert_eq!(next_tick(start, ms(100), start + ms(now_ms)) - start, ms(expected_ms));
        };
        check(0, 100);
        check(30, 100);
        check(100, 200);
        check(350, 400);
    }

    #[test]
    fn a_gap_is_longer_than_two_and_a_half_intervals() {
        let interval = Duration::from_nanos(100);
        assert!(!is_gap(1_000, 1_250, interval));
        assert!(is_gap(1_000, 1_251, interval));
    }
}
