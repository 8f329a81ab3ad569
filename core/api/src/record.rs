//! Types of the files that a run leaves, in format version [`FORMAT_VERSION`].
//!
//! A field that was not measured is `null` and has an entry in `missing` with
//! the reason. Readers must accept unknown fields: a minor release may add some.

mod agreement;
mod calibration;
mod context;
mod energy;
mod load;
mod plan;
mod speed;
mod summary;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    Device, DoneReason, Findings, Json, Measured, ModelIdentity, MonitorInfo, ServerInfo,
    ValidatorInfo,
};

pub use agreement::{AgreementSummary, GroupAgreement};
pub use calibration::{Calibration, ErrorFigures, StreamCalibration};
pub use context::{ContextCell, ContextLength, ContextMap};
pub use energy::{EnergySource, EnergyStats, IdleDevice, IdleRecord};
pub use load::{Goodput, LoadFigures, LoadPoint, Slo, SweepPoint};
pub use plan::{PlanRecord, SessionRecord};
pub use speed::MeasuredBy;
pub use summary::{GroupSummary, Interval, LoadSummary, PassAtK, Percentiles, Rate, Stat, Summary};

/// Version of `run.json`, `samples.jsonl` and `summary.json`.
pub const FORMAT_VERSION: u32 = 1;

/// Average GPU utilisation, in percent, below which the GPU was not what limited the speed.
pub const LOW_GPU_UTILIZATION_PERCENT: f64 = 80.0;

/// The warning of an attempt during which the GPU had time to spare.
pub const LOW_GPU_UTILIZATION_WARNING: &str = "average GPU utilisation was under 80 %: the GPU did not limit the speed (model partly on the CPU, short answer, or another bottleneck)";

/// Why an attempt has no score in a test that measures and gives none.
pub const NO_SCORES: &str = "the test gives no scores";

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// The model answered and the answer was judged. A low score is a result. In a test without
    /// scores: it was measured.
    Scored,
    /// The answer was not complete within the time limit.
    Timeout,
    /// There is an answer, but the measurement does not count; see `errors`.
    Invalid,
    /// Server, tool or network failed; says nothing about the model.
    InfraError,
    /// The user stopped the run during this attempt.
    Cancelled,
}

impl AttemptStatus {
    /// The word as it stands in the files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Timeout => "timeout",
            Self::Invalid => "invalid",
            Self::InfraError => "infra_error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One line of `samples.jsonl`: one attempt at one fixture with one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptRecord {
    /// Unique in the run; also the name of the folder under `artifacts/`.
    pub id: String,
    /// Model name as given.
    pub model: String,
    /// Fixture name.
    pub fixture: String,
    /// When the attempt started, UTC, RFC 3339.
    pub timestamp: String,
    /// Counted from 1 for each model and fixture.
    pub run_number: u32,
    /// How it ended.
    pub status: AttemptStatus,
    /// 0 to the test's highest score; `null` unless `scored`.
    pub score: Option<f64>,
    /// Version of the rules behind `score`.
    pub scoring_version: Option<String>,
    /// Whether the answer type-checks.
    pub compiles: Option<bool>,
    /// Structure score, 0–10.
    pub ast_score: Option<f64>,
    /// Generated tokens per second of decode time.
    pub tokens_per_sec: Option<f64>,
    /// Whose clock `tokens_per_sec` is by.
    #[serde(default)]
    pub tokens_per_sec_measured_by: Option<MeasuredBy>,
    /// From sending the request to the end of the answer; all requests of the attempt together.
    pub duration_sec: Option<f64>,
    /// From sending the first request to its first text.
    pub ttft_sec: Option<f64>,
    /// Time the server spent loading the model in this attempt.
    pub load_sec: Option<f64>,
    /// Prompt tokens per second of prefill time.
    pub prefill_tokens_per_sec: Option<f64>,
    /// Time in the server that is neither load, prefill nor decode.
    pub queue_sec: Option<f64>,
    /// Tokens of the prompt, counted by the server.
    pub prompt_tokens: Option<u64>,
    /// Tokens generated, counted by the server.
    pub completion_tokens: Option<u64>,
    /// Why the server ended the last answer.
    pub done_reason: Option<DoneReason>,
    /// Seed that was sent.
    pub seed: u64,
    /// Mean GPU utilisation during generation, percent; the busiest GPU where there are several.
    pub gpu_avg_utilization: Option<f64>,
    /// Highest GPU utilisation, percent.
    pub gpu_peak_utilization: Option<f64>,
    /// Mean GPU memory in use, GB (10⁹ bytes), all GPUs together.
    pub gpu_avg_memory_gb: Option<f64>,
    /// Highest GPU memory in use, GB (10⁹ bytes).
    pub gpu_peak_memory_gb: Option<f64>,
    /// Energy of the GPUs during generation.
    pub energy_joules: Option<f64>,
    /// How `energy_joules` was found.
    #[serde(default)]
    pub energy_source: Option<EnergySource>,
    /// `energy_joules` without what the GPUs draw when idle, as it was measured before the run.
    #[serde(default)]
    pub energy_above_idle_joules: Option<f64>,
    /// Energy of the processors (whole packages, idle draw included) during generation.
    #[serde(default)]
    pub cpu_energy_joules: Option<f64>,
    /// The answer as it was judged.
    pub output_code: Option<String>,
    /// What was wrong, most important first; empty for a perfect answer.
    pub errors: Vec<String>,
    /// What makes the figures doubtful.
    pub warnings: Vec<String>,
    /// Field name → why it is `null`.
    pub missing: BTreeMap<String, String>,
    /// Role → what its validator found.
    pub findings: BTreeMap<String, Findings>,
    /// What each monitor saw.
    pub monitors: Vec<MonitorStats>,
    /// Infrastructure failures that were retried in this attempt.
    pub retries: Vec<String>,
    /// Further fields of the test type.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Json>,
}

