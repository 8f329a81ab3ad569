//! Executes a plan: attempt after attempt, each on disk before the next.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use llmbench_api::record::{AttemptRecord, AttemptStatus, RunManifest, RunStatus};
use llmbench_api::{Case, Error, ErrorKind, PastStep};

use crate::attempt::{self, Attempt, AttemptInput};
use crate::events::RunEvent;
use crate::expected;
use crate::idle;
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
    /// The attempts to be made: of a run that goes on, the missing ones.
    pub plan: Plan,
    /// The cases that the plan's indices mean.
    pub cases: &'a [Case],
    /// Complete but for its end; its models are the plan's, its last session is this one.
    pub manifest: RunManifest,
    /// The run's folder.
    pub journal: Journal,
    /// What was done before, when the run goes on.
    pub earlier: Option<Earlier>,
    /// Decides whether the plan grows on the way; without it, it does not.
    pub more_runs: Option<&'a MoreRuns<'a>>,
}

/// What earlier sessions of a run left.
#[derive(Debug, Default)]
pub struct Earlier {
    /// Records that count.
    pub records: Vec<AttemptRecord>,
    /// Records whose attempts are made again.
    pub superseded: Vec<AttemptRecord>,
}

/// Whether a model (by name) with so many runs and these records of it gets one more run of
/// every fixture; asked when everything that is planned for it has been done.
pub type MoreRuns<'a> = dyn Fn(&str, u32, &[&AttemptRecord]) -> More + 'a;

/// An answer of [`MoreRuns`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum More {
    /// One more run.
    Run,
    /// No more, with what a reader of the results must know.
    Enough(Option<String>),
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
    /// Keeps the folder locked while derived files are written.
    pub journal: Journal,
}

/// Executes the plan.
///
/// A cancelled run ends early with status `interrupted`; everything that was
/// finished is kept. So it is when the server stays unreachable (`failed`). A run
/// whose every attempt was refused for good is `failed` as well.
///
/// # Errors
/// [`JournalError`] when results cannot be written: going on would lose them.
pub fn run(input: RunInput<'_>) -> Result<RunOutcome, JournalError> {
    let RunInput { session, plan, cases, manifest, journal, earlier, more_runs } = input;
    let started = Instant::now();
    session.tell(&RunEvent::Started { attempts: plan.attempts.len() });
    let mut runner = Runner {
        session,
        cases,
        prompts_seen: prompts_seen(&plan, earlier.as_ref()),
        plan,
        manifest,
        journal,
        records: earlier.map(|earlier| earlier.records).unwrap_or_default(),
        made: 0,
        unreachable: 0,
        refused: None,
        more_runs,
    };
    let kept = expected::keep(&runner.journal, session, cases);
    let end = match kept.and_then(|()| runner.attempts()) {
        Ok(end) => runner.unless_all_refused(end),
        Err(error) => {
            // Says at least in the manifest what happened, if that can still be written.
            let end = End { status: RunStatus::Failed, error: Some(error.to_string()) };
            runner.close(end, started);
            let _ = runner.journal.write_manifest(&runner.manifest);
            return Err(error);
        }
    };
    runner.close(end, started);
    runner.journal.write_manifest(&runner.manifest)?;
    let refused = runner.all_refused().cloned();
    Ok(RunOutcome {
        dir: runner.journal.dir().to_owned(),
        manifest: runner.manifest,
        records: runner.records,
        refused,
        journal: runner.journal,
    })
}

/// Model and case whose prompt the server may have in its cache from earlier sessions: those of
/// every record, and of the attempt during which the last session ended, which is the first missing one.
fn prompts_seen(plan: &Plan, earlier: Option<&Earlier>) -> HashSet<(usize, usize)> {
    let Some(earlier) = earlier else { return HashSet::new() };
    let place = |record: &AttemptRecord| {
        let model = plan.record.models.iter().position(|name| *name == record.model)?;
        let case = plan.record.fixtures.iter().position(|name| *name == record.fixture)?;
        Some((model, case))
    };
    let all = || earlier.records.iter().chain(&earlier.superseded);
    let number = |id: &str| id.split('-').next().and_then(|text| text.parse::<u64>().ok());
    let last = all().filter_map(|record| number(&record.id)).max().unwrap_or(0);
    // The one behind the last record was under way; those before it are made again.
    let before = |id: &str| number(id).is_none_or(|number| number <= last);
    let made = plan.attempts.iter().filter(|attempt| before(&attempt.id));
    let under_way = plan.attempts.iter().find(|attempt| !before(&attempt.id));
    let sent = made.chain(under_way).map(|attempt| (attempt.model, attempt.case));
    all().filter_map(place).chain(sent).collect()
}

