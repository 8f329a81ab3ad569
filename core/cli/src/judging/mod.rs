//! Judges answers that exist already, several at a time and without a model:
//! what `fixtures check`, `validate` and `rejudge` have in common.

mod no_model;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use llmbench_api::record::RoleRecord;
use llmbench_api::{Case, Error, ErrorKind, Findings, History, Json, PastStep, TestType, Verdict};
use llmbench_engine::{CancelToken, Observer, RolePlayer, Session, Stored, judge};
use serde::Serialize;

use crate::args::{GlobalArgs, JudgeArgs};
use crate::commands::{preflight, stop_on_interrupt};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::fixtures::{self, Found, Unnamed};
use crate::wiring::Wiring;
use crate::{output, progress, wiring};

use no_model::NoModel;

/// Validators that keep a warm worker for each check that runs at the same time.
const WARM_VALIDATORS: [&str; 2] = ["tsc", "tsc-native"];
/// More at once only make each other slow: a check is the work of one core.
const MOST_JOBS: usize = 64;

/// A test, its cases and its validators, ready to judge.
pub(crate) struct Bench {
    /// The test.
    pub(crate) test: Arc<dyn TestType>,
    /// The cases.
    pub(crate) cases: Vec<Case>,
    /// Role → who plays it.
    pub(crate) roles: BTreeMap<String, RoleRecord>,
    /// Answers judged at a time.
    pub(crate) jobs: usize,
    session: Session,
    cancel: CancelToken,
    quiet: bool,
}

/// An answer to be judged.
pub(crate) struct Item {
    /// Index of its case.
    pub(crate) case: usize,
    /// How it is called in progress lines.
    pub(crate) label: String,
    /// What a model answered.
    pub(crate) stored: Stored,
}

/// What a test made of an answer.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Judgement {
    /// `None` when it cannot be scored; `missing` says why.
    pub(crate) score: Option<f64>,
    /// Whether it type-checks.
    pub(crate) compiles: Option<bool>,
    /// Structure score.
    pub(crate) ast_score: Option<f64>,
    /// What was wrong, most important first.
    pub(crate) errors: Vec<String>,
    /// Remarks that bear on validity.
    pub(crate) warnings: Vec<String>,
    /// Field → why it is absent.
    pub(crate) missing: BTreeMap<String, String>,
    /// Role → what its validator found.
    pub(crate) findings: BTreeMap<String, Findings>,
    /// Further fields of the test.
    #[serde(flatten)]
    pub(crate) metrics: BTreeMap<String, Json>,
}

impl Bench {
    /// Loads and prepares everything for the fixtures that the settings name.
    ///
    /// # Errors
    /// What is not there, or cannot be used; a required role that nobody can play.
    pub(crate) fn new(global: &GlobalArgs, args: &JudgeArgs, unnamed: Unnamed) -> Result<Self> {
        let settings = wiring::settings(global, &args.settings)?;
        let mut wiring = Wiring::new(global, settings);
        let test = wiring.test()?;
        let names = wiring.settings().fixtures.clone();
        let found = fixtures::find(wiring.test_name(), &*test, &names, unnamed)?;
        Self::of(global, wiring, test, found, args.jobs)
    }

    /// The same for fixtures that were found already.
    pub(crate) fn of(
        global: &GlobalArgs,
        mut wiring: Wiring,
        test: Arc<dyn TestType>,
        found: Vec<Found>,
        jobs: Option<usize>,
    ) -> Result<Self> {
        let jobs = jobs.unwrap_or_else(default_jobs).clamp(1, MOST_JOBS);
        for name in WARM_VALIDATORS {
            wiring.default_plugin_setting(name, "workers", jobs);
        }
        let description = test.describe();
        let players = wiring.roles(&description)?;
        wiring.check_plugin_settings()?;
        let observer = progress::observer(global.quiet);
        let cancel = CancelToken::default();
        stop_on_interrupt(&cancel, "what was judged so far is shown");
        let files: Vec<_> = found.iter().map(|found| found.fixture.clone()).collect();
        let preflight = preflight(&observer, &cancel);
        let cases = preflight.cases(&*test, &files)?;
        let (players, roles) = preflight.roles(players, &cases)?;
        let missing = description
            .roles
            .iter()
            .filter(|spec| spec.required)
            .find_map(|spec| Some((&spec.role, roles.get(&spec.role)?.skipped.as_ref()?)));
        if let Some((role, reason)) = missing {
            let message = format!("answers cannot be judged without the role `{role}`: {reason}");
            return Err(CliError::not_ready(message));
        }
        for (role, record) in &roles {
            if let Some(reason) = &record.skipped {
                output::warning(&format!("role `{role}` is not judged: {reason}"));
            }
        }
        // The display of a run must not stand beside that of the judging.
        drop(observer);
        let session = session(&wiring, Arc::clone(&test), players, &cancel);
        Ok(Self { test, cases, roles, jobs, session, cancel, quiet: global.quiet })
    }

    /// Judges every item; `each` sees the outcomes in the order of the items, as soon as it can.
    ///
    /// Interrupted by the user, the rest is [`llmbench_api::ErrorKind::Cancelled`].
    pub(crate) fn judge_all(
        &self,
        items: &[Item],
        each: impl FnMut(usize, &Outcome) + Send,
    ) -> Judged {
        let bar = progress::bar(items.len(), self.quiet);
        let next = AtomicUsize::new(0);
        let in_order = Mutex::new(InOrder::new(items.len(), each));
        let begin = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(items.len()) {
                scope.spawn(|| {
                    while let Some((index, item)) = {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        items.get(index).map(|item| (index, item))
                    } {
                        bar.start(&item.label);
                        let outcome = self.judge(item);
                        bar.advance();
                        in_order.lock().unwrap_or_else(PoisonError::into_inner).put(index, outcome);
                    }
                });
            }
        });
        let elapsed = begin.elapsed();
        bar.finish();
        let in_order = in_order.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Every index was taken by one of the threads.
        Judged { outcomes: in_order.outcomes.into_iter().flatten().collect(), elapsed }
    }

    fn judge(&self, item: &Item) -> Outcome {
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "interrupted"));
        }
        let case = &self.cases[item.case];
        let (verdict, history) = judge(&self.session, case, &item.stored)?;
        Ok(Judgement::of(verdict, &history))
    }
}

