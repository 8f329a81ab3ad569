//! Reads `samples.jsonl` block by block, on several threads, and keeps what summaries need.
//!
//! The file's text is never held as a whole: a block is dropped once its lines are understood.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::thread;

use llmbench_api::record::{AttemptStatus, EnergySource, MeasuredBy, MonitorStats};
use llmbench_api::{DoneReason, Json};
use serde::{Deserialize, Deserializer};

use super::shape::FindingsByRole;
use super::{ReadError, ReadWarning, bad_content};
use crate::agreement::AgreementFields;
use crate::attempt::{Attempt, ContextFields, Output, Place, Texts, is_cached, load};
use crate::versions::{JsonProblem, Version};
use crate::watched::Watched;

/// Bytes that one thread takes at a time.
const BLOCK_BYTES: u64 = 4 << 20;
/// More threads than this wait for the disk.
const MOST_THREADS: usize = 8;

/// The attempts in the file's order, each id once, and what was tolerated.
pub(super) fn read(
    path: &Path,
    file: File,
    version: Version,
) -> Result<(Vec<Attempt>, Vec<ReadWarning>), ReadError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let failed = |source| ReadError::Io { path: path.to_owned(), source };
    let mut blocks = Blocks { input: file, rest: Vec::new(), offset: 0, last_byte: None };
    let mut journal = Journal::new(path);
    loop {
        let mut batch = Vec::with_capacity(threads);
        while batch.len() < threads {
            let Some(block) = blocks.next().map_err(failed)? else { break };
            batch.push(block);
        }
        if batch.is_empty() {
            return journal.end(blocks.last_byte);
        }
        for parsed in parse_all(batch, version) {
            journal.take(parsed)?;
        }
    }
}

/// Consecutive whole lines of the file.
struct Block {
    offset: u64,
    text: Vec<u8>,
}

struct Blocks<R> {
    input: R,
    /// The start of a line that the last block broke off.
    rest: Vec<u8>,
    offset: u64,
    last_byte: Option<u8>,
}

impl<R: Read> Blocks<R> {
    fn next(&mut self) -> io::Result<Option<Block>> {
        let mut text = std::mem::take(&mut self.rest);
        loop {
            let known = text.len();
            let read = self.input.by_ref().take(BLOCK_BYTES).read_to_end(&mut text)?;
            let end = if read == 0 {
                text.len()
            } else {
                match text[known..].iter().rposition(|byte| *byte == b'\n') {
                    Some(place) => known + place + 1,
                    None => continue,
                }
            };
            self.last_byte = text.last().copied().or(self.last_byte);
            if end == 0 {
                return Ok(None);
            }
            self.rest = text.split_off(end);
            let offset = self.offset;
            self.offset += end as u64;
            return Ok(Some(Block { offset, text }));
        }
    }
}

/// The lines of a block that were understood, up to the first that was not.
struct Parsed {
    attempts: Vec<(Place, Line)>,
    /// Line in the block, from 0, what is wrong with it, and whether more lines follow.
    problem: Option<(usize, JsonProblem, bool)>,
    line_count: usize,
}

fn parse_all(batch: Vec<Block>, version: Version) -> Vec<Parsed> {
    if batch.len() == 1 {
        return batch.iter().map(|block| parse(block, version)).collect();
    }
    thread::scope(|scope| {
        let workers: Vec<_> =
            batch.into_iter().map(|block| scope.spawn(move || parse(&block, version))).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Parsed>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    })
}

fn parse(block: &Block, version: Version) -> Parsed {
    let mut parsed = Parsed { attempts: Vec::new(), problem: None, line_count: 0 };
    let mut offset = block.offset;
    for (number, raw) in block.text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        parsed.line_count = number + 1;
        let start =
            offset + raw.iter().take_while(|byte| byte.is_ascii_whitespace()).count() as u64;
        offset += raw.len() as u64;
        let line = raw.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if let Some((.., followed)) = &mut parsed.problem {
            *followed = true;
            break;
        }
        match Line::parse(line, version) {
            Ok(attempt) => {
                let place = Place { line: number, offset: start, bytes: line.len() };
                parsed.attempts.push((place, attempt));
            }
            Err(problem) => parsed.problem = Some((number, problem, false)),
        }
    }
    parsed
}

/// What the lines so far add up to.
struct Journal<'a> {
    path: &'a Path,
    attempts: Vec<Attempt>,
    warnings: Vec<ReadWarning>,
    /// Id → place in `attempts`.
    seen: HashMap<String, usize>,
    texts: Texts,
    /// Lines before the current block.
    line_count: usize,
    last_line: usize,
    /// A line that is no JSON: torn if it is the last one, else an error.
    torn: Option<(usize, JsonProblem)>,
}

