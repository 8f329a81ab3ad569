//! The command line as clap parses it. What it means is decided in `settings`.

mod compare;
mod history;
mod judge;
mod merge;
mod numbers;
mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use compare::{CompareArgs, CompareFormat};
pub(crate) use history::{ExportArgs, ExportFormat, HistoryArgs, HistoryFormat, StatusFilter};
pub(crate) use judge::{FixturesCheckArgs, JudgeArgs, RejudgeArgs, ValidateArgs};
pub(crate) use merge::MergeArgs;
pub(crate) use run::{RunArgs, SettingArgs};

use self::numbers::whole;

/// Which local model does your real work, and how fast?
///
/// llmbench gives models on your own machine real tasks, judges their answers
/// with real tools, watches the hardware meanwhile, and writes results that
/// hold up.
#[derive(Debug, Parser)]
#[command(name = "llmbench", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 unexpected · 2 usage or settings · 3 environment not ready (server,
model, toolchain, fixture) · 4 finished, but attempts have no score · 5 below --fail-under or
regression · 6 plugin refused or failed · 130 interrupted (finished attempts kept)";

/// Arguments of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct GlobalArgs {
    /// Settings file instead of the project's `llmbench.toml`
    #[arg(long, global = true, value_name = "FILE", env = crate::variables::CONFIG)]
    pub(crate) config: Option<PathBuf>,
    /// Further directory with plugins, searched first
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) plugin_dir: Vec<PathBuf>,
    /// Show only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show the log; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How results are written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a test against one or more models
    Run(Box<RunArgs>),
    /// Check everything that a run needs, one line each, with the fix
    Doctor(DoctorArgs),
    /// List the models that the backend offers
    Models(ModelsArgs),
    /// List, check, install or make fixtures
    #[command(subcommand)]
    Fixtures(FixturesCommand),
    /// List, inspect or check plugins
    #[command(subcommand)]
    Plugins(PluginsCommand),
    /// Judge answers that exist already, without a model
    Validate(ValidateArgs),
    /// Judge a run's stored answers again, with today's validators and rules
    Rejudge(RejudgeArgs),
    /// Write a finished run's report to stdout or a file
    Report(ReportArgs),
    /// Compare runs or models by the fixtures they share, with intervals and tests
    Compare(CompareArgs),
    /// List the runs in a folder, newest first, or show how a model did from run to run
    History(Box<HistoryArgs>),
    /// Write the attempts of runs for data frames: one row each, as Parquet
    Export(ExportArgs),
    /// Put shards of one plan together into one run
    Merge(MergeArgs),
    /// Print the JSON Schema of a result file
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Repair what can be repaired: install the pinned compiler
    #[arg(long)]
    pub(crate) fix: bool,
    /// Measure this machine's own measuring error and capacity instead, and keep the figures
    #[arg(long, conflicts_with = "fix")]
    pub(crate) calibrate: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FixturesCommand {
    /// List the fixtures of a test
    List(FixturesArgs),
    /// Prove that each fixture's expected answer scores full marks and every broken one scores low
    Check(FixturesCheckArgs),
    /// Install the npm packages of fixtures that are projects of their own
    Install(FixturesArgs),
    /// Make a new fixture's folder with everything that it needs
    New {
        /// Name of the fixture, for example `price-list`
        name: String,
        /// Folder in which to make it
        #[arg(long, value_name = "DIR", default_value = "fixtures/refactoring")]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FixturesArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// List every plugin that is found, and those that were refused
    List {
        /// How to write the result
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show where a plugin comes from and what it was built with
    Info {
        /// Name of a component or package
        name: String,
        /// How to write the result
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Check one library file without using it
    Check {
        /// The library
        file: PathBuf,
    },
    /// Make a new plugin's folder with everything that it needs to build
    New {
        /// Name of the test type, for example `json-answer`
        name: String,
        /// Folder in which to make it
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
        /// Folder of the llmbench sources that the plugin is built against
        #[arg(long, value_name = "DIR")]
        llmbench: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Runs: their folders, their names or labels below `--out`, or `latest`; several only as `html`
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of runs
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) out: PathBuf,
    /// Serve the page on this machine only and print its address; follows a run that goes on
    #[arg(long, conflicts_with_all = ["format", "output"])]
    pub(crate) serve: bool,
    /// Port of `--serve`; a free one unless it is given
    #[arg(long, value_name = "PORT", requires = "serve", value_parser = whole::<u16>)]
    pub(crate) port: Option<u16>,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    /// File to write to instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ReportFormat {
    /// The summary table
    #[default]
    Text,
    /// Markdown
    Md,
    /// One row for each attempt
    Csv,
    /// One page for a browser that needs nothing else
    Html,
    /// The summary
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// `run`, `sample`, `summary` or `comparison`; without it the names are listed
    pub(crate) name: Option<String>,
}
