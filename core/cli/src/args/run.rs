//! Arguments of `run`, and those that it shares with other commands.

use std::path::PathBuf;

use clap::Args;

use super::Format;
use super::numbers::{decimal, whole};

/// What decides backend, model and test; shared by most commands.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SettingArgs {
    /// Test type to run
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: Option<String>,
    /// Backend that runs the models
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// Model to test: a server's, a GGUF file, or `sample`; repeat for several
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Vec<String>,
    /// Address of the backend's server
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Fixture: a name, a folder, `all`, `level:N`, `NAME@VARIANT`; repeat for several
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) fixture: Vec<String>,
    /// Hardware monitor; `auto` takes those that work here, `none` takes none
    #[arg(long, value_name = "NAME")]
    pub(crate) monitor: Vec<String>,
    /// Validator that plays a role; `ROLE=none` leaves the role out
    #[arg(long, value_name = "ROLE=NAME")]
    pub(crate) validator: Vec<String>,
    /// Any setting, or a plugin's: `top_p=0.8`, `tsc.node_modules=DIR`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Limit for one whole answer, for example `30s` or `2m`
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<String>,
    /// Run a model's code without a sandbox where none works (it can then do what you can)
    #[arg(long)]
    pub(crate) allow_unsafe_exec: bool,
    /// Context window in tokens
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    pub(crate) num_ctx: Option<u32>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Attempts for each model and fixture [default: 3]
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    pub(crate) runs: Option<u32>,
    /// Warm-up requests for each model, not measured [default: 1]
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    pub(crate) warmup: Option<u32>,
    /// Seed of the first attempt; each next one adds 1 [default: 42]
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub(crate) seed: Option<u64>,
    /// Sampling temperature [default: 0.2]
    #[arg(long, value_name = "X", value_parser = decimal)]
    pub(crate) temperature: Option<f64>,
    /// Most tokens of an answer [default: 1536]
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    pub(crate) max_tokens: Option<u32>,
    /// Folder for results [default: results]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Label of this run
    #[arg(long, value_name = "LABEL")]
    pub(crate) name: Option<String>,
    /// Go on with a run: its folder, its name or label below `--out`, or `latest`
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<PathBuf>,
    /// Add runs until the 95 % interval of each model's score is at most this wide to each side
    #[arg(long, value_name = "WIDTH", value_parser = decimal)]
    pub(crate) until_ci: Option<f64>,
    /// Most runs that `--until-ci` makes [default: 100]
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    pub(crate) max_runs: Option<u32>,
    /// Only part I of N of the plan
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
    /// Exit with code 5 when a model's mean score is below this
    #[arg(long, value_name = "SCORE", value_parser = decimal)]
    pub(crate) fail_under: Option<f64>,
    /// Score from which on an answer counts as correct [default: 90 % of the highest]
    #[arg(long, value_name = "SCORE", value_parser = decimal)]
    pub(crate) pass_score: Option<f64>,
    /// Check everything and show the plan without asking a model
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to write the summary
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
