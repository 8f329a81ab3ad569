//! Part of `summary.json`: how far into its context a model finds things again.

use serde::{Deserialize, Serialize};

/// The attempts of a test over lengths of context and depths, such as `context-window`, of one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ContextMap {
    /// Model name.
    pub model: String,
    /// Largest length tried at which recall holds, at every shorter one as well.
    pub effective_tokens: Option<u64>,
    /// What limits it, or why it is `null`.
    pub remark: String,
    /// Shortest first.
    pub lengths: Vec<ContextLength>,
}

/// One length of context, over all depths.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ContextLength {
    /// The context that was asked for, prompt and answer together.
    pub context_tokens: u64,
    /// Whether the mean score reaches 85 % of the highest at every depth; `null` when some depth has no score.
    pub holds: Option<bool>,
    /// Mean of the depths' mean scores; `null` when some depth has no score.
    pub score: Option<f64>,
    /// Mean tokens of the scored prompts, counted by the server.
    pub prompt_tokens: Option<f64>,
    /// Median time for the prompt of scored attempts, by the server's own clock.
    pub prefill_sec: Option<f64>,
    /// Highest GPU memory in use.
    pub gpu_peak_memory_gb: Option<f64>,
    /// Highest memory of the process that computes.
    pub process_peak_memory_gb: Option<f64>,
    /// By depth, the start of the text first.
    pub cells: Vec<ContextCell>,
}

/// One length and depth.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ContextCell {
    /// Where in the text, in percent.
    pub depth_percent: u64,
    /// Attempts with a record.
    pub attempts: u64,
    /// Those with a score.
    pub scored: u64,
    /// Their mean score.
    pub score: Option<f64>,
    /// Attempts whose prompt the server cut.
    pub truncated: u64,
    /// Why there is no score: the most frequent reason.
    pub reason: Option<String>,
}
