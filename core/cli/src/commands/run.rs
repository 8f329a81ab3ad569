//! `llmbench run`.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use llmbench_api::record::{
    AttemptRecord, AttemptStatus, FORMAT_VERSION, FixtureRecord, ModelRecord, MonitorRecord,
    RoleRecord, RunManifest, RunStatus, Summary,
};
use llmbench_api::{Backend, Case, ModelIdentity, ServerInfo, TestDescription, TestType};
use llmbench_engine::journal::Journal;
use llmbench_engine::plan::{Plan, PlanInput};
use llmbench_engine::preflight::Preflight;
use llmbench_engine::run::{RunInput, RunOutcome};
use llmbench_engine::session::NamedMonitor;
use llmbench_engine::{CancelToken, Observer, RunEvent, Session};
use llmbench_report::Report;

use crate::args::{Format, GlobalArgs, RunArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::fixtures::Found;
use crate::wiring::Wiring;
use crate::{environment, fixtures, output, progress, settings, wiring};

pub(crate) fn run(global: &GlobalArgs, args: &RunArgs, argv: &[OsString]) -> Result<ExitCode> {
    let settings = wiring::with_flags(global, settings::run_layer(args)?)?;
    if !args.dry_run {
        Journal::check_writable(&settings.out)?;
    }
    let observer = progress::observer(global.quiet);
    let cancel = CancelToken::default();
    stop_on_interrupt(&cancel);
    let prepared = prepare(Wiring::new(global, settings), &observer, &cancel)?;
    let (plan, mut manifest) = plan(&prepared, argv);
    if cancel.is_cancelled() {
        return Err(CliError::new(ExitCode::Interrupted, "interrupted before the first attempt"));
    }
    for warning in &manifest.warnings {
        observer.event(&RunEvent::Warning { message: warning });
    }
    if args.dry_run {
        drop(observer);
        show_plan(&plan, &manifest, args.format);
        return Ok(ExitCode::Done);
    }
    manifest.plugins = prepared.wiring.records();
    let out = prepared.wiring.settings().out.clone();
    let input = RunInput {
        session: &prepared.session,
        plan: &plan,
        cases: &prepared.cases,
        manifest,
        out: &out,
    };
    let outcome = llmbench_engine::run::run(input)?;
    finish(prepared, outcome, args)
}

/// Everything that a run needs, checked.
struct Prepared {
    wiring: Wiring,
    session: Session,
    cases: Vec<Case>,
    fixtures: Vec<Found>,
    server: ServerInfo,
    models: Vec<ModelIdentity>,
    roles: std::collections::BTreeMap<String, RoleRecord>,
    monitors: Vec<MonitorRecord>,
}

/// Loads and checks everything, the cheap and local things first.
fn prepare(
    mut wiring: Wiring,
    observer: &Arc<dyn Observer>,
    cancel: &CancelToken,
) -> Result<Prepared> {
    let preflight = preflight(observer, cancel);
    let test = wiring.test()?;
    let description = test.describe();
    let backend = wiring.backend()?;
    let named_monitors = wiring.monitors()?;
    let players = wiring.roles(&description)?;
    wiring.check_plugin_settings()?;
    let test_name = wiring.test_name().to_owned();
    let fixtures = fixtures::find(&test_name, &*test, &wiring.settings().fixtures)?;
    let files: Vec<_> = fixtures.iter().map(|found| found.fixture.clone()).collect();
    let cases = preflight.cases(&*test, &files)?;

    let server = preflight.server(&backend)?;
    let models = preflight.models(&backend, &wiring.models())?;
    let (monitors, monitor_records) = monitors(&preflight, named_monitors)?;
    let (roles, role_records) = preflight.roles(players, &cases)?;

    let session = session(
        &wiring,
        test,
        description,
        backend,
        (monitors, &monitor_records),
        roles,
        &server,
        observer,
        cancel,
    );
    Ok(Prepared {
        wiring,
        session,
        cases,
        fixtures,
        server,
        models,
        roles: role_records,
        monitors: monitor_records,
    })
}

/// Checks with progress for the user.
pub(super) fn preflight(observer: &Arc<dyn Observer>, cancel: &CancelToken) -> Preflight {
    let observer = Arc::clone(observer);
    let progress = move |fraction: Option<f64>, message: &str| {
        observer.event(&RunEvent::Preparing { message, fraction });
    };
    Preflight { cancel: cancel.clone(), progress: Arc::new(progress) }
}

/// Monitors that work here. One that the user named must; one of `auto` need not.
fn monitors(
    preflight: &Preflight,
    named: Vec<(NamedMonitor, bool)>,
) -> Result<(Vec<NamedMonitor>, Vec<MonitorRecord>)> {
    let required: Vec<String> = named
        .iter()
        .filter(|(_, required)| *required)
        .map(|(monitor, _)| monitor.name.clone())
        .collect();
    let (usable, records) =
        preflight.monitors(named.into_iter().map(|(monitor, _)| monitor).collect());
    let failed = records
        .iter()
        .find(|record| record.unavailable.is_some() && required.contains(&record.name));
    match failed {
        Some(record) => {
            let reason = record.unavailable.as_deref().unwrap_or_default();
            Err(CliError::not_ready(format!(
                "monitor `{}` has nothing to watch: {reason}",
                record.name
            ))
            .hint(
                "leave `--monitor` out to take those that work here, or `--monitor none` for none",
            ))
        }
        None => Ok((usable, records)),
    }
}

#[expect(clippy::too_many_arguments, reason = "puts together what was prepared one by one")]
fn session(
    wiring: &Wiring,
    test: Arc<dyn TestType>,
    description: TestDescription,
    backend: Arc<dyn Backend>,
    (monitors, monitor_records): (Vec<NamedMonitor>, &[MonitorRecord]),
    roles: std::collections::BTreeMap<String, llmbench_engine::RolePlayer>,
    server: &ServerInfo,
    observer: &Arc<dyn Observer>,
    cancel: &CancelToken,
) -> Session {
    let unavailable = |record: &MonitorRecord| {
        record.unavailable.as_ref().map(|reason| format!("{}: {reason}", record.name))
    };
    let unavailable_monitors = monitor_records.iter().filter_map(unavailable).collect();
    Session {
        test,
        description,
        backend,
        monitors,
        unavailable_monitors,
        roles,
        options: wiring.settings().run.clone(),
        process_id: std::sync::Mutex::new(server.process_id),
        cancel: cancel.clone(),
        observer: Arc::clone(observer),
    }
}

/// The plan and the manifest as they stand before the first attempt.
fn plan(prepared: &Prepared, argv: &[OsString]) -> (Plan, RunManifest) {
    let settings = prepared.wiring.settings();
    let description = &prepared.session.description;
    let digest = |identity: &ModelIdentity| (identity.name.clone(), identity.digest.value.clone());
    let plan = Plan::new(&PlanInput {
        test: prepared.wiring.test_name(),
        models: prepared.models.iter().map(digest).collect(),
        cases: &prepared.cases,
        runs: settings.runs,
        warmup: settings.warmup,
        options: &settings.run.generate,
        scoring_version: description.scoring_version.clone(),
        shard: settings.shard,
    });
    let now = jiff::Timestamp::now();
    let manifest = RunManifest {
        format_version: FORMAT_VERSION,
        run_id: run_id(now, prepared.wiring.test_name()),
        name: settings.name.clone(),
        status: RunStatus::Running,
        error: None,
        llmbench_version: env!("CARGO_PKG_VERSION").into(),
        argv: argv.iter().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        started_at: now.to_string(),
        finished_at: None,
        elapsed_sec: None,
        test: prepared.wiring.test_name().into(),
        backend: prepared.wiring.backend_name().into(),
        default_choice: default_choice(&prepared.wiring),
        settings: settings.record.clone(),
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
        scoring_version: description.scoring_version.clone(),
        max_score: description.max_score,
        warnings: warnings(prepared),
    };
    (plan, manifest)
}

/// Sortable by time, readable, unique: `20261123T210412Z-refactoring-3f9a1c`.
fn run_id(now: jiff::Timestamp, test: &str) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{test}-{}", now.strftime("%Y%m%dT%H%M%SZ"), &random[..6])
}

