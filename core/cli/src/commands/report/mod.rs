//! `llmbench report`.

mod serve;

use std::path::{Path, PathBuf};

use llmbench_api::record::RunStatus;
use llmbench_engine::journal::RunLock;
use llmbench_report::html::{Source, html};
use llmbench_report::{Report, Run, render};

use crate::args::{ReportArgs, ReportFormat};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::{output, runs, terminal};

pub(crate) fn report(args: &ReportArgs) -> Result<ExitCode> {
    let folders: Vec<PathBuf> =
        args.runs.iter().map(|run| runs::find(run, &args.out)).collect::<Result<_>>()?;
    if args.serve {
        return serve::serve(folders, args.port);
    }
    if folders.len() > 1 && args.format != ReportFormat::Html {
        return Err(CliError::usage("only `--format html` shows several runs in one report")
            .hint("name one run, or add `--format html`"));
    }
    let runs: Vec<Run> = folders.iter().map(|folder| open(folder)).collect::<Result<_>>()?;
    runs.iter().for_each(tell_doubts);
    let reports: Vec<Report<'_>> = runs.iter().map(report_of).collect();
    let text = written(&runs, &reports, args);
    match &args.output {
        None => output::result(&text),
        Some(path) => output::to_file(path, &text)?,
    }
    Ok(ExitCode::Done)
}

fn written(runs: &[Run], reports: &[Report<'_>], args: &ReportArgs) -> String {
    let report = &reports[0];
    match args.format {
        ReportFormat::Text => {
            let mut options = output::text_options();
            options.color &= args.output.is_none();
            let mut list = terminal::list_options();
            list.color &= args.output.is_none();
            render::text(report, &options) + &render::relative(report, &list)
        }
        ReportFormat::Md => render::markdown(report),
        ReportFormat::Csv => render::csv(report),
        ReportFormat::Html => html(&sources(runs, reports)),
        ReportFormat::Json => render::json(&report.summary),
    }
}

fn sources<'a>(runs: &'a [Run], reports: &'a [Report<'a>]) -> Vec<Source<'a>> {
    let source = |(run, report): (&'a Run, &'a Report<'a>)| Source { report, dir: Some(&run.dir) };
    runs.iter().zip(reports).map(source).collect()
}

fn open(folder: &Path) -> Result<Run> {
    Run::open(folder).map_err(|error| runs::unreadable(&error))
}

/// The run's report, which knows whether a process still works on it.
fn report_of(run: &Run) -> Report<'_> {
    let report = Report::of(run);
    if runs::was_killed(run.manifest.status, &run.dir) { report.killed() } else { report }
}

fn tell_doubts(run: &Run) {
    for warning in &run.warnings {
        output::warning(&warning.to_string());
    }
    if run.manifest.status != RunStatus::Running {
        return;
    }
    let resume = format!(", and `llmbench run --resume {}` goes on with it", run.manifest.run_id);
    let (what, more) = match RunLock::is_held(&run.dir) {
        Some(true) => ("is still going on", ""),
        Some(false) => ("was killed", resume.as_str()),
        None => ("is still going on, or was killed", ""),
    };
    output::warning(&format!("the run {what}; its finished attempts are shown{more}"));
}
