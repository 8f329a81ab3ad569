//! A load point over its attempts.
//!
//! Each attempt is one measurement: the median time to first token of a load
//! point is the mean of its attempts' medians, with an interval over attempts.
//! Requests are not pooled: those of one attempt depend on each other.

use llmbench_api::record::{LoadFigures, LoadSummary, Stat};

use super::group;
use crate::{Attempt, stats};

/// What the attempts measured; `None` unless all of them measured one and the same load.
pub(super) fn of_fixture(scored: &[&Attempt]) -> Option<LoadSummary> {
    let loads: Vec<&LoadFigures> =
        scored.iter().map(|attempt| attempt.load.as_deref()).collect::<Option<_>>()?;
    let first = loads.first()?;
    let is_sweep = |load: &LoadFigures| !load.sweep.is_empty();
    let same = |load: &&LoadFigures| load.point == first.point || is_sweep(load);
    if !loads.iter().all(same) {
        return None;
    }
    let stat = |field: &str, value: &dyn Fn(&LoadFigures) -> Option<f64>| {
        of_attempts(&loads, field, value)
    };
    let p50 = |stat: &Stat| stat.median;
    let p99 = |stat: &Stat| stat.percentiles.map(|percentiles| percentiles.p99);
    let mut summary = LoadSummary {
        point: first.point.clone(),
        requests: loads.iter().map(|load| load.requests).sum(),
        answered: loads.iter().map(|load| load.answered).sum(),
        steady_requests: loads.iter().map(|load| load.steady_requests).sum(),
        requests_per_sec: stat("requests_per_sec", &|load| load.requests_per_sec),
        output_tokens_per_sec: stat("output_tokens_per_sec", &|load| load.output_tokens_per_sec),
        input_tokens_per_sec: stat("input_tokens_per_sec", &|load| load.input_tokens_per_sec),
        ttft_p50_ms: stat("ttft_ms", &|load| p50(&load.ttft_ms)),
        ttft_p99_ms: stat("ttft_ms", &|load| p99(&load.ttft_ms)),
        itl_p50_ms: stat("itl_ms", &|load| p50(&load.itl_ms)),
        itl_p99_ms: stat("itl_ms", &|load| p99(&load.itl_ms)),
        tpot_p50_ms: stat("tpot_ms", &|load| p50(&load.tpot_ms)),
        longest_gap_ms: stat("longest_gap_ms", &|load| load.longest_gap_ms.max),
        e2e_p50_ms: stat("e2e_ms", &|load| p50(&load.e2e_ms)),
        e2e_p99_ms: stat("e2e_ms", &|load| p99(&load.e2e_ms)),
        prefill_tokens_per_sec: stat("prefill_tokens_per_sec", &|load| {
            p50(&load.prefill_tokens_per_sec)
        }),
        decode_tokens_per_sec: stat("decode_tokens_per_sec", &|load| {
            p50(&load.decode_tokens_per_sec)
        }),
        goodput_share: stat("goodput", &|load| load.goodput.as_ref()?.share),
        goodput_per_sec: stat("goodput", &|load| load.goodput.as_ref()?.per_sec),
        sustained_rate_per_sec: stat("sustained_rate_per_sec", &|load| load.sustained_rate_per_sec),
        saturated: stats::rate(&loads.iter().filter_map(|load| load.saturated).collect::<Vec<_>>()),
        sweep: loads.iter().flat_map(|load| load.sweep.iter().cloned()).collect(),
        ..LoadSummary::default()
    };
    for load in &loads {
        for (class, count) in &load.errors {
            *summary.errors.entry(class.clone()).or_default() += count;
        }
    }
    Some(summary)
}

/// A figure over attempts, with the most frequent reason of those that lack it.
fn of_attempts(
    loads: &[&LoadFigures],
    field: &str,
    value: &dyn Fn(&LoadFigures) -> Option<f64>,
) -> Stat {
    let (mut values, mut reasons) = (Vec::new(), Vec::new());
    for load in loads {
        match value(load).filter(|value| value.is_finite()) {
            Some(value) => values.push(value),
            None => {
                let reason = load.missing.get(field).cloned();
                reasons.push(reason.unwrap_or_else(|| "needs 20 values in an attempt".to_owned()));
            }
        }
    }
    let mut stat = stats::describe(&values).unwrap_or_default();
    stat.missing = group::most_frequent(&reasons, loads.len());
    stat
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::attempts;
    use crate::testing::scored;

    fn attempt(run: u32, rate: f64, ttft_ms: f64) -> Attempt {
        let mut load = LoadFigures { requests: 10, answered: 9, ..LoadFigures::default() };
        load.output_tokens_per_sec = Some(rate);
        load.ttft_ms = Stat { n: 9, median: Some(ttft_ms), max: Some(99.0), ..Stat::default() };
        load.errors.insert("busy".into(), 1);
        load.missing.insert("goodput".into(), "no SLO is set".into());
        let mut attempt = attempts(&[scored("m", "c1", run, 1.0)]).remove(0);
        attempt.load = Some(Arc::new(load));
        attempt
    }

    #[test]
    fn figures_are_over_attempts_and_counts_are_sums() {
        let attempts = [attempt(1, 10.0, 5.0), attempt(2, 20.0, 7.0), attempt(3, 30.0, 9.0)];
        let summary = of_fixture(&attempts.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((summary.requests, summary.answered, summary.errors["busy"]), (30, 27, 3));
        let rate = &summary.output_tokens_per_sec;
        assert_eq!((rate.n, rate.mean, rate.sd), (3, Some(20.0), Some(10.0)));
        assert_eq!(summary.ttft_p50_ms.mean, Some(7.0));
        assert_eq!(summary.ttft_p99_ms.n, 0);
        let missing = summary.ttft_p99_ms.missing.unwrap();
        assert!(missing.contains("needs 20 values"), "{missing}");
        assert!(summary.goodput_share.missing.unwrap().contains("no SLO"));
    }

    #[test]
    fn other_tests_and_mixed_loads_have_none() {
        let plain = attempts(&[scored("m", "f", 1, 1.0)]);
        assert_eq!(of_fixture(&[&plain[0]]), None);
        let (one, mut two) = (attempt(1, 1.0, 1.0), attempt(2, 1.0, 1.0));
        let mut other = LoadFigures::clone(two.load.as_deref().unwrap());
        other.point.prompt_tokens = 7;
        two.load = Some(Arc::new(other));
        assert_eq!(of_fixture(&[&one, &two]), None);
    }
}
