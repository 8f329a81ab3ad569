//! What an attempt tells of answers to one prompt that was asked again and again.

use llmbench_api::Json;
use serde::Deserialize;

/// Names of the fields in a record.
const FIELDS: [&str; 8] = [
    "greedy",
    "same_seed",
    "seeds",
    "answer_score_mean",
    "cache_seen",
    "cache_changes_answer",
    "cold_prefill_sec",
    "warm_prefill_sec",
];

/// Fields of an attempt of a test that compares answers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AgreementFields {
    /// At temperature 0.
    pub greedy: Compared,
    /// With one seed.
    pub same_seed: Compared,
    /// With a seed each.
    pub seeds: Compared,
    /// Quality over seeds, 0–10.
    pub answer_score_mean: Option<f64>,
    /// Whether a prompt cache was at work.
    pub cache_seen: Option<bool>,
    /// Whether it changed answers.
    #[serde(default)]
    pub cache_changes_answer: bool,
    /// Time for a prompt that was in no cache.
    pub cold_prefill_sec: Option<f64>,
    /// Time for one that had just been sent.
    pub warm_prefill_sec: Option<f64>,
}

/// Answers that were asked for alike.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Compared {
    /// How many.
    pub answers: u64,
    /// Different ones among them.
    pub distinct: u64,
    /// Share of the pairs that agree, 0–1.
    pub agreement_share: f64,
}

impl AgreementFields {
    /// From the fields of a record by name; `None` when it is not of such a test.
    pub(crate) fn of(field: impl Fn(&str) -> Option<Json>) -> Option<Box<Self>> {
        field(FIELDS[0]).filter(Json::is_object)?;
        let fields = FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), field(name)?)));
        serde_json::from_value(Json::Object(fields.collect())).ok().map(Box::new)
    }
}