impl AttemptRecord {
    /// True when the attempt has no result: it did not end well, or it has no score although the
    /// test gives scores.
    pub fn is_lost(&self) -> bool {
        let gives_none = self.missing.get("score").is_some_and(|reason| reason == NO_SCORES);
        self.status != AttemptStatus::Scored || (self.score.is_none() && !gives_none)
    }
}

/// What a monitor saw during the generations of one attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MonitorStats {
    /// Name of the monitor.
    pub monitor: String,
    /// Interval asked for.
    pub interval_ms: u64,
    /// Samples that count.
    pub sample_count: u64,
    /// Stretches without samples.
    pub gap_count: u64,
    /// Their total length.
    pub gap_sec: f64,
    /// Device → metric → statistics.
    pub devices: BTreeMap<String, BTreeMap<String, MetricStats>>,
    /// Device → its energy during the generations, where it tells energy or power.
    pub energy: BTreeMap<String, EnergyStats>,
    /// Why there is nothing, when there is nothing.
    pub reason: Option<String>,
}

/// Statistics of one metric of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetricStats {
    /// Samples that hold the metric.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Under way, or ended without being able to say so.
    #[default]
    Running,
    /// Every planned attempt has a record.
    Finished,
    /// Stopped by the user; finished attempts are kept.
    Interrupted,
    /// Stopped by an error; finished attempts are kept.
    Failed,
}

/// `run.json`: everything that is needed to understand and repeat a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunManifest {
    /// [`FORMAT_VERSION`] when it was written.
    pub format_version: u32,
    /// Name of the run's folder.
    pub run_id: String,
    /// Label given with `--name`.
    pub name: Option<String>,
    /// How it ended.
    pub status: RunStatus,
    /// Why it failed.
    pub error: Option<String>,
    /// Version of llmbench.
    pub llmbench_version: String,
    /// The command line.
    pub argv: Vec<String>,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// UTC, RFC 3339; `null` while it runs.
    pub finished_at: Option<String>,
    /// Wall-clock time of the run: the sum over `sessions`, so that pauses between them do not count.
    pub elapsed_sec: Option<f64>,
    /// The stretches in which the run was made, oldest first; more than one when it was resumed.
    #[serde(default)]
    pub sessions: Vec<SessionRecord>,
    /// Run ids of the parts that `llmbench merge` put together; empty otherwise.
    #[serde(default)]
    pub merged_from: Vec<String>,
    /// Test type.
    pub test: String,
    /// Backend.
    pub backend: String,
    /// How backend and model came to be chosen when the user named neither.
    pub default_choice: Option<String>,
    /// Setting → value and where it comes from.
    pub settings: BTreeMap<String, SettingRecord>,
    /// What was planned.
    pub plan: PlanRecord,
    /// The plugins that took part.
    pub plugins: Vec<PluginRecord>,
    /// The fixtures.
    pub fixtures: Vec<FixtureRecord>,
    /// The models.
    pub models: Vec<ModelRecord>,
    /// The server.
    pub server: ServerInfo,
    /// Role → who plays it.
    pub roles: BTreeMap<String, RoleRecord>,
    /// The monitors.
    pub monitors: Vec<MonitorRecord>,
    /// The machine.
    pub environment: EnvironmentRecord,
    /// How exact this machine's own measuring is, as `llmbench doctor --calibrate` found it.
    #[serde(default)]
    pub calibration: Measured<Calibration>,
    /// Version of the rules behind the scores.
    pub scoring_version: Option<String>,
    /// Highest possible score.
    pub max_score: f64,
    /// False when the test measures and gives no scores.
    #[serde(default = "yes")]
    pub is_scored: bool,
    /// False when a high score does not mean that the answer is right.
    #[serde(default = "yes")]
    pub judges_correctness: bool,
    /// What makes the run as a whole doubtful.
    pub warnings: Vec<String>,
}

