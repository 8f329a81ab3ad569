//! One source of settings, nothing filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use llmbench_api::Json;
use serde::Deserialize;

/// Where a value comes from, as users see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file.
    File(PathBuf),
    /// The environment.
    Environment,
    /// The run that goes on.
    Run,
    /// The command line.
    Flags,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment => f.write_str("environment"),
            Self::Run => f.write_str("the run that goes on"),
            Self::Flags => f.write_str("flag"),
        }
    }
}

/// Settings of one source; what it does not mention is `None` or empty.
///
/// Also the format of `llmbench.toml`: unknown keys are refused by name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Layer {
    /// Test type.
    pub(crate) plugin: Option<String>,
    /// Backend.
    pub(crate) backend: Option<String>,
    /// Models.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) model: Option<Vec<String>>,
    /// Address of the backend's server.
    pub(crate) url: Option<String>,
    /// Fixtures by name or folder.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) fixture: Option<Vec<String>>,
    /// Attempts for each model and fixture.
    pub(crate) runs: Option<u32>,
    /// Half-width of a model's interval at which no more runs are added.
    pub(crate) until_ci: Option<f64>,
    /// Most runs that are made to reach it.
    pub(crate) max_runs: Option<u32>,
    /// Warm-up requests for each model.
    pub(crate) warmup: Option<u32>,
    /// Monitors.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) monitor: Option<Vec<String>>,
    /// Time between two samples.
    pub(crate) monitor_interval: Option<String>,
    /// For how long the idle draw is measured before a run.
    pub(crate) idle_baseline: Option<String>,
    /// Limit for one whole answer.
    pub(crate) timeout: Option<String>,
    /// Limit for loading a model and warming it up.
    pub(crate) load_timeout: Option<String>,
    /// Limit for one judgement.
    pub(crate) check_timeout: Option<String>,
    /// How often an infrastructure failure is retried.
    pub(crate) retries: Option<u32>,
    /// Seed of the first attempt.
    pub(crate) seed: Option<u64>,
    /// Sampling temperature.
    pub(crate) temperature: Option<f64>,
    /// Nucleus sampling.
    pub(crate) top_p: Option<f64>,
    /// Candidates kept before sampling.
    pub(crate) top_k: Option<u32>,
    /// Penalty on repeated tokens.
    pub(crate) repeat_penalty: Option<f64>,
    /// Context window in tokens.
    pub(crate) num_ctx: Option<u32>,
    /// Most tokens of an answer.
    pub(crate) max_tokens: Option<u32>,
    /// Folder for results.
    pub(crate) out: Option<PathBuf>,
    /// Label of the run.
    pub(crate) name: Option<String>,
    /// Part of the plan.
    pub(crate) shard: Option<String>,
    /// Lowest acceptable mean score.
    pub(crate) fail_under: Option<f64>,
    /// Score from which on an answer counts as correct.
    pub(crate) pass_score: Option<f64>,
    /// Further directories with plugins.
    pub(crate) plugin_dirs: Option<Vec<PathBuf>>,
    /// Role → validator.
    pub(crate) roles: BTreeMap<String, String>,
    /// Plugin → its own settings; the table is called `[plugin.NAME]` in files.
    #[serde(skip)]
    pub(crate) plugin_settings: BTreeMap<String, BTreeMap<String, Json>>,
    /// Settings that `--set` names, and no flag of their own.
    #[serde(skip)]
    pub(crate) from_set: BTreeSet<String>,
}

/// A list, or a single text for a list of one.
fn one_or_many<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text or a list of texts")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(Some(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    }))
}
