//! Arguments of `compare`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::numbers::decimal;

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The base, then what is compared with it: folders or names of runs; `RUN#MODEL` for one
    /// model of a run. One run alone compares its models with its first
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// Only these models; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Vec<String>,
    /// Folder of runs
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) out: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: CompareFormat,
    /// File to write to instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Compare what is not comparable too; the report says so
    #[arg(long)]
    pub(crate) force: bool,
    /// End with exit code 5 when another side is shown to be worse than the base
    #[arg(long)]
    pub(crate) fail_on_regression: bool,
    /// How much worse it must be: points of score, shares, or parts of a speed
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0, requires = "fail_on_regression", value_parser = decimal)]
    pub(crate) margin: f64,
    /// What must not be worse; can be repeated
    #[arg(
        long,
        value_enum,
        value_name = "METRIC",
        default_value = "score",
        requires = "fail_on_regression"
    )]
    pub(crate) metric: Vec<CompareMetric>,
}

/// Forms of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum CompareFormat {
    /// Tables
    #[default]
    Text,
    /// Markdown
    Md,
    /// For programs
    Json,
    /// One page without scripts
    Html,
}

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum CompareMetric {
    /// Mean score
    Score,
    /// Share of correct answers
    Correct,
    /// Decode speed
    TokensPerSec,
    /// Time for an answer
    DurationSec,
    /// Time to first token
    TtftSec,
    /// Energy for an answer
    EnergyJoules,
}
