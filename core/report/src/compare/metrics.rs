//! One metric on two sides: effect, interval, test.

use std::collections::BTreeMap;

use llmbench_api::record::{ColdPrompt, Interval, Stat};

use super::types::{Effect, MetricComparison, Verdict};
use crate::Attempt;
use crate::stats;
use crate::summary::{is_correct, is_prompt_cached};

/// Names of the metrics, the most important first.
///
/// Those behind `energy_joules` are of load tests only.
pub const METRICS: [&str; 11] = [
    "score",
    "correct",
    "tokens_per_sec",
    "duration_sec",
    "ttft_sec",
    "energy_joules",
    "output_tokens_per_sec",
    "ttft_p99_ms",
    "itl_p99_ms",
    "e2e_p99_ms",
    "goodput_share",
];

/// What a metric is.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) higher_is_better: bool,
    pub(super) effect: Effect,
    /// Says something about the machine too.
    pub(super) is_speed: bool,
    /// The value of a scored attempt, by the score from which on an answer is correct.
    pub(super) value: fn(&Attempt, Option<f64>) -> Option<f64>,
    /// The value that was measured at warm-up.
    pub(super) cold: fn(&ColdPrompt) -> Option<f64>,
}

/// The metrics in the order of [`METRICS`].
pub(super) fn metrics() -> [Metric; 11] {
    let speed = |name, higher_is_better, value| Metric {
        name,
        higher_is_better,
        effect: Effect::Ratio,
        is_speed: true,
        value,
        cold: |_| None,
    };
    let quality = |name, value| Metric {
        effect: Effect::Difference,
        is_speed: false,
        ..speed(name, true, value)
    };
    [
        quality(METRICS[0], |attempt, _| attempt.score),
        quality(METRICS[1], |attempt, pass_score| {
            is_correct(attempt, pass_score).map(|correct| f64::from(u8::from(correct)))
        }),
        speed(METRICS[2], true, |attempt, _| attempt.tokens_per_sec),
        speed(METRICS[3], false, |attempt, _| attempt.duration_sec),
        Metric {
            cold: |prompt| prompt.ttft_sec,
            ..speed(METRICS[4], false, |attempt, _| {
                attempt.ttft_sec.filter(|_| !is_prompt_cached(attempt))
            })
        },
        speed(METRICS[5], false, |attempt, _| attempt.energy_joules),
        speed(METRICS[6], true, |attempt, _| attempt.load.as_ref()?.output_tokens_per_sec),
        speed(METRICS[7], false, |attempt, _| p99(&attempt.load.as_ref()?.ttft_ms)),
        speed(METRICS[8], false, |attempt, _| p99(&attempt.load.as_ref()?.itl_ms)),
        speed(METRICS[9], false, |attempt, _| p99(&attempt.load.as_ref()?.e2e_ms)),
        Metric {
            effect: Effect::Difference,
            ..speed(METRICS[10], true, |attempt, _| attempt.load.as_ref()?.goodput.as_ref()?.share)
        },
    ]
}

fn p99(stat: &Stat) -> Option<f64> {
    stat.percentiles.map(|percentiles| percentiles.p99)
}

/// The values of one metric on one side, by fixture.
pub(super) type Values<'a> = BTreeMap<&'a str, Vec<f64>>;

