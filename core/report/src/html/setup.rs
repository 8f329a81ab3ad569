//! Settings, models and machine of a run, as lists of label and value.

use llmbench_api::Measured;
use llmbench_api::record::{ModelRecord, RunManifest};
use serde_json::{Value, json};

use crate::render::figures::{self, si};

/// Setting, value, origin.
pub(super) fn settings(manifest: &RunManifest) -> Value {
    let setting = |(name, setting): (&String, &llmbench_api::record::SettingRecord)| {
        json!([name, figures::setting(&setting.value), setting.origin])
    };
    manifest.settings.iter().map(setting).collect()
}

/// What is known of each model, and why the rest is not.
pub(super) fn models(manifest: &RunManifest) -> Value {
    manifest.models.iter().map(model).collect()
}

fn model(record: &ModelRecord) -> Value {
    let identity = &record.identity;
    let mut rows = vec![
        known("Digest", &identity.digest, String::clone),
        known("Family", &identity.family, String::clone),
        known("Quantisation", &identity.quantization, String::clone),
        known("Parameters", &identity.parameters, |value| si(*value)),
        known("Active parameters", &identity.active_parameters, |value| si(*value)),
        known("Architecture", &identity.architecture, figures::architecture),
        known("Experts", &identity.expert_count, u64::to_string),
        known("Experts for a token", &identity.experts_used, u64::to_string),
        known("Size of the weights", &identity.size_bytes, |bytes| {
            format!("{:.2} GB", *bytes as f64 / 1e9)
        }),
        known("Built for a context of", &identity.context_length, |n| format!("{n} tokens")),
        known("On the GPU", &identity.gpu_offload_share, |share| format!("{:.0} %", share * 100.0)),
    ];
    let load = record.load_sec.map(|seconds| format!("{seconds:.2} s"));
    rows.push(json!(["Load time", load, record.load_remark]));
    json!({ "name": identity.name, "rows": rows })
}

fn known<T>(label: &str, value: &Measured<T>, show: impl Fn(&T) -> String) -> Value {
    json!([label, value.value.as_ref().map(show), value.reason])
}

/// The machine, the server and the tools.
pub(super) fn environment(manifest: &RunManifest) -> Value {
    let machine = &manifest.environment;
    let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let server = &manifest.server;
    let version = server.version.value.clone().unwrap_or_default();
    let mut rows = vec![
        json!(["System", format!("{} ({})", machine.os, machine.architecture)]),
        json!(["Kernel", machine.kernel]),
        json!(["Processor", machine.cpu]),
        json!(["Logical processors", machine.logical_cpus]),
        json!(["Memory", machine.memory_total_bytes.map(gigabytes)]),
        json!(["Load at the start", machine.load_average_1min.map(|load| format!("{load:.2}"))]),
        json!(["Backend", manifest.backend]),
        json!(["Server", format!("{} {version} at {}", server.name, server.location)]),
    ];
    for gpu in &machine.gpus {
        let facts: Vec<_> =
            gpu.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        rows.push(json!([
            format!("GPU {}", gpu.id),
            format!("{} ({})", gpu.name, facts.join(", "))
        ]));
    }
    if machine.gpus.is_empty() {
        rows.push(json!(["GPU", "no monitor found one"]));
    }
    for monitor in &manifest.monitors {
        let text = match &monitor.unavailable {
            Some(reason) => format!("not used: {reason}"),
            None => monitor.info.source.clone(),
        };
        rows.push(json!([format!("Monitor {}", monitor.name), text]));
    }
    for (role, record) in &manifest.roles {
        let tools: Vec<_> = record.info.tools.iter().map(|(t, v)| format!("{t} {v}")).collect();
        let by = record.validator.as_deref().unwrap_or("nobody");
        let text = match &record.skipped {
            Some(reason) => format!("skipped: {reason}"),
            None => format!("{by} ({})", tools.join(", ")),
        };
        rows.push(json!([format!("Role {role}"), text]));
    }
    for plugin in &manifest.plugins {
        let text = format!("{} {}", plugin.package, plugin.version);
        rows.push(json!([format!("Plugin {} ({})", plugin.name, plugin.kind), text]));
    }
    Value::Array(rows)
}
