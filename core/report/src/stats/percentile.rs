//! Percentiles.

/// The `share` quantile of ascending values by linear interpolation; `None` for an empty slice.
///
/// Type 7 of R. Hyndman, Y. Fan, “Sample quantiles in statistical packages”,
/// The American Statistician 50 (1996), 361–365: position (n − 1) · share.
///
/// # Example
/// ```
/// assert_eq!(llmbench_report::stats::percentile(&[6.0, 9.0], 0.25), Some(6.75));
/// ```
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = (last as f64 * share).clamp(0.0, last as f64);
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let (low, high) = (sorted[below], sorted[above]);
    // Halves first: the difference of two large numbers may not be one.
    let part = position - below as f64;
    Some(if low == high { low } else { low * (1.0 - part) + high * part })
}
