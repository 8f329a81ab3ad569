//! An attempt as statistics and tables need it: everything but the answer and the findings.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use llmbench_api::record::{AttemptRecord, AttemptStatus, EnergySource, LoadFigures, MeasuredBy};
use llmbench_api::{DoneReason, Json};
use sha2::{Digest, Sha256};

use crate::agreement::AgreementFields;
use crate::summary::PROMPT_CACHED;
use crate::watched::{CpuUse, Watched};

/// One attempt of a run, without what only its own page shows.
///
/// The fields are those of [`AttemptRecord`] by name and unit. Of the answer
/// only length and hash are kept, of the findings nothing, of the monitors two
/// figures; [`crate::Run::details`] reads the whole record from the file when it
/// is wanted. Texts that many attempts share are held once, so that a run of
/// 100,000 attempts fits into memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Unique in the run.
    pub id: String,
    /// Model name.
    pub model: Arc<str>,
    /// Fixture name.
    pub fixture: Arc<str>,
    /// Start, UTC, RFC 3339.
    pub timestamp: String,
    /// From 1 for each model and fixture.
    pub run_number: u32,
    /// How it ended.
    pub status: AttemptStatus,
    /// `None` unless scored.
    pub score: Option<f64>,
    /// Version of the rules behind `score`.
    pub scoring_version: Option<Arc<str>>,
    /// Whether the answer type-checks.
    pub compiles: Option<bool>,
    /// Structure score, 0–10.
    pub ast_score: Option<f64>,
    /// Decode speed.
    pub tokens_per_sec: Option<f64>,
    /// By whose clock.
    pub tokens_per_sec_measured_by: Option<MeasuredBy>,
    /// All requests of the attempt together.
    pub duration_sec: Option<f64>,
    /// Time to first token.
    pub ttft_sec: Option<f64>,
    /// Time the server spent loading the model.
    pub load_sec: Option<f64>,
    /// Prefill speed.
    pub prefill_tokens_per_sec: Option<f64>,
    /// Neither load, prefill nor decode.
    pub queue_sec: Option<f64>,
    /// Tokens of the prompt.
    pub prompt_tokens: Option<u64>,
    /// Tokens generated.
    pub completion_tokens: Option<u64>,
    /// Why the server ended the answer.
    pub done_reason: Option<DoneReason>,
    /// Seed that was sent.
    pub seed: u64,
    /// Mean GPU utilisation, percent.
    pub gpu_avg_utilization: Option<f64>,
    /// Highest GPU utilisation, percent.
    pub gpu_peak_utilization: Option<f64>,
    /// Mean GPU memory, GB.
    pub gpu_avg_memory_gb: Option<f64>,
    /// Highest GPU memory, GB.
    pub gpu_peak_memory_gb: Option<f64>,
    /// Energy of the GPUs.
    pub energy_joules: Option<f64>,
    /// How that was found.
    pub energy_source: Option<EnergySource>,
    /// Without the idle draw.
    pub energy_above_idle_joules: Option<f64>,
    /// Energy of the processors.
    pub cpu_energy_joules: Option<f64>,
    /// What identifies the answer; `None` when there is no code.
    pub output: Option<Output>,
    /// What was wrong, most important first.
    pub errors: Vec<Arc<str>>,
    /// What makes the figures doubtful.
    pub warnings: Arc<Vec<String>>,
    /// Field → why it is absent.
    pub missing: Arc<BTreeMap<String, String>>,
    /// Infrastructure failures that were retried.
    pub retries: Vec<String>,
    /// True when the server had the prompt in its cache.
    pub prompt_cached: bool,
    /// Share of the GPU samples in which a GPU was throttled, 0–1; the worst GPU where there are
    /// several. `None` when no monitor tells.
    pub throttled_share: Option<f64>,
    /// Use of the processors; `None` when no monitor tells both the machine's and the server's.
    pub cpu: Option<CpuUse>,
    /// What a load test measured.
    pub load: Option<Arc<LoadFigures>>,
    /// Of a test over lengths of context, where the attempt stands and what it took.
    pub context: Option<Box<ContextFields>>,
    /// Of a test that compares answers to one prompt, how far they agree.
    pub agreement: Option<Box<AgreementFields>>,
    /// Where the whole record stands; `None` for one that was never in a file.
    pub place: Option<Place>,
}

/// Fields of an attempt of a test over lengths of context.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextFields {
    /// The context that was asked for.
    pub tokens: u64,
    /// Where in the text, in percent.
    pub depth_percent: u64,
    /// Time for the prompt, by the server's own clock.
    pub prefill_sec: Option<f64>,
    /// True when the server cut the prompt.
    pub truncated: bool,
    /// Most memory that the process that computes had in use.
    pub process_peak_bytes: Option<f64>,
}

