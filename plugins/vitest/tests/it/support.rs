//! A host for the validator under test, and packages that all tests share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use llmbench_api::{
    Artifact, CallContext, CancelGuard, Control, Findings, Project, Result, Validator,
};
use llmbench_plugin_vitest::{SandboxChoice, Settings, Vitest};
use serde_json::json;

use crate::answers::counter;

/// A host that can be told to cancel.
pub(crate) struct Host {
    start: Instant,
    deadline: Option<Duration>,
    cancelled: AtomicBool,
}

impl Host {
    pub(crate) fn patient() -> Arc<Self> {
        Self::new(None)
    }

    pub(crate) fn giving_up_after(deadline: Duration) -> Arc<Self> {
        Self::new(Some(deadline))
    }

    fn new(deadline: Option<Duration>) -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), deadline, cancelled: AtomicBool::new(false) })
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    pub(crate) fn cx(self: &Arc<Self>) -> CallContext {
        CallContext::new(Arc::<Self>::clone(self))
    }
}

impl Control for Host {
    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.deadline.map(|deadline| deadline.as_nanos() as u64)
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn progress(&self, _fraction: Option<f64>, _message: &str) {}

    fn on_cancel(&self, _wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

pub(crate) fn cx() -> CallContext {
    Host::patient().cx()
}

/// Where the packages are installed for all tests.
pub(crate) fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("vitest-toolchain")
}

/// True when the packages are installed and one sandbox works.
///
/// False, said aloud, where Node or the network is missing; with `CI=true` that
/// is a failure.
pub(crate) fn is_ready() -> bool {
    static READY: LazyLock<std::result::Result<(), String>> = LazyLock::new(|| {
        let vitest = Vitest::with_settings(Settings::default()).in_data_dir(data_dir());
        vitest.prepare(&counter(), &cx()).map(drop).map_err(|error| error.to_string())
    });
    match &*READY {
        Ok(()) => true,
        Err(reason) => {
            skip(reason);
            false
        }
    }
}

/// Says that a test is skipped; with `CI=true` that is a failure.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
    eprintln!("SKIPPED: {reason}");
}

/// The sandboxes that work here. Each is tested when it does.
pub(crate) fn modes() -> &'static [SandboxChoice] {
    static MODES: LazyLock<Vec<SandboxChoice>> = LazyLock::new(|| {
        if !is_ready() {
            return Vec::new();
        }
        let works = |choice: &SandboxChoice| {
            let settings = Settings { sandbox: *choice, ..Settings::default() };
            let vitest = Vitest::with_settings(settings).in_data_dir(data_dir());
            match vitest.prepare(&counter(), &cx()) {
                Ok(_) => true,
                Err(error) => {
                    skip(&error.to_string());
                    false
                }
            }
        };
        [SandboxChoice::Bwrap, SandboxChoice::Landlock].into_iter().filter(works).collect()
    });
    &MODES
}

/// A validator with a sandbox of its own; little processor time, so that loops
/// end soon, and much patience, as the machine may be busy.
pub(crate) fn validator(sandbox: SandboxChoice) -> Vitest {
    with_settings(Settings {
        sandbox,
        cpu_limit_ms: 5_000,
        timeout_ms: 300_000,
        test_timeout_ms: 60_000,
        ..Settings::default()
    })
}

pub(crate) fn with_settings(settings: Settings) -> Vitest {
    Vitest::with_settings(settings).in_data_dir(data_dir())
}

pub(crate) fn check(vitest: &Vitest, answer: &str, project: &Project) -> Result<Findings> {
    vitest.check(&Artifact::single("Component.vue", answer), project, &cx())
}

/// A fixture of one component.
pub(crate) fn fixture(spec: &str, input: &str) -> Project {
    let mut project = Project { id: "counter".to_owned(), ..Project::default() };
    project.files.insert("spec.ts".to_owned(), spec.to_owned());
    project.files.insert("input.vue".to_owned(), input.to_owned());
    project.options = json!({ "spec": "spec.ts", "input": { "Component.vue": "input.vue" } });
    project
}

/// What a test needs to know of findings, in one line.
pub(crate) fn summary(findings: &Findings) -> String {
    let failed = findings.checks.iter().filter(|check| !check.passed);
    let failed: Vec<_> = failed
        .map(|check| format!("{}: {}", check.name, check.message.as_deref().unwrap_or("-")))
        .collect();
    let said: Vec<_> = findings.diagnostics.iter().map(|found| found.message.as_str()).collect();
    format!("{:?} {} [{}] {said:?}", findings.status, findings.details, failed.join(" | "))
}
