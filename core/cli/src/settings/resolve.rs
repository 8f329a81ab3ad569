//! Puts the layers on top of each other and remembers where each value came from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use llmbench_api::record::SettingRecord;
use llmbench_api::{GenerateOptions, Json};
use llmbench_engine::RunOptions;
use llmbench_engine::plan::Shard;
use serde::Serialize;

use super::duration;
use super::layer::{Layer, Origin};
use crate::error::{CliError, Result};

/// Stands for a secret in result files.
pub(super) const REDACTED: &str = "(redacted)";

/// Most runs that `--until-ci` makes when nothing else is said.
const MAX_RUNS: u32 = 100;

/// Every setting with a value, and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Test type, when one was named.
    pub(crate) plugin: Option<String>,
    /// Backend, when one was named.
    pub(crate) backend: Option<String>,
    /// Models that were named.
    pub(crate) models: Vec<String>,
    /// Folder of the settings file that names the models, if one does.
    pub(crate) model_dir: Option<PathBuf>,
    /// Address of the backend's server.
    pub(crate) url: Option<String>,
    /// Fixtures that were named; empty means all.
    pub(crate) fixtures: Vec<String>,
    /// Attempts for each model and fixture.
    pub(crate) runs: u32,
    /// Half-width of a model's interval at which no more runs are added.
    pub(crate) until_ci: Option<f64>,
    /// Most runs that are made to reach it.
    pub(crate) max_runs: u32,
    /// Warm-up requests for each model.
    pub(crate) warmup: u32,
    /// Monitors; `auto` and `none` are still in it.
    pub(crate) monitors: Vec<String>,
    /// Role → validator.
    pub(crate) roles: BTreeMap<String, String>,
    /// Roles that were named on the command line: these must exist.
    pub(crate) roles_from_flags: Vec<String>,
    /// Plugin → its own settings.
    pub(crate) plugin_settings: BTreeMap<String, BTreeMap<String, Json>>,
    /// Plugins whose settings were given on the command line: these must take part.
    pub(crate) plugins_from_flags: Vec<String>,
    /// Limits, sampling, intervals.
    pub(crate) run: RunOptions,
    /// Folder for results.
    pub(crate) out: PathBuf,
    /// Label of the run.
    pub(crate) name: Option<String>,
    /// Part of the plan.
    pub(crate) shard: Option<Shard>,
    /// Lowest acceptable mean score.
    pub(crate) fail_under: Option<f64>,
    /// Directories with plugins from files, in order.
    pub(crate) plugin_dirs: Vec<PathBuf>,
    /// Setting → value and origin, for the manifest.
    pub(crate) record: BTreeMap<String, SettingRecord>,
}

