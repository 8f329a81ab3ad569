//! Settings as a run stored them, for going on with it.

use std::collections::BTreeMap;

use llmbench_api::Json;
use llmbench_api::record::{RunManifest, SettingRecord};

use super::duration;
use super::layer::Layer;
use super::resolve::{REDACTED, Settings};
use crate::error::{CliError, Result};

/// Settings that may be another when a run goes on: they decide neither what is asked nor how it
/// is judged and measured, or (`runs`, `until_ci`, `max_runs`) only how much more is done.
const FREE: [&str; 12] = [
    "check_timeout",
    "fail_under",
    "load_timeout",
    "max_runs",
    "name",
    "out",
    "plugin.ollama.url",
    "plugin.openai.url",
    "retries",
    "runs",
    "until_ci",
    "url",
];

/// What a run stored, as a layer; `today` gives what results do not hold: secrets, and where plugins lie.
///
/// # Errors
/// A setting that this llmbench does not know, or a secret that is not given today.
pub(crate) fn stored_layer(manifest: &RunManifest, today: &Settings) -> Result<Layer> {
    let mut plain = serde_json::Map::new();
    let mut roles = BTreeMap::new();
    let mut plugin_settings: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
    for (name, SettingRecord { value, .. }) in &manifest.settings {
        let mut parts = name.splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("plugin"), Some(plugin), Some(key)) => {
                let value =
                    if value == REDACTED { secret(today, plugin, key)? } else { value.clone() };
                plugin_settings.entry(plugin.to_owned()).or_default().insert(key.to_owned(), value);
            }
            (Some("roles"), Some(role), None) => {
                roles.insert(role.to_owned(), value.as_str().unwrap_or_default().to_owned());
            }
            _ if value.is_null() => {}
            _ => {
                plain.insert(name.clone(), value.clone());
            }
        }
    }
    let layer: Layer = serde_json::from_value(Json::Object(plain)).map_err(|error| {
        CliError::not_ready(format!("the run's settings cannot be used: {error}"))
            .hint("resume the run with the llmbench that began it")
    })?;
    Ok(Layer {
        // What was chosen then, also where nothing was named.
        plugin: Some(manifest.test.clone()),
        backend: Some(manifest.backend.clone()),
        model: Some(manifest.plan.models.clone()),
        plugin_dirs: Some(today.plugin_dirs.clone()),
        roles,
        plugin_settings,
        ..layer
    })
}

fn secret(today: &Settings, plugin: &str, key: &str) -> Result<Json> {
    let known = today.plugin_settings.get(plugin).and_then(|settings| settings.get(key));
    known.cloned().ok_or_else(|| {
        let name = format!("{plugin}.{key}");
        CliError::usage(format!(
            "the run was begun with the secret `{name}`, which no result file holds"
        ))
        .hint(format!("give it again: `--set {name}=…`, or in `llmbench.toml`"))
    })
}

/// Settings that were given again and are another than in the run, in words; empty when all agree.
pub(crate) fn disagreements(manifest: &RunManifest, now: &Settings) -> Vec<String> {
    let mut words = Vec::new();
    for (name, given) in now.record.iter().filter(|(_, given)| given.origin == "flag") {
        let was = match name.as_str() {
            "plugin" => Json::from(manifest.test.clone()),
            "backend" => Json::from(manifest.backend.clone()),
            "model" => Json::from(manifest.plan.models.clone()),
            _ => manifest.settings.get(name).map_or(Json::Null, |record| record.value.clone()),
        };
        if !FREE.contains(&name.as_str()) && !means_the_same(&was, &given.value) {
            words.push(format!(
                "setting `{name}`: was {}, is {}",
                shown(&was),
                shown(&given.value)
            ));
        }
    }
    words
}

/// Takes over what was given again and may be another.
pub(crate) fn take_over(manifest: &mut RunManifest, now: &Settings) {
    for (name, given) in now.record.iter().filter(|(_, given)| given.origin == "flag") {
        if FREE.contains(&name.as_str()) && name != "out" {
            let origin = "flag, when the run was resumed".to_owned();
            let record = SettingRecord { value: given.value.clone(), origin };
            manifest.settings.insert(name.clone(), record);
        }
    }
    manifest.name.clone_from(&now.name);
}

/// Equal, or the same duration in other words.
fn means_the_same(was: &Json, is: &Json) -> bool {
    let duration = |value: &Json| duration::parse(value.as_str()?).ok();
    let number = |value: &Json| value.as_f64();
    was == is
        || duration(was).is_some_and(|was| Some(was) == duration(is))
        || number(was).is_some_and(|was| Some(was) == number(is))
}

fn shown(value: &Json) -> String {
    match value {
        Json::Null => "not set".to_owned(),
        Json::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_other_words_is_no_change() {
        let check = |was: Json, is: Json, same: bool| {
            assert_eq!(means_the_same(&was, &is), same, "{was} {is}");
        };
        check("30000ms".into(), "30s".into(), true);
        check("30s".into(), "31s".into(), false);
        check(2.into(), 2.0.into(), true);
        check(Json::Null, Json::Null, true);
        check(Json::Null, "1/2".into(), false);
    }
}
