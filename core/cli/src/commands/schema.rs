//! `llmbench schema`.

use llmbench_api::record::{AttemptRecord, RunManifest, Summary};
use llmbench_report::compare::Comparison;
use schemars::{Schema, schema_for};

use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::output;

/// Name of a schema, the file that it describes, and how to make it.
type Entry = (&'static str, &'static str, fn() -> Schema);

const SCHEMAS: [Entry; 4] = [
    ("run", "run.json", || schema_for!(RunManifest)),
    ("sample", "a line of samples.jsonl", || schema_for!(AttemptRecord)),
    ("summary", "summary.json", || schema_for!(Summary)),
    ("comparison", "llmbench compare --format json", || schema_for!(Comparison)),
];

pub(crate) fn schema(name: Option<&str>) -> Result<ExitCode> {
    let Some(name) = name else {
        for (name, file, _) in SCHEMAS {
            output::result(&format!("{name:<10} {file}"));
        }
        return Ok(ExitCode::Done);
    };
    match SCHEMAS.iter().find(|(known, ..)| *known == name) {
        Some((_, _, make)) => output::json(&make()),
        None => {
            let names = SCHEMAS.map(|(name, ..)| name).join(", ");
            return Err(CliError::usage(format!("there is no schema `{name}`"))
                .hint(format!("use one of: {names}")));
        }
    }
    Ok(ExitCode::Done)
}
