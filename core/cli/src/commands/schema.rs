//! `llmbench schema`.

use llmbench_api::record::{AttemptRecord, RunManifest, Summary};
use schemars::{Schema, schema_for};

use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::output;

/// Name of a schema, the file that it describes, and how to make it.
type Entry = (&'static str, &'static str, fn() -> Schema);

const SCHEMAS: [Entry; 3] = [
    ("run", "run.json", || schema_for!(RunManifest)),
    ("sample", "a line of samples.jsonl", || schema_for!(AttemptRecord)),
    ("summary", "summary.json", || schema_for!(Summary)),
];

pub(crate) fn schema(name: Option<&str>) -> Result<ExitCode> {
    let Some(name) = name else {
        for (name, file, _) in SCHEMAS {
            output::result(&format!("{name:<8} {file}"));
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
