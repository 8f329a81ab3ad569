//! `llmbench history`.

use std::path::Path;

use llmbench_api::record::RunStatus;
use llmbench_report::history::{RunEntry, trend};
use llmbench_report::render;
use serde_json::json;

use crate::args::{GlobalArgs, HistoryArgs, HistoryFormat, StatusFilter};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::history::filter::Filter;
use crate::history::moment::{self, Edge};
use crate::history::{self, Broken, IndexUse, Listing};
use crate::settings::Layer;
use crate::{output, terminal, wiring};

pub(crate) fn history(global: &GlobalArgs, args: &HistoryArgs) -> Result<ExitCode> {
    let filter = filter(args)?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => wiring::with_flags(global, Layer::default())?.out,
    };
    let how = if args.rebuild { IndexUse::Rebuild } else { IndexUse::Refresh };
    let listing = history::load(&dir, how).map_err(|error| {
        CliError::not_ready(format!("cannot list `{}`: {error}", dir.display()))
            .hint("name the folder that holds the runs' folders: `llmbench history DIR`")
    })?;
    if !global.quiet {
        for note in &listing.notes {
            output::note(&format!("note: {note}"));
        }
        if args.rebuild {
            let file = dir.join(history::INDEX_FILE);
            output::note(&format!("{} folders read, {}", listing.read, file.display()));
        }
    }
    let Listing { runs, broken, .. } = listing;
    let is_empty = runs.is_empty();
    let mut shown: Vec<RunEntry> = runs.into_iter().filter(|run| filter.takes(run)).collect();
    match &args.trend {
        Some(model) => show_trend(args, &filter, shown, model)?,
        None => {
            shown.truncate(args.limit.unwrap_or(usize::MAX));
            show_list(args.format, &dir, &shown, is_empty, &broken);
        }
    }
    if args.format != HistoryFormat::Json
        && !(args.format == HistoryFormat::Text && args.trend.is_none())
    {
        for problem in &broken {
            output::warning(&format!("{}: {}", problem.folder, problem.message));
        }
    }
    Ok(ExitCode::Done)
}

fn filter(args: &HistoryArgs) -> Result<Filter> {
    let now = jiff::Timestamp::now();
    let moment = |text: &Option<String>, flag: &str, edge: Edge| {
        let parsed = text.as_ref().map(|text| moment::parse(text, edge, now)).transpose();
        parsed.map_err(|error| CliError::usage(format!("{flag}: {error}")))
    };
    Ok(Filter {
        models: args.model.clone(),
        fixtures: args.fixture.clone(),
        tests: args.test.clone(),
        names: args.name.clone(),
        statuses: args.status.iter().map(|status| run_status(*status)).collect(),
        since: moment(&args.since, "--since", Edge::Start)?,
        until: moment(&args.until, "--until", Edge::End)?,
    })
}

fn run_status(status: StatusFilter) -> RunStatus {
    match status {
        StatusFilter::Running => RunStatus::Running,
        StatusFilter::Finished => RunStatus::Finished,
        StatusFilter::Interrupted => RunStatus::Interrupted,
        StatusFilter::Failed => RunStatus::Failed,
    }
}

fn show_list(
    format: HistoryFormat,
    dir: &Path,
    runs: &[RunEntry],
    is_empty: bool,
    broken: &[Broken],
) {
    match format {
        HistoryFormat::Json => output::json(&json!({ "runs": runs, "broken": broken })),
        HistoryFormat::Csv => output::result(&render::history_csv(runs)),
        HistoryFormat::Text => {
            if !runs.is_empty() {
                output::result(&render::history(runs, &terminal::list_options()));
            } else if is_empty {
                output::result(&format!("no runs in {}", dir.display()));
            } else {
                output::result("no run is as asked for");
            }
            for line in broken_lines(broken) {
                output::result(&line);
            }
        }
    }
}

fn broken_lines(broken: &[Broken]) -> Vec<String> {
    let mut lines = Vec::new();
    if !broken.is_empty() {
        let folders = if broken.len() == 1 { "folder" } else { "folders" };
        lines.push(format!("\n{} {folders} cannot be read as a run:", broken.len()));
    }
    for Broken { folder, message, hint, .. } in broken {
        // Names of folders and contents of files are not trusted.
        let safe = |text: &str| text.replace(char::is_control, " ");
        lines.push(format!("  {}: {}", safe(folder), safe(message)));
        lines.push(format!("    hint: {}", safe(hint)));
    }
    lines
}

fn show_trend(
    args: &HistoryArgs,
    filter: &Filter,
    mut runs: Vec<RunEntry>,
    model: &str,
) -> Result<()> {
    let mut known: Vec<String> =
        runs.iter().flat_map(|run| run.models.iter().map(|model| model.name.clone())).collect();
    known.sort();
    known.dedup();
    if !known.iter().any(|name| name == model) {
        let hint = match known.as_slice() {
            [] => "no run is left by the other options, or there is none".to_owned(),
            known => format!("models in these runs: {}", known.join(", ")),
        };
        return Err(CliError::usage(format!("no run has a model `{model}`")).hint(hint));
    }
    runs.retain(|run| run.model(model).is_some());
    runs.truncate(args.limit.unwrap_or(usize::MAX));
    let takes = |name: &str| filter.takes_fixture(name);
    let counts: Option<&dyn Fn(&str) -> bool> =
        if args.fixture.is_empty() { None } else { Some(&takes) };
    let seen = trend(&runs, model, counts);
    match args.format {
        HistoryFormat::Json => output::json(&seen),
        HistoryFormat::Text => output::result(&render::trend(&seen, &terminal::list_options())),
        HistoryFormat::Csv => {
            return Err(CliError::usage("--trend has no form `csv`")
                .hint("take `--format json`, or `--format csv` without --trend"));
        }
    }
    Ok(())
}
