//! A host for the validator under test, and one validator that most tests share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::{Duration, Instant};

use llmbench_api::{
    Artifact, CallContext, CancelGuard, Control, Findings, Project, Result, Validator,
};
use llmbench_plugin_tsc::{PROBE, Settings, Tsc};

/// A host that can be told to cancel and remembers what it was told.
pub(crate) struct Host {
    start: Instant,
    deadline: Option<Duration>,
    cancelled: AtomicBool,
    pub(crate) messages: Mutex<Vec<String>>,
    /// Cancels the call as soon as a message holds this text.
    cancel_at: Option<&'static str>,
}

impl Host {
    pub(crate) fn patient() -> Arc<Self> {
        Self::new(None, None)
    }

    pub(crate) fn giving_up_after(deadline: Duration) -> Arc<Self> {
        Self::new(Some(deadline), None)
    }

    pub(crate) fn cancelling_at(text: &'static str) -> Arc<Self> {
        Self::new(None, Some(text))
    }

    fn new(deadline: Option<Duration>, cancel_at: Option<&'static str>) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            deadline,
            cancelled: AtomicBool::new(false),
            messages: Mutex::default(),
            cancel_at,
        })
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    pub(crate) fn cx(self: &Arc<Self>) -> CallContext {
        CallContext::new(Arc::<Self>::clone(self))
    }

    pub(crate) fn said(&self, text: &str) -> usize {
        self.messages.lock().unwrap().iter().filter(|message| message.contains(text)).count()
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

    fn progress(&self, _fraction: Option<f64>, message: &str) {
        if self.cancel_at.is_some_and(|text| message.contains(text)) {
            self.cancel();
        }
        self.messages.lock().unwrap().push(message.to_owned());
    }

    fn on_cancel(&self, _wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

pub(crate) fn cx() -> CallContext {
    Host::patient().cx()
}

/// Where the packages are installed for all tests.
pub(crate) fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("tsc-toolchain")
}

/// The folder that holds the installed `node_modules`.
///
/// `None`, said aloud, where Node or the network is missing; with `CI=true`
/// that is a failure.
pub(crate) fn toolchain() -> Option<&'static Path> {
    static ROOT: LazyLock<std::result::Result<PathBuf, String>> = LazyLock::new(|| {
        let tsc = Tsc::with_settings(Settings::default()).in_data_dir(data_dir());
        let info = tsc.prepare(&Project::default(), &cx()).map_err(|error| error.to_string())?;
        Ok(info.location.expect("a prepared validator says where its tools are"))
    });
    match &*ROOT {
        Ok(root) => Some(root),
        Err(reason) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
            skip(reason);
            None
        }
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

/// The validator that most tests share, in the way a run shares it.
pub(crate) fn shared() -> Option<&'static Tsc> {
    static SHARED: OnceLock<Tsc> = OnceLock::new();
    toolchain()?;
    Some(SHARED.get_or_init(|| Tsc::with_settings(Settings::default()).in_data_dir(data_dir())))
}

/// A validator of the test's own on the installed packages.
pub(crate) fn own(settings: Settings) -> Option<Tsc> {
    toolchain()?;
    Some(Tsc::with_settings(settings).in_data_dir(data_dir()))
}

/// Findings for a component without a probe; its kept files are removed.
pub(crate) fn check(tsc: &Tsc, source: &str) -> Result<Findings> {
    check_with_probe(tsc, source, None)
}

pub(crate) fn check_with_probe(tsc: &Tsc, source: &str, probe: Option<&str>) -> Result<Findings> {
    let mut project = Project::default();
    if let Some(probe) = probe {
        project.files.insert(PROBE.to_owned(), probe.to_owned());
    }
    let findings = tsc.check(&Artifact::single("Component.vue", source), &project, &cx())?;
    for path in &findings.kept_files {
        std::fs::remove_file(path).expect("a kept file is there");
    }
    Ok(findings)
}

/// `file:line code` of each diagnostic, identifiers of type `any` left out.
pub(crate) fn places(findings: &Findings) -> Vec<String> {
    let place = |found: &llmbench_api::Diagnostic| {
        let line = found.line.map_or("-".to_owned(), |line| line.to_string());
        format!("{}:{line} {}", found.file, found.code.as_deref().unwrap_or("-"))
    };
    findings.diagnostics.iter().filter(|found| !is_any(found)).map(place).collect()
}

pub(crate) fn is_any(found: &llmbench_api::Diagnostic) -> bool {
    found.code.as_deref() == Some("ANY")
}

/// Names of the checks that were passed.
pub(crate) fn passed(findings: &Findings) -> Vec<&str> {
    findings.checks.iter().filter(|check| check.passed).map(|check| check.name.as_str()).collect()
}
