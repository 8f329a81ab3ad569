//! What was measured, with which settings, on which machine.

use llmbench_api::{Measured, ModelIdentity};

use super::{list, table};
use crate::Report;
use crate::render::{escape, figures};

pub(super) fn models(report: &Report<'_>) -> String {
    let header = [
        "Model",
        "Quantisation",
        "Parameters",
        "Active",
        "Architecture",
        "Experts",
        "Size",
        "Context",
        "On GPU",
        "Loaded in s",
        "Digest",
    ]
    .map(str::to_owned);
    let rows = report.manifest.models.iter().map(|model| {
        let identity = &model.identity;
        let load = figures::number(model.load_sec, 2);
        let load = match &model.load_remark {
            Some(remark) => format!("{load} ({remark})"),
            None => load,
        };
        vec![
            identity.name.clone(),
            measured(&identity.quantization, String::clone),
            measured(&identity.parameters, |value| figures::si(*value)),
            measured(&identity.active_parameters, |value| figures::si(*value)),
            measured(&identity.architecture, figures::architecture),
            experts(identity),
            measured(&identity.size_bytes, |bytes| format!("{:.2} GB", *bytes as f64 / 1e9)),
            measured(&identity.context_length, u64::to_string),
            measured(&identity.gpu_offload_share, |share| format!("{:.0} %", share * 100.0)),
            load,
            measured(&identity.digest, |digest| digest.chars().take(19).collect()),
        ]
    });
    table(&header, rows)
}

/// `8 of 64` for a token.
fn experts(identity: &ModelIdentity) -> String {
    match (identity.experts_used.value, identity.expert_count.value) {
        (Some(used), Some(count)) => format!("{used} of {count}"),
        _ => measured(&identity.expert_count, u64::to_string),
    }
}

pub(super) fn settings(report: &Report<'_>) -> String {
    let header = ["Setting", "Value", "From"].map(str::to_owned);
    let rows = report.manifest.settings.iter().map(|(name, setting)| {
        vec![name.clone(), figures::setting(&setting.value), setting.origin.clone()]
    });
    let command = report.manifest.argv.join(" ");
    format!("{}\n{}", table(&header, rows), escape::fenced(&command))
}

pub(super) fn environment(report: &Report<'_>) -> String {
    let manifest = report.manifest;
    let machine = &manifest.environment;
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    let version =
        manifest.server.version.value.as_ref().map_or_else(String::new, |v| format!(" {v}"));
    let mut lines = vec![
        format!("System: {} ({})", machine.os, machine.architecture),
        format!("Kernel: {}", or_unknown(machine.kernel.clone())),
        format!(
            "Processor: {} ({} logical)",
            or_unknown(machine.cpu.clone()),
            or_unknown(machine.logical_cpus.map(|n| n.to_string()))
        ),
        format!("Memory: {}", or_unknown(machine.memory_total_bytes.map(gigabytes))),
        format!(
            "Load at the start: {}",
            or_unknown(machine.load_average_1min.map(|load| format!("{load:.2}")))
        ),
        format!(
            "Backend: {} — {}{version} at {}",
            manifest.backend, manifest.server.name, manifest.server.location
        ),
    ];
    if machine.gpus.is_empty() {
        lines.push("GPU: no monitor found one".to_owned());
    }
    for gpu in &machine.gpus {
        let facts: Vec<_> =
            gpu.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        lines.push(format!("GPU {}: {} ({})", gpu.id, gpu.name, facts.join(", ")));
    }
    for monitor in &manifest.monitors {
        let why = match &monitor.unavailable {
            Some(reason) => format!("not used: {reason}"),
            None => monitor.info.source.clone(),
        };
        lines.push(format!("Monitor {}: {why}", monitor.name));
    }
    for (role, record) in &manifest.roles {
        let validator = record.validator.as_deref().unwrap_or("nobody");
        let tools: Vec<_> =
            record.info.tools.iter().map(|(tool, version)| format!("{tool} {version}")).collect();
        let tools =
            if tools.is_empty() { String::new() } else { format!(" ({})", tools.join(", ")) };
        let skipped =
            record.skipped.as_ref().map_or_else(String::new, |why| format!("; skipped: {why}"));
        lines.push(format!("Role {role}: {validator}{tools}{skipped}"));
    }
    for fixture in &manifest.fixtures {
        let hash: String = fixture.sha256.chars().take(12).collect();
        lines.push(format!("Fixture {}: {hash}, {}", fixture.name, fixture.origin));
    }
    for plugin in &manifest.plugins {
        lines.push(format!("Plugin {} ({}): {}", plugin.name, plugin.kind, plugin.version));
    }
    list(lines.iter())
}

fn measured<T>(measured: &Measured<T>, show: impl Fn(&T) -> String) -> String {
    let value = measured.value.as_ref().map_or_else(|| figures::ABSENT.to_owned(), show);
    match &measured.reason {
        Some(reason) => format!("{value} ({reason})"),
        None => value,
    }
}
