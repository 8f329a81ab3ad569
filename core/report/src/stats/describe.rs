//! What a sample looks like.

use std::collections::BTreeMap;

use llmbench_api::record::{Percentiles, Rate, Stat};

use super::{INTERVAL_FROM, OUTLIERS_FROM, modified_z_outliers, percentile, t_interval, wilson};

/// Values from which on percentiles say something: of fewer, the 99th is the highest.
pub const PERCENTILES_FROM: usize = 20;

/// A value that no statistic can hold: NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("value {value} at position {index} is not a finite number")]
pub struct NotFinite {
    /// Position in the slice, from 0.
    pub index: usize,
    /// The value.
    pub value: f64,
}

/// Everything that one sample tells.
///
/// All but `n` are absent for an empty slice. The mean lies between lowest and
/// highest, and nothing depends on the order of the values. What needs more
/// values than there are is `None`, with the reason in `absent`. `missing` is
/// left empty: only the caller knows how many values there should have been.
///
/// # Errors
/// [`NotFinite`] for the first NaN or infinity.
///
/// # Example
/// ```
/// let stat = llmbench_report::stats::describe(&[7.0, 8.5, 6.0]).unwrap();
/// assert_eq!((stat.n, stat.min, stat.max, stat.median), (3, Some(6.0), Some(8.5), Some(7.0)));
/// assert_eq!(stat.absent["percentiles"], "needs 20 values, there are 3");
/// ```
pub fn describe(values: &[f64]) -> Result<Stat, NotFinite> {
    if let Some((index, &value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return Err(NotFinite { index, value });
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
        return Ok(Stat::default());
    };
    let n = sorted.len();
    let mut absent = BTreeMap::new();
    let mut needs = |field: &str, least: usize| {
        let verb = if n == 1 { "is" } else { "are" };
        if n < least {
            absent.insert(field.to_owned(), format!("needs {least} values, there {verb} {n}"));
        }
        n >= least
    };
    let has_sd = needs("sd", 2);
    let has_interval = needs("ci95", INTERVAL_FROM);
    let has_percentiles = needs("percentiles", PERCENTILES_FROM);
    let has_outliers = needs("outliers", OUTLIERS_FROM);
    let sd = variance(&sorted).filter(|_| has_sd).map(f64::sqrt);
    let ci95 = if has_interval { t_interval(&sorted) } else { None };
    let outliers =
        if has_outliers { modified_z_outliers(&sorted).map(|far| far.len() as u64) } else { None };
    let mut because = |field: &str, is_absent: bool, reason: &str| {
        if is_absent {
            absent.entry(field.to_owned()).or_insert_with(|| reason.to_owned());
        }
    };
    because("sd", sd.is_none(), "the values are too large");
    because("ci95", ci95.is_none(), "the values are too large");
    because("outliers", outliers.is_none(), "half of the values or more are equal");
    let at = |share: f64| percentile(&sorted, share).map(|value| value.clamp(min, max));
    let percentiles =
        || Some(Percentiles { p50: at(0.5)?, p90: at(0.9)?, p95: at(0.95)?, p99: at(0.99)? });
    Ok(Stat {
        n: n as u64,
        mean: Some(mean_of_sorted(&sorted).clamp(min, max)),
        min: Some(min),
        max: Some(max),
        missing: None,
        median: at(0.5),
        sd,
        ci95,
        percentiles: if has_percentiles { percentiles() } else { None },
        outliers,
        absent,
    })
}

/// How many of the flags are set, of how many, with Wilson's interval; the share is `None` for an
/// empty slice.
pub fn rate(flags: &[bool]) -> Rate {
    let n = flags.len() as u64;
    let count = flags.iter().filter(|flag| **flag).count() as u64;
    Rate {
        count,
        n,
        share: (n > 0).then(|| count as f64 / n as f64),
        ci95: wilson(count as f64, n as f64),
    }
}

/// The mean; `None` for an empty slice.
pub fn mean(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    Some(mean_of_sorted(&sorted).clamp(min, max))
}

/// The variance of the sample (divisor n − 1); `None` below two values, and where it is no number.
///
/// The two-pass algorithm of T. Chan, G. Golub, R. LeVeque, “Algorithms for computing
/// the sample variance”, The American Statistician 37 (1983), 242–247.
pub fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values)?;
    let mut squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
    squares.sort_by(f64::total_cmp);
    let variance = compensated_sum(squares.iter().copied()) / (values.len() as f64 - 1.0);
    variance.is_finite().then_some(variance)
}

