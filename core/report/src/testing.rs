//! Small hand-made runs for the tests of this crate.

use std::collections::BTreeMap;

use llmbench_api::record::{
    AttemptRecord, AttemptStatus, EnergySource, EnvironmentRecord, FixtureRecord, MeasuredBy,
    ModelRecord, PlanRecord, PluginRecord, RoleRecord, RunManifest, RunStatus, SettingRecord,
};
use llmbench_api::{
    Device, DeviceKind, DoneReason, Measured, ModelIdentity, ServerInfo, ValidatorInfo,
};
use serde_json::json;

/// A finished run of `runs` attempts at each fixture with each model.
pub(crate) fn manifest(models: &[&str], fixtures: &[&str], runs: u32) -> RunManifest {
    let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    RunManifest {
        format_version: 1,
        run_id: "2026-03-01T10-00-00-example".into(),
        name: None,
        status: RunStatus::Finished,
        error: None,
        llmbench_version: "0.1.0".into(),
        argv: strings(&["llmbench", "run", "--plugin", "refactoring"]),
        started_at: "2026-03-01T10:00:00Z".into(),
        finished_at: Some("2026-03-01T10:02:00Z".into()),
        elapsed_sec: Some(120.0),
        sessions: Vec::new(),
        merged_from: Vec::new(),
        test: "refactoring".into(),
        backend: "ollama".into(),
        default_choice: None,
        settings: BTreeMap::from([
            ("runs".into(), SettingRecord { value: json!(runs), origin: "default".into() }),
            ("seed".into(), SettingRecord { value: json!(42), origin: "--seed".into() }),
        ]),
        plan: PlanRecord {
            sha256: "c0ffee".into(),
            models: strings(models),
            fixtures: strings(fixtures),
            runs,
            base_runs: None,
            model_runs: BTreeMap::new(),
            warmup: 1,
            attempts: runs * (models.len() * fixtures.len()) as u32,
            shard: None,
        },
        plugins: vec![PluginRecord {
            kind: "test".into(),
            name: "refactoring".into(),
            version: "0.1.0".into(),
            ..PluginRecord::default()
        }],
        fixtures: fixtures
            .iter()
            .map(|name| FixtureRecord {
                name: (*name).into(),
                sha256: "0123456789abcdef".into(),
                origin: "fixtures".into(),
                ..FixtureRecord::default()
            })
            .collect(),
        models: models.iter().map(|name| model(name)).collect(),
        server: ServerInfo {
            name: "ollama".into(),
            version: Measured::known("0.6.5".into()),
            location: "http://127.0.0.1:11434".into(),
            ..ServerInfo::default()
        },
        roles: BTreeMap::from([(
            "types".into(),
            RoleRecord {
                validator: Some("tsc".into()),
                info: ValidatorInfo {
                    tools: BTreeMap::from([("typescript".into(), "5.8.3".into())]),
                    ..ValidatorInfo::default()
                },
                skipped: None,
            },
        )]),
        monitors: Vec::new(),
        environment: EnvironmentRecord {
            os: "Linux".into(),
            architecture: "x86_64".into(),
            cpu: Some("Example CPU".into()),
            logical_cpus: Some(16),
            memory_total_bytes: Some(64_000_000_000),
            gpus: vec![Device {
                id: "gpu0".into(),
                kind: DeviceKind::Gpu,
                name: "Example GPU".into(),
                facts: BTreeMap::from([("driver_version".into(), "570.00".into())]),
            }],
            ..EnvironmentRecord::default()
        },
        calibration: Measured::absent("never calibrated"),
        scoring_version: Some("1".into()),
        max_score: 10.0,
        is_scored: true,
        judges_correctness: true,
        warnings: Vec::new(),
    }
}

fn model(name: &str) -> ModelRecord {
    ModelRecord {
        identity: ModelIdentity {
            name: name.into(),
            digest: Measured::known("sha256:feedbeef".into()),
            quantization: Measured::known("Q8_0".into()),
            parameters: Measured::known(7_615_616_512),
            context_length: Measured::known(32_768),
            ..ModelIdentity::default()
        },
        load_sec: Some(4.25),
        ..ModelRecord::default()
    }
}

