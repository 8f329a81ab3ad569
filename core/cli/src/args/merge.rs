//! Arguments of `merge`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Shards of one plan: their folders, or their names or labels below `--out`
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of runs, in which the whole one is made
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) out: PathBuf,
    /// Label of the whole run
    #[arg(long, value_name = "LABEL")]
    pub(crate) name: Option<String>,
    /// How to write the summary
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
