//! `llmbench report`.

use std::path::PathBuf;

use llmbench_api::record::RunStatus;
use llmbench_report::{Report, Run, render};

use crate::args::{ReportArgs, ReportFormat};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::output;

pub(crate) fn report(args: &ReportArgs) -> Result<ExitCode> {
    let run = Run::open(folder(args))
        .map_err(|error| CliError::not_ready(error.to_string()).hint(error.hint()))?;
    for warning in &run.warnings {
        output::warning(&warning.to_string());
    }
    if run.manifest.status == RunStatus::Running {
        output::warning(
            "the run is still going on, or was killed; its finished attempts are shown",
        );
    }
    let report = Report::of(&run);
    let mut options = output::text_options();
    options.color &= args.output.is_none();
    let text = match args.format {
        ReportFormat::Text => render::text(&report, &options),
        ReportFormat::Md => render::markdown(&report),
        ReportFormat::Csv => render::csv(&report),
        ReportFormat::Json => render::json(&report.summary),
    };
    match &args.output {
        None => output::result(&text),
        Some(path) => llmbench_engine::journal::write_atomically(path, &text)?,
    }
    Ok(ExitCode::Done)
}

/// The folder as given, or the run of that name.
fn folder(args: &ReportArgs) -> PathBuf {
    if args.run.is_dir() { args.run.clone() } else { args.out.join(&args.run) }
}
