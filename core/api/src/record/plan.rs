//! What a run is to do, and the stretches in which it did it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RunStatus;

/// What was planned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PlanRecord {
    /// SHA-256 over everything that decides what the attempts are.
    pub sha256: String,
    /// Models in order.
    pub models: Vec<String>,
    /// Fixtures in order.
    pub fixtures: Vec<String>,
    /// Attempts for each model and fixture.
    pub runs: u32,
    /// `runs` as they were before `--resume` raised them: ids are numbered by it. `null` when they never were.
    pub base_runs: Option<u32>,
    /// Model → its attempts for each fixture, where `--until-ci` made them more than `runs`.
    pub model_runs: BTreeMap<String, u32>,
    /// Warm-up requests for each model.
    pub warmup: u32,
    /// Attempts of this run, or of this shard of it.
    pub attempts: u32,
    /// `I/N` when only a part was planned.
    pub shard: Option<String>,
}

impl PlanRecord {
    /// Attempts for each fixture that are planned for `model`, before any shard takes its part.
    pub fn runs_of(&self, model: &str) -> u32 {
        self.model_runs.get(model).copied().unwrap_or(0).max(self.runs)
    }
}

/// One process's work on a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct SessionRecord {
    /// UTC, RFC 3339.
    pub started_at: String,
    /// UTC, RFC 3339; `null` while it works, and when it was killed.
    pub finished_at: Option<String>,
    /// Wall-clock time.
    pub elapsed_sec: Option<f64>,
    /// Why `elapsed_sec` is absent or only a lower bound: the process was killed.
    pub elapsed_remark: Option<String>,
    /// How it ended; `running` while it works, and when it was killed.
    pub status: RunStatus,
    /// The command line.
    pub argv: Vec<String>,
    /// Version of llmbench.
    pub llmbench_version: String,
    /// Records that it wrote.
    pub attempts: u32,
}