fn default_choice(wiring: &Wiring) -> Option<String> {
    let settings = wiring.settings();
    (settings.backend.is_none() && settings.models.is_empty()).then(|| {
        format!(
            "neither --backend nor --model given: {} with {}",
            wiring::DEFAULT_BACKEND,
            wiring::DEFAULT_MODEL
        )
    })
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
    let num_ctx = u64::from(prepared.session.options.generate.num_ctx);
    for identity in &prepared.models {
        if let Some(length) = identity.context_length.value.filter(|length| *length < num_ctx) {
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

fn show_plan(plan: &Plan, manifest: &RunManifest, format: Format) {
    match format {
        Format::Json => output::json(manifest),
        Format::Text => {
            let record = &plan.record;
            output::result(&format!(
                "{} attempts: {} model(s) × {} fixture(s) × {} run(s)\nmodels: {}\nfixtures: {}\nroles: {}",
                record.attempts,
                record.models.len(),
                record.fixtures.len(),
                record.runs,
                record.models.join(", "),
                record.fixtures.join(", "),
                roles_line(manifest),
            ));
            for attempt in &plan.attempts {
                output::result(&format!("  {} seed {}", attempt.id, attempt.seed));
            }
        }
    }
}

fn roles_line(manifest: &RunManifest) -> String {
    let describe =
        |(role, record): (&String, &RoleRecord)| match (&record.skipped, &record.validator) {
            (Some(reason), _) => format!("{role} skipped ({reason})"),
            (None, Some(validator)) => format!("{role} by {validator}"),
            (None, None) => format!("{role} by nobody"),
        };
    manifest.roles.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// Writes the derived files, shows the summary, decides the exit code.
fn finish(prepared: Prepared, outcome: RunOutcome, args: &RunArgs) -> Result<ExitCode> {
    let RunOutcome { dir, manifest, records } = outcome;
    let report = Report::new(&manifest, &records);
    let written = llmbench_report::write_derived(&dir, &manifest, &records);
    let fail_under = prepared.wiring.settings().fail_under;
    // Ends the live display before anything else is printed.
    drop(prepared);
    if let Err(error) = written {
        output::warning(&format!(
            "{error}; `llmbench report {}` can make the reports again",
            dir.display()
        ));
    }
    match args.format {
        Format::Json => output::json(&report.summary),
        Format::Text => show(&report, &dir),
    }
    exit_code(&manifest, &records, &report.summary, fail_under)
}

fn show(report: &Report<'_>, dir: &Path) {
    output::result(&llmbench_report::render::text(report, &output::text_options()));
    output::result(&format!(
        "results: {}\nreport:  {}",
        dir.display(),
        dir.join("report.md").display()
    ));
}

fn exit_code(
    manifest: &RunManifest,
    records: &[AttemptRecord],
    summary: &Summary,
    fail_under: Option<f64>,
) -> Result<ExitCode> {
    if manifest.status == RunStatus::Interrupted {
        output::warning("interrupted; finished attempts are kept");
        return Ok(ExitCode::Interrupted);
    }
    let lost = records
        .iter()
        .filter(|record| record.status != AttemptStatus::Scored || record.score.is_none())
        .count();
    if let Some(error) = &manifest.error {
        output::warning(error);
        return Ok(ExitCode::AttemptsLost);
    }
    if lost > 0 {
        output::warning(&format!(
            "{lost} of {} attempts have no score; the reasons are in samples.jsonl",
            records.len()
        ));
        return Ok(ExitCode::AttemptsLost);
    }
    let below = fail_under.and_then(|limit| {
        let group = summary
            .models
            .iter()
            .find(|group| group.score.mean.is_some_and(|mean| mean < limit))?;
        Some(format!(
            "`{}` scored {:.2} on average, below --fail-under {limit}",
            group.model, group.score.mean?
        ))
    });
    if let Some(reason) = below {
        output::warning(&reason);
        return Ok(ExitCode::BelowThreshold);
    }
    Ok(ExitCode::Done)
}

/// The first Ctrl-C ends the run in order, the second one at once.
fn stop_on_interrupt(cancel: &CancelToken) {
    let cancel = cancel.clone();
    let installed = ctrlc::set_handler(move || {
        if cancel.is_cancelled() {
            std::process::exit(ExitCode::Interrupted.into());
        }
        output::note("\nstopping: finished attempts are kept; once more to stop at once");
        cancel.cancel();
    });
    if let Err(error) = installed {
        output::warning(&format!("Ctrl-C cannot be caught ({error}); it will end the run at once"));
    }
}
