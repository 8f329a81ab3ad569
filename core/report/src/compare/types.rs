//! What a comparison says; the form of `llmbench compare --format json`.

use llmbench_api::Architecture;
use llmbench_api::record::Interval;
use serde::{Deserialize, Serialize};

/// One base against one or more others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Comparison {
    /// Version of this form; 1.
    pub format_version: u32,
    /// Test type of all runs.
    pub test: String,
    /// Highest possible score.
    pub max_score: f64,
    /// Score from which on an answer counts as correct, on both sides; `null` for a test that does
    /// not tell right answers from wrong ones.
    pub pass_score: Option<f64>,
    /// Highest adjusted p-value of a difference that is called one.
    pub alpha: f64,
    /// Each pair of sides, in the order in which they were named.
    pub contrasts: Vec<Contrast>,
}

/// One side against another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Contrast {
    /// What is compared with.
    pub base: Side,
    /// What is compared.
    pub other: Side,
    /// What makes the comparison doubtful.
    pub findings: Vec<Finding>,
    /// One for each metric that either side has.
    pub metrics: Vec<MetricComparison>,
    /// One for each fixture that both sides have scored, in the base's order.
    pub fixtures: Vec<FixtureComparison>,
    /// In a test without scores: one for each fixture that both sides have measured, in the
    /// base's order. The p-values are adjusted for all of them and all sides.
    pub loads: Vec<LoadComparison>,
}

/// One fixture of a test without scores on both sides, for example a load point.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LoadComparison {
    /// The fixture.
    pub fixture: String,
    /// Measured attempts on the base's side.
    pub base_runs: u64,
    /// Measured attempts on the other side.
    pub other_runs: u64,
    /// One for each metric that either side has, over the runs of this fixture.
    pub metrics: Vec<MetricComparison>,
}

/// One model in one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Side {
    /// The run's id.
    pub run_id: String,
    /// Its label.
    pub run_name: Option<String>,
    /// The model.
    pub model: String,
    /// The model's digest; `null` when the server did not tell it.
    pub digest: Option<String>,
    /// Dense, or a mixture of experts; `null` when the server did not tell it.
    pub architecture: Option<Architecture>,
    /// All parameters of the model; `null` when the server did not tell them.
    pub parameters: Option<u64>,
    /// Those that take part in a token; `null` when the server did not tell them.
    pub active_parameters: Option<u64>,
    /// Mean decode speed for each 10⁹ of these; `null` without one or the other, and over several loads.
    pub tokens_per_sec_per_active_billion: Option<f64>,
    /// Memory read for the weights, an estimate: bytes of the active weights × decode speed.
    pub weight_bandwidth_gb_per_sec: Option<f64>,
    /// Attempts with a record.
    pub attempts: u64,
    /// Scored ones among them.
    pub scored: u64,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known when reading the figures.
    #[default]
    Warning,
    /// Speeds and energies are shown, but none is called better.
    SpeedNotJudged,
    /// The comparison is refused, unless it is forced.
    Refusal,
}

/// A reason to doubt a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Finding {
    /// Stable name, such as `scoring-version`.
    pub check: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What was found, with both values.
    pub message: String,
}

/// How an effect is expressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Other minus base; 0 is no effect.
    #[default]
    Difference,
    /// Other divided by base, geometric mean over fixtures; 1 is no effect.
    Ratio,
}

impl Effect {
    /// The value that means that both are the same.
    pub fn none(self) -> f64 {
        match self {
            Self::Difference => 0.0,
            Self::Ratio => 1.0,
        }
    }
}

/// What can be said about the other side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The other side is better.
    Better,
    /// The other side is worse.
    Worse,
    /// It may be either; `reason` says why.
    #[default]
    Undecided,
    /// One side lacks the metric; `reason` says why.
    NotCompared,
}

