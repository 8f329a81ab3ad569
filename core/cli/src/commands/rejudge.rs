//! `llmbench rejudge`: a run's stored answers, judged again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use llmbench_api::record::{AttemptRecord, AttemptStatus};
use llmbench_api::{Answer, Json};
use llmbench_engine::{Stored, StoredExchange};
use llmbench_report::Run;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::{Format, GlobalArgs, RejudgeArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::fixtures::Unnamed;
use crate::judging::{Bench, Item, Judgement, Outcome, all_judged};
use crate::{output, runs};

/// Scores that differ by less are the same.
const TOLERANCE: f64 = 1e-9;

/// The old verdict and the new one; one line of `--format json`.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    model: &'a str,
    fixture: &'a str,
    run_number: u32,
    old: Old<'a>,
    new: Option<&'a Judgement>,
    new_scoring_version: Option<&'a str>,
    /// Why there is no new verdict.
    error: Option<String>,
    changed: bool,
}

#[derive(Serialize)]
struct Old<'a> {
    status: &'static str,
    score: Option<f64>,
    compiles: Option<bool>,
    ast_score: Option<f64>,
    scoring_version: Option<&'a str>,
    errors: &'a [String],
    /// The test's own fields (`gates`, `score_parts` …).
    #[serde(flatten)]
    extra: &'a BTreeMap<String, Json>,
}

pub(crate) fn rejudge(global: &GlobalArgs, args: &RejudgeArgs) -> Result<ExitCode> {
    let run = runs::open(&args.run, &args.out)?;
    for warning in &run.warnings {
        output::warning(&warning.to_string());
    }
    let bench = Bench::new(global, &judge_args(args, &run), Unnamed::All)?;
    warn_about_changes(&run, &bench);
    let (items, records) = stored_answers(&run, &bench)?;
    if items.is_empty() {
        return Err(CliError::not_ready("the run has no stored answer that could be judged again")
            .hint("`artifacts/<id>/N-response.json` hold an attempt's answers"));
    }
    let version = bench.test.describe().scoring_version;
    let judged = bench.judge_all(&items, |index, outcome| {
        if args.judge.format == Format::Json {
            output::json_line(&line(&records[index], outcome, version.as_deref()));
        }
    });
    let lines: Vec<_> = records
        .iter()
        .zip(&judged.outcomes)
        .map(|(record, outcome)| line(record, outcome, version.as_deref()))
        .collect();
    if args.judge.format == Format::Text {
        output::result(&table(&lines));
        output::result(&totals(&lines));
    }
    if !global.quiet {
        output::note(&judged.speed("answers", bench.jobs));
    }
    all_judged(&judged, "answers")
}

/// The run's own test and fixtures, unless the user names others.
fn judge_args(args: &RejudgeArgs, run: &Run) -> crate::args::JudgeArgs {
    let mut judge = args.judge.clone();
    let test = judge.settings.plugin.get_or_insert_with(|| run.manifest.test.clone());
    // What the user sets stands behind, and so above, what the run's test was set to.
    let set = test_settings(run, test).chain(std::mem::take(&mut judge.settings.set));
    judge.settings.set = set.collect();
    if judge.settings.fixture.is_empty() {
        judge.settings.fixture = run
            .manifest
            .fixtures
            .iter()
            .map(|fixture| {
                let is_folder = Path::new(&fixture.origin).is_dir();
                if is_folder { as_path(&fixture.origin) } else { fixture.name.clone() }
            })
            .collect();
    }
    judge
}

/// The settings of the test in the run, as arguments: they decide what its answers mean.
fn test_settings(run: &Run, test: &str) -> impl Iterator<Item = String> {
    let prefix = format!("plugin.{test}.");
    let of_test = run.manifest.settings.iter().filter_map(move |(name, setting)| {
        let key = name.strip_prefix(&prefix)?;
        Some((key.to_owned(), setting.value.clone()))
    });
    let test = test.to_owned();
    of_test.map(move |(key, value)| match value.as_str() {
        Some(text) => format!("{test}.{key}={text}"),
        None => format!("{test}.{key}={value}"),
    })
}

/// A folder's name in the form in which it cannot be mistaken for a fixture's.
fn as_path(origin: &str) -> String {
    if origin.contains(['/', '\\']) { origin.to_owned() } else { format!("./{origin}") }
}

fn warn_about_changes(run: &Run, bench: &Bench) {
    for fixture in &run.manifest.fixtures {
        let now = bench.cases.iter().find(|case| case.name == fixture.name);
        if now.is_some_and(|case| case.project.id != fixture.sha256) {
            output::warning(&format!(
                "fixture `{}` is not what it was in the run: what differs may be the fixture's doing",
                fixture.name
            ));
        }
    }
    for (role, record) in &bench.roles {
        let old = run.manifest.roles.get(role).and_then(|old| old.validator.as_ref());
        if old.is_some() && old != record.validator.as_ref() {
            let name =
                |name: Option<&String>| name.map_or("nobody", |name| name.as_str()).to_owned();
            output::warning(&format!(
                "role `{role}` was played by {} and is now by {}",
                name(old),
                name(record.validator.as_ref())
            ));
        }
    }
}