/// Hands on outcomes in the order of their items, however they come.
struct InOrder<F> {
    outcomes: Vec<Option<Outcome>>,
    handed_on: usize,
    each: F,
}

impl<F: FnMut(usize, &Outcome)> InOrder<F> {
    fn new(count: usize, each: F) -> Self {
        Self { outcomes: (0..count).map(|_| None).collect(), handed_on: 0, each }
    }

    fn put(&mut self, index: usize, outcome: Outcome) {
        self.outcomes[index] = Some(outcome);
        while let Some(Some(outcome)) = self.outcomes.get(self.handed_on) {
            (self.each)(self.handed_on, outcome);
            self.handed_on += 1;
        }
    }
}

/// A judgement, or what kept the tools from it.
pub(crate) type Outcome = std::result::Result<Judgement, Error>;

/// True for an item that was not judged because the user stopped it.
pub(crate) fn was_interrupted(outcome: &Outcome) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::Cancelled)
}

/// What became of all items.
pub(crate) struct Judged {
    /// In the order of the items.
    pub(crate) outcomes: Vec<Outcome>,
    /// From the first to the last, preparation apart.
    pub(crate) elapsed: Duration,
}

impl Judged {
    /// `57 answers in 4.2 s (13.6 answers/s, 2 at a time)`; no rate from one answer, which has the
    /// start of the tools in it.
    pub(crate) fn speed(&self, what: &str, jobs: usize) -> String {
        let seconds = self.elapsed.as_secs_f64();
        if let ([_], Some(one)) = (&self.outcomes[..], what.strip_suffix('s')) {
            return format!("1 {one} in {seconds:.1} s");
        }
        let rate = self.outcomes.len() as f64 / seconds.max(1e-9);
        format!(
            "{} {what} in {seconds:.1} s ({rate:.1} {what}/s, {jobs} at a time)",
            self.outcomes.len()
        )
    }

    /// # Errors
    /// With code 130 when the user interrupted the judging.
    pub(crate) fn not_interrupted(&self, what: &str) -> Result<()> {
        let all = self.outcomes.len();
        match all - self.outcomes.iter().filter(|outcome| was_interrupted(outcome)).count() {
            judged if judged < all => Err(CliError::new(
                ExitCode::Interrupted,
                format!("interrupted: {judged} of {all} {what} were judged"),
            )),
            _ => Ok(()),
        }
    }

    /// Items that the tools could not judge.
    pub(crate) fn lost(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.is_err()).count()
    }
}

impl Judgement {
    fn of(verdict: Verdict, history: &History) -> Self {
        let mut metrics = verdict.metrics;
        let findings = history.steps.iter().filter_map(|step| match step {
            PastStep::Validated { role, findings, .. } => {
                Some((role.clone(), (**findings).clone()))
            }
            _ => None,
        });
        Self {
            score: verdict.score,
            compiles: metrics.remove("compiles").and_then(|value| value.as_bool()),
            ast_score: metrics.remove("ast_score").and_then(|value| value.as_f64()),
            errors: verdict.invalid.into_iter().chain(verdict.errors).collect(),
            warnings: verdict.warnings,
            missing: verdict.missing,
            findings: findings.collect(),
            metrics,
        }
    }
}

/// The exit code when the tools could not judge everything.
///
/// # Errors
/// With code 130 when the user interrupted them, with code 4 when they failed.
pub(crate) fn all_judged(judged: &Judged, what: &str) -> Result<ExitCode> {
    judged.not_interrupted(what)?;
    match judged.lost() {
        0 => Ok(ExitCode::Done),
        lost => Err(CliError::new(
            ExitCode::AttemptsLost,
            format!("{lost} of {} {what} could not be judged", judged.outcomes.len()),
        )),
    }
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

fn session(
    wiring: &Wiring,
    test: Arc<dyn TestType>,
    roles: BTreeMap<String, RolePlayer>,
    cancel: &CancelToken,
) -> Session {
    let silent: Arc<dyn Observer> = Arc::new(llmbench_engine::Silent);
    Session {
        description: test.describe(),
        test,
        backend: Arc::new(NoModel),
        monitors: Vec::new(),
        unavailable_monitors: Vec::new(),
        idle: Mutex::default(),
        roles,
        options: wiring.settings().run.clone(),
        process_id: Mutex::default(),
        cancel: cancel.clone(),
        observer: silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_judged_for_the_user_is_no_failure_of_the_tools() {
        let error = |kind| Err(Error::new(kind, "no"));
        let of = |outcomes| Judged { outcomes, elapsed: Duration::ZERO };
        let interrupted = of(vec![Ok(Judgement::default()), error(ErrorKind::Cancelled)]);
        let error_of = |judged: &Judged| all_judged(judged, "answers").unwrap_err();
        assert_eq!(error_of(&interrupted).code, ExitCode::Interrupted);
        assert!(error_of(&interrupted).message.contains("1 of 2 answers were judged"));
        let failed = of(vec![Ok(Judgement::default()), error(ErrorKind::Timeout)]);
        assert_eq!(error_of(&failed).code, ExitCode::AttemptsLost);
        assert!(of(vec![Ok(Judgement::default())]).not_interrupted("answers").is_ok());
    }
}
