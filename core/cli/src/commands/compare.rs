//! `llmbench compare`.

use std::path::Path;

use clap::ValueEnum;
use llmbench_report::compare::{Comparison, Options, Sides, Spec, compare as compared};
use llmbench_report::{Run, render};

use crate::args::{CompareArgs, CompareFormat};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::{output, runs};

pub(crate) fn compare(args: &CompareArgs) -> Result<ExitCode> {
    if !args.margin.is_finite() || args.margin < 0.0 {
        return Err(
            CliError::usage(format!("--margin is {}", args.margin)).hint("name a number from 0 on")
        );
    }
    let (runs, named) = open(args)?;
    let named: Vec<(&Run, Option<String>)> =
        named.into_iter().map(|(place, model)| (&runs[place], model)).collect();
    let sides = Sides::of(&named, &args.model)
        .map_err(|error| CliError::usage(error.to_string()).hint(error.hint()))?;
    for (run, model) in &sides.left_out {
        let run = &run.manifest.run_id;
        output::warning(&format!(
            "`{model}` of `{run}` is not compared: the other side has no model of that name"
        ));
    }
    let comparison = compared(&sides, Options { force: args.force })
        .map_err(|error| CliError::usage(error.to_string()).hint(error.hint()))?;
    write(args, &comparison)?;
    if args.fail_on_regression { regressions(args, &comparison) } else { Ok(ExitCode::Done) }
}

/// A run's place among those that were read, and the model that was named with it.
type Named = (usize, Option<String>);

/// The runs, each folder read once, and what was named, in that order.
fn open(args: &CompareArgs) -> Result<(Vec<Run>, Vec<Named>)> {
    let (mut runs, mut named): (Vec<Run>, Vec<Named>) = Default::default();
    for text in &args.runs {
        let is_run = |text: &str| runs::find(Path::new(text), &args.out).is_ok();
        let spec = Spec::parse(text, is_run);
        let dir = runs::find(Path::new(&spec.run), &args.out)?;
        if let Some(known) = runs.iter().position(|run| is_same(&run.dir, &dir)) {
            named.push((known, spec.model));
            continue;
        }
        let run = Run::open(dir).map_err(|error| runs::unreadable(&error))?;
        for warning in &run.warnings {
            output::warning(&warning.to_string());
        }
        named.push((runs.len(), spec.model));
        runs.push(run);
    }
    Ok((runs, named))
}

fn is_same(one: &Path, two: &Path) -> bool {
    one == two
        || matches!((one.canonicalize(), two.canonicalize()), (Ok(one), Ok(two)) if one == two)
}

fn write(args: &CompareArgs, comparison: &Comparison) -> Result<()> {
    let mut options = output::text_options();
    options.color &= args.output.is_none();
    let text = match args.format {
        CompareFormat::Text => render::comparison_text(comparison, &options),
        CompareFormat::Md => render::comparison_markdown(comparison),
        CompareFormat::Json => render::comparison_json(comparison),
        CompareFormat::Html => render::comparison_html(comparison),
    };
    match &args.output {
        None => output::result(&text),
        Some(path) => output::to_file(path, &text)?,
    }
    Ok(())
}

fn regressions(args: &CompareArgs, comparison: &Comparison) -> Result<ExitCode> {
    let names: Vec<String> = args
        .metric
        .iter()
        .filter_map(|metric| Some(metric.to_possible_value()?.get_name().to_owned()))
        .collect();
    let regressions = comparison.regressions(&names, args.margin);
    for (contrast, metric) in &regressions {
        output::warning(&format!(
            "regression: {} of `{}` in {} is worse than that of `{}` in {}",
            metric.metric,
            contrast.other.model,
            contrast.other.run_id,
            contrast.base.model,
            contrast.base.run_id,
        ));
    }
    if !regressions.is_empty() {
        return Ok(ExitCode::BelowThreshold);
    }
    // A check that cannot fail is worse than none: it says so.
    for contrast in &comparison.contrasts {
        for name in &names {
            let metric = contrast.metrics.iter().find(|metric| metric.metric == *name);
            if metric.is_some_and(|metric| metric.can_differ) {
                continue;
            }
            let reason = metric.map_or(Some("neither side has a value"), |it| it.reason.as_deref());
            output::warning(&format!(
                "no regression of {name} could be shown for `{}` in {}: {}",
                contrast.other.model,
                contrast.other.run_id,
                reason.unwrap_or("too few values"),
            ));
        }
    }
    Ok(ExitCode::Done)
}
