//! The command line of llmbench: arguments → settings → wiring → output → exit code.
//!
//! - [`args`] parses, [`settings`] understands, [`choice`] decides what they leave open,
//!   [`wiring`] loads plugins;
//! - one module in [`commands`] for each subcommand;
//! - [`history`] reads a folder of runs, with an index beside them;
//! - [`error`] and [`exit`] hold what a user sees when something is wrong.
//!
//! Results go to stdout, progress and warnings to stderr.

mod args;
#[cfg(feature = "bundled")]
mod bundled;
mod calibration;
mod choice;
mod commands;
mod environment;
mod error;
mod exit;
mod fixtures;
mod history;
mod judging;
mod logging;
mod names;
mod nearest;
mod output;
mod plain;
mod progress;
mod runs;
mod settings;
mod terminal;
mod variables;
mod wiring;

use std::ffi::OsString;

use clap::Parser;

pub use exit::ExitCode;

/// Runs the command line and returns the exit code. Prints errors itself.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = match args::Cli::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors and go to stdout.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done };
        }
    };
    logging::install(&parsed.global);
    let outcome = std::panic::catch_unwind(|| commands::dispatch(parsed, &arguments));
    match outcome.unwrap_or_else(|_| Err(error::CliError::panicked())) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            error.code
        }
    }
}
