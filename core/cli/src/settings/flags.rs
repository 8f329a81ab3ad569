//! The command line as a layer of settings.

use llmbench_api::Json;

use super::files::scalar;
use super::layer::Layer;
use crate::args::{RunArgs, SettingArgs};
use crate::error::{CliError, Result};
use crate::plain::plain;

/// The validator that runs a model's code.
const SANDBOXED: &str = "vitest";

/// Arguments that most commands share.
///
/// # Errors
/// A `--set` or `--validator` that cannot be understood.
pub(crate) fn setting_layer(args: &SettingArgs) -> Result<Layer> {
    let mut layer = assignments(&args.set)?;
    let list = |values: &[String]| (!values.is_empty()).then(|| values.to_vec());
    override_with(&mut layer.plugin, args.plugin.clone());
    override_with(&mut layer.backend, args.backend.clone());
    override_with(&mut layer.model, list(&args.model));
    override_with(&mut layer.url, args.url.clone());
    override_with(&mut layer.fixture, list(&args.fixture));
    override_with(&mut layer.monitor, list(&args.monitor));
    override_with(&mut layer.timeout, args.timeout.clone());
    override_with(&mut layer.num_ctx, args.num_ctx);
    if args.allow_unsafe_exec {
        let settings = layer.plugin_settings.entry(SANDBOXED.to_owned()).or_default();
        settings.insert("allow_unsafe_exec".to_owned(), true.into());
    }
    for text in &args.validator {
        match text.split_once('=') {
            Some((role, name)) if !role.is_empty() && !name.is_empty() => {
                layer.roles.insert(role.to_owned(), name.to_owned());
            }
            _ => {
                return Err(CliError::usage(format!("--validator `{text}` is not ROLE=NAME"))
                    .hint("for example `--validator types=tsc`"));
            }
        }
    }
    Ok(layer)
}

/// Arguments of `run`.
///
/// # Errors
/// As [`setting_layer`].
pub(crate) fn run_layer(args: &RunArgs) -> Result<Layer> {
    let mut layer = setting_layer(&args.settings)?;
    override_with(&mut layer.runs, args.runs);
    override_with(&mut layer.until_ci, args.until_ci);
    override_with(&mut layer.max_runs, args.max_runs);
    override_with(&mut layer.warmup, args.warmup);
    override_with(&mut layer.seed, args.seed);
    override_with(&mut layer.temperature, args.temperature);
    override_with(&mut layer.max_tokens, args.max_tokens);
    override_with(&mut layer.out, args.out.clone());
    override_with(&mut layer.name, args.name.clone());
    override_with(&mut layer.shard, args.shard.clone());
    override_with(&mut layer.fail_under, args.fail_under);
    override_with(&mut layer.pass_score, args.pass_score);
    Ok(layer)
}

fn override_with<T>(slot: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *slot = value;
    }
}

/// `--set KEY=VALUE`: a setting of llmbench, or `PLUGIN.KEY=VALUE`.
fn assignments(texts: &[String]) -> Result<Layer> {
    let mut table = toml::Table::new();
    let mut plugin_settings: Vec<(String, String, Json)> = Vec::new();
    for text in texts {
        let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.trim().is_empty())
        else {
            return Err(CliError::usage(format!("--set `{text}` is not KEY=VALUE"))
                .hint("for example `--set top_p=0.8` or `--set tsc.node_modules=DIR`"));
        };
        let (key, value) = (key.trim(), scalar(value.trim()));
        match key.split_once('.') {
            Some(("roles", role)) => {
                let player = value.as_str().unwrap_or("NAME");
                return Err(CliError::usage(format!("--set names no roles: `{text}`"))
                    .hint(format!("write `--validator {role}={player}`")));
            }
            Some(("plugin", key)) if key.contains('.') => {
                return Err(CliError::usage(format!("--set `{text}` begins with `plugin.`"))
                    .hint(format!("leave it out: `--set {}`", &text.trim()["plugin.".len()..])));
            }
            Some((plugin, key)) => {
                let value = serde_json::to_value(value).unwrap_or(Json::Null);
                plugin_settings.push((plugin.to_owned(), key.to_owned(), value));
            }
            None => {
                // Alone first, so that an error can name the key.
                layer_of(toml::Table::from_iter([(key.to_owned(), value.clone())]), text)?;
                table.insert(key.to_owned(), value);
            }
        }
    }
    let from_set = table.keys().cloned().collect();
    let mut layer = Layer { from_set, ..layer_of(table, "")? };
    for (plugin, key, value) in plugin_settings {
        layer.plugin_settings.entry(plugin).or_default().insert(key, value);
    }
    Ok(layer)
}

fn layer_of(table: toml::Table, text: &str) -> Result<Layer> {
    table.try_into().map_err(|error: toml::de::Error| {
        CliError::usage(format!("--set `{text}`: {}", plain(error.message())))
            .hint("docs/settings.md lists every setting; a plugin's are written `PLUGIN.KEY=VALUE`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_reach_llmbench_and_plugins() {
        let texts =
            ["top_p=0.8", "tsc.node_modules=/x/y", "tsc.memory_limit_mb=512"].map(String::from);
        let layer = assignments(&texts).unwrap();
        assert_eq!(layer.top_p, Some(0.8));
        assert_eq!(layer.plugin_settings["tsc"]["node_modules"], "/x/y");
        assert_eq!(layer.plugin_settings["tsc"]["memory_limit_mb"], 512);
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (text, part) in [
            ("top_p", "KEY=VALUE"),
            ("=3", "KEY=VALUE"),
            ("topp=1", "topp"),
            ("top_p=high", "`top_p=high`: the text \"high\" where a number belongs"),
            ("roles.types=tsc", "names no roles"),
            ("plugin.tsc.node=/x", "begins with `plugin.`"),
        ] {
            let error = assignments(&[text.to_owned()]).unwrap_err();
            assert!(error.message.contains(part), "{text}: {}", error.message);
        }
    }
}
