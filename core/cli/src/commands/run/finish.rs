//! What a run ends with: derived files, the summary, the exit code.

use std::path::Path;

use llmbench_api::record::{
    AttemptRecord, AttemptStatus, GroupSummary, RoleRecord, RunManifest, RunStatus, Summary,
};
use llmbench_engine::plan::Plan;
use llmbench_engine::run::RunOutcome;
use llmbench_report::Report;

use super::prepare::Prepared;
use super::resume::Resumed;
use crate::args::{Format, RunArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::settings::Settings;
use crate::{output, terminal};

/// The plan of a dry run.
pub(super) fn show_plan(plan: &Plan, manifest: &RunManifest, format: Format) {
    match format {
        Format::Json => output::json(manifest),
        Format::Text => {
            let record = &plan.record;
            let missing = match plan.attempts.len() {
                all if all == record.attempts as usize => String::new(),
                missing => format!("{missing} are missing of "),
            };
            output::result(&format!(
                "{missing}{} attempts: {} model(s) × {} fixture(s) × {} run(s)\nmodels: {}\nfixtures: {}\nroles: {}",
                record.attempts,
                record.models.len(),
                record.fixtures.len(),
                record.runs,
                record.models.join(", "),
                record.fixtures.join(", "),
                roles_line(manifest),
            ));
            for attempt in &plan.attempts {
                output::result(&format!("  {} seed {}", attempt.id, attempt.seed));
            }
        }
    }
}

fn roles_line(manifest: &RunManifest) -> String {
    let describe =
        |(role, record): (&String, &RoleRecord)| match (&record.skipped, &record.validator) {
            (Some(reason), _) => format!("{role} skipped ({reason})"),
            (None, Some(validator)) => format!("{role} by {validator}"),
            (None, None) => format!("{role} by nobody"),
        };
    manifest.roles.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// Writes the derived files, shows the summary, decides the exit code.
pub(super) fn finish(prepared: Prepared, outcome: RunOutcome, args: &RunArgs) -> Result<ExitCode> {
    // The journal keeps the folder locked until all is written.
    let RunOutcome { dir, manifest, records, refused, journal: _journal } = outcome;
    let attempts = llmbench_report::attempts(&records);
    let report = Report::new(&manifest, &attempts).with_details(&records);
    let written = llmbench_report::write_derived(&dir, &report);
    let fail_under = prepared.wiring.settings().fail_under;
    // Ends the live display before anything else is printed.
    drop(prepared);
    match args.format {
        Format::Json => output::json(&report.summary),
        Format::Text => show(&report, &dir),
    }
    if let Err(error) = written {
        let attempts = format!("all attempts are in {}", dir.display());
        return Err(CliError::not_ready(error.to_string()).detail(attempts).hint(error.hint()));
    }
    if let Some(error) = refused {
        return Err(
            CliError::from(error).detail(format!("no attempt got an answer: {}", dir.display()))
        );
    }
    exit_code(&dir, &manifest, &records, &report.summary, fail_under)
}

/// A run to which nothing is to be added: says so, and completes what a killed process left out.
pub(super) fn nothing_missing(
    resumed: Resumed,
    settings: &Settings,
    args: &RunArgs,
    quiet: bool,
) -> Result<ExitCode> {
    let dir = resumed.dir.clone();
    let (manifest, records) = resumed.close()?;
    if !quiet {
        output::note(&format!(
            "nothing to do: all {} attempts of {} are there",
            manifest.plan.attempts, manifest.run_id
        ));
    }
    let attempts = llmbench_report::attempts(&records);
    let report = Report::new(&manifest, &attempts).with_details(&records);
    // The process may have been killed before it wrote them.
    if !args.dry_run {
        llmbench_report::write_derived(&dir, &report)
            .map_err(|error| CliError::not_ready(error.to_string()).hint(error.hint()))?;
    }
    match args.format {
        Format::Json => output::json(&report.summary),
        Format::Text => show(&report, &dir),
    }
    exit_code(&dir, &manifest, &records, &report.summary, settings.fail_under)
}

fn show(report: &Report<'_>, dir: &Path) {
    output::result(&llmbench_report::render::text(report, &output::text_options()));
    let relative = llmbench_report::render::relative(report, &terminal::list_options());
    if !relative.is_empty() {
        output::result(&relative);
    }
    output::result(&format!(
        "results: {}\nreport:  {}, {}",
        dir.display(),
        dir.join(llmbench_report::PAGE_FILE).display(),
        llmbench_report::REPORT_FILE
    ));
}

fn exit_code(
    dir: &Path,
    manifest: &RunManifest,
    records: &[AttemptRecord],
    summary: &Summary,
    fail_under: Option<f64>,
) -> Result<ExitCode> {
    if manifest.status == RunStatus::Interrupted {
        output::warning(&format!(
            "interrupted; finished attempts are kept; `llmbench run --resume {}` goes on",
            dir.display()
        ));
        return Ok(ExitCode::Interrupted);
    }
    let lost = lost(records);
    if let Some(error) = &manifest.error {
        output::warning(error);
        return Ok(ExitCode::AttemptsLost);
    }
    if lost > 0 {
        let again = records.iter().any(|record| record.status == AttemptStatus::InfraError);
        let advice = if again {
            "; `--resume` makes those again that were lost to infrastructure"
        } else {
            ""
        };
        output::warning(&format!(
            "{lost} of {} attempts have no {}; the reasons are in samples.jsonl{advice}",
            records.len(),
            if manifest.is_scored { "score" } else { "result" }
        ));
        return Ok(ExitCode::AttemptsLost);
    }
    Ok(below(summary, fail_under))
}

/// Attempts without a result.
pub(crate) fn lost(records: &[AttemptRecord]) -> usize {
    records.iter().filter(|record| record.is_lost()).count()
}

/// The exit code by `--fail-under`, with a word about the first model that is below it.
fn below(summary: &Summary, fail_under: Option<f64>) -> ExitCode {
    let group = |limit: &f64| {
        let is_below = |group: &&GroupSummary| group.score.mean.is_some_and(|mean| mean < *limit);
        summary.models.iter().find(is_below)
    };
    let Some((limit, group)) = fail_under.and_then(|limit| Some((limit, group(&limit)?))) else {
        return ExitCode::Done;
    };
    output::warning(&format!(
        "`{}` scored {:.2} on average, below --fail-under {limit}",
        group.model,
        group.score.mean.unwrap_or_default()
    ));
    ExitCode::BelowThreshold
}