impl<'a> Journal<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            attempts: Vec::new(),
            warnings: Vec::new(),
            seen: HashMap::new(),
            texts: Texts::default(),
            line_count: 0,
            last_line: 0,
            torn: None,
        }
    }

    fn take(&mut self, parsed: Parsed) -> Result<(), ReadError> {
        let has_content = !parsed.attempts.is_empty() || parsed.problem.is_some();
        if let Some((number, problem)) = self.torn.take_if(|_| has_content) {
            return Err(bad_content(self.path, number, problem));
        }
        for (place, line) in parsed.attempts {
            self.add(Place { line: self.line_count + place.line + 1, ..place }, line);
        }
        if let Some((number, problem, followed)) = parsed.problem {
            let number = self.line_count + number + 1;
            if followed || !problem.malformed {
                return Err(bad_content(self.path, number, problem));
            }
            self.torn = Some((number, problem));
        }
        self.line_count += parsed.line_count;
        Ok(())
    }

    fn add(&mut self, place: Place, line: Line) {
        self.last_line = place.line;
        let attempt = line.into_attempt(place, &mut self.texts);
        match self.seen.get(&attempt.id) {
            Some(known) => {
                let earlier = &mut self.attempts[*known];
                self.warnings.push(ReadWarning::DuplicateId {
                    path: self.path.to_owned(),
                    id: attempt.id.clone(),
                    earlier_line: earlier.place.map_or(0, |place| place.line),
                    later_line: place.line,
                });
                *earlier = attempt;
            }
            None => {
                self.seen.insert(attempt.id.clone(), self.attempts.len());
                self.attempts.push(attempt);
            }
        }
    }

    fn end(mut self, last_byte: Option<u8>) -> Result<(Vec<Attempt>, Vec<ReadWarning>), ReadError> {
        let path = self.path.to_owned();
        if let Some((line, _)) = self.torn {
            self.warnings.push(ReadWarning::TornLastLine { path, line });
        } else if self.last_line > 0 && last_byte.is_some_and(|byte| byte != b'\n') {
            let warning = ReadWarning::UnendedLastLine { path, line: self.last_line };
            // It was noticed when the line was read: before what that line repeats.
            let repeats = |warning: &ReadWarning| matches!(warning, ReadWarning::DuplicateId { later_line, .. } if *later_line == self.last_line);
            let end = self.warnings.len();
            let place = if self.warnings.last().is_some_and(repeats) { end - 1 } else { end };
            self.warnings.insert(place, warning);
        }
        self.attempts.shrink_to_fit();
        Ok((self.attempts, self.warnings))
    }
}

/// A line of the current format. Holds what an [`Attempt`] needs; the rest is checked and let go.
///
/// Field for field an [`llmbench_api::record::AttemptRecord`]: what is an error there is one here.
#[derive(Deserialize)]
struct Line {
    id: String,
    model: String,
    fixture: String,
    timestamp: String,
    run_number: u32,
    status: AttemptStatus,
    score: Option<f64>,
    scoring_version: Option<String>,
    compiles: Option<bool>,
    ast_score: Option<f64>,
    tokens_per_sec: Option<f64>,
    #[serde(default)]
    tokens_per_sec_measured_by: Option<MeasuredBy>,
    duration_sec: Option<f64>,
    ttft_sec: Option<f64>,
    load_sec: Option<f64>,
    prefill_tokens_per_sec: Option<f64>,
    queue_sec: Option<f64>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    done_reason: Option<DoneReason>,
    seed: u64,
    gpu_avg_utilization: Option<f64>,
    gpu_peak_utilization: Option<f64>,
    gpu_avg_memory_gb: Option<f64>,
    gpu_peak_memory_gb: Option<f64>,
    energy_joules: Option<f64>,
    #[serde(default)]
    energy_source: Option<EnergySource>,
    #[serde(default)]
    energy_above_idle_joules: Option<f64>,
    #[serde(default)]
    cpu_energy_joules: Option<f64>,
    #[serde(deserialize_with = "identified", default)]
    output_code: Option<Output>,
    errors: Vec<String>,
    warnings: Vec<String>,
    missing: BTreeMap<String, String>,
    #[serde(rename = "findings")]
    _findings: FindingsByRole,
    #[serde(deserialize_with = "watched")]
    monitors: Watched,
    retries: Vec<String>,
    #[serde(default)]
    prompt_cached: Option<Json>,
    #[serde(default)]
    load: Option<Json>,
    /// Of a test over lengths of context; another test may use these names for anything.
    #[serde(default)]
    context_tokens: Option<Json>,
    #[serde(default)]
    needle_depth_percent: Option<Json>,
    #[serde(default)]
    prefill_sec: Option<Json>,
    #[serde(default)]
    truncated: Option<Json>,
    /// Of a test that compares answers; names as above.
    #[serde(default)]
    greedy: Option<Json>,
    #[serde(default)]
    same_seed: Option<Json>,
    #[serde(default)]
    seeds: Option<Json>,
    #[serde(default)]
    answer_score_mean: Option<Json>,
    #[serde(default)]
    cache_seen: Option<Json>,
    #[serde(default)]
    cache_changes_answer: Option<Json>,
    #[serde(default)]
    cold_prefill_sec: Option<Json>,
    #[serde(default)]
    warm_prefill_sec: Option<Json>,
}

