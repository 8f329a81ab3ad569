//! Loads and checks everything that a run needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use llmbench_api::record::{Calibration, MonitorRecord, RoleRecord};
use llmbench_api::{Backend, Case, Measured, ModelIdentity, ServerInfo, TestDescription, TestType};
use llmbench_engine::preflight::Preflight;
use llmbench_engine::session::NamedMonitor;
use llmbench_engine::{CancelToken, Observer, RolePlayer, RunEvent, RunOptions, Session};

use crate::calibration;
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
    pub(super) calibration: Measured<Calibration>,
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
    let (monitors, monitor_records) = monitors(&preflight, named_monitors)?;
    let (roles, role_records) = preflight.roles(players, &cases)?;

    let calibration = calibration::stored();
    let session = session(
        &wiring,
        test,
        description,
        backend,
        (monitors, &monitor_records),
        roles,
        &server,
        calibration.value.as_ref(),
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
        monitors: monitor_records,
        calibration,
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
    roles: BTreeMap<String, RolePlayer>,
    server: &ServerInfo,
    calibration: Option<&Calibration>,
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
        options: RunOptions {
            certified_streams: calibration.and_then(|found| found.certified_streams),
            certified_requests_per_sec: calibration.and_then(|found| found.requests_per_sec),
            ..wiring.settings().run.clone()
        },
        process_id: std::sync::Mutex::new(server.process_id),
        cancel: cancel.clone(),
        observer: Arc::clone(observer),
    }
}
