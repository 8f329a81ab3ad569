//! What the runner says about one run of a spec.

use std::collections::BTreeMap;
use std::time::Duration;

use llmbench_api::{CallContext, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::run::{self, Ended, Outcome, Task};
use crate::sandbox::{Limits, Place, Sandbox};
use crate::suite::Suite;

/// The runner's report.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Report {
    pub(crate) tests: Vec<Test>,
    /// Files and hooks that failed.
    pub(crate) errors: Vec<String>,
    /// Rejections and exceptions that nobody caught.
    pub(crate) unhandled: Vec<String>,
    /// Imports that were refused.
    pub(crate) refused: Vec<Refused>,
    /// What was tried beside importing.
    pub(crate) attempts: Vec<String>,
    guard: Option<Guard>,
    cpu_sec: f64,
    peak_memory_bytes: u64,
    #[serde(skip)]
    secret: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Test {
    /// With the names of the blocks around it.
    pub(crate) name: String,
    /// `passed`, `failed`, `skipped` or `pending`.
    pub(crate) state: String,
    pub(crate) message: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    pub(crate) file: String,
    pub(crate) specifier: String,
}

/// The last word of the guard inside the worker.
#[derive(Debug, Deserialize)]
struct Guard {
    secret: String,
    /// Assertions that passed although they are wrong.
    silent: Vec<String>,
}

impl Report {
    /// Whether a test failed at its limit of time, in Vitest's words.
    fn ran_out_of_time(&self) -> bool {
        let says_so = |test: &Test| {
            test.state == "failed"
                && test.message.as_deref().is_some_and(|message| message.contains("timed out in"))
        };
        self.tests.iter().any(says_so)
    }

    /// Why the results cannot be believed; `None` when they can.
    pub(crate) fn distrust(&self) -> Option<String> {
        if let Some(Refused { file, specifier }) = self.refused.first() {
            return Some(format!("{file} tried to import `{specifier}`"));
        }
        if !self.attempts.is_empty() {
            return Some(format!("the answer tried {}", self.attempts.join(", ")));
        }
        match &self.guard {
            Some(guard) if guard.secret != self.secret => {
                Some("the guard's report is not its own".to_owned())
            }
            Some(guard) if !guard.silent.is_empty() => {
                Some(format!("wrong claims passed: {}", guard.silent.join(", ")))
            }
            // A file that does not load has no tests, and no guard to the end.
            None if self.tests.iter().any(|test| test.state == "passed") => {
                Some("the guard did not report".to_owned())
            }
            _ => None,
        }
    }
}

/// A run of a suite: its outcome, and the report when it was completed.
pub(crate) struct SpecRun {
    pub(crate) outcome: Outcome,
    pub(crate) report: Option<Report>,
}

#[derive(Serialize)]
struct Job<'a> {
    nonce: &'a str,
    secret: &'a str,
    spec: &'a str,
    packages: &'a [String],
    answer: Vec<&'a String>,
    support: Vec<&'a String>,
    test_timeout_ms: u64,
}

/// Runs `suite` against `answer`.
///
/// # Errors
/// As [`run::run`], `Busy` also when a single test had no time; `Internal` when the files cannot be
/// written.
pub(crate) fn run_spec(
    sandbox: &Sandbox,
    place: &Place,
    suite: &Suite,
    answer: &BTreeMap<String, String>,
    bounds: (&Limits, Duration, u64),
    cx: &CallContext,
) -> Result<SpecRun> {
    let (limits, wall, test_timeout_ms) = bounds;
    for (name, text) in answer.iter().chain(&suite.given) {
        if suite.given.contains_key(name) && answer.get(name) == Some(text) {
            continue;
        }
        place.write(name, text).map_err(|error| {
            let message = format!("cannot write `{name}` to `{}`", place.base().display());
            Error::new(ErrorKind::Internal, message).with_cause(&error)
        })?;
    }
    let [nonce, secret] = [(); 2].map(|()| uuid::Uuid::new_v4().to_string());
    let job = Job {
        nonce: &nonce,
        secret: &secret,
        spec: &suite.spec,
        packages: &suite.packages,
        answer: answer.keys().collect(),
        support: suite.given.keys().filter(|name| **name != suite.spec).collect(),
        test_timeout_ms,
    };
    let job = serde_json::to_string(&job).expect("a job is plain data");
    let task = Task { script: "main.mjs", job: &job, nonce: &nonce };
    let mut outcome = run::run(sandbox, place, task, limits, wall, cx)?;
    let mut report = None;
    if let Ended::Completed(result) = &mut outcome.ended {
        match serde_json::from_value::<Report>(result.take()) {
            Ok(mut read) => {
                outcome.cpu_sec = Some(read.cpu_sec);
                outcome.peak_memory_bytes = Some(read.peak_memory_bytes);
                read.secret = secret;
                let starved = outcome.starved;
                if starved >= Duration::from_millis(test_timeout_ms) / 2 && read.ran_out_of_time() {
                    return Err(run::too_busy(starved));
                }
                report = Some(read);
            }
            Err(error) => {
                outcome.ended = Ended::Crashed(format!("a report without sense: {error}"))
            }
        }
    }
    Ok(SpecRun { outcome, report })
}
