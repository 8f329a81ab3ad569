//! Everything that can be known to fail before the first attempt, checked first.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use llmbench_api::record::{MonitorRecord, RoleRecord};
use llmbench_api::{
    Arrival, Backend, BatchOutcome, CallContext, Case, Error, ErrorKind, Fixture, History,
    ModelIdentity, PastStep, ServerInfo, Step, TestType, Validator, ValidatorInfo,
};

use crate::call::bounded;
use crate::control::{ProgressSink, context};
use crate::session::{MonitorOrigin, NamedMonitor, RolePlayer};
use crate::{CancelToken, fixtures};

/// How long a server may take to say who it is.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// Longer: an engine in this process reads a whole model file to tell its digest.
const IDENTIFY_LIMIT: Duration = Duration::from_secs(60);
/// How long a monitor may take to say what it sees.
const MONITOR_LIMIT: Duration = Duration::from_secs(4);
/// How long tools may take to get ready: the first use installs them.
pub const PREPARE_LIMIT: Duration = Duration::from_secs(15 * 60);
/// Steps of a test that are looked at for a load before a run.
const REHEARSED_STEPS: u32 = 8;
/// How often a tool is started again that was lost (killed, for example) while it got ready.
const MOST_RESTARTS: u32 = 5;

/// Calls components before a run: cancellable, with progress.
#[derive(Clone)]
pub struct Preflight {
    /// Stops the checks.
    pub cancel: CancelToken,
    /// Sees what takes long.
    pub progress: ProgressSink,
}

impl Preflight {
    fn context(&self, limit: Duration) -> CallContext {
        context(&self.cancel, Some(limit), Arc::clone(&self.progress))
    }

