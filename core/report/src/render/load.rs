//! The tables of load tests: one row for each load point, in the words of every format.

use llmbench_api::Arrival;
use llmbench_api::record::{GroupSummary, LoadPoint, LoadSummary, Stat};

use super::figures::{ABSENT, number, si};
use crate::Report;

/// Load points of a report, with the group that each belongs to.
pub(super) fn points<'a>(report: &'a Report<'_>) -> Vec<(&'a GroupSummary, &'a LoadSummary)> {
    let groups = report.summary.groups.iter();
    groups.filter_map(|group| Some((group, group.load.as_ref()?))).collect()
}

/// How a load arrives: `16 at a time`, `2 a second, Poisson`.
pub(super) fn arrival(point: &LoadPoint) -> String {
    match &point.arrival {
        Arrival::Closed { concurrency } => format!("{concurrency} at a time"),
        Arrival::Open { rate_per_second, poisson } => {
            format!("{rate_per_second} a second, {}", if *poisson { "Poisson" } else { "even" })
        }
        _ => "1 at a time".to_owned(),
    }
}

/// `12.3 / 45.6`: median and 99th percentile, each the mean over attempts.
pub(super) fn p50_p99(p50: &Stat, p99: &Stat) -> String {
    format!("{} / {}", short(p50.mean), short(p99.mean))
}

/// Three digits that say something: `0.123`, `12.3`, `1234`.
pub(crate) fn short(value: Option<f64>) -> String {
    let Some(value) = value else { return ABSENT.to_owned() };
    if value >= 1e5 {
        return si(value as u64);
    }
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    number(Some(value), decimals)
}

/// Share of good requests in percent.
pub(super) fn goodput(load: &LoadSummary) -> String {
    load.goodput_share
        .mean
        .map_or_else(|| ABSENT.to_owned(), |share| format!("{:.0} %", share * 100.0))
}

/// What the short heads of the columns mean; TPOT and the speeds of single requests only where
/// they have columns.
pub(super) fn legend(has_tpot: bool, has_speeds: bool) -> String {
    let tpot = if has_tpot { "TPOT time for each further token of a request, " } else { "" };
    let speeds = match has_speeds {
        true => " pp and tg: tokens a second of one request's prompt and answer.",
        false => "",
    };
    format!(
        "Each figure is the mean over runs. p50 / p99 in ms: TTFT from the intended instant of sending to the first token, ITL every gap between two pieces, {tpot}E2E the whole answer, stall the longest gap.{speeds} Failed requests are in no latency; percentiles need 20 values."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_say_something() {
        for (value, text) in
            [(1234.5, "1234"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.123"), (0.0, "0.000")]
        {
            assert_eq!(short(Some(value)), text);
        }
        assert_eq!(p50_p99(&Stat::default(), &Stat::default()), "– / –");
    }
}
