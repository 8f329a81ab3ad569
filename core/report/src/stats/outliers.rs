//! Values that lie far from the others. They are counted and shown, never dropped.

use super::percentile;

/// Values from which on outliers are looked for.
pub const OUTLIERS_FROM: usize = 5;

/// The values whose modified z-score is above 3.5, ascending; `None` when more than half of the
/// values are equal, so that there is no scale to measure by.
///
/// 0.6745 · |x − median| / MAD: B. Iglewicz, D. Hoaglin, “How to detect and handle
/// outliers”, ASQC 1993; as in hyperfine.
pub fn modified_z_outliers(sorted: &[f64]) -> Option<Vec<f64>> {
    let median = percentile(sorted, 0.5)?;
    let mut distances: Vec<f64> = sorted.iter().map(|value| (value - median).abs()).collect();
    distances.sort_by(f64::total_cmp);
    let deviation = percentile(&distances, 0.5).filter(|deviation| *deviation > 0.0)?;
    let far = |value: &f64| 0.674_489_750_196_081_7 * (value - median).abs() / deviation > 3.5;
    Some(sorted.iter().copied().filter(far).collect())
}

/// The values more than `fence` quartile distances outside of the quartiles, ascending.
///
/// J. Tukey, “Exploratory Data Analysis” (1977), section 2D; 1.5 is usual, 3 is far out.
pub fn tukey_outliers(sorted: &[f64], fence: f64) -> Vec<f64> {
    let (Some(low), Some(high)) = (percentile(sorted, 0.25), percentile(sorted, 0.75)) else {
        return Vec::new();
    };
    let reach = fence * (high - low);
    let far = |value: &f64| *value < low - reach || *value > high + reach;
    sorted.iter().copied().filter(far).collect()
}
