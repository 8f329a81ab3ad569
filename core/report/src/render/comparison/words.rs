//! Figures of a comparison in the words of every format. Nothing here is escaped.

use crate::compare::{
    Comparison, Contrast, Effect, FixtureComparison, Flip, MetricComparison, Severity, Side,
    Verdict,
};
use crate::render::figures::{self, ABSENT};
use crate::render::load::short;

/// Fixtures that are listed one by one; of more, those that differ most.
pub(super) const MOST_FIXTURES: usize = 50;

/// The headers of the table of metrics.
pub(super) const METRIC_HEADER: [&str; 6] = ["", "base", "other", "change ± 95 %", "p", "n"];
/// The headers of the table of fixtures.
pub(super) const FIXTURE_HEADER: [&str; 6] =
    ["Fixture", "base", "other", "change ± 95 %", "correct", ""];

/// `qwen:7b in 2026…-a4a0d6 (36 of 36 scored)`.
pub(super) fn side(side: &Side) -> String {
    let run = side.run_name.as_deref().unwrap_or(&side.run_id);
    format!("{} in {run} ({} of {} scored)", side.model, side.scored, side.attempts)
}

/// `mixture of experts, 3.34 G of 30.53 G parameters active, 12.3 tok/s for each 10⁹ active, about
/// 160 GB/s read for the weights (estimate)`; `None` when nothing is known.
pub(super) fn weights(side: &Side) -> Option<String> {
    if side.active_parameters.is_none() && side.architecture.is_none() {
        return None;
    }
    let mut parts = Vec::new();
    parts.extend(side.architecture.as_ref().map(figures::architecture));
    match (side.active_parameters, side.parameters) {
        (Some(active), Some(all)) => {
            parts.push(format!(
                "{} of {} parameters active",
                figures::si(active),
                figures::si(all)
            ));
        }
        (None, Some(all)) => {
            parts.push(format!("{} parameters, active ones not known", figures::si(all)));
        }
        _ => {}
    }
    parts.extend(
        side.tokens_per_sec_per_active_billion
            .map(|each| format!("{} tok/s for each 10⁹ active", short(Some(each)))),
    );
    parts.extend(
        side.weight_bandwidth_gb_per_sec
            .map(|gb| format!("about {} GB/s read for the weights (estimate)", short(Some(gb)))),
    );
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The headers of the table of loads.
pub(super) const LOAD_HEADER: [&str; 6] = ["Load", "", "base", "other", "change ± 95 %", "p"];

/// The rows of all loads, below [`LOAD_HEADER`].
pub(super) fn load_rows(contrast: &Contrast, comparison: &Comparison) -> Vec<[String; 6]> {
    let rows = contrast.loads.iter().flat_map(|load| {
        load.metrics.iter().map(move |metric| {
            let [name, base, other, change, p, _] = metric_row(metric, comparison);
            [load.fixture.clone(), name, base, other, change, p]
        })
    });
    rows.collect()
}

/// A metric's name with its unit.
pub(super) fn metric_name(metric: &MetricComparison, comparison: &Comparison) -> String {
    match metric.metric.as_str() {
        "score" => format!("score /{}", comparison.max_score),
        "correct" => "correct %".to_owned(),
        "tokens_per_sec" => "tok/s".to_owned(),
        "duration_sec" => "duration s".to_owned(),
        "ttft_sec" => "TTFT s".to_owned(),
        "energy_joules" => "energy J".to_owned(),
        "output_tokens_per_sec" => "tok/s, all streams".to_owned(),
        "ttft_p99_ms" => "TTFT p99 ms".to_owned(),
        "itl_p99_ms" => "ITL p99 ms".to_owned(),
        "e2e_p99_ms" => "E2E p99 ms".to_owned(),
        "goodput_share" => "good requests %".to_owned(),
        other => other.to_owned(),
    }
}

/// The row of a metric, below [`METRIC_HEADER`].
pub(super) fn metric_row(metric: &MetricComparison, comparison: &Comparison) -> [String; 6] {
    let (factor, decimals) = scale(metric);
    let value = |value: Option<f64>| figures::number(value.map(|value| value * factor), decimals);
    [
        metric_name(metric, comparison),
        value(metric.base),
        value(metric.other),
        change(metric),
        p_value(metric),
        metric.fixtures.to_string(),
    ]
}

fn scale(metric: &MetricComparison) -> (f64, usize) {
    match metric.metric.as_str() {
        "correct" | "goodput_share" => (100.0, 0),
        "score" | "duration_sec" => (1.0, 2),
        "ttft_sec" => (1.0, 3),
        "energy_joules" => (1.0, 0),
        _ => (1.0, 1),
    }
}

/// `+0.90 ± 0.40 better`, `×1.33 [1.30–1.37] ~`.
fn change(metric: &MetricComparison) -> String {
    let word = match metric.verdict {
        Verdict::Better => " better",
        Verdict::Worse => " worse",
        Verdict::Undecided => " ~",
        Verdict::NotCompared => return ABSENT.to_owned(),
    };
    effect(metric) + word
}

/// The effect with its interval.
fn effect(metric: &MetricComparison) -> String {
    let Some(effect) = metric.effect else { return ABSENT.to_owned() };
    match metric.effect_is {
        Effect::Difference => {
            let (factor, decimals) = scale(metric);
            let half = metric.ci95.map(|interval| (interval.high - interval.low) / 2.0 * factor);
            difference(effect * factor, half, decimals)
        }
        Effect::Ratio => match metric.ci95 {
            Some(interval) if interval.low < interval.high => {
                format!("×{effect:.2} [{:.2}–{:.2}]", interval.low, interval.high)
            }
            _ => format!("×{effect:.2}"),
        },
    }
}

fn difference(effect: f64, half: Option<f64>, decimals: usize) -> String {
    let text = format!("{effect:+.decimals$}");
    match half {
        Some(half) if half > 0.0 => format!("{text} ± {}", figures::width(half, decimals)),
        _ => text,
    }
}

fn p_value(metric: &MetricComparison) -> String {
    match metric.p_adjusted {
        Some(p) if p < 0.001 => "<0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
        None => ABSENT.to_owned(),
    }
}

/// Why a metric is undecided, and what could have been found: a line for each that has any.
pub(super) fn metric_notes(contrast: &Contrast, comparison: &Comparison) -> Vec<String> {
    let mut notes: Vec<(String, Vec<String>)> = Vec::new();
    for metric in &contrast.metrics {
        let Some(reason) = &metric.reason else { continue };
        let name = metric_name(metric, comparison);
        match notes.iter_mut().find(|(known, _)| known == reason) {
            Some((_, names)) => names.push(name),
            None => notes.push((reason.clone(), vec![name])),
        }
    }
    let mut lines: Vec<String> = notes
        .into_iter()
        .map(|(reason, names)| format!("{}: {reason}", names.join(", ")))
        .collect();
    let score = contrast.metrics.iter().find(|metric| metric.metric == "score");
    if let Some((score, least)) = score.and_then(|m| Some((m, m.minimum_detectable?))) {
        let method = score.method.as_deref().unwrap_or_default();
        lines.push(format!(
            "a score difference of {least:.2} would be found in 80 of 100 such comparisons; a smaller one may be there ({method})"
        ));
    }
    lines
}

/// Each finding in a line, those that were overruled first.
pub(super) fn findings(contrast: &Contrast) -> Vec<String> {
    let mut lines = Vec::new();
    for severity in [Severity::Refusal, Severity::SpeedNotJudged, Severity::Warning] {
        for finding in contrast.findings.iter().filter(|finding| finding.severity == severity) {
            let word = match severity {
                Severity::Refusal => "not comparable, but forced: ",
                Severity::SpeedNotJudged | Severity::Warning => "",
            };
            lines.push(format!("{word}{}", finding.message));
        }
    }
    lines
}

/// `gained: a, b; lost: c`, or that nothing flipped.
pub(super) fn flips(contrast: &Contrast) -> String {
    let names = |wanted: Flip| {
        let flipped = contrast.fixtures.iter().filter(|fixture| fixture.flip == Some(wanted));
        flipped.map(|fixture| fixture.fixture.as_str()).collect::<Vec<_>>().join(", ")
    };
    let parts: Vec<String> = [("gained", names(Flip::Gained)), ("lost", names(Flip::Lost))]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| format!("{word}: {names}"))
        .collect();
    if parts.is_empty() { "no fixture changed sides".to_owned() } else { parts.join("; ") }
}

