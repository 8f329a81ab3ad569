//! `llmbench merge`: shards of one plan, put together into one run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use llmbench_api::record::{AttemptStatus, ModelRecord, RunManifest, RunStatus};
use llmbench_engine::journal::{Journal, Samples, StoredRecord, sync_dir};
use llmbench_report::{Report, Run};

use super::run::{differences, lost, run_id};
use crate::args::{Format, MergeArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::{output, runs};

/// A run that is to become a part.
struct Part {
    dir: PathBuf,
    manifest: RunManifest,
    records: Vec<StoredRecord>,
}

pub(crate) fn merge(args: &MergeArgs) -> Result<ExitCode> {
    if args.runs.len() < 2 {
        return Err(CliError::usage(
            "`merge` puts the shards of a plan together, and only one is named",
        )
        .hint("name all of them; `llmbench run --resume RUN` makes what a single run lacks"));
    }
    let parts = args.runs.iter().map(|run| read(run, &args.out)).collect::<Result<Vec<_>>>()?;
    let (first, others) = parts.split_first().ok_or_else(|| CliError::usage("no run is named"))?;
    let mut warnings = BTreeSet::new();
    for other in others {
        same_plan(first, other)?;
        let found = differences(&first.manifest, &other.manifest);
        if !found.judging.is_empty() {
            return Err(refused(first, other, found.judging));
        }
        warnings.extend(found.speed.into_iter().map(|difference| {
            format!(
                "the shards' speeds may differ for another reason than the models: {difference}"
            )
        }));
    }
    each_once(&parts)?;
    let mut manifest = whole(&parts, args);
    let missing = missing_shards(&parts);
    if !missing.is_empty() {
        warnings.insert(format!("shards are missing: {}", missing.join(", ")));
    }
    let mut records: Vec<_> = parts.iter().flat_map(|part| &part.records).collect();
    // An id begins with the attempt's place in the plan.
    records.sort_by_key(|stored| number(&stored.record.id));
    let lacking = (manifest.plan.attempts as usize).saturating_sub(records.len());
    if lacking > 0 {
        manifest.status = RunStatus::Interrupted;
        warnings.insert(format!(
            "{lacking} of {} attempts are missing; `llmbench run --resume` makes them",
            manifest.plan.attempts
        ));
    }
    if records.iter().any(|stored| stored.record.status == AttemptStatus::Cancelled) {
        manifest.status = RunStatus::Interrupted;
        warnings.insert(
            "attempts were cancelled by the user; `llmbench run --resume` makes them again".into(),
        );
    }
    let failed = parts.iter().find(|part| part.manifest.status == RunStatus::Failed);
    if let Some(part) = failed.filter(|_| lacking > 0) {
        manifest.status = RunStatus::Failed;
        manifest.error.clone_from(&part.manifest.error);
    }
    for warning in &warnings {
        output::warning(warning);
    }
    manifest.warnings.extend(warnings);
    let dir = write(&manifest, &parts, &records, &args.out)?;
    let records: Vec<_> = records.into_iter().map(|stored| stored.record.clone()).collect();
    let attempts = llmbench_report::attempts(&records);
    let report = Report::new(&manifest, &attempts).with_details(&records);
    llmbench_report::write_derived(&dir, &report)
        .map_err(|error| CliError::not_ready(error.to_string()).hint(error.hint()))?;
    match args.format {
        Format::Json => output::json(&report.summary),
        Format::Text => {
            output::result(&llmbench_report::render::text(&report, &output::text_options()));
            output::result(&format!("results: {}", dir.display()));
        }
    }
    match lost(&records) {
        0 => Ok(ExitCode::Done),
        _ => Ok(ExitCode::AttemptsLost),
    }
}

fn read(run: &Path, out: &Path) -> Result<Part> {
    let Run { dir, manifest, warnings, .. } = runs::open(run, out)?;
    for warning in &warnings {
        output::warning(&warning.to_string());
    }
    if manifest.status == RunStatus::Running {
        output::warning(&format!(
            "{} is still going on, or was killed; what it has is taken",
            dir.display()
        ));
    }
    // The very bytes: a number that is read and written again may lose its last digit.
    let records = Samples::read(&dir.join("samples.jsonl"))?.records;
    // An id becomes the name of a folder.
    if let Some(bad) = records.iter().find(|stored| !is_name(&stored.record.id)) {
        let (dir, id) = (dir.display(), &bad.record.id);
        return Err(CliError::not_ready(format!("{dir}: `{id}` is no id of an attempt"))
            .hint("restore the run's folder from a copy: it was changed by hand"));
    }
    Ok(Part { dir, manifest, records })
}

fn is_name(id: &str) -> bool {
    let mut parts = Path::new(id).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == id)
}

