//! When the requests of an open loop are due.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Times from the start of a load, never decreasing; endless.
///
/// Constant: the i-th is i ÷ rate. Poisson: the gaps are −ln(1−u) ÷ rate with u
/// uniform in 0..1 (inverse of the exponential distribution's function), drawn by
/// ChaCha8 from `seed`, which gives the same numbers on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Offsets {
    rate_per_second: f64,
    random: Option<ChaCha8Rng>,
    count: u64,
    elapsed_sec: f64,
}

impl Offsets {
    /// `None` for a rate that is no positive finite number.
    pub(crate) fn new(rate_per_second: f64, poisson: bool, seed: u64) -> Option<Self> {
        (rate_per_second.is_finite() && rate_per_second > 0.0).then(|| Self {
            rate_per_second,
            random: poisson.then(|| ChaCha8Rng::seed_from_u64(seed)),
            count: 0,
            elapsed_sec: 0.0,
        })
    }
}

impl Iterator for Offsets {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let seconds = match &mut self.random {
            None => self.count as f64 / self.rate_per_second,
            Some(random) => {
                let now = self.elapsed_sec;
                self.elapsed_sec -= (1.0 - random.random::<f64>()).ln() / self.rate_per_second;
                now
            }
        };
        self.count += 1;
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_rate_has_equal_gaps() {
        let offsets: Vec<_> = Offsets::new(40.0, false, 1).unwrap().take(4).collect();
        assert_eq!(offsets, [0, 25, 50, 75].map(Duration::from_millis));
    }

    #[test]
    fn poisson_arrivals_repeat_with_their_seed_and_have_the_right_mean_and_spread() {
        let draw = |seed| -> Vec<f64> {
            let offsets = Offsets::new(100.0, true, seed).unwrap().take(20_001);
            offsets.map(|offset| offset.as_secs_f64()).collect()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let offsets = draw(7);
        let gaps: Vec<_> = offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Of an exponential distribution the deviation equals the mean: 10 ms each, ±3 %.
        assert!((mean - 0.01).abs() < 0.0003, "{mean}");
        assert!((variance.sqrt() - 0.01).abs() < 0.0003, "{variance}");
    }

    #[test]
    fn nonsense_is_no_rate() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Offsets::new(rate, true, 1).is_none());
        }
    }
}
