//! `llmbench plugins list|info|check`.

use std::path::Path;
use std::sync::Arc;

use comfy_table::{Table, presets};
use llmbench_host::{Host, HostError, Listing, LoadError, Plugin};
use serde_json::{Value, json};

use crate::args::{Format, GlobalArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::{output, settings, wiring};

pub(crate) fn list(global: &GlobalArgs, format: Format) -> Result<ExitCode> {
    let host = configured_host(global)?;
    let listing = host.list();
    match format {
        Format::Json => output::json(&as_json(&host, &listing)),
        Format::Text => show(&host, &listing),
    }
    Ok(if listing.refused.is_empty() { ExitCode::Done } else { ExitCode::Plugin })
}

pub(crate) fn info(global: &GlobalArgs, name: &str, format: Format) -> Result<ExitCode> {
    let host = configured_host(global)?;
    let listing = host.list();
    let is_it = |plugin: &&Arc<Plugin>| {
        plugin.info.package == name
            || plugin.components.iter().any(|component| component.name == name)
    };
    let Some(plugin) = listing.plugins.iter().find(is_it) else {
        let mut names: Vec<_> = listing
            .plugins
            .iter()
            .flat_map(|plugin| &plugin.components)
            .map(|found| found.name.as_str())
            .collect();
        names.sort_unstable();
        return Err(CliError::usage(format!("there is no plugin `{name}`"))
            .hint(format!("use one of: {}", names.join(", "))));
    };
    let details = details(plugin)?;
    match format {
        Format::Json => output::json(&details),
        Format::Text => {
            for (key, value) in details.as_object().into_iter().flatten() {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Array(values) => {
                        values.iter().map(component_line).collect::<Vec<_>>().join("\n           ")
                    }
                    other => other.to_string(),
                };
                output::result(&format!("{key:<10} {text}"));
            }
        }
    }
    Ok(ExitCode::Done)
}

pub(crate) fn check(file: &Path) -> Result<ExitCode> {
    let host = Host::new(llmbench_host::SearchPath::only(Vec::new()));
    let plugin = host.load(file).map_err(|refused| CliError::from(HostError::Refused(refused)))?;
    let components =
        plugin.components.iter().map(|found| format!("{} `{}`", found.kind.as_str(), found.name));
    output::result(&format!(
        "ok: {} {} (interface {}): {}",
        plugin.info.package,
        plugin.info.version,
        plugin.info.abi,
        components.collect::<Vec<_>>().join(", ")
    ));
    Ok(ExitCode::Done)
}

fn configured_host(global: &GlobalArgs) -> Result<Host> {
    let settings = wiring::with_flags(global, settings::Layer::default())?;
    Ok(wiring::host(global, &settings.plugin_dirs))
}

fn show(host: &Host, listing: &Listing) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["kind", "name", "version", "what it does"]);
    let mut rows: Vec<_> = listing
        .plugins
        .iter()
        .flat_map(|plugin| plugin.components.iter().map(move |found| (found, plugin)))
        .collect();
    rows.sort_by(|a, b| (a.0.kind, &a.0.name).cmp(&(b.0.kind, &b.0.name)));
    for (found, plugin) in rows {
        table.add_row([found.kind.as_str(), &found.name, &plugin.info.version, &found.summary]);
    }
    if listing.plugins.is_empty() {
        output::result("no plugins were found");
    } else {
        output::result(&table.to_string());
    }
    for refused in &listing.refused {
        output::warning(&format!("refused: {refused}\n  hint: {}", refused.hint()));
    }
    for shadowed in &listing.shadowed {
        let winner = shadowed.shadowed_by.as_deref().unwrap_or(Path::new("?"));
        output::warning(&format!(
            "{} is not used: {} comes first",
            shadowed.path.display(),
            winner.display()
        ));
    }
    for duplicate in listing.duplicates() {
        output::warning(&format!(
            "{} `{}` is offered by several plugins: {}; the file that is named after it comes first",
            duplicate.kind.as_str(),
            duplicate.name,
            duplicate.packages.join(", ")
        ));
    }
    if listing.plugins.is_empty() {
        for dir in host.search_path().dirs() {
            output::note(&format!("looked in {} ({})", dir.path.display(), dir.origin.as_str()));
        }
    }
}

fn as_json(host: &Host, listing: &Listing) -> Value {
    let refused = |error: &LoadError| json!({"message": error.to_string(), "hint": error.hint()});
    let plugin = |plugin: &Arc<Plugin>| json!({"path": plugin.path, "info": plugin.info, "components": plugin.components});
    json!({
        "plugins": listing.plugins.iter().map(plugin).collect::<Vec<_>>(),
        "refused": listing.refused.iter().map(refused).collect::<Vec<_>>(),
        "shadowed": listing.shadowed.iter().map(|found| json!({"path": found.path, "by": found.shadowed_by})).collect::<Vec<_>>(),
        "searched": host.search_path().dirs().iter().map(|dir| json!({"path": dir.path, "origin": dir.origin.as_str()})).collect::<Vec<_>>(),
    })
}

fn details(plugin: &Arc<Plugin>) -> Result<Value> {
    let source = llmbench_host::PluginSource { name: String::new(), plugin: Arc::clone(plugin) };
    let sha256 = source.sha256().map_err(|error| {
        CliError::new(ExitCode::Plugin, format!("cannot read the plugin's file: {error}"))
    })?;
    Ok(json!({
        "package": plugin.info.package,
        "version": plugin.info.version,
        "path": plugin.path.as_ref().map_or_else(|| "linked into llmbench".to_owned(), |path| path.display().to_string()),
        "sha256": sha256.unwrap_or_else(|| "–".into()),
        "abi": plugin.info.abi,
        "rustc": plugin.info.rustc,
        "target": plugin.info.target,
        "build": if plugin.info.debug { "debug" } else { "release" },
        "components": plugin.components,
    }))
}

fn component_line(component: &Value) -> String {
    let text = |key: &str| component[key].as_str().unwrap_or_default();
    format!("{} `{}`: {}", text("kind").replace("test_type", "test"), text("name"), text("summary"))
}
