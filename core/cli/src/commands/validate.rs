//! `llmbench validate`: judges answers that exist already.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use comfy_table::{Table, presets};
use llmbench_engine::Stored;
use llmbench_engine::fixtures::read;
use serde::Serialize;

use crate::args::{Format, GlobalArgs, ValidateArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::fixtures::Unnamed;
use crate::judging::{Bench, Item, Judgement, Outcome, all_judged};
use crate::output;

/// Files whose text is a model's whole answer; all others hold what the model was to write.
const ANSWER_EXTENSIONS: [&str; 2] = ["md", "txt"];
const STDIN: &str = "-";

/// One line of `--format json`.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    fixture: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    judgement: Option<&'a Judgement>,
}

pub(crate) fn validate(global: &GlobalArgs, args: &ValidateArgs) -> Result<ExitCode> {
    // Everything is read before the tools are made ready: a wrong name shall not cost their start.
    let sources: Vec<_> =
        args.files.iter().map(|path| Source::read(path)).collect::<Result<_>>()?;
    let bench = Bench::new(global, &args.judge, Unnamed::Default)?;
    let [case] = bench.cases.as_slice() else {
        let names: Vec<_> = bench.cases.iter().map(|case| case.name.as_str()).collect();
        return Err(CliError::usage("answers are judged against one fixture")
            .hint(format!("name it with `--fixture`; chosen now: {}", names.join(", "))));
    };
    let mut items = Vec::new();
    for source in &sources {
        let answer = match &source.content {
            Content::Answer(text) => text.clone(),
            Content::Files(files) => bench
                .test
                .answer_from_files(case, files)
                .map_err(|error| CliError::from(error).about(&source.label))?,
        };
        items.push(Item { case: 0, label: source.label.clone(), stored: Stored::answer(answer) });
    }
    let judged = bench.judge_all(&items, |index, outcome| {
        if args.judge.format == Format::Json {
            print_line(&items[index].label, &case.name, outcome);
        }
    });
    if args.judge.format == Format::Text {
        output::result(&table(&items, &judged.outcomes));
    }
    if !global.quiet {
        output::note(&judged.speed("files", bench.jobs));
    }
    all_judged(&judged, "files")?;
    let scores = judged.outcomes.iter().flatten().filter_map(|judgement| judgement.score);
    match (args.fail_under, scores.reduce(f64::min)) {
        (Some(limit), Some(lowest)) if lowest < limit => Ok(ExitCode::BelowThreshold),
        _ => Ok(ExitCode::Done),
    }
}

/// An answer as the user named it.
struct Source {
    label: String,
    content: Content,
}

enum Content {
    /// What a model said.
    Answer(String),
    /// What it was to write: relative path → text.
    Files(BTreeMap<String, String>),
}

impl Source {
    fn read(path: &Path) -> Result<Self> {
        let label = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            CliError::usage(format!("cannot read {}: {error}", path.display())).hint(
                "name files with answers, folders of them, or `-` for stdin: `llmbench validate --fixture F FILE…`",
            )
        };
        let content = if label == STDIN {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
            Content::Answer(text)
        } else if path.is_dir() {
            Content::Files(read(path)?.files)
        } else {
            let bytes = std::fs::read(path).map_err(unreadable)?;
            // A model's answer may hold anything; a file that is no text is judged as such.
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if extension.is_some_and(|found| ANSWER_EXTENSIONS.contains(&found)) {
                Content::Answer(text)
            } else {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Content::Files(BTreeMap::from([(name, text)]))
            }
        };
        Ok(Self { label, content })
    }
}

fn print_line(file: &str, fixture: &str, outcome: &Outcome) {
    let line = match outcome {
        Ok(judgement) => {
            Line { file, fixture, status: "scored", error: None, judgement: Some(judgement) }
        }
        Err(error) => Line {
            file,
            fixture,
            status: "infra_error",
            error: Some(error.to_string()),
            judgement: None,
        },
    };
    output::json_line(&line);
}

fn table(items: &[Item], outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["file", "score", "compiles", "first remark"]);
    for (item, outcome) in items.iter().zip(outcomes) {
        let (score, compiles, remark) = match outcome {
            Ok(found) => (
                found.score.map_or("–".into(), |score| format!("{score:.2}")),
                found.compiles.map_or("–", |compiles| if compiles { "yes" } else { "no" }),
                found.missing.get("score").or(found.errors.first()).cloned().unwrap_or_default(),
            ),
            Err(error) => ("not judged".into(), "–", error.to_string()),
        };
        let remark: String = remark.lines().next().unwrap_or_default().chars().take(90).collect();
        table.add_row([item.label.clone(), score, compiles.to_owned(), remark]);
    }
    table.to_string()
}