/// Runs from before there were other tests.
fn yes() -> bool {
    true
}

/// A setting as it was resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingRecord {
    /// The value.
    pub value: Json,
    /// `default`, a file, an environment variable or a flag.
    pub origin: String,
}

/// A plugin that took part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PluginRecord {
    /// `backend`, `monitor`, `validator` or `test`.
    pub kind: String,
    /// Name of the component.
    pub name: String,
    /// Cargo package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Version of the plugin interface.
    pub abi: String,
    /// Compiler.
    pub rustc: String,
    /// The library; `null` when it is linked in.
    pub path: Option<PathBuf>,
    /// Of the library.
    pub sha256: Option<String>,
}

/// A fixture that was used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FixtureRecord {
    /// Its name.
    pub name: String,
    /// Over names and contents of its files.
    pub sha256: String,
    /// Folder, or `shipped with plugin NAME`.
    pub origin: String,
    /// One line about it.
    pub title: Option<String>,
    /// How hard it is, where the test has levels: 1 is the easiest.
    pub level: Option<u8>,
}

/// A model that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ModelRecord {
    /// What it is.
    pub identity: ModelIdentity,
    /// Seconds to load it, measured apart from the attempts.
    pub load_sec: Option<f64>,
    /// Why `load_sec` is absent, or how it was measured.
    pub load_remark: Option<String>,
    /// Prompt bytes for one more token of this model, measured at warm-up.
    pub bytes_per_token: Option<f64>,
    /// Tokens that the server adds to every prompt (template, system prompt), measured at warm-up.
    pub prompt_overhead_tokens: Option<f64>,
    /// What each fixture's prompt cost before it was in the server's cache, measured at warm-up.
    pub cold_prompts: Vec<ColdPrompt>,
}

/// A fixture's first prompt behind a nonce, sent once before the attempts with an answer of one token.
///
/// The server keeps prompts in its cache, so prefill and time to first token of
/// the attempts themselves say nothing about a prompt that is new.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ColdPrompt {
    /// Fixture name.
    pub fixture: String,
    /// Tokens of the prompt, counted by the server.
    pub prompt_tokens: Option<u64>,
    /// From sending the request to the first text.
    pub ttft_sec: Option<f64>,
    /// Prompt tokens per second of prefill time.
    pub prefill_tokens_per_sec: Option<f64>,
    /// Why a figure is absent.
    pub reason: Option<String>,
}

/// Who plays a role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RoleRecord {
    /// Name of the validator; `null` when nobody plays the role.
    pub validator: Option<String>,
    /// Its tools.
    pub info: ValidatorInfo,
    /// Why the role is skipped in this run; never counted as passed.
    pub skipped: Option<String>,
}

/// A monitor of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MonitorRecord {
    /// Its name.
    pub name: String,
    /// What it watches.
    pub info: MonitorInfo,
    /// Why it is not used.
    pub unavailable: Option<String>,
    /// What its devices drew before the run, when nothing was asked of the model.
    pub idle: Option<IdleRecord>,
}

/// The machine at the start of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct EnvironmentRecord {
    /// Operating system and version.
    pub os: String,
    /// Kernel version.
    pub kernel: Option<String>,
    /// Processor architecture.
    pub architecture: String,
    /// Processor name.
    pub cpu: Option<String>,
    /// Logical processors.
    pub logical_cpus: Option<u64>,
    /// Physical cores.
    pub physical_cores: Option<u64>,
    /// Memory of the machine.
    pub memory_total_bytes: Option<u64>,
    /// Memory in use at the start.
    pub memory_used_bytes: Option<u64>,
    /// Load average over one minute at the start.
    pub load_average_1min: Option<f64>,
    /// GPUs that the monitors found, with driver and memory in their facts.
    pub gpus: Vec<Device>,
}
