//! Arguments of the commands that judge answers which exist already.

use std::path::PathBuf;

use clap::Args;

use super::numbers::{decimal, whole};
use super::{Format, SettingArgs};

/// What every such command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct JudgeArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Answers judged at a time [default: number of cores]
    #[arg(long, short, value_name = "N", value_parser = whole::<usize>)]
    pub(crate) jobs: Option<usize>,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Answers: code files, `.md`/`.txt` with a model's whole answer, folders of files, `-` for stdin
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Exit with code 5 when an answer's score is below this
    #[arg(long, value_name = "SCORE", value_parser = decimal)]
    pub(crate) fail_under: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct RejudgeArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// A run: its folder, its name or label below `--out`, or `latest`
    pub(crate) run: PathBuf,
    /// Folder of runs
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct FixturesCheckArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Leave the variants of the fixtures out
    #[arg(long)]
    pub(crate) no_variants: bool,
}
