//! Which stretches were too long.

/// A stretch longer than this many intervals between two samples is a gap.
pub const GAP_INTERVALS: f64 = 2.5;

/// True when the stretch from `from_ns` to `to_ns` is longer than
/// [`GAP_INTERVALS`] intervals; never with an interval of 0.
///
/// # Example
/// ```
/// use llmbench_plugin::sampling::is_gap;
///
/// assert!(!is_gap(0, 250_000_000, 100));
/// assert!(is_gap(0, 250_000_001, 100));
/// ```
pub fn is_gap(from_ns: u64, to_ns: u64, interval_ms: u64) -> bool {
    let stretch_ns = to_ns.saturating_sub(from_ns) as f64;
    interval_ms > 0 && stretch_ns > GAP_INTERVALS * interval_ms as f64 * 1e6
}