/// Resolves layers, lowest first.
///
/// # Errors
/// A value that cannot be used, with its origin.
pub(crate) fn resolve(layers: &[(Origin, Layer)]) -> Result<Settings> {
    let mut resolver = Resolver { layers, record: BTreeMap::new() };
    let generate = generate_options(&mut resolver)?;
    let defaults = RunOptions::default();
    let run = RunOptions {
        request_timeout: resolver.duration(
            "timeout",
            |layer| &layer.timeout,
            defaults.request_timeout,
        )?,
        load_timeout: resolver.duration(
            "load_timeout",
            |layer| &layer.load_timeout,
            defaults.load_timeout,
        )?,
        check_timeout: resolver.duration(
            "check_timeout",
            |layer| &layer.check_timeout,
            defaults.check_timeout,
        )?,
        retries: resolver.value("retries", |layer| &layer.retries, defaults.retries),
        retry_pause: defaults.retry_pause,
        monitor_interval: resolver.duration(
            "monitor_interval",
            |layer| &layer.monitor_interval,
            defaults.monitor_interval,
        )?,
        idle_baseline: resolver.duration_or_none(
            "idle_baseline",
            |layer| &layer.idle_baseline,
            defaults.idle_baseline,
        )?,
        generate,
        ..defaults
    };
    let runs = resolver.value("runs", |layer| &layer.runs, 3);
    if runs == 0 {
        return Err(resolver.invalid("runs", "must be at least 1"));
    }
    let until_ci = resolver.optional("until_ci", |layer| &layer.until_ci);
    if until_ci.is_some_and(|width| !width.is_finite() || width <= 0.0) {
        return Err(resolver.invalid("until_ci", "must be a number above 0, in points of score"));
    }
    let max_runs = resolver.value("max_runs", |layer| &layer.max_runs, MAX_RUNS);
    if until_ci.is_some() && max_runs < runs {
        return Err(
            resolver.invalid("max_runs", &format!("must be at least `runs`, which is {runs}"))
        );
    }
    let shard = resolver.optional("shard", |layer| &layer.shard);
    let shard = shard
        .map(|text| {
            parse_shard(&text).ok_or_else(|| {
                resolver.invalid("shard", "must be I/N with 1 ≤ I ≤ N, for example `2/4`")
            })
        })
        .transpose()?;
    if let (Some(_), Some(shard)) = (until_ci, shard) {
        return Err(CliError::usage(format!(
            "--until-ci cannot be used with --shard {shard}: a shard does not see the other scores"
        )));
    }
    let fail_under = resolver.optional("fail_under", |layer| &layer.fail_under);
    if fail_under.is_some_and(|limit| !limit.is_finite() || limit < 0.0) {
        return Err(resolver.invalid("fail_under", "must be a number from 0 on"));
    }
    // Only recorded: summaries and comparisons read it from the run.
    let pass_score = resolver.optional("pass_score", |layer| &layer.pass_score);
    if pass_score.is_some_and(|limit| !limit.is_finite() || limit < 0.0) {
        return Err(resolver.invalid("pass_score", "must be a number from 0 on"));
    }
    let last = layers.last().map(|(_, layer)| layer);
    Ok(Settings {
        plugin: resolver.optional("plugin", |layer| &layer.plugin),
        backend: resolver.optional("backend", |layer| &layer.backend),
        models: each_once(resolver.value("model", |layer| &layer.model, Vec::new())),
        model_dir: model_dir(layers),
        url: resolver.optional("url", |layer| &layer.url),
        fixtures: each_once(resolver.value("fixture", |layer| &layer.fixture, Vec::new())),
        runs,
        until_ci,
        max_runs,
        warmup: resolver.value("warmup", |layer| &layer.warmup, 1),
        monitors: resolver.value("monitor", |layer| &layer.monitor, vec!["auto".into()]),
        roles: resolver.map("roles", |layer| &layer.roles),
        roles_from_flags: last
            .map(|layer| layer.roles.keys().cloned().collect())
            .unwrap_or_default(),
        plugin_settings: resolver.plugin_settings(),
        plugins_from_flags: last
            .map(|layer| layer.plugin_settings.keys().cloned().collect())
            .unwrap_or_default(),
        run,
        out: resolver.value("out", |layer| &layer.out, PathBuf::from("results")),
        name: resolver.optional("name", |layer| &layer.name),
        shard,
        fail_under,
        plugin_dirs: layers
            .iter()
            .rev()
            .filter_map(|(_, layer)| layer.plugin_dirs.clone())
            .flatten()
            .collect(),
        record: resolver.record,
    })
}

fn generate_options(resolver: &mut Resolver<'_>) -> Result<GenerateOptions> {
    let defaults = GenerateOptions::default();
    let options = GenerateOptions {
        num_ctx: resolver.value("num_ctx", |layer| &layer.num_ctx, defaults.num_ctx),
        max_tokens: resolver.value("max_tokens", |layer| &layer.max_tokens, defaults.max_tokens),
        temperature: resolver.value(
            "temperature",
            |layer| &layer.temperature,
            defaults.temperature,
        ),
        top_p: resolver.value("top_p", |layer| &layer.top_p, defaults.top_p),
        top_k: resolver.value("top_k", |layer| &layer.top_k, defaults.top_k),
        repeat_penalty: resolver.value(
            "repeat_penalty",
            |layer| &layer.repeat_penalty,
            defaults.repeat_penalty,
        ),
        seed: resolver.value("seed", |layer| &layer.seed, defaults.seed),
    };
    let rules = [
        ("num_ctx", options.num_ctx > 0, "must be at least 1"),
        ("max_tokens", options.max_tokens > 0, "must be at least 1"),
        (
            "temperature",
            options.temperature.is_finite() && (0.0..=5.0).contains(&options.temperature),
            "must be between 0 and 5",
        ),
        ("top_p", options.top_p > 0.0 && options.top_p <= 1.0, "must be above 0 and at most 1"),
        (
            "repeat_penalty",
            options.repeat_penalty.is_finite() && options.repeat_penalty > 0.0,
            "must be above 0",
        ),
    ];
    match rules.into_iter().find(|(_, holds, _)| !holds) {
        Some((name, _, rule)) => Err(resolver.invalid(name, rule)),
        None => Ok(options),
    }
}

