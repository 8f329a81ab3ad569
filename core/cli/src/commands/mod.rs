//! One module for each subcommand.

mod calibrate;
mod compare;
mod doctor;
mod export;
mod fixtures;
mod history;
mod merge;
mod models;
mod plugins;
mod rejudge;
mod report;
mod run;
mod scaffold;
mod schema;
mod validate;

use std::ffi::OsString;

use clap::CommandFactory;

use crate::args::{Cli, Command, FixturesCommand, PluginsCommand};
use crate::error::Result;
use crate::exit::ExitCode;

pub(crate) use run::{preflight, stop_on_interrupt};

/// Runs the subcommand.
///
/// # Errors
/// Whatever keeps it from its work, with the exit code.
pub(crate) fn dispatch(cli: Cli, argv: &[OsString]) -> Result<ExitCode> {
    let global = &cli.global;
    match cli.command {
        Command::Run(args) => run::run(global, &args, argv),
        Command::Doctor(args) => doctor::doctor(global, &args),
        Command::Models(args) => models::models(global, &args),
        Command::Fixtures(FixturesCommand::List(args)) => fixtures::list(global, &args),
        Command::Fixtures(FixturesCommand::Check(args)) => fixtures::check(global, &args),
        Command::Fixtures(FixturesCommand::Install(args)) => fixtures::install(global, &args),
        Command::Fixtures(FixturesCommand::New { name, dir }) => fixtures::new(&name, &dir),
        Command::Validate(args) => validate::validate(global, &args),
        Command::Rejudge(args) => rejudge::rejudge(global, &args),
        Command::Plugins(PluginsCommand::List { format }) => plugins::list(global, format),
        Command::Plugins(PluginsCommand::Info { name, format }) => {
            plugins::info(global, &name, format)
        }
        Command::Plugins(PluginsCommand::Check { file }) => plugins::check(&file),
        Command::Plugins(PluginsCommand::New { name, dir, llmbench }) => {
            scaffold::new(&name, &dir, &llmbench)
        }
        Command::Report(args) => report::report(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Export(args) => export::export(global, &args),
        Command::History(args) => history::history(global, &args),
        Command::Merge(args) => merge::merge(&args),
        Command::Schema(args) => schema::schema(args.name.as_deref()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "llmbench", &mut script);
            crate::output::result(&String::from_utf8_lossy(&script));
            Ok(ExitCode::Done)
        }
    }
}