/// One metric over all paired fixtures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MetricComparison {
    /// `score`, `correct`, `tokens_per_sec`, `duration_sec`, `ttft_sec`, `energy_joules`, and of
    /// load tests `output_tokens_per_sec`, `ttft_p99_ms`, `itl_p99_ms`, `e2e_p99_ms`, `goodput_share`.
    pub metric: String,
    /// Whether more of it is better.
    pub higher_is_better: bool,
    /// What `effect`, `ci95` and `minimum_detectable` are.
    pub effect_is: Effect,
    /// Fixtures for which both sides have the metric.
    pub fixtures: u64,
    /// Mean of the fixtures' means (of a ratio: geometric) on the base's side.
    pub base: Option<f64>,
    /// The same on the other side.
    pub other: Option<f64>,
    /// Other against base.
    pub effect: Option<f64>,
    /// 95 % interval of the effect.
    pub ci95: Option<Interval>,
    /// Two-sided p-value.
    pub p: Option<f64>,
    /// The same, adjusted for the number of comparisons (Holm).
    pub p_adjusted: Option<f64>,
    /// How the p-value came about.
    pub method: Option<String>,
    /// Cliff's δ of the runs, where there is one fixture; above 0 when the other side is higher.
    pub cliffs_delta: Option<f64>,
    /// Effect that would be found in 80 of 100 repetitions; a smaller one may be there.
    pub minimum_detectable: Option<f64>,
    /// Smallest p-value that samples of these sizes can have.
    pub smallest_p: Option<f64>,
    /// Whether any values at all could have shown a difference here: enough of them, on a machine
    /// on which this metric is judged.
    pub can_differ: bool,
    /// What can be said.
    pub verdict: Verdict,
    /// Why nothing can be said.
    pub reason: Option<String>,
}

/// A fixture whose answers became mostly correct, or no longer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// More than half of the answers are correct on the other side only.
    Gained,
    /// More than half of the answers were correct on the base's side only.
    Lost,
}

/// One fixture on both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FixtureComparison {
    /// The fixture.
    pub fixture: String,
    /// Its level.
    pub level: Option<u8>,
    /// Scored attempts on the base's side.
    pub base_runs: u64,
    /// Scored attempts on the other side.
    pub other_runs: u64,
    /// Mean score on the base's side.
    pub base_score: f64,
    /// Mean score on the other side.
    pub other_score: f64,
    /// Difference of the means, other minus base.
    pub difference: f64,
    /// 95 % interval of the difference (Welch); `null` below three different answers on a side.
    pub ci95: Option<Interval>,
    /// Correct answers on the base's side; `null` without a `pass_score`.
    pub base_correct: Option<u64>,
    /// Correct answers on the other side.
    pub other_correct: Option<u64>,
    /// Whether the fixture changed sides.
    pub flip: Option<Flip>,
    /// What a reader must know, such as identical outputs.
    pub remark: Option<String>,
}

impl Comparison {
    /// Every finding of a severity, with the contrast that it belongs to.
    pub fn findings(&self, severity: Severity) -> Vec<(&Contrast, &Finding)> {
        let all = self
            .contrasts
            .iter()
            .flat_map(|contrast| contrast.findings.iter().map(move |finding| (contrast, finding)));
        all.filter(|(_, finding)| finding.severity == severity).collect()
    }

    /// The metrics of `names` in which an other side is worse by at least `margin`.
    ///
    /// A ratio counts as far as it is from 1: a margin of 0.1 is a speed of 90 %.
    pub fn regressions(
        &self,
        names: &[String],
        margin: f64,
    ) -> Vec<(&Contrast, &MetricComparison)> {
        let all = self
            .contrasts
            .iter()
            .flat_map(|contrast| contrast.metrics.iter().map(move |metric| (contrast, metric)));
        all.filter(|(_, metric)| names.contains(&metric.metric))
            .filter(|(_, metric)| metric.verdict == Verdict::Worse)
            .filter(|(_, metric)| {
                let far = |effect: f64| (effect - metric.effect_is.none()).abs() >= margin;
                metric.effect.is_some_and(far)
            })
            .collect()
    }
}
