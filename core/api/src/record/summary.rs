//! `summary.json`: what the attempts of a run add up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AgreementSummary, ContextMap, LoadPoint, RunStatus, SweepPoint};

/// Statistics of one quantity over attempts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Stat {
    /// Attempts that have the quantity.
    pub n: u64,
    /// Arithmetic mean; `null` when `n` is 0.
    pub mean: Option<f64>,
    /// Lowest.
    pub min: Option<f64>,
    /// Highest.
    pub max: Option<f64>,
    /// Why `n` is smaller than the number of scored attempts.
    pub missing: Option<String>,
    /// Middle value; the mean of the two in the middle when `n` is even.
    pub median: Option<f64>,
    /// Standard deviation of the sample (divisor `n` − 1).
    pub sd: Option<f64>,
    /// 95 % interval of the mean; from 3 values on, or from 3 fixtures on where it is over fixtures.
    pub ci95: Option<Interval>,
    /// From 20 values on.
    pub percentiles: Option<Percentiles>,
    /// Values far from the others; they count in every other figure.
    pub outliers: Option<u64>,
    /// Field → why it is `null` although there are values.
    pub absent: BTreeMap<String, String>,
}

/// Bounds as computed: those of a score may lie outside of its scale.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Percentiles by linear interpolation (type 7, as in R and numpy).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 90 % of the values are at most this.
    pub p90: f64,
    /// 95 %.
    pub p95: f64,
    /// 99 %.
    pub p99: f64,
}

/// A share of attempts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Rate {
    /// Attempts with the property.
    pub count: u64,
    /// Attempts for which it is known.
    pub n: u64,
    /// `count / n`; `null` when `n` is 0.
    pub share: Option<f64>,
    /// 95 % interval of the share (Wilson); over several fixtures with the number of attempts that
    /// would tell as much if they were independent. `null` when `n` is 0, and over two fixtures.
    pub ci95: Option<Interval>,
}

/// How likely `k` attempts hold a correct answer, or nothing but correct answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PassAtK {
    /// Attempts that are drawn.
    pub k: u64,
    /// Probability that at least one of them is correct (pass@k, unbiased).
    pub pass_at_k: f64,
    /// Probability that all of them are correct (pass^k, unbiased).
    pub pass_hat_k: f64,
}

/// Results of one model on one fixture, on the fixtures of one level, or on all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct GroupSummary {
    /// Model name.
    pub model: String,
    /// Fixture name; `null` for several fixtures together.
    pub fixture: Option<String>,
    /// Level of the fixture, or of the fixtures that are summed up here.
    pub level: Option<u8>,
    /// Attempts with a record.
    pub attempts: u64,
    /// Attempts by status.
    pub statuses: BTreeMap<String, u64>,
    /// Score of the scored attempts; for all fixtures together the mean of the fixtures' means.
    pub score: Stat,
    /// Structure score of the scored attempts.
    pub ast_score: Stat,
    /// Scored attempts whose answer type-checks.
    pub compiles: Rate,
    /// Decode speed.
    pub tokens_per_sec: Stat,
    /// Time for a whole answer.
    pub duration_sec: Stat,
    /// Time to first token, without attempts whose prompt was in the server's cache.
    pub ttft_sec: Stat,
    /// Prefill speed, without attempts whose prompt was in the server's cache.
    pub prefill_tokens_per_sec: Stat,
    /// Mean GPU utilisation, percent.
    pub gpu_avg_utilization: Stat,
    /// Peak GPU memory, GB.
    pub gpu_peak_memory_gb: Stat,
    /// Energy for each attempt.
    pub energy_joules: Stat,
    /// Scored attempts whose score is at least [`Summary::pass_score`].
    pub correct: Rate,
    /// For each number of attempts up to those that every fixture has; over fixtures their mean.
    pub pass_k: Vec<PassAtK>,
    /// Energy of all scored attempts for each correct answer among them.
    pub energy_per_correct_joules: Option<f64>,
    /// Correct answers in an hour of generation, by the time that all scored attempts took.
    pub correct_per_hour: Option<f64>,
    /// Field → why it is `null`.
    pub absent: BTreeMap<String, String>,
    /// Number of different answers among the scored attempts.
    pub distinct_outputs: u64,
    /// Remarks, for example “too few runs”.
    pub remarks: Vec<String>,
    /// What load tests measured; `null` for other tests, and over several load points.
    pub load: Option<LoadSummary>,
    /// Mean decode speed for each 10⁹ parameters that take part in a token.
    pub tokens_per_sec_per_active_billion: Option<f64>,
    /// Memory read for the weights: bytes of the active weights × mean decode speed, GB (10⁹ bytes)
    /// a second. An estimate: caches, activations and the experts of other streams are left out.
    pub weight_bandwidth_gb_per_sec: Option<f64>,
}

