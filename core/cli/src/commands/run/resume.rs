//! `llmbench run --resume`: finds a run, checks that it can go on, and says what is missing.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use llmbench_api::record::{
    AttemptRecord, AttemptStatus, FORMAT_VERSION, RunManifest, RunStatus, SessionRecord,
};
use llmbench_engine::journal::{Journal, Recovered, RunLock, Samples};
use llmbench_engine::plan::Plan;
use llmbench_engine::run::More;
use llmbench_report::{ReadError, Run};

use super::difference::differences;
use super::until_ci::UntilCi;
use crate::args::GlobalArgs;
use crate::error::{CliError, Result};
use crate::settings::{self, Layer, Origin, Settings};
use crate::{output, runs, wiring};

/// A run that is to go on.
pub(super) struct Resumed {
    pub(super) dir: PathBuf,
    /// As it stands in `run.json`.
    pub(super) manifest: RunManifest,
    /// As they stand in `samples.jsonl`, each id once.
    pub(super) records: Vec<AttemptRecord>,
    /// `None` for a dry run, which changes nothing.
    lock: Option<RunLock>,
}

impl Resumed {
    /// Finds and locks the run called `name`, and resolves its settings with `flags` above them.
    ///
    /// # Errors
    /// A run that is not there, is in use, or was made with other settings than `flags`.
    pub(super) fn open(
        global: &GlobalArgs,
        name: &Path,
        flags: Layer,
        is_dry: bool,
    ) -> Result<(Self, Settings)> {
        let today = wiring::with_flags(global, flags.clone())?;
        // Before the lock, which would make a file in any folder.
        let dir = runs::find(name, &today.out)?;
        let lock = if is_dry { None } else { Some(RunLock::acquire(&dir)?) };
        let unreadable = |error: ReadError| runs::unreadable(&error);
        let run = Run::open(&dir).map_err(unreadable)?;
        // With their answers: the files that are made at the end show them.
        let records: std::result::Result<_, _> =
            run.records.iter().map(|attempt| run.details(attempt)).collect();
        let records = records.map_err(unreadable)?;
        let resumed = Self { dir, manifest: run.manifest, records, lock };
        if resumed.manifest.format_version != FORMAT_VERSION {
            let version = resumed.manifest.format_version;
            let change = format!("format version: was {version}, is {FORMAT_VERSION}");
            return Err(resumed.refused(CliError::not_ready, vec![change]));
        }
        let stored = settings::stored_layer(&resumed.manifest, &today)?;
        let now = settings::resolve(&[(Origin::Run, stored), (Origin::Flags, flags)])?;
        let mut changes = settings::disagreements(&resumed.manifest, &now);
        if now.runs < resumed.manifest.plan.runs {
            let was = resumed.manifest.plan.runs;
            changes
                .push(format!("setting `runs`: was {was}, is {}: a run does not shrink", now.runs));
        }
        if !changes.is_empty() {
            return Err(resumed.refused(CliError::usage, changes));
        }
        Ok((resumed, now))
    }

    /// True when an attempt is to be made again: it says nothing about the model.
    fn is_redone(record: &AttemptRecord) -> bool {
        matches!(record.status, AttemptStatus::Cancelled | AttemptStatus::InfraError)
    }

    /// True when nothing is missing, by the manifest and the records alone.
    pub(super) fn is_complete(&self, settings: &Settings) -> Result<bool> {
        let plan = &self.manifest.plan;
        let kept = self.records.iter().filter(|record| !Self::is_redone(record)).count();
        if settings.runs > plan.runs || kept < plan.attempts as usize {
            return Ok(false);
        }
        let Some(rule) = UntilCi::new(settings, &plan.fixtures)? else { return Ok(true) };
        let wants_more = |model: &String| {
            let of_model: Vec<_> = self.records.iter().filter(|one| one.model == *model).collect();
            rule.more(model, plan.runs_of(model), &of_model) == More::Run
        };
        Ok(!plan.models.iter().any(wants_more))
    }

    /// Fails when the run as it would be begun now, `is`, is not the one that was begun.
    pub(super) fn check(&self, is: &RunManifest, same_plan: &Plan) -> Result<()> {
        let found = differences(&self.manifest, is);
        let mut changes = [found.judging, found.speed].concat();
        if changes.is_empty() && same_plan.record.sha256 != self.manifest.plan.sha256 {
            changes.push(format!(
                "plan: sha256 was {}, is {}",
                self.manifest.plan.sha256, same_plan.record.sha256
            ));
        }
        if !changes.is_empty() {
            return Err(self.refused(CliError::not_ready, changes));
        }
        for remark in found.remarks {
            output::warning(&format!("not as when the run was begun: {remark}"));
        }
        Ok(())
    }

    fn refused(&self, kind: fn(String) -> CliError, changes: Vec<String>) -> CliError {
        let message = format!("{} cannot go on: not everything is as it was", self.dir.display());
        let error = changes.into_iter().fold(kind(message), CliError::detail);
        error.hint("put it back as it was, or begin a new run without `--resume`")
    }