fn same_plan(first: &Part, other: &Part) -> Result<()> {
    let (was, is) = (&first.manifest.plan, &other.manifest.plan);
    if was.sha256 == is.sha256 && was.model_runs == is.model_runs {
        return Ok(());
    }
    let mut details = differences(&first.manifest, &other.manifest).judging;
    let mut differ = |what: &str, was: String, is: String| {
        if was != is {
            details.push(format!("{what}: {was} and {is}"));
        }
    };
    differ("models", was.models.join(", "), is.models.join(", "));
    differ("fixtures", was.fixtures.join(", "), is.fixtures.join(", "));
    differ("runs", was.runs.to_string(), is.runs.to_string());
    for (name, setting) in &first.manifest.settings {
        if let Some(other) = other.manifest.settings.get(name).filter(|_| decides_plan(name)) {
            differ(
                &format!("setting `{name}`"),
                setting.value.to_string(),
                other.value.to_string(),
            );
        }
    }
    if details.is_empty() {
        details.push(format!("plan: {} and {}", was.sha256, is.sha256));
    }
    Err(refused(first, other, details))
}

/// Settings behind the plan's hash that no other difference shows.
fn decides_plan(setting: &str) -> bool {
    ["max_tokens", "num_ctx", "repeat_penalty", "seed", "temperature", "top_k", "top_p"]
        .contains(&setting)
}

fn refused(first: &Part, other: &Part, details: Vec<String>) -> CliError {
    let message =
        format!("{} and {} are not parts of one plan", first.dir.display(), other.dir.display());
    let error = details.into_iter().fold(CliError::usage(message), CliError::detail);
    error.hint("merge the shards of one plan, made with the same settings and `--shard 1/N` to `--shard N/N`")
}

/// Fails when an attempt is in two parts: nobody can tell which of them counts.
fn each_once(parts: &[Part]) -> Result<()> {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut twice = Vec::new();
    for part in parts {
        for stored in &part.records {
            let id = stored.record.id.as_str();
            if let Some(other) = seen.insert(id, &part.dir) {
                twice.push(format!("`{id}` is in {} and {}", other.display(), part.dir.display()));
            }
        }
    }
    let Some(count) = std::num::NonZero::new(twice.len()) else { return Ok(()) };
    let message = format!("{count} attempts are in two of the runs");
    let shown = twice.into_iter().take(10);
    Err(shown.fold(CliError::usage(message), CliError::detail).hint("name each shard once"))
}

/// `I/N` of the shards that are in no part.
fn missing_shards(parts: &[Part]) -> Vec<String> {
    let shards: Vec<_> =
        parts.iter().filter_map(|part| part.manifest.plan.shard.as_deref()).collect();
    let count =
        |shard: &&str| shard.split_once('/').and_then(|(_, count)| count.parse::<u32>().ok());
    let Some(count) = shards.iter().find_map(count) else { return Vec::new() };
    if shards.iter().any(|shard| !shard.ends_with(&format!("/{count}"))) {
        // Of different sizes: only the attempts themselves tell what is missing.
        return Vec::new();
    }
    let all = (1..=count).map(|index| format!("{index}/{count}"));
    all.filter(|shard| !shards.contains(&shard.as_str())).collect()
}