/// An attempt that was scored, with every figure measured; the answer names the attempt.
pub(crate) fn scored(model: &str, fixture: &str, run_number: u32, score: f64) -> AttemptRecord {
    let id = format!("{model}-{fixture}-{run_number}");
    AttemptRecord {
        model: model.into(),
        fixture: fixture.into(),
        timestamp: format!("2026-03-01T10:00:{run_number:02}Z"),
        run_number,
        status: AttemptStatus::Scored,
        score: Some(score),
        scoring_version: Some("1".into()),
        compiles: Some(true),
        ast_score: Some(score),
        tokens_per_sec: Some(40.0 + f64::from(run_number)),
        tokens_per_sec_measured_by: Some(MeasuredBy::Server),
        duration_sec: Some(5.0 + f64::from(run_number)),
        ttft_sec: Some(0.25),
        load_sec: Some(0.0),
        prefill_tokens_per_sec: Some(1500.0),
        queue_sec: Some(0.001),
        prompt_tokens: Some(700),
        completion_tokens: Some(400),
        done_reason: Some(DoneReason::Stop),
        seed: 41 + u64::from(run_number),
        gpu_avg_utilization: Some(95.0),
        gpu_peak_utilization: Some(99.0),
        gpu_avg_memory_gb: Some(8.1),
        gpu_peak_memory_gb: Some(8.4),
        energy_joules: Some(1200.0),
        energy_source: Some(EnergySource::Counter),
        energy_above_idle_joules: Some(1100.0),
        cpu_energy_joules: Some(300.0),
        output_code: Some(format!("// answer of {id}\n")),
        errors: Vec::new(),
        warnings: Vec::new(),
        missing: BTreeMap::new(),
        findings: BTreeMap::new(),
        monitors: Vec::new(),
        retries: Vec::new(),
        extra: BTreeMap::new(),
        id,
    }
}

/// An attempt that was not scored, with nothing measured.
pub(crate) fn lost(
    status: AttemptStatus,
    model: &str,
    fixture: &str,
    run_number: u32,
    error: &str,
) -> AttemptRecord {
    let mut record = scored(model, fixture, run_number, 0.0);
    let fields =
        ["score", "compiles", "ast_score", "tokens_per_sec", "ttft_sec", "gpu_avg_utilization"];
    for field in fields {
        record.missing.insert(field.into(), "there is no complete answer".into());
    }
    AttemptRecord {
        status,
        score: None,
        compiles: None,
        ast_score: None,
        tokens_per_sec: None,
        tokens_per_sec_measured_by: None,
        ttft_sec: None,
        prefill_tokens_per_sec: None,
        prompt_tokens: None,
        completion_tokens: None,
        done_reason: None,
        gpu_avg_utilization: None,
        gpu_peak_utilization: None,
        gpu_avg_memory_gb: None,
        gpu_peak_memory_gb: None,
        energy_joules: None,
        energy_source: None,
        energy_above_idle_joules: None,
        cpu_energy_joules: None,
        output_code: None,
        errors: vec![error.into()],
        ..record
    }
}

/// Takes the GPU figures away, for `reason`.
pub(crate) fn without_gpu(mut record: AttemptRecord, reason: &str) -> AttemptRecord {
    record.gpu_avg_utilization = None;
    record.gpu_peak_utilization = None;
    record.gpu_avg_memory_gb = None;
    record.gpu_peak_memory_gb = None;
    record.energy_joules = None;
    record.energy_source = None;
    record.energy_above_idle_joules = None;
    let fields = [
        "gpu_avg_utilization",
        "gpu_peak_utilization",
        "gpu_avg_memory_gb",
        "gpu_peak_memory_gb",
        "energy_joules",
    ];
    for field in fields {
        record.missing.insert(field.into(), reason.into());
    }
    record
}

/// Marks the prompt as one that the server had in its cache.
pub(crate) fn cached(mut record: AttemptRecord) -> AttemptRecord {
    record.extra.insert("prompt_cached".into(), json!(true));
    record
}
