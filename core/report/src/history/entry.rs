//! What a list of runs tells of one run.

use std::collections::BTreeMap;

use llmbench_api::Json;
use llmbench_api::record::{
    AttemptStatus, EnvironmentRecord, GroupSummary, RunManifest, RunStatus, Stat, Summary,
};
use serde::{Deserialize, Serialize};

use crate::{Run, summary};

/// Settings that decide what a model is asked and how it answers.
const OPTIONS: [&str; 7] =
    ["num_ctx", "max_tokens", "temperature", "top_p", "top_k", "repeat_penalty", "timeout"];

/// One run in a list of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    /// Name of the folder, which a user may have changed.
    pub folder: String,
    /// Name that the run was given when it started.
    pub run_id: String,
    /// Label given with `--name`.
    pub name: Option<String>,
    /// How it ended.
    pub status: RunStatus,
    /// True for a run that is `running` by its files, but that no process works on. Files alone
    /// do not tell: whoever lists runs sets it.
    #[serde(default)]
    pub was_killed: bool,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// Wall-clock time; `None` while it runs.
    pub elapsed_sec: Option<f64>,
    /// Test type.
    pub test: String,
    /// Backend.
    pub backend: String,
    /// The server with its version, where known.
    pub server: String,
    /// Version of llmbench.
    pub llmbench_version: String,
    /// `I/N` when only a part was planned.
    pub shard: Option<String>,
    /// Version of the rules behind the scores.
    pub scoring_version: Option<String>,
    /// Highest possible score.
    pub max_score: f64,
    /// Attempts planned.
    pub planned: u64,
    /// Attempts with a record.
    pub attempts: u64,
    /// Attempts with status `scored`.
    pub scored: u64,
    /// Processor, memory and GPUs in one line.
    pub machine: String,
    /// Setting → value, of those that change answers.
    pub options: BTreeMap<String, Json>,
    /// The fixtures, as planned.
    pub fixtures: Vec<EntryFixture>,
    /// The models, as planned.
    pub models: Vec<ModelEntry>,
    /// What was tolerated while reading the run.
    pub warnings: Vec<String>,
}

/// A fixture of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryFixture {
    /// Its name.
    pub name: String,
    /// Over names and contents of its files; empty when not recorded.
    pub sha256: String,
}

/// A model in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Name as given.
    pub name: String,
    /// Digest of its weights, where known.
    pub digest: Option<String>,
    /// Quantisation, where known.
    pub quantization: Option<String>,
    /// Attempts with status `scored`.
    pub scored: u64,
    /// Over all fixtures: the mean of the fixtures' means.
    pub score: Stat,
    /// Decode speed over all scored attempts.
    pub tokens_per_sec: Stat,
    /// Fixture by fixture.
    pub fixtures: Vec<FixtureScore>,
}

/// A model at one fixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FixtureScore {
    /// Name of the fixture.
    pub fixture: String,
    /// Attempts with status `scored`.
    pub scored: u64,
    /// Mean score; `None` when nothing is scored.
    pub score: Option<f64>,
    /// Mean decode speed; `None` when it was not measured.
    pub tokens_per_sec: Option<f64>,
}

impl RunEntry {
    /// The entry of a run.
    pub fn of(run: &Run) -> Self {
        let manifest = &run.manifest;
        let summary = summary::summarise(manifest, &run.records);
        let folder = run.dir.file_name().map(|name| name.to_string_lossy().into_owned());
        Self {
            folder: folder.unwrap_or_else(|| manifest.run_id.clone()),
            run_id: manifest.run_id.clone(),
            name: manifest.name.clone(),
            status: manifest.status,
            was_killed: false,
            started_at: manifest.started_at.clone(),
            elapsed_sec: manifest.elapsed_sec,
            test: manifest.test.clone(),
            backend: manifest.backend.clone(),
            server: server(manifest),
            llmbench_version: manifest.llmbench_version.clone(),
            shard: manifest.plan.shard.clone(),
            scoring_version: manifest.scoring_version.clone(),
            max_score: manifest.max_score,
            planned: u64::from(manifest.plan.attempts),
            attempts: run.records.len() as u64,
            scored: scored(&summary.statuses),
            machine: machine(&manifest.environment),
            options: options(manifest),
            fixtures: fixtures(manifest),
            models: summary.models.iter().map(|group| model(manifest, &summary, group)).collect(),
            warnings: run.warnings.iter().map(ToString::to_string).collect(),
        }
    }

    /// The model of that name, if the run has it.
    pub fn model(&self, name: &str) -> Option<&ModelEntry> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Lowest and highest of the models' scores; `None` when there is none.
    pub fn score_range(&self) -> Option<(f64, f64)> {
        range(self.models.iter().filter_map(|model| model.score.mean))
    }

    /// Lowest and highest of the models' speeds, and where those of several loads are not put
    /// together, of the loads'; `None` when there is none.
    pub fn speed_range(&self) -> Option<(f64, f64)> {
        let speeds = self.models.iter().flat_map(|model| match model.tokens_per_sec.mean {
            Some(mean) => vec![mean],
            None => model.fixtures.iter().filter_map(|one| one.tokens_per_sec).collect(),
        });
        range(speeds)
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

fn scored(statuses: &BTreeMap<String, u64>) -> u64 {
    statuses.get(AttemptStatus::Scored.as_str()).copied().unwrap_or(0)
}

fn server(manifest: &RunManifest) -> String {
    let server = &manifest.server;
    match &server.version.value {
        Some(version) => format!("{} {version}", server.name),
        None => server.name.clone(),
    }
}

/// What two runs must share for their speeds to be compared.
pub(crate) fn machine(environment: &EnvironmentRecord) -> String {
    let mut parts = vec![
        environment.cpu.clone().unwrap_or_else(|| "unknown CPU".to_owned()),
        environment.logical_cpus.map(|count| format!("{count} CPUs")).unwrap_or_default(),
        environment
            .memory_total_bytes
            .map(|bytes| format!("{:.0} GB", bytes as f64 / 1e9))
            .unwrap_or_default(),
    ];
    parts.extend(environment.gpus.iter().map(|gpu| gpu.name.clone()));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn options(manifest: &RunManifest) -> BTreeMap<String, Json> {
    let recorded = OPTIONS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), manifest.settings.get(*name)?.value.clone())));
    recorded.collect()
}

fn fixtures(manifest: &RunManifest) -> Vec<EntryFixture> {
    let entry = |name: &String| {
        let record = manifest.fixtures.iter().find(|record| record.name == *name);
        EntryFixture {
            name: name.clone(),
            sha256: record.map(|record| record.sha256.clone()).unwrap_or_default(),
        }
    };
    manifest.plan.fixtures.iter().map(entry).collect()
}

fn model(manifest: &RunManifest, summary: &Summary, group: &GroupSummary) -> ModelEntry {
    let record = manifest.models.iter().find(|record| record.identity.name == group.model);
    let identity = record.map(|record| &record.identity);
    let groups = summary.groups.iter().filter(|part| part.model == group.model);
    ModelEntry {
        name: group.model.clone(),
        digest: identity.and_then(|identity| identity.digest.value.clone()),
        quantization: identity.and_then(|identity| identity.quantization.value.clone()),
        scored: scored(&group.statuses),
        score: group.score.clone(),
        tokens_per_sec: group.tokens_per_sec.clone(),
        fixtures: groups
            .filter_map(|part| {
                Some(FixtureScore {
                    fixture: part.fixture.clone()?,
                    scored: scored(&part.statuses),
                    score: part.score.mean,
                    tokens_per_sec: part.tokens_per_sec.mean,
                })
            })
            .collect(),
    }
}