    /// A call of a component that the other methods do not make.
    ///
    /// # Errors
    /// Those of the call; [`ErrorKind::Timeout`] after `limit`.
    pub fn call<T: Send + 'static>(
        &self,
        what: &str,
        limit: Duration,
        call: impl FnOnce(&CallContext) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        bounded(what, &self.context(limit), call)
    }

    /// What answers at the other end.
    ///
    /// # Errors
    /// As [`Backend::probe`].
    pub fn server(&self, backend: &Arc<dyn Backend>) -> Result<ServerInfo, Error> {
        let backend = Arc::clone(backend);
        bounded("probing the backend", &self.context(PROBE_LIMIT), move |cx| backend.probe(cx))
    }

    /// What each model is, in order.
    ///
    /// # Errors
    /// As [`Backend::identify`]; the first model that fails.
    pub fn models(
        &self,
        backend: &Arc<dyn Backend>,
        names: &[String],
    ) -> Result<Vec<ModelIdentity>, Error> {
        let identify = |name: &String| {
            let (backend, name) = (Arc::clone(backend), name.clone());
            bounded("identifying a model", &self.context(IDENTIFY_LIMIT), move |cx| {
                backend.identify(&name, cx)
            })
        };
        names.iter().map(identify).collect()
    }

    /// Turns fixtures into cases; each case's project carries the fixture's hash.
    ///
    /// # Errors
    /// As [`TestType::load`].
    pub fn cases(&self, test: &dyn TestType, fixtures: &[Fixture]) -> Result<Vec<Case>, Error> {
        let load = |fixture: &Fixture| {
            let mut case = test.load(fixture)?;
            case.project.id = fixtures::hash(fixture);
            Ok(case)
        };
        fixtures.iter().map(load).collect()
    }

    /// Fails when `backend` cannot drive a load that one of `cases` asks for.
    ///
    /// A test says what it asks for one step at a time, so its first steps are rehearsed with
    /// requests that failed; the backend is asked for a load of no requests, which one that
    /// drives loads ends at once. What shows only behind answers is left to the attempts.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] naming the case and the load.
    pub fn loads(
        &self,
        test: &Arc<dyn TestType>,
        backend: &Arc<dyn Backend>,
        cases: &[Case],
    ) -> Result<(), Error> {
        for case in cases {
            let (test, of_case) = (Arc::clone(test), case.clone());
            let load = bounded("the test", &self.context(PROBE_LIMIT), move |_| {
                Ok(first_load(&*test, &of_case))
            });
            let Ok(Some(arrival)) = load else { continue };
            let (backend, schedule) = (Arc::clone(backend), arrival.clone());
            let asked = bounded("the backend", &self.context(PROBE_LIMIT), move |cx| {
                backend.generate_batch(&[], &schedule, &(), cx)
            });
            if let Err(error) = asked
                && error.kind == ErrorKind::Unsupported
            {
                let message = format!(
                    "the backend cannot drive {}, which `{}` asks for",
                    load_in_words(&arrival),
                    case.name
                );
                return Err(Error { message, ..error });
            }
        }
        Ok(())
    }

    /// The monitors that have something to watch, and a record of all.
    ///
    /// Of those that are [`MonitorOrigin::FirstWithGpu`] the first that works is
    /// taken; those after it are not asked, and their records say so.
    pub fn monitors(
        &self,
        monitors: Vec<(NamedMonitor, MonitorOrigin)>,
    ) -> (Vec<NamedMonitor>, Vec<MonitorRecord>) {
        let (mut usable, mut records) = (Vec::new(), Vec::new());
        let mut taken: Option<String> = None;
        for (named, origin) in monitors {
            if let Some(taken) = taken.as_ref().filter(|_| origin == MonitorOrigin::FirstWithGpu) {
                records.push(MonitorRecord {
                    name: named.name,
                    unavailable: Some(format!("not asked: `{taken}` watches the GPUs")),
                    ..MonitorRecord::default()
                });
                continue;
            }
            let monitor = Arc::clone(&named.monitor);
            let probed = bounded("probing a monitor", &self.context(MONITOR_LIMIT), move |cx| {
                monitor.probe(cx)
            });
            let name = named.name.clone();
            records.push(match probed {
                Ok(info) => {
                    if origin == MonitorOrigin::FirstWithGpu {
                        taken = Some(name.clone());
                    }
                    usable.push(named);
                    MonitorRecord { name, info, ..MonitorRecord::default() }
                }
                Err(error) => MonitorRecord {
                    name,
                    unavailable: Some(error.to_string()),
                    ..MonitorRecord::default()
                },
            });
        }
        (usable, records)
    }

    /// Makes every validator ready for every case.
    ///
    /// A validator whose tools are missing is replaced by a skipped role with
    /// the reason; the record says so.
    ///
    /// # Errors
    /// A fixture or setting that a validator refuses.
    #[expect(clippy::type_complexity, reason = "two maps over the same roles")]
    pub fn roles(
        &self,
        players: BTreeMap<String, RolePlayer>,
        cases: &[Case],
    ) -> Result<(BTreeMap<String, RolePlayer>, BTreeMap<String, RoleRecord>), Error> {
        let (mut ready, mut records) = (BTreeMap::new(), BTreeMap::new());
        for (role, player) in players {
            let (player, record) = self.role(player, cases)?;
            ready.insert(role.clone(), player);
            records.insert(role, record);
        }
        Ok((ready, records))
    }

    /// What a validator says to each case. The first one alone installs and starts what all need.
    fn prepared(
        &self,
        validator: &Arc<dyn Validator>,
        cases: &[Case],
    ) -> Vec<Result<ValidatorInfo, Error>> {
        let once = |case: &Case| {
            let (validator, project) = (Arc::clone(validator), case.project.clone());
            bounded("preparing a validator", &self.context(PREPARE_LIMIT), move |cx| {
                validator.prepare(&project, cx)
            })
        };
        let prepare = |case: &Case| {
            let mut restarts_left = MOST_RESTARTS;
            loop {
                match once(case) {
                    Err(error)
                        if matches!(error.kind, ErrorKind::Protocol | ErrorKind::Busy)
                            && restarts_left > 0 =>
                    {
                        tracing::warn!(%error, "a validator is made ready again");
                        restarts_left -= 1;
                    }
                    outcome => return outcome,
                }
            }
        };
        let Some((first, others)) = cases.split_first() else { return Vec::new() };
        let mut prepared = vec![prepare(first)];
        if prepared[0].is_err() {
            return prepared;
        }
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        for group in others.chunks(threads) {
            let group: Vec<_> = std::thread::scope(|scope| {
                let prepare = &prepare;
                let started: Vec<_> =
                    group.iter().map(|case| scope.spawn(move || prepare(case))).collect();
                started
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(|_| Err(lost())))
                    .collect()
            });
            prepared.extend(group);
        }
        prepared
    }

    fn role(&self, player: RolePlayer, cases: &[Case]) -> Result<(RolePlayer, RoleRecord), Error> {
        let (name, validator) = match player {
            RolePlayer::Validator { name, validator } => (name, validator),
            RolePlayer::Skipped { reason } => {
                let record = RoleRecord { skipped: Some(reason.clone()), ..RoleRecord::default() };
                return Ok((RolePlayer::Skipped { reason }, record));
            }
        };
        let mut record = RoleRecord { validator: Some(name.clone()), ..RoleRecord::default() };
        for (case, prepared) in cases.iter().zip(self.prepared(&validator, cases)) {
            match prepared {
                // A case for which nothing was made ready has nothing to tell.
                Ok(info) if info == ValidatorInfo::default() => {}
                Ok(info) => record.info = info,
                Err(error)
                    if matches!(
                        error.kind,
                        ErrorKind::InvalidInput | ErrorKind::Settings | ErrorKind::Cancelled
                    ) =>
                {
                    return Err(Error {
                        message: format!("fixture `{}`: {}", case.name, error.message),
                        ..error
                    });
                }
                Err(error) => {
                    let hint =
                        error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                    let reason = format!("validator `{name}` is not available: {error}{hint}");
                    record.skipped = Some(reason.clone());
                    return Ok((RolePlayer::Skipped { reason }, record));
                }
            }
        }
        Ok((RolePlayer::Validator { name, validator }, record))
    }
}

/// The first schedule that a backend has to drive itself, if the first steps hold one.
fn first_load(test: &dyn TestType, case: &Case) -> Option<Arrival> {
    let mut history = History::default();
    for _ in 0..REHEARSED_STEPS {
        // What else can be wrong with a step is the attempt's to say.
        let Step::Ask { requests, arrival } = test.next(case, &history).ok()? else { return None };
        if arrival != Arrival::Sequential {
            return Some(arrival);
        }
        let failed = || BatchOutcome::Failed(Error::new(ErrorKind::Cancelled, "a rehearsal"));
        let answers = requests.iter().map(|_| failed()).collect();
        history.steps.push(PastStep::Asked { requests, answers });
    }
    None
}

/// A schedule as a user would say it.
fn load_in_words(arrival: &Arrival) -> String {
    match arrival {
        Arrival::Sequential => "one request at a time".into(),
        Arrival::Closed { concurrency } => format!("{concurrency} requests at a time"),
        Arrival::Open { rate_per_second, .. } => {
            let plural = if *rate_per_second == 1.0 { "" } else { "s" };
            format!("a rate of {rate_per_second} request{plural} a second")
        }
        _ => "a load that this llmbench does not know".into(),
    }
}

/// A thread of ours panicked; the component's own panics come back as errors.
fn lost() -> Error {
    Error::new(ErrorKind::Internal, "a preparation panicked")
}
