//! Reads the settings files and the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use llmbench_api::Json;

use super::layer::{Layer, Origin};
use crate::error::{CliError, Result};
use crate::plain::plain;
use crate::variables;

/// Name of a project's settings file.
const FILE_NAME: &str = "llmbench.toml";

/// User file, project file (or the one that was named), environment, lowest first.
///
/// # Errors
/// A file that cannot be read or understood, with line and column.
pub(crate) fn load_layers(named: Option<&Path>) -> Result<Vec<(Origin, Layer)>> {
    let mut layers = Vec::new();
    if let Some(path) = user_file().filter(|path| path.is_file()) {
        layers.push((Origin::File(path.clone()), read(&path)?));
    }
    let project = match named {
        Some(path) => Some(path.to_owned()),
        None => project_file(),
    };
    if let Some(path) = project {
        layers.push((Origin::File(path.clone()), read(&path)?));
    }
    layers.push((Origin::Environment, environment()?));
    Ok(layers)
}

fn user_file() -> Option<PathBuf> {
    Some(directory("XDG_CONFIG_HOME", &[".config"])?.join("llmbench").join("config.toml"))
}

/// The variable's directory, else the path below the home directory.
fn directory(variable: &str, below_home: &[&str]) -> Option<PathBuf> {
    match std::env::var_os(variable).filter(|dir| Path::new(dir).is_absolute()) {
        Some(dir) => Some(dir.into()),
        None => Some(below_home.iter().fold(std::env::home_dir()?, |path, part| path.join(part))),
    }
}

/// The nearest `llmbench.toml` in this folder or one above it.
fn project_file() -> Option<PathBuf> {
    let current = std::env::current_dir().ok()?;
    current.ancestors().map(|dir| dir.join(FILE_NAME)).find(|path| path.is_file())
}

fn read(path: &Path) -> Result<Layer> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::usage(format!("settings file {}: {error}", path.display()))
            .hint("check the path, which `--config` or `LLMBENCH_CONFIG` names, or leave it out")
    })?;
    let mut layer = parse(&text).map_err(|reason| {
        CliError::usage(format!("settings file {} is not valid", path.display()))
            .detail(plain(&reason))
            .hint("docs/settings.md lists every key; plugins have their own in `[plugin.NAME]`")
    })?;
    // Paths in a file are relative to the file.
    let base = path.parent().unwrap_or(Path::new("."));
    for dir in layer.plugin_dirs.iter_mut().flatten() {
        *dir = base.join(&*dir);
    }
    if let Some(out) = &mut layer.out {
        *out = base.join(&*out);
    }
    for fixture in
        layer.fixture.iter_mut().flatten().filter(|fixture| fixture.contains(['/', '\\']))
    {
        *fixture = base.join(&*fixture).to_string_lossy().into_owned();
    }
    Ok(layer)
}

/// Parses a settings file; errors show line, column and the offending text.
fn parse(text: &str) -> std::result::Result<Layer, String> {
    /// `plugin` is a name or the table of plugins' settings, so it is read apart.
    #[derive(serde::Deserialize)]
    struct PluginPart {
        plugin: Option<PluginValue>,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged, expecting = "`plugin` is a test's name, or tables `[plugin.NAME]`")]
    enum PluginValue {
        #[expect(dead_code, reason = "only its type matters: the layer reads the name itself")]
        Name(String),
        Tables(BTreeMap<String, BTreeMap<String, Json>>),
    }
    let part: PluginPart = toml::from_str(text).map_err(|error| error.to_string())?;
    let Some(PluginValue::Tables(tables)) = part.plugin else {
        return toml::from_str(text).map_err(|error| error.to_string());
    };
    let mut rest: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    rest.remove("plugin");
    // The table without its spans loses line numbers; look for the fault in the text as it is first.
    let layer: std::result::Result<Layer, _> = rest.try_into();
    let mut layer =
        layer.map_err(|error| match toml::from_str::<Layer>(&without_plugin_tables(text)) {
            Err(located) => located.to_string(),
            Ok(_) => error.to_string(),
        })?;
    layer.plugin_settings = tables;
    Ok(layer)
}

/// The text with the lines of `[plugin.…]` tables emptied, so that line numbers stay.
fn without_plugin_tables(text: &str) -> String {
    let mut inside = false;
    let keep = |line: &str| {
        let trimmed = line.trim_start();
        if trimmed.starts_with('[') {
            inside = trimmed.starts_with("[plugin.") || trimmed.starts_with("[plugin]");
        }
        if inside { String::new() } else { line.to_owned() }
    };
    text.lines().map(keep).collect::<Vec<_>>().join("\n")
}

/// Settings from `LLMBENCH_*`; lists are separated by commas.
fn environment() -> Result<Layer> {
    let mut table = toml::Table::new();
    for (name, value) in std::env::vars() {
        let Some(key) = name.strip_prefix(variables::PREFIX) else { continue };
        if variables::NOT_SETTINGS.contains(&name.as_str()) || value.is_empty() {
            continue;
        }
        let key = key.to_ascii_lowercase();
        let value = match key.as_str() {
            "model" | "fixture" | "monitor" => {
                toml::Value::Array(value.split(',').map(|part| part.trim().into()).collect())
            }
            _ => scalar(&value),
        };
        // Alone first, so that an error can name the variable.
        layer_of(toml::Table::from_iter([(key.clone(), value.clone())]), &name)?;
        table.insert(key, value);
    }
    layer_of(table, "LLMBENCH_*")
}

fn layer_of(table: toml::Table, variable: &str) -> Result<Layer> {
    table.try_into().map_err(|error: toml::de::Error| {
        CliError::usage(format!(
            "the environment variable {variable} is not valid: {}",
            plain(error.message())
        ))
        .hint("docs/settings.md lists every setting and its variable")
    })
}

/// A text from outside as the TOML value that it looks like; plain words are texts.
pub(super) fn scalar(text: &str) -> toml::Value {
    #[derive(serde::Deserialize)]
    struct Holder {
        value: toml::Value,
    }
    match toml::from_str::<Holder>(&format!("value = {text}")) {
        Ok(holder) if !text.contains('\n') => holder.value,
        _ => toml::Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_name_a_test_or_hold_tables_of_plugins() {
        assert_eq!(
            parse("plugin = \"refactoring\"").unwrap().plugin.as_deref(),
            Some("refactoring")
        );
        let layer =
            parse("runs = 5\n[plugin.tsc]\nmemory_limit_mb = 512\n[roles]\nstructure = \"x\"\n")
                .unwrap();
        assert_eq!(layer.plugin_settings["tsc"]["memory_limit_mb"], 512);
        assert_eq!((layer.runs, layer.roles["structure"].as_str()), (Some(5), "x"));
    }

    #[test]
    fn faults_are_shown_with_their_line() {
        for text in [
            "runs = 3\nrunz = 4\n",
            "runs = \"many\"\n",
            "runs = 3\n[plugin.tsc]\na = 1\n[rolez]\n",
            "model = [1]\n",
            "a = = 1",
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains("line "), "{text}: {message}");
        }
        assert!(parse("runz = 4").unwrap_err().contains("runz"));
    }

    #[test]
    fn values_from_outside_are_what_they_look_like() {
        assert_eq!(scalar("3"), toml::Value::Integer(3));
        assert_eq!(scalar("0.5"), toml::Value::Float(0.5));
        assert_eq!(scalar("true"), toml::Value::Boolean(true));
        assert_eq!(scalar("/opt/x y"), toml::Value::String("/opt/x y".into()));
        assert_eq!(scalar("qwen:7b"), toml::Value::String("qwen:7b".into()));
    }
}
