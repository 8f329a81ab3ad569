//! Tests of paired differences, and ratios.

use llmbench_api::record::Interval;

use super::describe::mean;
use super::{Random, t_interval};

/// Pairs up to which every pattern of signs is counted: 65,536 of them.
pub const EXACT_UP_TO: usize = 16;
/// Patterns of signs that are drawn for more pairs.
const DRAWN: usize = 100_000;
/// The same for every comparison, so that it can be repeated.
const SEED: u64 = 42;

/// A two-sided p-value and how it came about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValue {
    /// From above 0 to 1.
    pub value: f64,
    /// False when it was drawn by chance or approximated.
    pub is_exact: bool,
}

/// The two-sided p-value of paired differences; `None` for an empty slice.
///
/// R. Fisher, “The Design of Experiments” (1935), section 21: were there no
/// difference, each of them could as well have the other sign. The p-value is the
/// share of sign patterns whose sum is as far from 0 as the one that was seen.
/// Exact up to 16 pairs. For more, 100,000 patterns are drawn from a fixed seed,
/// and the p-value is (1 + as far) / (1 + drawn): B. Phipson, G. Smyth,
/// “Permutation p-values should never be zero”, Stat. Appl. Genet. Mol. Biol. 9 (2010).
///
/// With G pairs none can be below 2 / 2^G: five pairs never show a difference at 5 %.
pub fn sign_flip(differences: &[f64]) -> Option<PValue> {
    if differences.is_empty() {
        return None;
    }
    // The order decides which patterns are drawn; sorted, it does not show.
    let mut sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let scale: f64 = sizes.iter().sum();
    let seen = differences.iter().sum::<f64>().abs();
    // Sums that differ by rounding alone are equal.
    let limit = seen - 1e-9 * scale;
    if differences.len() <= EXACT_UP_TO {
        let mut sums = vec![0.0];
        for size in &sizes {
            sums = sums.iter().flat_map(|sum| [sum + size, sum - size]).collect();
        }
        let far = sums.iter().filter(|sum| sum.abs() >= limit).count();
        return Some(PValue { value: far as f64 / sums.len() as f64, is_exact: true });
    }
    let mut random = Random::new(SEED);
    let mut far = 0;
    for _ in 0..DRAWN {
        let mut sum = 0.0;
        for part in sizes.chunks(64) {
            let mut bits = random.bits();
            for size in part {
                sum += if bits & 1 == 0 { *size } else { -size };
                bits >>= 1;
            }
        }
        far += usize::from(sum.abs() >= limit);
    }
    Some(PValue { value: (1 + far) as f64 / (1 + DRAWN) as f64, is_exact: false })
}

/// The geometric mean of ratios and its 95 % interval; `None` unless all are above 0.
///
/// The t interval of the logarithms, taken back: P. Fleming, J. Wallace, “How not
/// to lie with statistics: the correct way to summarize benchmark results”, CACM 29
/// (1986), 218–221.
pub fn geometric_mean(ratios: &[f64]) -> Option<(f64, Option<Interval>)> {
    if ratios.iter().any(|ratio| ratio.is_nan() || *ratio <= 0.0) {
        return None;
    }
    let logarithms: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let back = |interval: Interval| Interval { low: interval.low.exp(), high: interval.high.exp() };
    Some((mean(&logarithms)?.exp(), t_interval(&logarithms).map(back)))
}
