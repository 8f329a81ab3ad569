//! Numbers as a reader wants them. What was not measured is a dash, never 0.

use llmbench_api::record::{Rate, Stat};
use llmbench_api::{Architecture, Json};

/// Stands for whatever was not measured.
pub(super) const ABSENT: &str = "–";

/// A number with a fixed number of decimals, or a dash.
pub(super) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| format!("{value:.decimals$}"))
}

/// `8.0 ± 1.2`, the 95 % interval; `8.0 [7.5–8.5]`, the range, where there are too few values for
/// one; only the mean of a single value.
pub(super) fn mean_and_interval(stat: &Stat, decimals: usize) -> String {
    with_interval(stat, decimals, |value| number(value, decimals))
}

/// A score with its interval, or the word that all answers are one and the same.
///
/// No score below `highest` is rounded up to it: full marks are full marks.
pub(super) fn score(stat: &Stat, highest: f64, decimals: usize, identical: bool) -> String {
    if identical && stat.n > 1 {
        return format!("{} identical", below(stat.mean, highest, decimals));
    }
    with_interval(stat, decimals, |value| below(value, highest, decimals))
}

/// A number that reads as `highest` only when it is.
pub(super) fn below(value: Option<f64>, highest: f64, decimals: usize) -> String {
    let text = number(value, decimals);
    match value {
        Some(value) if value < highest && text == number(Some(highest), decimals) => {
            number(Some(highest - 0.1_f64.powi(decimals as i32)), decimals)
        }
        _ => text,
    }
}

fn with_interval(stat: &Stat, decimals: usize, show: impl Fn(Option<f64>) -> String) -> String {
    let mean = show(stat.mean);
    if stat.n < 2 {
        return mean;
    }
    if stat.min == stat.max {
        return format!("{mean} no spread");
    }
    match stat.ci95 {
        Some(interval) => {
            format!("{mean} ± {}", width((interval.high - interval.low) / 2.0, decimals))
        }
        None => format!("{mean} [{}–{}]", show(stat.min), show(stat.max)),
    }
}

/// True where a mean is shown with its range, as there is no interval.
pub(super) fn has_range(stat: &Stat) -> bool {
    stat.n > 1 && stat.min != stat.max && stat.ci95.is_none()
}

/// A half-width that never reads as 0: what is seen to vary is not known exactly.
pub(super) fn width(half: f64, decimals: usize) -> String {
    let text = number(Some(half), decimals);
    let least = number(Some(0.1_f64.powi(decimals as i32)), decimals);
    if text == number(Some(0.0), decimals) { format!("<{least}") } else { text }
}

/// `7/10 [40–89 %]`, or a dash when nothing is known.
pub(super) fn rate_and_interval(rate: &Rate) -> String {
    match rate.ci95 {
        Some(interval) if rate.n > 1 => format!(
            "{} [{:.0}–{:.0} %]",
            self::rate(rate),
            interval.low * 100.0,
            interval.high * 100.0
        ),
        _ => self::rate(rate),
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
pub(crate) fn si(value: u64) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let value = value as f64;
    match prefixes.iter().find(|(factor, _)| value >= *factor) {
        Some((factor, prefix)) => format!("{:.2} {prefix}", value / factor),
        None => format!("{value}"),
    }
}

/// Dense or a mixture, in words.
pub(crate) fn architecture(architecture: &Architecture) -> String {
    match architecture {
        Architecture::Dense => "dense",
        Architecture::MixtureOfExperts => "mixture of experts",
        Architecture::Unknown => "unknown",
    }
    .to_owned()
}

/// The value of a setting, as a user would write it.
pub(crate) fn setting(value: &Json) -> String {
    match value {
        Json::Null => "not set".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use llmbench_api::record::Interval;

    use super::*;

    fn stat(n: u64, mean: f64) -> Stat {
        Stat {
            n,
            mean: Some(mean),
            min: Some(mean - 0.5),
            max: Some(mean + 0.5),
            ..Stat::default()
        }
    }

    fn with_ci(mut stat: Stat, half: f64) -> Stat {
        let mean = stat.mean.unwrap();
        stat.ci95 = Some(Interval { low: mean - half, high: mean + half });
        stat
    }

    #[test]
    fn intervals_are_shown_where_they_mean_something() {
        let check = |stat: &Stat, expected: &str| assert_eq!(mean_and_interval(stat, 1), expected);
        check(&with_ci(stat(3, 8.0), 1.24), "8.0 ± 1.2");
        check(&stat(2, 8.0), "8.0 [7.5–8.5]");
        assert!(has_range(&stat(2, 8.0)) && !has_range(&stat(1, 8.0)));
        assert!(!has_range(&with_ci(stat(3, 8.0), 1.24)));
        check(&stat(1, 8.0), "8.0");
        check(&Stat::default(), "–");
        check(&with_ci(stat(50, 8.0), 0.01), "8.0 ± <0.1");
        let equal = Stat { min: Some(8.0), max: Some(8.0), ..with_ci(stat(3, 8.0), 0.0) };
        check(&equal, "8.0 no spread");
        assert_eq!(score(&with_ci(stat(3, 8.0), 0.5), 10.0, 1, false), "8.0 ± 0.5");
        assert_eq!(score(&equal, 10.0, 1, true), "8.0 identical");
        assert_eq!(score(&Stat::default(), 10.0, 1, false), "–");
    }

    #[test]
    fn shares_have_intervals_in_percent() {
        let rate = crate::stats::rate(&[true, true, true]);
        assert_eq!(rate_and_interval(&rate), "3/3 [44–100 %]");
        assert_eq!(rate_and_interval(&Rate::default()), "–");
    }

    #[test]
    fn only_full_marks_read_as_full_marks() {
        assert_eq!(below(Some(10.0), 10.0, 1), "10.0");
        assert_eq!(below(Some(9.99), 10.0, 1), "9.9");
        assert_eq!(below(Some(9.9967), 10.0, 2), "9.99");
        assert_eq!(below(Some(9.94), 10.0, 1), "9.9");
        assert_eq!(below(Some(0.999), 1.0, 0), "0");
        assert_eq!(below(None, 10.0, 1), "–");
    }

    #[test]
    fn zero_is_a_number_and_nothing_is_not() {
        assert_eq!(number(Some(0.0), 1), "0.0");
        assert_eq!(number(None, 1), "–");
        assert_eq!(rate(&Rate { count: 0, n: 3, share: Some(0.0), ..Rate::default() }), "0/3");
        assert_eq!(rate(&Rate::default()), "–");
    }

    #[test]
    fn big_numbers_get_a_prefix() {
        assert_eq!(si(7_615_616_512), "7.62 G");
        assert_eq!(si(32_768), "32.77 k");
        assert_eq!(si(999), "999");
    }
}
