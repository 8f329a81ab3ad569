//! Numbers as a reader wants them. What was not measured is a dash, never 0.

use llmbench_api::record::{Rate, Stat};

/// Stands for whatever was not measured.
pub(super) const ABSENT: &str = "–";

/// A number with a fixed number of decimals, or a dash.
pub(super) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| format!("{value:.decimals$}"))
}

/// `8.0 [7.5–8.5]`; only the mean of a single value, and no range where it says nothing.
pub(super) fn mean_and_range(stat: &Stat, decimals: usize, identical: bool) -> String {
    let mean = number(stat.mean, decimals);
    match (stat.min, stat.max) {
        _ if stat.n < 2 => mean,
        _ if identical => format!("{mean} identical"),
        (Some(min), Some(max)) => format!("{mean} [{min:.decimals$}–{max:.decimals$}]"),
        _ => mean,
    }
}

/// `2/3`, or a dash when nothing is known.
pub(super) fn rate(rate: &Rate) -> String {
    if rate.n == 0 { ABSENT.to_owned() } else { format!("{}/{}", rate.count, rate.n) }
}

/// `1 model`, `2 models`.
pub(super) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A big number with an SI prefix: `7.62 G`.
pub(super) fn si(value: u64) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let value = value as f64;
    match prefixes.iter().find(|(factor, _)| value >= *factor) {
        Some((factor, prefix)) => format!("{:.2} {prefix}", value / factor),
        None => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(n: u64, mean: f64) -> Stat {
        Stat { n, mean: Some(mean), min: Some(mean - 0.5), max: Some(mean + 0.5), missing: None }
    }

    #[test]
    fn ranges_are_shown_where_they_mean_something() {
        assert_eq!(mean_and_range(&stat(3, 8.0), 1, false), "8.0 [7.5–8.5]");
        assert_eq!(mean_and_range(&stat(3, 8.0), 1, true), "8.0 identical");
        assert_eq!(mean_and_range(&stat(1, 8.0), 2, false), "8.00");
        assert_eq!(mean_and_range(&Stat::default(), 1, false), "–");
    }

    #[test]
    fn zero_is_a_number_and_nothing_is_not() {
        assert_eq!(number(Some(0.0), 1), "0.0");
        assert_eq!(number(None, 1), "–");
        assert_eq!(rate(&Rate { count: 0, n: 3, share: Some(0.0) }), "0/3");
        assert_eq!(rate(&Rate::default()), "–");
    }

    #[test]
    fn big_numbers_get_a_prefix() {
        assert_eq!(si(7_615_616_512), "7.62 G");
        assert_eq!(si(32_768), "32.77 k");
        assert_eq!(si(999), "999");
    }
}