impl ContextFields {
    /// From the fields of a record by name; `None` when it is not of such a test.
    pub(crate) fn of(
        field: impl Fn(&str) -> Option<Json>,
        process_peak_bytes: Option<f64>,
    ) -> Option<Box<Self>> {
        Some(Box::new(Self {
            tokens: field("context_tokens")?.as_u64()?,
            depth_percent: field("needle_depth_percent")?.as_u64()?,
            prefill_sec: field("prefill_sec").and_then(|value| value.as_f64()),
            truncated: field("truncated").and_then(|value| value.as_bool()) == Some(true),
            process_peak_bytes,
        }))
    }
}

/// Length and hash of an answer: enough to tell whether two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Output {
    /// Length in bytes.
    pub bytes: usize,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// A line of `samples.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// Where it starts, in bytes from the start of the file.
    pub offset: u64,
    /// Its length in bytes, without the line end.
    pub bytes: usize,
}

impl Output {
    /// What identifies `code`.
    pub fn of(code: &str) -> Self {
        Self { bytes: code.len(), sha256: Sha256::digest(code.as_bytes()).into() }
    }
}

impl From<&AttemptRecord> for Attempt {
    fn from(record: &AttemptRecord) -> Self {
        Texts::default().attempt(record)
    }
}

/// The attempts of records that are in memory.
pub fn attempts(records: &[AttemptRecord]) -> Vec<Attempt> {
    let mut texts = Texts::default();
    records.iter().map(|record| texts.attempt(record)).collect()
}

/// True for the value of `prompt_cached` in a record that was answered from the server's cache.
pub(crate) fn is_cached(value: Option<&Json>) -> bool {
    value.and_then(Json::as_bool) == Some(true)
}

/// Field of the records of load tests.
const LOAD: &str = "load";

/// The figures of a load test; another test's field of that name is not taken for some.
pub(crate) fn load(value: Option<&Json>) -> Option<Arc<LoadFigures>> {
    let value = value.filter(|value| value.get("point").is_some_and(Json::is_object))?;
    serde_json::from_value(value.clone()).ok().map(Arc::new)
}

/// Texts that occur in many attempts, each held once.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    words: HashSet<Arc<str>>,
    lists: HashSet<Arc<Vec<String>>>,
    reasons: HashSet<Arc<BTreeMap<String, String>>>,
}

impl Texts {
    pub(crate) fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.words.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        self.words.insert(Arc::clone(&new));
        new
    }

    pub(crate) fn list(&mut self, list: Vec<String>) -> Arc<Vec<String>> {
        once(&mut self.lists, list)
    }

    pub(crate) fn reasons(
        &mut self,
        reasons: BTreeMap<String, String>,
    ) -> Arc<BTreeMap<String, String>> {
        once(&mut self.reasons, reasons)
    }

    fn attempt(&mut self, record: &AttemptRecord) -> Attempt {
        let watched = Watched::from(record.monitors.as_slice());
        let field = |name: &str| record.extra.get(name).cloned();
        Attempt {
            id: record.id.clone(),
            model: self.word(&record.model),
            fixture: self.word(&record.fixture),
            timestamp: record.timestamp.clone(),
            run_number: record.run_number,
            status: record.status,
            score: record.score,
            scoring_version: record.scoring_version.as_deref().map(|text| self.word(text)),
            compiles: record.compiles,
            ast_score: record.ast_score,
            tokens_per_sec: record.tokens_per_sec,
            tokens_per_sec_measured_by: record.tokens_per_sec_measured_by,
            duration_sec: record.duration_sec,
            ttft_sec: record.ttft_sec,
            load_sec: record.load_sec,
            prefill_tokens_per_sec: record.prefill_tokens_per_sec,
            queue_sec: record.queue_sec,
            prompt_tokens: record.prompt_tokens,
            completion_tokens: record.completion_tokens,
            done_reason: record.done_reason.clone(),
            seed: record.seed,
            gpu_avg_utilization: record.gpu_avg_utilization,
            gpu_peak_utilization: record.gpu_peak_utilization,
            gpu_avg_memory_gb: record.gpu_avg_memory_gb,
            gpu_peak_memory_gb: record.gpu_peak_memory_gb,
            energy_joules: record.energy_joules,
            energy_source: record.energy_source,
            energy_above_idle_joules: record.energy_above_idle_joules,
            cpu_energy_joules: record.cpu_energy_joules,
            output: record.output_code.as_deref().map(Output::of),
            errors: record.errors.iter().map(|error| self.word(error)).collect(),
            warnings: self.list(record.warnings.clone()),
            missing: self.reasons(record.missing.clone()),
            retries: record.retries.clone(),
            prompt_cached: is_cached(record.extra.get(PROMPT_CACHED)),
            throttled_share: watched.throttled_share,
            cpu: watched.cpu,
            load: load(record.extra.get(LOAD)),
            context: ContextFields::of(field, watched.process_peak_bytes),
            agreement: AgreementFields::of(field),
            place: None,
        }
    }
}

fn once<T: Eq + Hash>(known: &mut HashSet<Arc<T>>, value: T) -> Arc<T> {
    if let Some(known) = known.get(&value) {
        return Arc::clone(known);
    }
    let new = Arc::new(value);
    known.insert(Arc::clone(&new));
    new
}
