//! What a load test measured at one load point: the field `load` of its attempts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MeasuredBy, Stat};
use crate::Arrival;

/// A load: how requests arrive and what they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LoadPoint {
    /// When requests are sent.
    pub arrival: Arrival,
    /// Tokens that a prompt shall have, 0 for the shortest that there is; the server's count is in [`LoadFigures::prompt_tokens`].
    pub prompt_tokens: u32,
    /// Tokens that an answer shall have at most.
    pub output_tokens: u32,
    /// Tokens at the start of every prompt that are the same in all of them.
    pub shared_prefix_tokens: u32,
}

/// Limits that a request has to keep to be a good one; those that are absent always hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Slo {
    /// Time to first token.
    pub ttft_ms: Option<f64>,
    /// Time for each further token.
    pub tpot_ms: Option<f64>,
    /// Time for the whole answer.
    pub e2e_ms: Option<f64>,
}

/// Requests that kept every limit. One that failed did not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Goodput {
    /// The limits.
    pub slo: Slo,
    /// Requests of the steady state that kept them.
    pub good: u64,
    /// Requests of the steady state, those included that failed.
    pub of: u64,
    /// `good / of`.
    pub share: Option<f64>,
    /// Good requests that ended in the steady state, in a second.
    pub per_sec: Option<f64>,
}

/// What a load test measured at one load point.
///
/// Latencies are those of the requests that were to be sent in the steady state, counted from
/// the instant at which they were to be sent. Requests that failed are counted in `errors` and
/// enter no latency. An attempt's own 95 % intervals are absent: requests under one load are not
/// independent of each other, attempts are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LoadFigures {
    /// What was tried.
    pub point: LoadPoint,
    /// Requests that were measured, in ramp, steady state and drain together: `answered` and
    /// all `errors` add up to it.
    pub requests: u64,
    /// Those that were answered to the end.
    pub answered: u64,
    /// Class (kind of error, behind `/` its phase) → requests that failed.
    pub errors: BTreeMap<String, u64>,
    /// Requests that prepared the measurement: calibration of the prompt's length and warm-up.
    pub warm_up_requests: u64,
    /// Answered requests of the steady state.
    pub steady_requests: u64,
    /// From the first request to the steady state.
    pub ramp_sec: Option<f64>,
    /// Length of the steady state, which the rates below are about.
    pub steady_sec: Option<f64>,
    /// Tokens of the prompts, counted by the server.
    pub prompt_tokens: Stat,
    /// Tokens of the answers, counted by the server.
    pub completion_tokens: Stat,
    /// Answers of fewer tokens than were wanted: the model ended them.
    pub short_answers: u64,
    /// Answers of more tokens than were allowed: the server does not keep the limit.
    pub long_answers: u64,
    /// From the intended to the real instant of sending.
    pub send_delay_ms: Stat,
    /// From the intended instant of sending to the first token (TTFT).
    pub ttft_ms: Stat,
    /// Every gap between two pieces of content, of all requests (ITL).
    pub itl_ms: Stat,
    /// Of each request: time from the first to the last piece, for each token behind the first (TPOT).
    pub tpot_ms: Stat,
    /// Of each request: its longest gap.
    pub longest_gap_ms: Stat,
    /// From the intended instant of sending to the end of the answer.
    pub e2e_ms: Stat,
    /// Of each request: tokens of its prompt ÷ time for them.
    pub prefill_tokens_per_sec: Stat,
    /// Who measured that time: `server`, or `client`, who took all until the first token for it.
    pub prefill_measured_by: Option<MeasuredBy>,
    /// Of each request: tokens ÷ time for them.
    pub decode_tokens_per_sec: Stat,
    /// `server`; or `client`, from the first to the last piece, without the first token.
    pub decode_measured_by: Option<MeasuredBy>,
    /// Generated tokens for each piece of content; above 1, a gap is not that of one token.
    pub tokens_per_chunk: Option<f64>,
    /// Mean number of requests under way.
    pub mean_concurrency: Option<f64>,
    /// Requests that were due in a second, by the schedule as it was drawn: a Poisson process gives
    /// few requests at another rate than its mean. `null` unless they come at a rate.
    pub offered_rate_per_sec: Option<f64>,
    /// Answers in a second.
    pub requests_per_sec: Option<f64>,
    /// Generated tokens in a second, all requests together.
    pub output_tokens_per_sec: Option<f64>,
    /// Tokens of prompts in a second, all requests together.
    pub input_tokens_per_sec: Option<f64>,
    /// Requests within the SLOs; `null` without SLOs.
    pub goodput: Option<Goodput>,
    /// True when requests came faster than they were answered; `null` unless they come at a rate.
    pub saturated: Option<bool>,
    /// Of a sweep: the highest rate that was sustained; the other figures are those at this rate.
    pub sustained_rate_per_sec: Option<f64>,
    /// Of a sweep: every rate, as it was tried.
    pub sweep: Vec<SweepPoint>,
    /// Field → why it is absent.
    pub missing: BTreeMap<String, String>,
}

/// One rate of a sweep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct SweepPoint {
    /// Mean requests in a second.
    pub rate_per_second: f64,
    /// Requests that were due in a second, by the schedule as it was drawn.
    pub offered_rate_per_sec: Option<f64>,
    /// Requests that were measured.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Whether requests came faster than they were answered.
    pub saturated: bool,
    /// Answers in a second.
    pub requests_per_sec: Option<f64>,
    /// Generated tokens in a second.
    pub output_tokens_per_sec: Option<f64>,
    /// Median time to first token.
    pub ttft_p50_ms: Option<f64>,
    /// Median time for a whole answer.
    pub e2e_p50_ms: Option<f64>,
    /// Share of requests within the SLOs.
    pub goodput_share: Option<f64>,
}