/// The row of a fixture, below [`FIXTURE_HEADER`].
pub(super) fn fixture_row(fixture: &FixtureComparison) -> [String; 6] {
    let half = fixture.ci95.map(|interval| (interval.high - interval.low) / 2.0);
    let mark = match (fixture.flip, &fixture.remark) {
        (Some(Flip::Gained), _) => "gained",
        (Some(Flip::Lost), _) => "lost",
        (None, Some(_)) => "identical outputs",
        (None, None) => "",
    };
    let correct = match (fixture.base_correct, fixture.other_correct) {
        (Some(base), Some(other)) => {
            format!("{base}/{} → {other}/{}", fixture.base_runs, fixture.other_runs)
        }
        _ => figures::ABSENT.to_owned(),
    };
    [
        fixture.fixture.clone(),
        format!("{:.2}", fixture.base_score),
        format!("{:.2}", fixture.other_score),
        difference(fixture.difference, half, 2),
        correct,
        mark.to_owned(),
    ]
}

/// The fixtures to list, in the base's order, and how many are left out.
pub(super) fn fixtures(contrast: &Contrast) -> (Vec<&FixtureComparison>, usize) {
    let mut shown: Vec<(usize, &FixtureComparison)> =
        contrast.fixtures.iter().enumerate().collect();
    shown.sort_by(|(a_place, a), (b_place, b)| {
        let far = |fixture: &FixtureComparison| fixture.difference.abs();
        far(b).total_cmp(&far(a)).then(a_place.cmp(b_place))
    });
    let left_out = shown.len().saturating_sub(MOST_FIXTURES);
    shown.truncate(MOST_FIXTURES);
    shown.sort_by_key(|(place, _)| *place);
    (shown.into_iter().map(|(_, fixture)| fixture).collect(), left_out)
}

/// What every figure of the tables means.
pub(super) fn legend(comparison: &Comparison) -> String {
    if comparison.contrasts.iter().any(|contrast| !contrast.loads.is_empty()) {
        return "change: other against base, as ratio (good requests: as difference); over all loads by their means, at each load over its runs; ~ not shown to differ; p adjusted for all loads and comparisons of a metric".to_owned();
    }
    let correct = comparison.pass_score;
    format!(
        "change: other against base, scores as difference, speeds as ratio of geometric means, over fixtures; ~ not shown to differ; p adjusted for {}{}",
        figures::count(comparison.contrasts.len(), "comparison"),
        correct.map_or_else(String::new, |limit| format!("; correct: score from {limit} on"))
    )
}
