//! How far a model's answers to one prompt agree.

use serde::{Deserialize, Serialize};

/// One model on one fixture, of a test that asks the same again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AgreementSummary {
    /// Model name.
    pub model: String,
    /// Fixture name.
    pub fixture: String,
    /// Attempts that compared answers.
    pub attempts: u64,
    /// Answers at temperature 0.
    pub greedy: GroupAgreement,
    /// Answers with one seed.
    pub same_seed: GroupAgreement,
    /// Answers with a seed each.
    pub seeds: GroupAgreement,
    /// Mean quality of the answers with a seed each, 0–10; `null` where the fixture checks none.
    pub answer_score: Option<f64>,
    /// Attempts in which a prompt cache was seen at work; `null` where the server does not tell.
    pub cache_seen: Option<u64>,
    /// Attempts in which the cache changed answers.
    pub cache_changes_answer: u64,
    /// Median time for a prompt that was in no cache, by the server's own clock.
    pub cold_prefill_sec: Option<f64>,
    /// The same for one that had just been sent.
    pub warm_prefill_sec: Option<f64>,
}

/// Answers that were asked for alike, over all attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct GroupAgreement {
    /// Answers of an attempt; the most where attempts differ.
    pub answers: u64,
    /// Different ones among them; the most of any attempt.
    pub distinct: u64,
    /// Mean share of the pairs of answers that agree, 0–1.
    pub agreement_share: f64,
}