struct Runner<'a> {
    session: &'a Session,
    cases: &'a [Case],
    plan: Plan,
    manifest: RunManifest,
    journal: Journal,
    /// Those of earlier sessions, then this one's.
    records: Vec<AttemptRecord>,
    /// Records of this session.
    made: u32,
    /// Model and case whose first prompt was sent before.
    prompts_seen: HashSet<(usize, usize)>,
    /// Attempts in a row that found no server.
    unreachable: u32,
    /// Attempts that were refused for good, and why the first one was.
    refused: Option<(Error, usize)>,
    more_runs: Option<&'a MoreRuns<'a>>,
}

struct End {
    status: RunStatus,
    error: Option<String>,
}

impl Runner<'_> {
    fn attempts(&mut self) -> Result<End, JournalError> {
        let mut current = None;
        let mut unusable: Option<Error> = None;
        self.grow_where_nothing_is_missing()?;
        if !self.plan.attempts.is_empty() {
            idle::measure(self.session, &mut self.manifest.monitors);
        }
        let mut index = 0;
        while let Some(planned) = self.plan.attempts.get(index).cloned() {
            if self.session.cancel.is_cancelled() {
                return Ok(End { status: RunStatus::Interrupted, error: None });
            }
            if current != Some(planned.model) {
                current = Some(planned.model);
                unusable = self.warm_up(planned.model).err();
                self.journal.write_manifest(&self.manifest)?;
                if self.session.cancel.is_cancelled() {
                    continue;
                }
            }
            let model = self.manifest.models[planned.model].identity.clone();
            let case = &self.cases[planned.case];
            self.session.tell(&RunEvent::AttemptStarted {
                index,
                model: &model.name,
                fixture: &case.name,
                run_number: planned.run_index + 1,
            });
            let seen =
                !self.prompts_seen.insert((planned.model, planned.case)) && self.caches_prompts();
            let input = AttemptInput {
                planned: &planned,
                model: &model,
                case,
                tokenizer: tokenizer(&self.manifest, planned.model),
                prompt_seen: seen && self.session.description.repeats_prompt,
            };
            let mut attempt = match &unusable {
                Some(error) => attempt::unusable(self.session, input, error.clone()),
                None => attempt::attempt(self.session, input),
            };
            self.write(&mut attempt)?;
            self.records.push(attempt.record);
            self.made += 1;
            let no_server =
                attempt.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Unavailable);
            self.unreachable = if no_server { self.unreachable + 1 } else { 0 };
            if let Some(error) = attempt.error.filter(|error| is_refusal(error.kind)) {
                self.refused.get_or_insert((error, 0)).1 += 1;
            }
            let next = self.plan.attempts.get(index + 1);
            let is_last_of_model = next.is_none_or(|next| next.model != planned.model);
            if is_last_of_model && !self.session.cancel.is_cancelled() {
                // Before the event below, so that a display does not take the run for finished.
                self.grow(planned.model)?;
            }
            if let Some(record) = self.records.last() {
                self.session.tell(&RunEvent::AttemptFinished { index, record });
            }
            index += 1;
            if self.unreachable >= MOST_UNREACHABLE && index < self.plan.attempts.len() {
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

    /// Why no attempt got an answer, when every one was refused for good.
    fn all_refused(&self) -> Option<&Error> {
        let refused = self.refused.as_ref().filter(|(_, count)| *count == self.records.len());
        refused.map(|(error, _)| error)
    }

    /// A run in which nothing could be asked has failed, also where it came to its end.
    fn unless_all_refused(&self, end: End) -> End {
        match self.all_refused() {
            Some(error) if end.status == RunStatus::Finished => {
                let error = format!("no attempt got an answer: {error}");
                End { status: RunStatus::Failed, error: Some(error) }
            }
            _ => end,
        }
    }

    /// Writes down how this session ended.
    fn close(&mut self, end: End, started: Instant) {
        let now = jiff::Timestamp::now().to_string();
        self.manifest.status = end.status;
        self.manifest.error = end.error;
        self.manifest.finished_at = Some(now.clone());
        if let Some(session) = self.manifest.sessions.last_mut() {
            session.status = end.status;
            session.finished_at = Some(now);
            session.elapsed_sec = Some(started.elapsed().as_secs_f64());
            session.attempts = self.made;
        }
        let known = self.manifest.sessions.iter().filter_map(|session| session.elapsed_sec);
        self.manifest.elapsed_sec = Some(known.sum());
    }

    /// Asks about the models whose attempts were all made in earlier sessions.
    fn grow_where_nothing_is_missing(&mut self) -> Result<(), JournalError> {
        for model in 0..self.plan.record.models.len() {
            if !self.plan.attempts.iter().any(|attempt| attempt.model == model) {
                self.grow(model)?;
            }
        }
        Ok(())
    }

    /// Adds a run of `model` if it shall have one; the manifest says so before it begins.
    fn grow(&mut self, model: usize) -> Result<(), JournalError> {
        let Some(more_runs) = self.more_runs else { return Ok(()) };
        let name = &self.plan.record.models[model];
        let of_model: Vec<_> = self.records.iter().filter(|one| one.model == *name).collect();
        match more_runs(name, self.plan.record.runs_of(name), &of_model) {
            More::Run => {
                self.plan.add_run(model);
                self.manifest.plan = self.plan.record.clone();
                self.journal.write_manifest(&self.manifest)?;
                let record = &self.plan.record;
                let fixtures = record.fixtures.iter();
                let added: Vec<_> = fixtures
                    .map(|fixture| (record.models[model].as_str(), fixture.as_str()))
                    .collect();
                let attempts = self.plan.attempts.len();
                self.session.tell(&RunEvent::Extended { attempts, added: &added });
            }
            More::Enough(Some(warning)) if !self.manifest.warnings.contains(&warning) => {
                self.session.tell(&RunEvent::Warning { message: &warning });
                self.manifest.warnings.push(warning);
            }
            More::Enough(_) => {}
        }
        Ok(())
    }

    /// Artifacts first, then the record: a record never names a file that is not there.
    fn write(&mut self, attempt: &mut Attempt) -> Result<(), JournalError> {
        let mut artifacts = self.journal.artifacts(&attempt.record.id)?;
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
        artifacts.finish()?;
        self.journal.append(&attempt.record)
    }

    fn caches_prompts(&self) -> bool {
        self.manifest.server.caches_prompts != Some(false)
    }

    /// Makes the model ready; fails when no attempt with it can succeed.
    fn warm_up(&mut self, model: usize) -> Result<(), Error> {
        let caches_prompts = self.caches_prompts();
        let repeats_prompt = self.session.description.repeats_prompt;
        let record = &mut self.manifest.models[model];
        self.session.tell(&RunEvent::Warming { model: &record.identity.name });
        let mut warm_up = WarmUp::new(self.session, record, caches_prompts);
        let outcome = warm_up.load().and_then(|is_loaded| {
            if !is_loaded {
                return Ok(());
            }
            for round in 0..self.manifest.plan.warmup {
                // Prompts that are new each time cannot be made known to a cache.
                let most = if repeats_prompt { usize::MAX } else { 1 };
                for case in self.plan.cases_of(model).into_iter().take(most) {
                    warm_up.request(case, &self.cases[case], round)?;
                }
            }
            Ok(())
        });
        warm_up.identify();
        self.prompts_seen.extend(warm_up.prompts_sent.iter().map(|case| (model, *case)));
        for warning in std::mem::take(&mut warm_up.warnings) {
            // A run that goes on may meet the same trouble again.
            if !self.manifest.warnings.contains(&warning) {
                self.manifest.warnings.push(warning);
            }
        }
        outcome
    }
}

/// True for what neither a retry nor another attempt can change.
fn is_refusal(kind: ErrorKind) -> bool {
    use ErrorKind::{InvalidInput, ModelNotFound, OutOfMemory, Unsupported};
    matches!(kind, InvalidInput | ModelNotFound | OutOfMemory | Unsupported)
}

/// How a model counts tokens, as far as its warm-up told.
fn tokenizer(manifest: &RunManifest, model: usize) -> Tokenizer {
    let record = &manifest.models[model];
    Tokenizer {
        bytes_per_token: record.bytes_per_token,
        overhead_tokens: record.prompt_overhead_tokens.unwrap_or(0.0),
        context_length: record.identity.context_length.value,
        context_is_fixed: manifest.server.context_is_fixed,
    }
}