/// One load point over its attempts: each figure is a statistic over attempts, of what each measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LoadSummary {
    /// What was tried.
    pub point: LoadPoint,
    /// Requests of all attempts.
    pub requests: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Class → those that failed.
    pub errors: BTreeMap<String, u64>,
    /// Requests of the steady state, all attempts together.
    pub steady_requests: u64,
    /// Answers in a second, all streams together.
    pub requests_per_sec: Stat,
    /// Generated tokens in a second, all streams together.
    pub output_tokens_per_sec: Stat,
    /// Tokens of prompts in a second, all streams together.
    pub input_tokens_per_sec: Stat,
    /// Median time to first token.
    pub ttft_p50_ms: Stat,
    /// Its 99th percentile.
    pub ttft_p99_ms: Stat,
    /// Median gap between two pieces of content.
    pub itl_p50_ms: Stat,
    /// Its 99th percentile.
    pub itl_p99_ms: Stat,
    /// Median time for each further token of a request.
    pub tpot_p50_ms: Stat,
    /// Longest gap of all requests.
    pub longest_gap_ms: Stat,
    /// Median time for a whole answer.
    pub e2e_p50_ms: Stat,
    /// Its 99th percentile.
    pub e2e_p99_ms: Stat,
    /// Median prefill speed of a request.
    pub prefill_tokens_per_sec: Stat,
    /// Median decode speed of a request.
    pub decode_tokens_per_sec: Stat,
    /// Share of requests within the SLOs.
    pub goodput_share: Stat,
    /// Requests within the SLOs in a second.
    pub goodput_per_sec: Stat,
    /// Highest rate of a sweep that was sustained.
    pub sustained_rate_per_sec: Stat,
    /// Attempts whose load was more than the server could take.
    pub saturated: Rate,
    /// The rates of all sweeps, as they were tried.
    pub sweep: Vec<SweepPoint>,
}

/// `summary.json`: derived from `run.json` and `samples.jsonl` alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Summary {
    /// `FORMAT_VERSION` when it was written.
    pub format_version: u32,
    /// Name of the run's folder.
    pub run_id: String,
    /// Test type.
    pub test: String,
    /// How the run ended.
    pub status: Option<RunStatus>,
    /// Attempts planned.
    pub planned: u64,
    /// Score from which on an answer counts as correct.
    pub pass_score: Option<f64>,
    /// Attempts by status.
    pub statuses: BTreeMap<String, u64>,
    /// One for each model and fixture, in the plan's order.
    pub groups: Vec<GroupSummary>,
    /// One for each model and level of fixtures, easiest first; empty when there are not several levels.
    pub levels: Vec<GroupSummary>,
    /// One for each model.
    pub models: Vec<GroupSummary>,
    /// One for each model, of a test over lengths of context; empty for other tests.
    pub context_maps: Vec<ContextMap>,
    /// One for each model and fixture, of a test that compares answers to one prompt; empty for
    /// other tests.
    pub agreements: Vec<AgreementSummary>,
    /// Warnings of the run and of its attempts, each once.
    pub warnings: Vec<String>,
}