/// The mean of finite values. A sum that overflows is taken again over the
/// values divided by 2¹⁰⁰, which is exact but for values that vanish beside it.
fn mean_of_sorted(sorted: &[f64]) -> f64 {
    const SCALE: f64 = (1_u128 << 100) as f64;
    let n = sorted.len() as f64;
    let sum = compensated_sum(sorted.iter().copied());
    if sum.is_finite() {
        sum / n
    } else {
        compensated_sum(sorted.iter().map(|value| value / SCALE)) / n * SCALE
    }
}

/// A sum whose rounding error does not grow with the number of terms.
///
/// Neumaier's variant of Kahan's summation: A. Neumaier, “Rundungsfehleranalyse
/// einiger Verfahren zur Summation endlicher Summen”, ZAMM 54 (1974), 39–51,
/// algorithm IV; also N. Higham, “Accuracy and Stability of Numerical
/// Algorithms”, 2nd ed. (2002), section 4.3.
fn compensated_sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    // Beyond the largest number the correction is NaN; the sum says it better.
    if lost.is_finite() { sum + lost } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], mean: f64, min: f64, max: f64) {
        let stat = describe(values).unwrap();
        assert_eq!((stat.n, stat.min, stat.max), (values.len() as u64, Some(min), Some(max)));
        let got = stat.mean.unwrap();
        assert!((got - mean).abs() <= mean.abs() * 1e-15, "mean of {values:?}: {got}, not {mean}");
        let mut reversed = values.to_vec();
        reversed.reverse();
        assert_eq!(describe(&reversed).unwrap(), stat, "the order must not matter");
    }

    /// The expected values are those of numpy 2.4.6.
    #[test]
    fn describes_samples_as_numpy_does() {
        check(&[7.0], 7.0, 7.0, 7.0);
        check(&[6.0, 9.0], 7.5, 6.0, 9.0);
        check(&[7.0, 8.5, 6.0], 7.166666666666667, 6.0, 8.5);
        check(&[8.0, 8.0, 8.0], 8.0, 8.0, 8.0);
        check(&[41.2, 39.8, 40.5, 42.1, 40.9], 40.9, 39.8, 42.1);
        check(&[41.2, 39.8, 40.5, 42.1, 12.3], 35.18, 12.3, 42.1);
    }

    #[test]
    fn keeps_what_a_plain_sum_loses() {
        check(&[1e100, 1.0, -1e100, 1.0], 0.5, -1e100, 1e100);
        check(&[0.1; 10], 0.1, 0.1, 0.1);
        check(&[f64::MAX, f64::MAX], f64::MAX, f64::MAX, f64::MAX);
        check(&[-f64::MAX, f64::MAX, f64::MAX], f64::MAX / 3.0, -f64::MAX, f64::MAX);
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value() {
        for n in 1..50 {
            let stat = describe(&vec![0.7; n]).unwrap();
            assert_eq!((stat.mean, stat.min, stat.max), (Some(0.7), Some(0.7), Some(0.7)));
        }
    }

    #[test]
    fn an_empty_sample_has_no_mean() {
        assert_eq!(describe(&[]).unwrap(), Stat::default());
        assert_eq!(Stat::default().mean, None);
    }

    #[test]
    fn refuses_what_is_not_a_number() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = describe(&[1.0, value]).unwrap_err();
            assert_eq!(error.index, 1);
            assert!(error.to_string().contains("position 1"), "{error}");
        }
    }

    #[test]
    fn rates_count_what_is_known() {
        let two = rate(&[true, false, true]);
        assert_eq!((two.count, two.n, two.share), (2, 3, Some(2.0 / 3.0)));
        let none = rate(&[false]);
        assert_eq!((none.count, none.n, none.share), (0, 1, Some(0.0)));
        assert_eq!(rate(&[]), Rate::default());
    }
}
