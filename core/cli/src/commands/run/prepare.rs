//! Loads and checks everything that a run needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use llmbench_api::record::{Calibration, MonitorRecord, RoleRecord};
use llmbench_api::{Backend, Case, Measured, ModelIdentity, ServerInfo, TestDescription, TestType};
use llmbench_engine::preflight::Preflight;
use llmbench_engine::session::{MonitorOrigin, NamedMonitor};
use llmbench_engine::{CancelToken, Observer, RolePlayer, RunEvent, RunOptions, Session};

use crate::calibration;
use crate::choice::Choice;
use crate::error::{CliError, Result};
use crate::fixtures;
use crate::fixtures::{Found, Unnamed};
use crate::wiring::Wiring;

/// How long listing the models may take for a hint.
const LIST_LIMIT: Duration = Duration::from_secs(4);

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
    /// Why cases were left out.
    pub(super) left_out: Option<String>,
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
    let mut fixtures = match only {
        Some(names) => those_called(names, found)?,
        None => found,
    };
    let files: Vec<_> = fixtures.iter().map(|found| found.fixture.clone()).collect();
    let mut cases = preflight.cases(&*test, &files)?;

    let server = preflight.server(&backend).map_err(|error| choice.explain(error, Vec::new))?;
    let models = preflight.models(&backend, &choice.models);
    let models = models.map_err(|error| choice.explain(error, || listed(&preflight, &backend)))?;
    wiring.fit_context(&models);
    // A run that goes on has the cases that it was begun with.
    let left_out = match only {
        Some(_) => None,
        None => leave_out(&mut cases, &mut fixtures, &models),
    };
    preflight.loads(&test, &backend, &cases)?;
    let hardware = monitors(&preflight, named_monitors)?;
    let (roles, role_records) = preflight.roles(players, &cases)?;

    let calibration = calibration::stored();
    let session = session(
        &wiring,
        test,
        description,
        backend,
        (hardware.monitors, &hardware.records),
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
        monitors: hardware.records,
        gpu_choice: hardware.gpu_choice,
        calibration,
        left_out,
    })
}

/// Names of the models that there are, as far as the backend tells them.
fn listed(preflight: &Preflight, backend: &Arc<dyn Backend>) -> Vec<String> {
    let backend = Arc::clone(backend);
    let models = preflight.call("listing models", LIST_LIMIT, move |cx| backend.models(cx));
    models.unwrap_or_default().into_iter().map(|model| model.name).collect()
}

/// Leaves out the cases that need more context than any of `models` was built for, and says so.
///
/// Nothing is left out when a model does not tell its context, or when no case would be left.
fn leave_out(
    cases: &mut Vec<Case>,
    fixtures: &mut Vec<Found>,
    models: &[ModelIdentity],
) -> Option<String> {
    let known: Option<Vec<u64>> = models.iter().map(|model| model.context_length.value).collect();
    let longest = known?.into_iter().max()?;
    let fits = |case: &Case| case.needs_context_tokens.is_none_or(|tokens| tokens <= longest);
    if !cases.iter().any(fits) {
        return None;
    }
    let dropped: BTreeSet<u64> = cases
        .iter()
        .filter(|case| !fits(case))
        .filter_map(|case| case.needs_context_tokens)
        .collect();
    let mut kept = cases.iter().map(fits).collect::<Vec<_>>().into_iter();
    fixtures.retain(|_| kept.next().unwrap_or(true));
    cases.retain(fits);
    let list: Vec<_> = dropped.iter().map(u64::to_string).collect();
    (!list.is_empty()).then(|| {
        format!(
            "left out, because no model of the run was built for more than {longest} tokens of context: cases of {} tokens",
            list.join(", ")
        )
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
        idle: std::sync::Mutex::default(),
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

#[cfg(test)]
mod tests {
    use llmbench_api::{Fixture, Measured};

    use super::*;

    #[test]
    fn cases_beyond_every_model_are_left_out_and_named() {
        let check = |contexts: &[Option<u64>], left: &[&str], said: Option<&str>| {
            let case = |name: &str, needs| Case {
                name: name.into(),
                needs_context_tokens: needs,
                ..Case::default()
            };
            let mut cases = vec![case("a", None), case("b", Some(4096)), case("c", Some(8192))];
            let found = |case: &Case| Found {
                fixture: Fixture { name: case.name.clone(), ..Fixture::default() },
                origin: String::new(),
            };
            let mut fixtures: Vec<_> = cases.iter().map(found).collect();
            let model = |context: &Option<u64>| ModelIdentity {
                context_length: Measured::or_absent(*context, "unknown"),
                ..ModelIdentity::default()
            };
            let models: Vec<_> = contexts.iter().map(model).collect();
            let text = leave_out(&mut cases, &mut fixtures, &models);
            let names: Vec<_> = fixtures.iter().map(|found| found.fixture.name.as_str()).collect();
            assert_eq!(names, left);
            assert_eq!(cases.len(), left.len());
            match said {
                None => assert_eq!(text, None),
                Some(part) => {
                    assert!(text.as_ref().is_some_and(|text| text.contains(part)), "{text:?}")
                }
            }
        };
        check(&[Some(4096)], &["a", "b"], Some("more than 4096 tokens of context: cases of 8192"));
        check(&[Some(2048), Some(8192)], &["a", "b", "c"], None);
        check(&[Some(2048), None], &["a", "b", "c"], None);
        check(&[Some(512)], &["a"], Some("4096, 8192 tokens"));
    }
}
