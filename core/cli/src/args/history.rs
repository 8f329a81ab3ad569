//! Arguments of the commands over many runs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::numbers::whole;

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Folder of runs [default: the setting `out`]
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Only runs with a model whose name has this in it; repeat for several
    #[arg(long, value_name = "TEXT")]
    pub(crate) model: Vec<String>,
    /// Only runs with such a fixture; with `--trend` only such fixtures count
    #[arg(long, value_name = "TEXT")]
    pub(crate) fixture: Vec<String>,
    /// Only runs of such a test type
    #[arg(long, value_name = "TEXT")]
    pub(crate) test: Vec<String>,
    /// Only runs whose label or folder has this in it
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Vec<String>,
    /// Only runs that ended so
    #[arg(long, value_enum)]
    pub(crate) status: Vec<StatusFilter>,
    /// Only runs started then or later: `2026-03-01` (UTC), a time, or an age such as `7d`
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only runs started before then; a day counts to its end
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Only the newest N runs
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub(crate) limit: Option<usize>,
    /// How this model did from run to run
    #[arg(long, value_name = "MODEL")]
    pub(crate) trend: Option<String>,
    /// Make the index anew from the runs
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: HistoryFormat,
}

/// Ends of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusFilter {
    /// Under way, or killed
    Running,
    /// Every planned attempt has a record
    Finished,
    /// Stopped by the user
    Interrupted,
    /// Stopped by an error
    Failed,
}

/// Forms of a list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum HistoryFormat {
    /// One line for each run
    #[default]
    Text,
    /// For programs
    Json,
    /// One row for each run and model
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Runs: their folders, their names or labels below `--out`, or `latest`
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of runs
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) out: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ExportFormat,
    /// File to write to instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One row for each attempt, for pandas, DuckDB, Polars
    #[default]
    Parquet,
}
