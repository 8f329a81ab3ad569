//! Executes a plan: attempt after attempt, each on disk before the next.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use llmbench_api::record::{AttemptRecord, AttemptStatus, ModelRecord, RunManifest, RunStatus};
use llmbench_api::{Case, Error, ErrorKind, PastStep};

use crate::attempt::{self, Attempt, AttemptInput};
use crate::events::RunEvent;
use crate::expected;
use crate::journal::{Journal, JournalError};
use crate::plan::Plan;
use crate::session::Session;
use crate::validity::Tokenizer;
use crate::warm_up::WarmUp;

/// Attempts in a row that find no server before the run gives up.
const MOST_UNREACHABLE: u32 = 5;

/// Everything that a run needs.
pub struct RunInput<'a> {
    /// The components.
    pub session: &'a Session,
    /// The attempts.
    pub plan: &'a Plan,
    /// The cases that the plan's indices mean.
    pub cases: &'a [Case],
    /// Complete but for its end; its models are the plan's.
    pub manifest: RunManifest,
    /// Folder of runs.
    pub out: &'a Path,
}

/// What a run left.
#[derive(Debug)]
pub struct RunOutcome {
    /// The run's folder.
    pub dir: PathBuf,
    /// As it stands in `run.json`.
    pub manifest: RunManifest,
    /// As they stand in `samples.jsonl`.
    pub records: Vec<AttemptRecord>,
    /// Why no attempt got an answer, when all were refused for what the model
    /// or the machine cannot do, so that trying again would not help.
    pub refused: Option<Error>,
}

/// Executes the plan.
///
/// A cancelled run ends early with status `interrupted`; everything that was
/// finished is kept. So it is when the server stays unreachable (`failed`).
///
/// # Errors
/// [`JournalError`] when results cannot be written: going on would lose them.
pub fn run(input: RunInput<'_>) -> Result<RunOutcome, JournalError> {
    let RunInput { session, plan, cases, manifest, out } = input;
    let journal = Journal::create(out, &manifest)?;
    expected::keep(&journal, session, cases)?;
    let started = Instant::now();
    session.tell(&RunEvent::Started { attempts: plan.attempts.len() });
    let mut runner = Runner {
        session,
        cases,
        manifest,
        journal,
        records: Vec::new(),
        prompts_seen: HashSet::new(),
        unreachable: 0,
        refused: None,
    };
    let end = match runner.attempts(plan) {
        Ok(end) => end,
        Err(error) => {
            // Says at least in the manifest what happened, if that can still be written.
            runner.manifest.status = RunStatus::Failed;
            runner.manifest.error = Some(error.to_string());
            let _ = runner.journal.write_manifest(&runner.manifest);
            return Err(error);
        }
    };
    let mut manifest = runner.manifest;
    manifest.status = end.status;
    manifest.error = end.error;
    manifest.finished_at = Some(jiff::Timestamp::now().to_string());
    manifest.elapsed_sec = Some(started.elapsed().as_secs_f64());
    runner.journal.write_manifest(&manifest)?;
    let refused = runner.refused.filter(|(_, count)| *count == runner.records.len());
    Ok(RunOutcome {
        dir: runner.journal.dir().to_owned(),
        manifest,
        records: runner.records,
        refused: refused.map(|(error, _)| error),
    })
}

struct Runner<'a> {
    session: &'a Session,
    cases: &'a [Case],
    manifest: RunManifest,
    journal: Journal,
    records: Vec<AttemptRecord>,
    /// Model and case whose first prompt was sent before.
    prompts_seen: HashSet<(usize, usize)>,
    /// Attempts in a row that found no server.
    unreachable: u32,
    /// Attempts that were refused for good, and why the first one was.
    refused: Option<(Error, usize)>,
}

struct End {
    status: RunStatus,
    error: Option<String>,
}

