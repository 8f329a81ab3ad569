//! The plan, and the manifest as it stands before the first attempt.

use std::collections::BTreeMap;
use std::ffi::OsString;

use llmbench_api::record::{
    FORMAT_VERSION, FixtureRecord, ModelRecord, PlanRecord, RunManifest, RunStatus, SettingRecord,
};
use llmbench_api::{Json, ModelIdentity};
use llmbench_engine::plan::{Plan, PlanInput};

use super::prepare::Prepared;
use super::resume::session;
use crate::choice::SAMPLE;
use crate::environment;

/// The plan and the manifest as they stand before the first attempt.
pub(super) fn plan(prepared: &Prepared, argv: &[OsString]) -> (Plan, RunManifest) {
    let plan = Plan::new(&plan_input(prepared, None));
    let manifest = manifest(prepared, &plan, argv);
    (plan, manifest)
}

/// The plan of a run that goes on: as it was, and with the runs that it shall have now.
pub(super) fn plans_of(prepared: &Prepared, was: &PlanRecord) -> (Plan, Plan) {
    let old = plan_input(prepared, Some(was));
    let runs = prepared.wiring.settings().runs.max(was.runs);
    let base_runs = was.base_runs.or(Some(was.runs)).filter(|base| *base != runs);
    (Plan::new(&old), Plan::new(&PlanInput { runs, base_runs, ..old.clone() }))
}

fn plan_input<'a>(prepared: &'a Prepared, was: Option<&PlanRecord>) -> PlanInput<'a> {
    let settings = prepared.wiring.settings();
    let digest = |identity: &ModelIdentity| (identity.name.clone(), identity.digest.value.clone());
    PlanInput {
        test: prepared.wiring.test_name(),
        models: prepared.models.iter().map(digest).collect(),
        cases: &prepared.cases,
        runs: was.map_or(settings.runs, |was| was.runs),
        base_runs: was.and_then(|was| was.base_runs),
        model_runs: was.map(|was| was.model_runs.clone()).unwrap_or_default(),
        warmup: settings.warmup,
        options: &settings.run.generate,
        scoring_version: prepared.session.description.scoring_version.clone(),
        shard: settings.shard,
    }
}

fn manifest(prepared: &Prepared, plan: &Plan, argv: &[OsString]) -> RunManifest {
    let settings = prepared.wiring.settings();
    let description = &prepared.session.description;
    let now = jiff::Timestamp::now();
    let session = session(now, argv);
    RunManifest {
        format_version: FORMAT_VERSION,
        run_id: run_id(now, prepared.wiring.test_name()),
        name: settings.name.clone(),
        status: RunStatus::Running,
        error: None,
        llmbench_version: env!("CARGO_PKG_VERSION").into(),
        argv: session.argv.clone(),
        started_at: now.to_string(),
        finished_at: None,
        elapsed_sec: None,
        sessions: vec![session],
        merged_from: Vec::new(),
        test: prepared.wiring.test_name().into(),
        backend: prepared.choice.backend.clone(),
        default_choice: prepared.choice.by_default.clone(),
        settings: with_choice(settings.record.clone(), prepared, plan),
        plan: plan.record.clone(),
        plugins: Vec::new(),
        fixtures: prepared
            .fixtures
            .iter()
            .zip(&prepared.cases)
            .map(|(found, case)| FixtureRecord {
                name: case.name.clone(),
                sha256: case.project.id.clone(),
                origin: found.origin.clone(),
                title: case.title.clone(),
                level: case.level,
            })
            .collect(),
        models: prepared
            .models
            .iter()
            .map(|identity| ModelRecord { identity: identity.clone(), ..ModelRecord::default() })
            .collect(),
        server: prepared.server.clone(),
        roles: prepared.roles.clone(),
        monitors: prepared.monitors.clone(),
        environment: environment::record(&prepared.monitors),
        calibration: prepared.calibration.clone(),
        scoring_version: description.scoring_version.clone(),
        max_score: description.max_score,
        is_scored: description.is_scored,
        judges_correctness: description.judges_correctness,
        warnings: warnings(prepared),
    }
}

/// The settings, with what was chosen where nothing was named.
fn with_choice(
    mut settings: BTreeMap<String, SettingRecord>,
    prepared: &Prepared,
    plan: &Plan,
) -> BTreeMap<String, SettingRecord> {
    let chosen: [(&str, Json); 3] = [
        ("plugin", prepared.wiring.test_name().into()),
        ("backend", prepared.choice.backend.clone().into()),
        ("model", plan.record.models.clone().into()),
    ];
    for (name, value) in chosen {
        if let Some(record) = settings.get_mut(name).filter(|record| is_unset(&record.value)) {
            record.value = value;
        }
    }
    settings
}

fn is_unset(value: &Json) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Sortable by time, readable, unique: `20261123T210412Z-refactoring-3f9a1c`.
pub(crate) fn run_id(now: jiff::Timestamp, test: &str) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{test}-{}", now.strftime("%Y%m%dT%H%M%SZ"), &random[..6])
}

fn warnings(prepared: &Prepared) -> Vec<String> {
    let mut warnings = Vec::new();
    let required = |role: &str| {
        prepared.session.description.roles.iter().any(|spec| spec.role == role && spec.required)
    };
    for (role, record) in &prepared.roles {
        if let Some(reason) = record.skipped.as_ref().filter(|_| required(role)) {
            warnings
                .push(format!("role `{role}` is SKIPPED, so no attempt can get a score: {reason}"));
        }
    }
    if prepared.choice.has_demo_model() {
        warnings.push(format!("`{SAMPLE}` is a demo model, no reference for quality"));
    }
    warnings.extend(prepared.left_out.clone());
    let num_ctx = u64::from(prepared.session.options.generate.num_ctx);
    for identity in &prepared.models {
        let shorter = |length: &u64| *length < num_ctx && !prepared.server.context_is_fixed;
        if let Some(length) = identity.context_length.value.filter(shorter) {
            warnings.push(format!(
                "--num-ctx {num_ctx} exceeds the {length} tokens that `{}` was built for",
                identity.name
            ));
        }
    }
    let debug = prepared.wiring.debug_plugins();
    if !debug.is_empty() && !cfg!(debug_assertions) {
        warnings.push(format!("debug builds of plugins are slow: {}", debug.join(", ")));
    }
    if cfg!(debug_assertions) {
        warnings.push("this is a debug build of llmbench; measure with a release build".into());
    }
    warnings
}
