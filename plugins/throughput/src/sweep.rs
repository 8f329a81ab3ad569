//! Which rate a sweep tries next: doubled until the server is saturated, then halfway between.

use crate::load::Range;

/// Rates between the highest that was sustained and the lowest that was not.
const MOST_BETWEEN: usize = 2;
/// Times that the first rate is halved when it is too much already.
const MOST_HALVED: usize = 8;

/// A rate that was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tried {
    pub(crate) rate: f64,
    pub(crate) is_saturated: bool,
}

/// The next rate, in requests a second; `None` when enough is known.
pub(crate) fn next_rate(range: Range, tried: &[Tried]) -> Option<f64> {
    let sustained = highest_sustained(tried);
    let too_much = tried.iter().filter(|one| one.is_saturated).map(|one| one.rate).reduce(f64::min);
    match (sustained, too_much) {
        (None, None) => Some(range.start_rate),
        (Some(rate), None) if rate >= range.max_rate => None,
        (Some(rate), None) => Some((rate * 2.0).min(range.max_rate)),
        (None, Some(rate)) if tried.len() <= MOST_HALVED => Some(rate / 2.0),
        (None, Some(_)) => None,
        (Some(low), Some(high)) => {
            let first = |saturated: bool| {
                tried.iter().position(|one| one.is_saturated == saturated).unwrap_or(0)
            };
            let between = tried.len() - 1 - first(true).max(first(false));
            // Below the lowest that was too much lies the highest that was not.
            (between < MOST_BETWEEN && low < high).then(|| rounded((low * high).sqrt()))
        }
    }
}

/// The highest rate below which all that were tried were sustained.
pub(crate) fn highest_sustained(tried: &[Tried]) -> Option<f64> {
    let too_much = tried.iter().filter(|one| one.is_saturated).map(|one| one.rate).reduce(f64::min);
    let below =
        tried.iter().filter(|one| !one.is_saturated && too_much.is_none_or(|rate| one.rate < rate));
    below.map(|one| one.rate).reduce(f64::max)
}

/// Three digits: more would claim more than a sweep knows.
fn rounded(rate: f64) -> f64 {
    let factor = 10f64.powi(2 - rate.log10().floor() as i32);
    (rate * factor).round() / factor
}

/// Requests at a rate of a sweep, unless their number is set: for ten seconds, and for four times
/// as long as one takes, so that most come after the ramp.
pub(crate) fn requests(rate: f64, set: u32, life_sec: f64) -> u32 {
    if set > 0 {
        return set;
    }
    let least = (rate * 10.0).clamp(20.0, 300.0);
    (rate * 4.0 * life_sec).clamp(least, 3000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(start_rate: f64, max_rate: f64, capacity: f64) -> (Vec<f64>, Option<f64>) {
        let mut tried = Vec::new();
        while let Some(rate) = next_rate(Range { start_rate, max_rate }, &tried) {
            tried.push(Tried { rate, is_saturated: rate > capacity });
            assert!(tried.len() < 30, "{tried:?}");
        }
        (tried.iter().map(|one| one.rate).collect(), highest_sustained(&tried))
    }

    #[test]
    fn rates_double_to_saturation_and_then_close_in() {
        let (tried, sustained) = sweep(1.0, 1024.0, 11.5);
        assert_eq!(tried, [1.0, 2.0, 4.0, 8.0, 16.0, 11.3, 13.4]);
        assert_eq!(sustained, Some(11.3));
    }

    #[test]
    fn the_end_of_the_range_is_the_end() {
        assert_eq!(sweep(1.0, 6.0, 100.0), (vec![1.0, 2.0, 4.0, 6.0], Some(6.0)));
    }

    #[test]
    fn a_first_rate_that_is_too_much_is_halved() {
        let (tried, sustained) = sweep(8.0, 64.0, 1.5);
        assert_eq!(tried[..4], [8.0, 4.0, 2.0, 1.0]);
        assert_eq!(sustained, Some(1.41));
        let (tried, sustained) = sweep(1.0, 64.0, 0.0);
        assert_eq!((tried.len(), sustained), (9, None));
    }

    #[test]
    fn requests_come_for_several_times_as_long_as_one_takes() {
        assert_eq!(
            [requests(1.0, 0, 0.1), requests(8.0, 0, 0.1), requests(500.0, 0, 0.1)],
            [20, 80, 300]
        );
        assert_eq!([requests(2.0, 0, 8.0), requests(500.0, 0, 8.0)], [64, 3000]);
        assert_eq!(requests(2.0, 7, 8.0), 7);
    }
}