fn model_dir(layers: &[(Origin, Layer)]) -> Option<PathBuf> {
    match layers.iter().rev().find(|(_, layer)| layer.model.is_some()) {
        Some((Origin::File(path), _)) => path.parent().map(PathBuf::from),
        _ => None,
    }
}

/// Naming something twice does not measure it twice: it would only seem to be more data.
fn each_once(mut names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn parse_shard(text: &str) -> Option<Shard> {
    let (index, count) = text.split_once('/')?;
    let shard = Shard { index: index.trim().parse().ok()?, count: count.trim().parse().ok()? };
    (1..=shard.count).contains(&shard.index).then_some(shard)
}

struct Resolver<'a> {
    layers: &'a [(Origin, Layer)],
    record: BTreeMap<String, SettingRecord>,
}

impl Resolver<'_> {
    /// The highest layer's value.
    fn optional<T: Clone + Serialize>(
        &mut self,
        name: &str,
        field: impl Fn(&Layer) -> &Option<T>,
    ) -> Option<T> {
        let found = self
            .layers
            .iter()
            .rev()
            .find_map(|(origin, layer)| Some((origin, field(layer).clone()?)));
        let (value, origin) = match found {
            Some((origin, value)) => (Some(value), origin.to_string()),
            None => (None, "default".into()),
        };
        self.remember(name, &value, origin);
        value
    }

    fn value<T: Clone + Serialize>(
        &mut self,
        name: &str,
        field: impl Fn(&Layer) -> &Option<T>,
        default: T,
    ) -> T {
        match self.optional(name, field) {
            Some(value) => value,
            None => {
                self.remember(name, &default, "default".into());
                default
            }
        }
    }

    fn duration(
        &mut self,
        name: &str,
        field: impl Fn(&Layer) -> &Option<String>,
        default: Duration,
    ) -> Result<Duration> {
        let Some(text) = self.optional(name, field) else {
            self.remember(name, &duration::shown(default), "default".into());
            return Ok(default);
        };
        let value = duration::parse(&text).map_err(|reason| self.invalid(name, &reason))?;
        // In one way of writing, so that runs of the same setting look the same.
        if let Some(record) = self.record.get_mut(name) {
            record.value = duration::shown(value).into();
        }
        Ok(value)
    }

    /// As [`Self::duration`], where 0 is allowed and switches something off.
    fn duration_or_none(
        &mut self,
        name: &str,
        field: impl Fn(&Layer) -> &Option<String>,
        default: Duration,
    ) -> Result<Duration> {
        let text = self.optional(name, &field);
        if text.as_deref().is_some_and(|text| matches!(text.trim(), "0" | "0s" | "none")) {
            if let Some(record) = self.record.get_mut(name) {
                record.value = duration::shown(Duration::ZERO).into();
            }
            return Ok(Duration::ZERO);
        }
        self.duration(name, field, default)
    }

    /// All layers together, key by key.
    fn map(
        &mut self,
        name: &str,
        field: impl Fn(&Layer) -> &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut merged = BTreeMap::new();
        for (origin, layer) in self.layers {
            for (key, value) in field(layer) {
                self.record.insert(
                    format!("{name}.{key}"),
                    SettingRecord { value: value.clone().into(), origin: origin.to_string() },
                );
                merged.insert(key.clone(), value.clone());
            }
        }
        merged
    }

    fn plugin_settings(&mut self) -> BTreeMap<String, BTreeMap<String, Json>> {
        let mut merged: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
        for (origin, layer) in self.layers {
            for (plugin, settings) in &layer.plugin_settings {
                for (key, value) in settings {
                    self.record.insert(
                        format!("plugin.{plugin}.{key}"),
                        SettingRecord { value: redacted(key, value), origin: origin.to_string() },
                    );
                    merged.entry(plugin.clone()).or_default().insert(key.clone(), value.clone());
                }
            }
        }
        merged
    }

    fn remember<T: Serialize>(&mut self, name: &str, value: &T, origin: String) {
        let value = serde_json::to_value(value).unwrap_or(Json::Null);
        self.record.insert(name.to_owned(), SettingRecord { value, origin });
    }

    fn invalid(&self, name: &str, rule: &str) -> CliError {
        let known = self.record.get(name);
        let value = known.map(|known| known.value.to_string()).unwrap_or_default();
        let origin = known.map(|known| known.origin.clone()).unwrap_or_default();
        let is_set = |layer: &Layer| layer.from_set.contains(name);
        let origin = match origin == Origin::Flags.to_string() {
            false => origin,
            true if self.layers.iter().any(|(_, layer)| is_set(layer)) => "`--set`".to_owned(),
            true => format!("`--{}`", name.replace('_', "-")),
        };
        CliError::usage(format!("setting `{name}` = {value} (from {origin}) {rule}"))
    }
}

