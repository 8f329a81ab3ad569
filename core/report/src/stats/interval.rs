//! Intervals for means.

use llmbench_api::record::Interval;
use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};

use super::describe::{mean, variance};

/// Values from which on an interval says something: of two it is 13 times as wide as they are apart.
pub const INTERVAL_FROM: usize = 3;

/// The 95 % interval of the mean: mean ± t(0.975, n − 1) · s / √n; `None` below three values.
///
/// “Student”, “The probable error of a mean”, Biometrika 6 (1908), 1–25. It is
/// exact for normal values; `docs/statistics.md` says what it is for others.
/// Equal values collapse it to a point, which says nothing about the spread.
///
/// # Example
/// ```
/// let interval = llmbench_report::stats::t_interval(&[7.0, 8.5, 6.0]).unwrap();
/// assert!((interval.low - 4.040861926978779).abs() < 1e-9);
/// ```
pub fn t_interval(values: &[f64]) -> Option<Interval> {
    if values.len() < INTERVAL_FROM {
        return None;
    }
    let n = values.len() as f64;
    around(mean(values)?, (variance(values)? / n).sqrt(), n - 1.0)
}

/// The 95 % interval of the difference of two means, `a` − `b`; `None` below three values on a side.
///
/// B. Welch, “The generalization of ‘Student’s’ problem when several different
/// population variances are involved”, Biometrika 34 (1947), 28–35.
pub fn welch_interval(a: &[f64], b: &[f64]) -> Option<Interval> {
    if a.len() < INTERVAL_FROM || b.len() < INTERVAL_FROM {
        return None;
    }
    let part = |values: &[f64]| Some(variance(values)? / values.len() as f64);
    let (part_a, part_b) = (part(a)?, part(b)?);
    let difference = mean(a)? - mean(b)?;
    let square = (part_a + part_b).powi(2);
    let weight = part_a.powi(2) / (a.len() as f64 - 1.0) + part_b.powi(2) / (b.len() as f64 - 1.0);
    let freedom = if weight > 0.0 { square / weight } else { (a.len() + b.len() - 2) as f64 };
    around(difference, (part_a + part_b).sqrt(), freedom)
}

/// `center` ± t(0.975, `freedom`) · `error`; `None` where that is no number.
pub(super) fn around(center: f64, error: f64, freedom: f64) -> Option<Interval> {
    let half = t_quantile(0.975, freedom) * error;
    let interval = Interval { low: center - half, high: center + half };
    (interval.low.is_finite() && interval.high.is_finite()).then_some(interval)
}

/// The `p` quantile of Student's t distribution with `freedom` degrees of freedom.
///
/// # Panics
/// When `freedom` is not above 0 or `p` is not within 0 and 1.
pub fn t_quantile(p: f64, freedom: f64) -> f64 {
    let t = StudentsT::new(0.0, 1.0, freedom).expect("degrees of freedom are above 0");
    let mut quantile = t.inverse_cdf(p);
    // The library's inverse is good to some digits; Newton's steps give the rest.
    for _ in 0..3 {
        let step = (t.cdf(quantile) - p) / t.pdf(quantile);
        if step.is_finite() {
            quantile -= step;
        }
    }
    quantile
}
