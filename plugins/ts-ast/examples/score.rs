//! Prints what the validator finds in a component, as JSON.
//!
//! `cargo run -p llmbench-plugin-ts-ast --example score -- FILE.vue [ast_checks.json [input.vue]]`

use std::process::ExitCode;

use llmbench_api::{Artifact, Project};

fn main() -> ExitCode {
    match run() {
        Ok(json) => {
            #[expect(clippy::print_stdout, reason = "the result of the command")]
            {
                println!("{json}");
            }
            ExitCode::SUCCESS
        }
        Err(message) => {
            #[expect(clippy::print_stderr, reason = "an error of the command")]
            {
                eprintln!("error: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, more) =
        arguments.split_first().ok_or("usage: score FILE.vue [ast_checks.json [input.vue]]")?;
    let mut project = Project::default();
    for (path, name) in more.iter().zip(["ast_checks.json", "input.vue"]) {
        project.files.insert(name.into(), read(path)?);
    }
    let findings = llmbench_plugin_ts_ast::judge(&Artifact::single(file, read(file)?), &project)
        .map_err(|error| error.to_string())?;
    serde_json::to_string_pretty(&findings).map_err(|error| error.to_string())
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}