/// A secret never enters a result file.
fn redacted(key: &str, value: &Json) -> Json {
    let secret = ["key", "token", "secret", "password"]
        .iter()
        .any(|word| key.to_ascii_lowercase().ends_with(word));
    if secret { REDACTED.into() } else { value.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, layer: Layer) -> (Origin, Layer) {
        (Origin::File(name.into()), layer)
    }

    #[test]
    fn the_highest_layer_wins_and_is_named() {
        let layers = [
            file("user.toml", Layer { runs: Some(5), seed: Some(1), ..Layer::default() }),
            file("llmbench.toml", Layer { runs: Some(7), ..Layer::default() }),
            (Origin::Environment, Layer::default()),
            (Origin::Flags, Layer { warmup: Some(0), ..Layer::default() }),
        ];
        let settings = resolve(&layers).unwrap();
        assert_eq!((settings.runs, settings.warmup, settings.run.generate.seed), (7, 0, 1));
        let origin = |name: &str| settings.record[name].origin.as_str();
        assert_eq!(
            [origin("runs"), origin("seed"), origin("warmup"), origin("top_k")],
            ["llmbench.toml", "user.toml", "flag", "default"]
        );
    }

    #[test]
    fn values_that_cannot_be_used_are_named_with_their_origin() {
        let check = |layer: Layer, part: &str| {
            let error = resolve(&[file("a.toml", layer)]).unwrap_err();
            assert!(
                error.message.contains(part) && error.message.contains("a.toml"),
                "{}",
                error.message
            );
        };
        check(Layer { runs: Some(0), ..Layer::default() }, "`runs` = 0");
        check(Layer { timeout: Some("soon".into()), ..Layer::default() }, "`timeout`");
        check(Layer { shard: Some("3/2".into()), ..Layer::default() }, "`shard`");
        check(Layer { temperature: Some(-1.0), ..Layer::default() }, "`temperature`");
        check(Layer { top_p: Some(0.0), ..Layer::default() }, "`top_p`");
    }

    #[test]
    fn secrets_are_used_but_not_recorded() {
        let settings = BTreeMap::from([("api_key".to_owned(), Json::from("sk-1"))]);
        let layer = Layer {
            plugin_settings: BTreeMap::from([("openai".to_owned(), settings)]),
            ..Layer::default()
        };
        let resolved = resolve(&[file("a.toml", layer)]).unwrap();
        assert_eq!(resolved.plugin_settings["openai"]["api_key"], "sk-1");
        assert_eq!(resolved.record["plugin.openai.api_key"].value, "(redacted)");
    }
}
