//! Loads and checks everything that a run needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use llmbench_api::record::{MonitorRecord, RoleRecord};
use llmbench_api::{Backend, Case, ModelIdentity, ServerInfo, TestDescription, TestType};
use llmbench_engine::preflight::Preflight;
use llmbench_engine::session::{MonitorOrigin, NamedMonitor};
use llmbench_engine::{CancelToken, Observer, RolePlayer, RunEvent, Session};

use crate::choice::Choice;
use crate::error::{CliError, Result};
use crate::fixtures;
use crate::fixtures::{Found, Unnamed};
use crate::wiring::Wiring;

/// Everything that a run needs, checked.
pub(super) struct Prepared {
    pub(super) wiring: Wiring,
    pub(super) choice: Choice,
    pub(super) session: Session,
    pub(super) cases: Vec<Case>,
    pub(super) fixtures: Vec<Found>,
    pub(super) server: ServerInfo,
    pub(super) models: Vec<ModelIdentity>,
    pub(super) roles: BTreeMap<String, RoleRecord>,
    pub(super) monitors: Vec<MonitorRecord>,
    /// What `auto` took for the GPUs, and why, in one line.
    pub(super) gpu_choice: Option<String>,
}

/// Loads and checks everything, the cheap and local things first.
///
/// `only` restricts the fixtures to those of a run that goes on, in its order:
/// `all` may mean more today.
pub(super) fn prepare(
    mut wiring: Wiring,
    choice: Choice,
    only: Option<&[String]>,
    observer: &Arc<dyn Observer>,
    cancel: &CancelToken,
) -> Result<Prepared> {
    let preflight = preflight(observer, cancel);
    let test = wiring.test()?;
    let description = test.describe();
    let backend = wiring.backend(&choice.backend)?;
    let named_monitors = wiring.monitors()?;
    let players = wiring.roles(&description)?;
    wiring.check_plugin_settings()?;
    let test_name = wiring.test_name().to_owned();
    let found = fixtures::find(&test_name, &*test, &wiring.settings().fixtures, Unnamed::Default)?;
    let fixtures = match only {
        Some(names) => those_called(names, found)?,
        None => found,
    };
    let files: Vec<_> = fixtures.iter().map(|found| found.fixture.clone()).collect();
    let cases = preflight.cases(&*test, &files)?;

    let server = preflight.server(&backend)?;
    let models = preflight.models(&backend, &choice.models);
    let models = models.map_err(|error| choice.explain(error))?;
    wiring.fit_context(&models);
    let hardware = monitors(&preflight, named_monitors)?;
    let (roles, role_records) = preflight.roles(players, &cases)?;

    let session = session(
        &wiring,
        test,
        description,
        backend,
        (hardware.monitors, &hardware.records),
        roles,
        &server,
        observer,
        cancel,
    );
    Ok(Prepared {
        wiring,
        choice,
        session,
        cases,
        fixtures,
        server,
        models,
        roles: role_records,
        monitors: hardware.records,
        gpu_choice: hardware.gpu_choice,
    })
}

/// The fixtures called `names`, in this order.
fn those_called(names: &[String], mut found: Vec<Found>) -> Result<Vec<Found>> {
    let mut take = |name: &String| {
        let place = found.iter().position(|found| found.fixture.name == *name);
        place.map(|place| found.swap_remove(place)).ok_or_else(|| {
            CliError::not_ready(format!(
                "fixture `{name}`: was there when the run was begun, is not there"
            ))
            .hint("put it back as it was, or begin a new run without `--resume`")
        })
    };
    names.iter().map(&mut take).collect()
}

/// Checks with progress for the user.
pub(crate) fn preflight(observer: &Arc<dyn Observer>, cancel: &CancelToken) -> Preflight {
    let observer = Arc::clone(observer);
    let progress = move |fraction: Option<f64>, message: &str| {
        observer.event(&RunEvent::Preparing { message, fraction });
    };
    Preflight { cancel: cancel.clone(), progress: Arc::new(progress) }
}

/// What watches the hardware.
struct Hardware {
    /// Those that work here.
    monitors: Vec<NamedMonitor>,
    /// All that were asked.
    records: Vec<MonitorRecord>,
    /// What `auto` took for the GPUs, and why, in one line.
    gpu_choice: Option<String>,
}

/// Monitors that work here. One that the user named must; one of `auto` need not.
fn monitors(preflight: &Preflight, named: Vec<(NamedMonitor, MonitorOrigin)>) -> Result<Hardware> {
    let with = |wanted: MonitorOrigin| -> Vec<String> {
        let of_origin = named.iter().filter(|(_, origin)| *origin == wanted);
        of_origin.map(|(monitor, _)| monitor.name.clone()).collect()
    };
    let (required, of_gpus) = (with(MonitorOrigin::Named), with(MonitorOrigin::FirstWithGpu));
    let (usable, records) = preflight.monitors(named);
    let gpu_choice = gpu_choice(&records, &of_gpus);
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
        None => Ok(Hardware { monitors: usable, records, gpu_choice }),
    }
}

/// Which of the monitors that `auto` tries watches the GPUs, and why those before it do not.
fn gpu_choice(records: &[MonitorRecord], of_gpus: &[String]) -> Option<String> {
    let tried: Vec<&MonitorRecord> =
        records.iter().filter(|record| of_gpus.contains(&record.name)).collect();
    let taken = tried.iter().position(|record| record.unavailable.is_none())?;
    let why = |record: &&MonitorRecord| {
        format!("{}: {}", record.name, record.unavailable.as_deref().unwrap_or_default())
    };
    let before: Vec<String> = tried[..taken].iter().map(why).collect();
    let because =
        if before.is_empty() { String::new() } else { format!(" ({})", before.join("; ")) };
    Some(format!("GPUs are watched by `{}`{because}", tried[taken].name))
}

#[expect(clippy::too_many_arguments, reason = "puts together what was prepared one by one")]
fn session(
    wiring: &Wiring,
    test: Arc<dyn TestType>,
    description: TestDescription,
    backend: Arc<dyn Backend>,
    (monitors, monitor_records): (Vec<NamedMonitor>, &[MonitorRecord]),
    roles: BTreeMap<String, RolePlayer>,
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
        idle: std::sync::Mutex::default(),
        roles,
        options: wiring.settings().run.clone(),
        process_id: std::sync::Mutex::new(server.process_id),
        cancel: cancel.clone(),
        observer: Arc::clone(observer),
    }
}
