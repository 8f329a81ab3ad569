//! Shares, and what several attempts are worth.

use llmbench_api::record::Interval;
use statrs::distribution::{ContinuousCDF, Normal};

/// The 95 % interval of a share: `count` of `n`; `None` when `n` is 0.
///
/// E. Wilson, “Probable inference, the law of succession, and statistical
/// inference”, J. Am. Stat. Assoc. 22 (1927), 209–212. Unlike share ± 2 s it
/// stays within 0 and 1 and has a width where all or none have the property.
///
/// # Example
/// ```
/// let interval = llmbench_report::stats::wilson(3.0, 3.0).unwrap();
/// assert!((interval.low - 0.4385029682449546).abs() < 1e-9 && interval.high == 1.0);
/// ```
pub fn wilson(count: f64, n: f64) -> Option<Interval> {
    score_interval(count, n, normal_quantile(0.975))
}

/// Wilson's interval with another quantile than that of the normal distribution.
pub(super) fn score_interval(count: f64, n: f64, z: f64) -> Option<Interval> {
    if n <= 0.0 || !z.is_finite() {
        return None;
    }
    let share = count / n;
    let scale = 1.0 + z * z / n;
    let center = (share + z * z / (2.0 * n)) / scale;
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / scale;
    // Where all or none count, the bound is exact and rounding would miss it.
    let low = if count <= 0.0 { 0.0 } else { (center - half).max(0.0) };
    let high = if count >= n { 1.0 } else { (center + half).min(1.0) };
    Some(Interval { low, high })
}

/// The `p` quantile of the standard normal distribution.
pub(super) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The probability that at least one of `k` attempts is correct, from `correct` of `n`; `None` for
/// `k` above `n`.
///
/// The unbiased estimate 1 − C(n − c, k) / C(n, k) of M. Chen et al., “Evaluating
/// large language models trained on code” (2021), section 2.1, as the product there.
pub fn pass_at_k(n: u64, correct: u64, k: u64) -> Option<f64> {
    none_of(n, n.checked_sub(correct)?, k).map(|none| 1.0 - none)
}

/// The probability that all of `k` attempts are correct, from `correct` of `n`; `None` for `k`
/// above `n`.
///
/// The unbiased estimate C(c, k) / C(n, k) of S. Yao et al., “τ-bench” (2024), section 4.
pub fn pass_hat_k(n: u64, correct: u64, k: u64) -> Option<f64> {
    none_of(n, correct.min(n), k)
}

/// C(some, k) / C(n, k): the probability that `k` of `n` are all among `some`.
fn none_of(n: u64, some: u64, k: u64) -> Option<f64> {
    if k > n {
        return None;
    }
    if k > some {
        return Some(0.0);
    }
    Some((0..k).map(|drawn| (some - drawn) as f64 / (n - drawn) as f64).product())
}