impl Runner<'_> {
    fn attempts(&mut self, plan: &Plan) -> Result<End, JournalError> {
        let mut current = None;
        let mut unusable: Option<Error> = None;
        for (index, planned) in plan.attempts.iter().enumerate() {
            if self.session.cancel.is_cancelled() {
                return Ok(End { status: RunStatus::Interrupted, error: None });
            }
            if current != Some(planned.model) {
                current = Some(planned.model);
                unusable = self.warm_up(planned.model, plan).err();
                self.journal.write_manifest(&self.manifest)?;
                if self.session.cancel.is_cancelled() {
                    continue;
                }
            }
            let model = self.manifest.models[planned.model].identity.name.clone();
            let case = &self.cases[planned.case];
            self.session.tell(&RunEvent::AttemptStarted {
                index,
                model: &model,
                fixture: &case.name,
                run_number: planned.run_index + 1,
            });
            let seen =
                !self.prompts_seen.insert((planned.model, planned.case)) && self.caches_prompts();
            let input = AttemptInput {
                planned,
                model: &model,
                case,
                tokenizer: tokenizer(&self.manifest.models[planned.model]),
                prompt_seen: seen && self.session.description.repeats_prompt,
            };
            let mut attempt = match &unusable {
                Some(error) => attempt::unusable(self.session, input, error.clone()),
                None => attempt::attempt(self.session, input),
            };
            self.write(&mut attempt)?;
            self.session.tell(&RunEvent::AttemptFinished { index, record: &attempt.record });
            let no_server =
                attempt.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Unavailable);
            self.unreachable = if no_server { self.unreachable + 1 } else { 0 };
            if let Some(error) = attempt.error.filter(|error| is_refusal(error.kind)) {
                self.refused.get_or_insert((error, 0)).1 += 1;
            }
            self.records.push(attempt.record);
            if self.unreachable >= MOST_UNREACHABLE && index + 1 < plan.attempts.len() {
                let error = format!(
                    "the server was unreachable for {MOST_UNREACHABLE} attempts in a row; the rest was not tried"
                );
                return Ok(End { status: RunStatus::Failed, error: Some(error) });
            }
        }
        let interrupted =
            self.records.iter().any(|record| record.status == AttemptStatus::Cancelled);
        let status = if interrupted || self.session.cancel.is_cancelled() {
            RunStatus::Interrupted
        } else {
            RunStatus::Finished
        };
        Ok(End { status, error: None })
    }

    /// Artifacts first, then the record: a record never names a file that is not there.
    fn write(&mut self, attempt: &mut Attempt) -> Result<(), JournalError> {
        let artifacts = self.journal.artifacts(&attempt.record.id)?;
        for findings in attempt.record.findings.values_mut() {
            for file in &mut findings.kept_files {
                if file.is_file() {
                    match artifacts.adopt(file) {
                        Ok(adopted) => *file = adopted,
                        Err(error) => tracing::warn!(%error, "a kept file stays where it is"),
                    }
                }
            }
        }
        for (number, step) in attempt.history.steps.iter().enumerate() {
            let number = number + 1;
            match step {
                PastStep::Asked { requests, answers } => {
                    artifacts.json(&format!("{number}-request.json"), requests)?;
                    artifacts.json(&format!("{number}-response.json"), answers)?;
                }
                PastStep::Validated { role, artifact, findings } => {
                    artifacts.json(&format!("{number}-{role}.json"), findings)?;
                    artifacts.text(&artifact.entry, artifact.entry_text())?;
                }
                _ => {}
            }
        }
        for (number, (name, series)) in attempt.series.iter().enumerate() {
            artifacts.json(&format!("monitor-{}-{name}.json", number + 1), series)?;
        }
        self.journal.append(&attempt.record)
    }

    fn caches_prompts(&self) -> bool {
        self.manifest.server.caches_prompts != Some(false)
    }

    /// Makes the model ready; fails when no attempt with it can succeed.
    fn warm_up(&mut self, model: usize, plan: &Plan) -> Result<(), Error> {
        let caches_prompts = self.caches_prompts();
        let record = &mut self.manifest.models[model];
        self.session.tell(&RunEvent::Warming { model: &record.identity.name });
        let mut warm_up = WarmUp::new(self.session, record, caches_prompts);
        let outcome = warm_up.load().and_then(|is_loaded| {
            if !is_loaded {
                return Ok(());
            }
            for round in 0..self.manifest.plan.warmup {
                for case in plan.cases_of(model) {
                    warm_up.request(case, &self.cases[case], round)?;
                }
            }
            Ok(())
        });
        warm_up.identify();
        self.prompts_seen.extend(warm_up.prompts_sent.iter().map(|case| (model, *case)));
        self.manifest.warnings.append(&mut warm_up.warnings);
        outcome
    }
}

/// True for what neither a retry nor another attempt can change.
fn is_refusal(kind: ErrorKind) -> bool {
    use ErrorKind::{InvalidInput, ModelNotFound, OutOfMemory, Unsupported};
    matches!(kind, InvalidInput | ModelNotFound | OutOfMemory | Unsupported)
}

/// How a model counts tokens, as far as its warm-up told.
fn tokenizer(record: &ModelRecord) -> Tokenizer {
    Tokenizer {
        bytes_per_token: record.bytes_per_token,
        overhead_tokens: record.prompt_overhead_tokens.unwrap_or(0.0),
        context_length: record.identity.context_length.value,
    }
}