impl Line {
    fn parse(line: &[u8], version: Version) -> Result<Self, JsonProblem> {
        match version {
            Version::V1 => {}
        }
        // The slow reader names the field that is wrong.
        serde_json::from_slice(line).map_err(|error| match version.record(line) {
            Err(problem) => problem,
            Ok(_) => JsonProblem {
                field: String::new(),
                message: error.to_string(),
                line: error.line(),
                malformed: false,
            },
        })
    }

    fn into_attempt(self, place: Place, texts: &mut Texts) -> Attempt {
        let field = |name: &str| match name {
            "context_tokens" => self.context_tokens.clone(),
            "needle_depth_percent" => self.needle_depth_percent.clone(),
            "prefill_sec" => self.prefill_sec.clone(),
            "truncated" => self.truncated.clone(),
            "greedy" => self.greedy.clone(),
            "same_seed" => self.same_seed.clone(),
            "seeds" => self.seeds.clone(),
            "answer_score_mean" => self.answer_score_mean.clone(),
            "cache_seen" => self.cache_seen.clone(),
            "cache_changes_answer" => self.cache_changes_answer.clone(),
            "cold_prefill_sec" => self.cold_prefill_sec.clone(),
            "warm_prefill_sec" => self.warm_prefill_sec.clone(),
            _ => None,
        };
        let agreement = AgreementFields::of(field);
        let context = ContextFields::of(field, self.monitors.process_peak_bytes);
        Attempt {
            id: self.id,
            model: texts.word(&self.model),
            fixture: texts.word(&self.fixture),
            timestamp: self.timestamp,
            run_number: self.run_number,
            status: self.status,
            score: self.score,
            scoring_version: self.scoring_version.map(|text| texts.word(&text)),
            compiles: self.compiles,
            ast_score: self.ast_score,
            tokens_per_sec: self.tokens_per_sec,
            tokens_per_sec_measured_by: self.tokens_per_sec_measured_by,
            duration_sec: self.duration_sec,
            ttft_sec: self.ttft_sec,
            load_sec: self.load_sec,
            prefill_tokens_per_sec: self.prefill_tokens_per_sec,
            queue_sec: self.queue_sec,
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
            done_reason: self.done_reason,
            seed: self.seed,
            gpu_avg_utilization: self.gpu_avg_utilization,
            gpu_peak_utilization: self.gpu_peak_utilization,
            gpu_avg_memory_gb: self.gpu_avg_memory_gb,
            gpu_peak_memory_gb: self.gpu_peak_memory_gb,
            energy_joules: self.energy_joules,
            energy_source: self.energy_source,
            energy_above_idle_joules: self.energy_above_idle_joules,
            cpu_energy_joules: self.cpu_energy_joules,
            output: self.output_code,
            errors: self.errors.iter().map(|error| texts.word(error)).collect(),
            warnings: texts.list(self.warnings),
            missing: texts.reasons(self.missing),
            retries: self.retries,
            prompt_cached: is_cached(self.prompt_cached.as_ref()),
            throttled_share: self.monitors.throttled_share,
            cpu: self.monitors.cpu,
            context,
            agreement,
            load: load(self.load.as_ref()),
            place: Some(place),
        }
    }
}

fn identified<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Output>, D::Error> {
    let code: Option<Cow<'de, str>> = Option::deserialize(deserializer)?;
    Ok(code.as_deref().map(Output::of))
}

fn watched<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Watched, D::Error> {
    let monitors = Vec::<MonitorStats>::deserialize(deserializer)?;
    Ok(Watched::from(monitors.as_slice()))
}
