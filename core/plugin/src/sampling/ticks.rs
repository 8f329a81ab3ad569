//! When the next sample is due.

use std::time::{Duration, Instant};

/// The next tick after `now` on the grid that `due` lies on: ticks do not
/// drift, and those that were missed are left out.
///
/// # Example
/// ```
/// use std::time::{Duration, Instant};
/// use llmbench_plugin::sampling::next_tick;
///
/// let (start, ms) = (Instant::now(), Duration::from_millis);
/// assert_eq!(next_tick(start, ms(100), start + ms(350)) - start, ms(400));
/// ```
pub fn next_tick(due: Instant, interval: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due);
    let missed = late.as_nanos() / interval.as_nanos().max(1);
    due + interval * u32::try_from(missed + 1).unwrap_or(u32::MAX)
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
}
