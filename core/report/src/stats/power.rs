//! What a sample of this size could have shown at all.

use super::describe::variance;
use super::proportion::normal_quantile;
use super::t_quantile;

/// Pairs that are needed to find a difference of `delta`; `None` unless both numbers are above 0.
///
/// ⌈((z(1 − α/2) + z(power)) · sd / δ)²⌉ with α = 0.05 and a power of 80 %: S.-C.
/// Chow, J. Shao, H. Wang, “Sample Size Calculations in Clinical Research” (2008),
/// section 3.1.1. `sd` is the standard deviation of the differences.
pub fn values_needed(sd: f64, delta: f64) -> Option<u64> {
    if !(sd > 0.0 && delta > 0.0) {
        return None;
    }
    let ratio = (normal_quantile(0.975) + normal_quantile(0.8)) * sd / delta;
    let needed = (ratio * ratio).ceil();
    needed.is_finite().then_some(needed as u64)
}

/// The smallest true mean that `n` values with this standard deviation would show in 80 of 100
/// repetitions; `None` below three values or without any spread.
///
/// (t(0.975) + t(0.8)) · sd / √n with n − 1 degrees of freedom: H. Bloom, “Minimum
/// detectable effects”, Evaluation Review 19 (1995), 547–556. A difference that is
/// smaller may be there and not be found.
pub fn minimum_detectable(sd: f64, n: usize) -> Option<f64> {
    if n < super::INTERVAL_FROM || sd <= 0.0 || !sd.is_finite() {
        return None;
    }
    let freedom = n as f64 - 1.0;
    Some((t_quantile(0.975, freedom) + t_quantile(0.8, freedom)) * sd / (n as f64).sqrt())
}

/// The same for the difference of two samples without pairs, with Welch's error and the smaller
/// side's degrees of freedom; `None` below three values on a side or without any spread.
pub fn minimum_detectable_between(a: &[f64], b: &[f64]) -> Option<f64> {
    let fewest = a.len().min(b.len());
    if fewest < super::INTERVAL_FROM {
        return None;
    }
    let part = |values: &[f64]| Some(variance(values)? / values.len() as f64);
    let error = (part(a)? + part(b)?).sqrt();
    // Of the mean of `fewest` values with that standard error.
    minimum_detectable(error * (fewest as f64).sqrt(), fewest)
}