    /// Leaves in `plan` what is missing; fails for a record that the plan does not know.
    pub(super) fn leave_missing(&self, plan: &mut Plan) -> Result<()> {
        let planned: HashSet<&str> =
            plan.attempts.iter().map(|attempt| attempt.id.as_str()).collect();
        if let Some(stranger) = self.records.iter().find(|one| !planned.contains(one.id.as_str())) {
            return Err(CliError::not_ready(format!(
                "{}: the attempt `{}` is not part of the run's plan",
                self.dir.display(),
                stranger.id
            ))
            .hint("restore the run's folder from a copy: it was changed by hand"));
        }
        let kept = self.records.iter().filter(|record| !Self::is_redone(record));
        let done: HashSet<&str> = kept.map(|record| record.id.as_str()).collect();
        plan.leave_out(|id| done.contains(id));
        Ok(())
    }

    /// The manifest with this session added; the last one is closed if its process was killed.
    pub(super) fn manifest(&self, settings: &Settings, argv: &[OsString]) -> RunManifest {
        let mut manifest = self.manifest.clone();
        settings::take_over(&mut manifest, settings);
        close_sessions(&mut manifest, &self.records);
        manifest.status = RunStatus::Running;
        manifest.error = None;
        manifest.finished_at = None;
        manifest.elapsed_sec = None;
        manifest.sessions.push(session(Timestamp::now(), argv));
        manifest
    }

    /// Gives a run of which nothing is missing the end that its process could not write.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub(super) fn close(self) -> Result<(RunManifest, Vec<AttemptRecord>)> {
        let Self { dir, mut manifest, records, lock } = self;
        let Some(lock) = lock else { return Ok((manifest, records)) };
        if manifest.status == RunStatus::Finished {
            return Ok((manifest, records));
        }
        close_sessions(&mut manifest, &records);
        manifest.status = RunStatus::Finished;
        manifest.error = None;
        let known = manifest.sessions.iter().filter_map(|session| session.elapsed_sec);
        manifest.elapsed_sec = Some(known.sum());
        manifest.finished_at = Some(Timestamp::now().to_string());
        let samples = Samples::read(&dir.join("samples.jsonl"))?;
        let Recovered { journal, .. } = Journal::recover(&dir, lock, samples, |_| false)?;
        journal.write_manifest(&manifest)?;
        Ok((manifest, records))
    }

    /// Opens the folder for writing; puts aside what was torn or is made again.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub(super) fn recover(self) -> Result<Recovered> {
        let lock = match self.lock {
            Some(lock) => lock,
            None => RunLock::acquire(&self.dir)?,
        };
        let samples = Samples::read(&self.dir.join("samples.jsonl"))?;
        let recovered = Journal::recover(&self.dir, lock, samples, Self::is_redone)?;
        if let Some(torn) = &recovered.torn {
            output::warning(&format!(
                "the last line of samples.jsonl was cut off: it was put into {}, and its attempt is made again",
                torn.display()
            ));
        }
        Ok(recovered)
    }
}

/// This process's work, as it begins.
pub(super) fn session(now: Timestamp, argv: &[OsString]) -> SessionRecord {
    SessionRecord {
        started_at: now.to_string(),
        argv: argv.iter().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        llmbench_version: env!("CARGO_PKG_VERSION").into(),
        ..SessionRecord::default()
    }
}

/// Completes the record of sessions: of a run of an older llmbench, and of one that was killed.
fn close_sessions(manifest: &mut RunManifest, records: &[AttemptRecord]) {
    if manifest.sessions.is_empty() {
        manifest.sessions.push(SessionRecord {
            started_at: manifest.started_at.clone(),
            finished_at: manifest.finished_at.clone(),
            elapsed_sec: manifest.elapsed_sec,
            status: manifest.status,
            argv: manifest.argv.clone(),
            llmbench_version: manifest.llmbench_version.clone(),
            ..SessionRecord::default()
        });
    }
    let Some(last) = manifest.sessions.last_mut() else { return };
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let Some(start) = time(&last.started_at) else { return };
    let own = records.iter().filter_map(|record| Some((time(&record.timestamp)?, record)));
    let own: Vec<_> = own.filter(|(begun, _)| *begun >= start).collect();
    if last.finished_at.is_some() {
        return;
    }
    last.attempts = u32::try_from(own.len()).unwrap_or(u32::MAX);
    let ends = own.iter().map(|(begun, record)| {
        begun.duration_since(start).as_secs_f64() + record.duration_sec.unwrap_or(0.0)
    });
    last.elapsed_sec = ends.reduce(f64::max);
    let remark = match last.elapsed_sec {
        Some(_) => {
            "the process was killed: time until the end of its last answer on disk, so at least"
        }
        None => "the process was killed before its first attempt was on disk",
    };
    last.elapsed_remark = Some(remark.to_owned());
}
