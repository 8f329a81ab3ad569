//! What the values of one attempt's requests look like; the rules are those of `docs/statistics.md`.

use llmbench_api::record::{Percentiles, Stat};

/// Values from which on percentiles say something.
pub(crate) const PERCENTILES_FROM: usize = 20;
/// Why requests have no interval.
const DEPENDENT: &str =
    "requests under one load depend on each other; the interval is over attempts";

/// The sample's figures; percentiles from 20 values on, by linear interpolation (type 7).
///
/// Values that are no finite numbers must not be passed.
pub(crate) fn describe(values: &[f64]) -> Stat {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Stat::default() };
    let n = sorted.len();
    let mean = (sorted.iter().sum::<f64>() / n as f64).clamp(min, max);
    let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
    let mut stat = Stat {
        n: n as u64,
        mean: Some(mean),
        min: Some(min),
        max: Some(max),
        median: Some(percentile(&sorted, 0.5)),
        sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()),
        ..Stat::default()
    };
    stat.absent.insert("ci95".into(), DEPENDENT.into());
    stat.absent.insert("outliers".into(), "not looked for among requests".into());
    if n < 2 {
        stat.absent.insert("sd".into(), "needs 2 values, there is 1".into());
    }
    if n >= PERCENTILES_FROM {
        let at = |share| percentile(&sorted, share);
        stat.percentiles =
            Some(Percentiles { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) });
    } else {
        let verb = if n == 1 { "is" } else { "are" };
        let reason = format!("needs {PERCENTILES_FROM} values, there {verb} {n}");
        stat.absent.insert("percentiles".into(), reason);
    }
    stat
}

/// Type 7 of Hyndman and Fan 1996: position (n − 1) · share, linear.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = last as f64 * share;
    let (below, part) = (position.floor() as usize, position.fract());
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    low * (1.0 - part) + high * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_values_have_percentiles_and_nineteen_have_a_reason() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        let stat = describe(&values);
        let percentiles = stat.percentiles.unwrap();
        // Positions 9.5, 17.1, 18.05 and 18.81 of 1, 2 … 20.
        assert_eq!((percentiles.p50, stat.median, stat.mean), (10.5, Some(10.5), Some(10.5)));
        for (found, expected) in
            [(percentiles.p90, 18.1), (percentiles.p95, 19.05), (percentiles.p99, 19.81)]
        {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert!((stat.sd.unwrap() - 35f64.sqrt()).abs() < 1e-9);
        let stat = describe(&values[..19]);
        assert_eq!(stat.percentiles, None);
        assert_eq!(stat.absent["percentiles"], "needs 20 values, there are 19");
        assert_eq!(describe(&[]), Stat::default());
        assert_eq!(describe(&[3.0]).sd, None);
    }
}