/// The manifest of the whole run: the first part's, with what the others add.
fn whole(parts: &[Part], args: &MergeArgs) -> RunManifest {
    let mut manifest = parts[0].manifest.clone();
    manifest.run_id = run_id(Timestamp::now(), &manifest.test);
    manifest.name = args.name.clone().or(manifest.name);
    manifest.status = RunStatus::Finished;
    manifest.error = None;
    manifest.merged_from = parts.iter().map(|part| part.manifest.run_id.clone()).collect();
    manifest.plan.shard = None;
    manifest.settings.remove("shard");
    let runs: u32 = manifest.plan.models.iter().map(|model| manifest.plan.runs_of(model)).sum();
    manifest.plan.attempts = runs * manifest.plan.fixtures.len() as u32;
    let all = || parts.iter().map(|part| &part.manifest);
    let started = all().map(|part| part.started_at.clone()).min_by_key(|text| time(text));
    manifest.started_at = started.unwrap_or_default();
    manifest.finished_at =
        all().filter_map(|part| part.finished_at.clone()).max_by_key(|text| time(text));
    manifest.elapsed_sec = all().map(|part| part.elapsed_sec).sum();
    manifest.sessions = all().flat_map(|part| part.sessions.clone()).collect();
    manifest.sessions.sort_by_key(|session| time(&session.started_at));
    for part in &parts[1..] {
        for warning in &part.manifest.warnings {
            if !manifest.warnings.contains(warning) {
                manifest.warnings.push(warning.clone());
            }
        }
        for (model, other) in manifest.models.iter_mut().zip(&part.manifest.models) {
            add_measurements(model, other);
        }
    }
    manifest
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Takes what another part measured at warm-up and this one did not.
fn add_measurements(model: &mut ModelRecord, other: &ModelRecord) {
    if model.load_sec.is_none() {
        model.load_sec = other.load_sec;
        model.load_remark.clone_from(&other.load_remark);
    }
    model.bytes_per_token = model.bytes_per_token.or(other.bytes_per_token);
    model.prompt_overhead_tokens = model.prompt_overhead_tokens.or(other.prompt_overhead_tokens);
    for cold in &other.cold_prompts {
        if !model.cold_prompts.iter().any(|known| known.fixture == cold.fixture) {
            model.cold_prompts.push(cold.clone());
        }
    }
}

/// The number at the front of an id.
fn number(id: &str) -> u64 {
    id.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

/// Writes the whole run; its manifest says `running` until everything is there.
fn write(
    manifest: &RunManifest,
    parts: &[Part],
    records: &[&StoredRecord],
    out: &Path,
) -> Result<PathBuf> {
    let under_way = RunManifest { status: RunStatus::Running, ..manifest.clone() };
    let mut journal = Journal::create(out, &under_way)?;
    let dir = journal.dir().to_owned();
    let copied = |part: &Part, folder: &Path| {
        let (from, to) = (part.dir.join(folder), dir.join(folder));
        if !from.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        copy(&from, &to).map_err(|error| {
            let (from, to) = (from.display(), to.display());
            CliError::not_ready(format!("cannot copy {from} to {to}: {error}"))
                .hint(format!("remove {} and try again", dir.display()))
        })
    };
    for part in parts {
        copied(part, Path::new("fixtures"))?;
        for stored in &part.records {
            copied(part, &Path::new("artifacts").join(&stored.record.id))?;
        }
    }
    for stored in records {
        journal.append_line(&stored.line)?;
    }
    journal.write_manifest(manifest)?;
    Ok(dir)
}

/// Copies files and folders, on disk when this returns. Links are left out: they may lead anywhere.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    sync_dir(to)
}