/// The answers that are there, and the records that they belong to.
fn stored_answers(run: &Run, bench: &Bench) -> Result<(Vec<Item>, Vec<AttemptRecord>)> {
    let (mut items, mut records) = (Vec::new(), Vec::new());
    let (mut without, mut invalid) = (0, 0);
    for record in &run.records {
        let Some(case) = bench.cases.iter().position(|case| *case.name == *record.fixture) else {
            continue;
        };
        if record.status == AttemptStatus::Invalid {
            invalid += 1;
            continue;
        }
        let exchanges = exchanges(&run.dir.join("artifacts").join(&record.id))?;
        match has_answer(&exchanges) {
            true => {
                let label =
                    format!("{} {} run {}", record.model, record.fixture, record.run_number);
                let identity = run.manifest.models.iter().map(|model| &model.identity);
                let stored = Stored {
                    run_index: record.run_number.saturating_sub(1),
                    seed: record.seed,
                    model: identity
                        .filter(|identity| *identity.name == *record.model)
                        .map(|identity| Box::new(identity.clone()))
                        .next(),
                    exchanges,
                };
                items.push(Item { case, label, stored });
                let whole = run
                    .details(record)
                    .map_err(|error| CliError::not_ready(error.to_string()).hint(error.hint()))?;
                records.push(whole);
            }
            false => without += 1,
        }
    }
    if invalid > 0 {
        output::warning(&format!(
            "{invalid} attempts are no valid measurement, whatever their answers, and are left out"
        ));
    }
    if without > 0 {
        output::warning(&format!("{without} attempts have no stored answer and are left out"));
    }
    Ok((items, records))
}

/// What an attempt asked and was answered, from its files, which are numbered by its steps.
fn exchanges(artifacts: &Path) -> Result<Vec<StoredExchange>> {
    let mut exchanges = Vec::new();
    for number in steps(artifacts) {
        let file = |kind: &str| artifacts.join(format!("{number}-{kind}.json"));
        if let Some(answers) = read(&file("response"))? {
            exchanges.push(StoredExchange { requests: read(&file("request"))?, answers });
        }
    }
    Ok(exchanges)
}

/// The numbers that files begin with, each once, in order.
fn steps(artifacts: &Path) -> BTreeSet<u32> {
    let names = std::fs::read_dir(artifacts).into_iter().flatten().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.split_once('-')?.0.parse().ok()).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(CliError::not_ready(format!("cannot read {}: {error}", path.display())));
        }
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        CliError::not_ready(format!("{} is no stored answer: {error}", path.display()))
    })
}

fn has_answer(exchanges: &[StoredExchange]) -> bool {
    let mut answers = exchanges.iter().flat_map(|exchange| &exchange.answers);
    answers.any(|answer| matches!(answer, Answer::Answered(_)))
}

fn line<'a>(record: &'a AttemptRecord, outcome: &'a Outcome, version: Option<&'a str>) -> Line<'a> {
    let new = outcome.as_ref().ok();
    let differs = |old: Option<f64>, new: Option<f64>| match (old, new) {
        (Some(old), Some(new)) => (old - new).abs() > TOLERANCE,
        (old, new) => old.is_some() != new.is_some(),
    };
    let changed = new.is_some_and(|new| {
        differs(record.score, new.score)
            || differs(record.ast_score, new.ast_score)
            || record.compiles != new.compiles
    });
    Line {
        id: &record.id,
        model: &record.model,
        fixture: &record.fixture,
        run_number: record.run_number,
        old: Old {
            status: record.status.as_str(),
            score: record.score,
            compiles: record.compiles,
            ast_score: record.ast_score,
            scoring_version: record.scoring_version.as_deref(),
            errors: &record.errors,
            extra: &record.extra,
        },
        new,
        new_scoring_version: version,
        error: outcome.as_ref().err().map(ToString::to_string),
        changed,
    }
}

fn table(lines: &[Line<'_>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["model", "fixture", "run", "score", "now", "compiles", "now", ""]);
    for column in [3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let number = |score: Option<f64>| score.map_or("–".to_owned(), |score| format!("{score:.2}"));
    let word = |compiles: Option<bool>| match compiles {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => "–".to_owned(),
    };
    for line in lines {
        let remark = match (&line.error, line.new) {
            (Some(error), _) => error.lines().next().unwrap_or_default().to_owned(),
            (None, Some(new)) if line.changed => {
                let reason = new.missing.get("score").or(new.errors.first());
                let text = reason.map_or("", |reason| reason.lines().next().unwrap_or_default());
                format!("changed: {}", text.chars().take(70).collect::<String>())
            }
            _ => String::new(),
        };
        table.add_row([
            line.model.to_owned(),
            line.fixture.to_owned(),
            line.run_number.to_string(),
            number(line.old.score),
            number(line.new.and_then(|new| new.score)),
            word(line.old.compiles),
            word(line.new.and_then(|new| new.compiles)),
            remark,
        ]);
    }
    table.to_string()
}

/// How many verdicts changed, and the means of those that have both scores.
fn totals(lines: &[Line<'_>]) -> String {
    let changed = lines.iter().filter(|line| line.changed).count();
    let both: Vec<_> = lines
        .iter()
        .filter_map(|line| Some((line.old.score?, line.new.and_then(|new| new.score)?)))
        .collect();
    let some =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut text = format!(
        "{} judged again, {} changed",
        some(lines.len(), "answer"),
        some(changed, "verdict")
    );
    if !both.is_empty() {
        let mean =
            |part: fn(&(f64, f64)) -> f64| both.iter().map(part).sum::<f64>() / both.len() as f64;
        text.push_str(&format!(
            "; mean score of the {} with both: {:.2} → {:.2}",
            both.len(),
            mean(|(old, _)| *old),
            mean(|(_, new)| *new)
        ));
    }
    text
}