/// Compares without judging: the verdict needs to know how many comparisons there are.
///
/// `repeats` says which side, if any, gives one and the same answer in all runs
/// of its only fixture: such runs are no sample of anything but speed.
pub(super) fn compare(
    metric: &Metric,
    base: &Values<'_>,
    other: &Values<'_>,
    repeats: Option<&str>,
) -> MetricComparison {
    let mut result = MetricComparison {
        metric: metric.name.to_owned(),
        higher_is_better: metric.higher_is_better,
        effect_is: metric.effect,
        verdict: Verdict::Undecided,
        ..MetricComparison::default()
    };
    let scaled = |values: &Vec<f64>| -> Option<Vec<f64>> {
        match metric.effect {
            Effect::Difference => Some(values.clone()),
            Effect::Ratio if values.iter().all(|value| *value > 0.0) => {
                Some(values.iter().map(|value| value.ln()).collect())
            }
            Effect::Ratio => None,
        }
    };
    let both: Vec<_> =
        base.iter().filter_map(|(name, base)| Some((base, other.get(name)?))).collect();
    let pairs: Vec<_> =
        both.iter().filter_map(|(base, other)| Some((scaled(base)?, scaled(other)?))).collect();
    result.fixtures = pairs.len() as u64;
    if pairs.is_empty() {
        let missing = if base.is_empty() { "the base" } else { "the other side" };
        result.verdict = Verdict::NotCompared;
        result.reason = Some(match (base.is_empty() || other.is_empty(), both.is_empty()) {
            (true, _) => format!("{missing} has no value"),
            (_, true) => "no fixture has values on both sides".to_owned(),
            _ => "a value is not above 0".to_owned(),
        });
        return result;
    }
    let back = |value: f64| match metric.effect {
        Effect::Difference => value,
        Effect::Ratio => value.exp(),
    };
    let back_interval =
        |interval: Interval| Interval { low: back(interval.low), high: back(interval.high) };
    let base_means: Vec<f64> = pairs.iter().filter_map(|(base, _)| mean(base)).collect();
    let other_means: Vec<f64> = pairs.iter().filter_map(|(_, other)| mean(other)).collect();
    result.base = mean(&base_means).map(back);
    result.other = mean(&other_means).map(back);
    if let [(base, other)] = &pairs[..] {
        result.effect = Some(back(other_means[0] - base_means[0]));
        if let (Some(side), false) = (repeats, metric.is_speed) {
            result.reason =
                Some(format!("{side} gives one answer in all runs: they are no sample of answers"));
            return result;
        }
        result.ci95 = stats::welch_interval(other, base).map(back_interval);
        let p = stats::mann_whitney(other, base);
        result.p = p.map(|p| p.value);
        result.smallest_p = p.map(|_| stats::smallest_mann_whitney_p(other.len(), base.len()));
        let exact = if p.is_some_and(|p| p.is_exact) { "exact" } else { "approximate" };
        result.method =
            Some(format!("{exact} Mann–Whitney, {} against {} runs", other.len(), base.len()));
        result.cliffs_delta = stats::cliffs_delta(other, base);
        result.minimum_detectable = stats::minimum_detectable_between(other, base).map(back);
        return result;
    }
    let differences: Vec<f64> =
        other_means.iter().zip(&base_means).map(|(other, base)| other - base).collect();
    result.effect = mean(&differences).map(back);
    result.ci95 = stats::t_interval(&differences).map(back_interval);
    let p = stats::sign_flip(&differences);
    result.p = p.map(|p| p.value);
    // Each pair's sign, all alike in one of two ways.
    result.smallest_p = p.map(|_| 0.5_f64.powi(differences.len().min(1000) as i32 - 1));
    let exact = if p.is_some_and(|p| p.is_exact) { "exact" } else { "drawn" };
    result.method = Some(format!("{exact} sign-flip, {} fixtures", differences.len()));
    let sd = stats::describe(&differences).ok().and_then(|stat| stat.sd);
    result.minimum_detectable =
        sd.and_then(|sd| stats::minimum_detectable(sd, differences.len())).map(back);
    result
}

/// Decides what can be said, once the p-value is adjusted for `comparisons` of this metric.
pub(super) fn judge(result: &mut MetricComparison, comparisons: usize, alpha: f64) {
    let none = result.effect_is.none();
    let is_enough = |smallest: f64| smallest * comparisons as f64 <= alpha;
    result.can_differ = result.smallest_p.is_some_and(is_enough) && result.ci95.is_some();
    if !result.can_differ {
        // What is never found is not found in 80 of 100 comparisons either.
        result.minimum_detectable = None;
    }
    if result.verdict == Verdict::NotCompared || result.reason.is_some() {
        return;
    }
    let (Some(interval), Some(p), Some(effect)) = (result.ci95, result.p_adjusted, result.effect)
    else {
        result.reason = Some(match result.fixtures {
            1 => "needs 3 runs on each side".to_owned(),
            n => format!("needs 3 fixtures, there are {n}"),
        });
        return;
    };
    let covers = interval.low <= none && none <= interval.high;
    if !covers && p <= alpha {
        let is_better = (effect > none) == result.higher_is_better;
        result.verdict = if is_better { Verdict::Better } else { Verdict::Worse };
        return;
    }
    result.reason = Some(if !result.can_differ {
        cannot_differ(result.fixtures, comparisons, alpha)
    } else if interval.low == interval.high && effect == none {
        "both sides are equal on every fixture".to_owned()
    } else if covers {
        "the interval holds both better and worse".to_owned()
    } else {
        format!("p is above {alpha}")
    });
}

/// Why samples of this size show nothing, and which would.
fn cannot_differ(fixtures: u64, comparisons: usize, alpha: f64) -> String {
    if fixtures > 1 {
        let needed = (2.0 * comparisons as f64 / alpha).log2().ceil();
        return format!("{fixtures} fixtures cannot show a difference; {needed} can");
    }
    let is_enough =
        |runs: &usize| stats::smallest_mann_whitney_p(*runs, *runs) * comparisons as f64 <= alpha;
    let needed = (3..).find(is_enough).unwrap_or_default();
    format!("so few runs cannot show a difference; {needed} on each side can")
}

fn mean(values: &[f64]) -> Option<f64> {
    stats::describe(values).ok().and_then(|stat| stat.mean)
}
