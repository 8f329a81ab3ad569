//! The validator: one warm worker, one check at a time.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use llmbench_api::{
    Artifact, CallContext, Error, ErrorKind, Findings, Json, Project, Result, Severity, Validator,
    ValidatorInfo,
};
use llmbench_plugin::node_tools::{self, Node, NpmEnvironment, Packages, Source};
use serde_json::json;

use crate::findings;
use crate::project::Staged;
use crate::settings::Settings;
use crate::toolchain;
use crate::worker::{Worker, self_test};

/// Bound for the self-test of a new worker, which pays for the cold compiler.
const SELF_TEST_LIMIT: Duration = Duration::from_secs(120);

/// Type-checks Vue components with TypeScript and Vue's language tools.
pub struct Tsc {
    settings: Settings,
    data_dir: Option<PathBuf>,
    npm: NpmEnvironment,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tools: Option<(Node, Packages)>,
    worker: Option<Worker>,
}

impl Tsc {
    /// A validator with the given settings; nothing is installed or started yet.
    ///
    /// # Errors
    /// `Settings` for a key or value that is not understood.
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self::with_settings(llmbench_plugin::settings("tsc", settings)?))
    }

    /// A validator with the given settings.
    pub fn with_settings(settings: Settings) -> Self {
        Self { settings, data_dir: None, npm: NpmEnvironment::new(), state: Mutex::default() }
    }

    /// The same, with its packages in a data directory of its own.
    #[must_use]
    pub fn in_data_dir(mut self, data_dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(data_dir.into());
        self
    }

    /// The same, with more environment variables for npm.
    #[must_use]
    pub fn with_npm_environment(mut self, npm: NpmEnvironment) -> Self {
        self.npm = npm;
        self
    }

    /// Process id of the worker; `None` while there is none.
    pub fn worker_process_id(&self) -> Option<u32> {
        let state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        state.worker.as_ref().map(Worker::process_id)
    }

    /// Waits for its turn.
    fn turn(&self, cx: &CallContext) -> Result<MutexGuard<'_, State>> {
        loop {
            match self.state.try_lock() {
                Ok(state) => return Ok(state),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
            cx.check().map_err(|error| error.with_phase("queue"))?;
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A proven worker, taken out of the state, and whether it had to be started.
    ///
    /// Whoever takes it puts it back when it answered; one that did not is of
    /// no more use and is dropped.
    fn take_worker(&self, state: &mut State, cx: &CallContext) -> Result<(Worker, bool)> {
        let limit = self.settings.memory_limit_bytes();
        if let Some(mut worker) = state.worker.take() {
            if worker.is_alive() && worker.rss_bytes <= limit {
                return Ok((worker, false));
            }
            tracing::debug!(rss_bytes = worker.rss_bytes, "replacing the type checker's worker");
        }
        let (node, toolchain) = match &state.tools {
            Some(tools) => tools,
            None => state.tools.insert(self.find_tools(cx)?),
        };
        cx.progress(None, "starting the type checker");
        let mut worker = Worker::start(node, &toolchain.root, cx)?;
        self_test(&mut worker, SELF_TEST_LIMIT, cx)?;
        Ok((worker, true))
    }

    fn find_tools(&self, cx: &CallContext) -> Result<(Node, Packages)> {
        let data_dir = match &self.data_dir {
            Some(path) => path.clone(),
            None => llmbench_plugin::data_dir().ok_or_else(|| {
                Error::new(ErrorKind::Unavailable, "cannot tell where to keep the type checker")
                    .with_hint("set the environment variable LLMBENCH_DATA_DIR to a folder")
            })?,
        };
        let node = Node::find("tsc", self.settings.node.as_deref(), cx)?;
        let source = Source {
            node_modules: self.settings.node_modules.as_deref(),
            install: self.settings.install,
            data_dir: &data_dir,
            environment: &self.npm,
        };
        let toolchain = Packages::provide(&toolchain::pins(), source, &node, cx)?;
        Ok((node, toolchain))
    }
}

impl Validator for Tsc {
    fn prepare(&self, _project: &Project, cx: &CallContext) -> Result<ValidatorInfo> {
        let mut state = self.turn(cx)?;
        let (worker, _) = self.take_worker(&mut state, cx)?;
        let hello = &worker.hello;
        let tools = [
            ("node", &hello.node),
            ("typescript", &hello.typescript),
            ("vue-tsc", &hello.vue_tsc),
            ("vue", &hello.vue),
        ];
        let mut info = ValidatorInfo {
            tools: tools.map(|(tool, version)| (tool.to_owned(), version.clone())).into(),
            ..ValidatorInfo::default()
        };
        info.notes.extend(node_tools::advice(&hello.node));
        state.worker = Some(worker);
        if let Some((_, toolchain)) = &state.tools {
            info.lock_sha256.clone_from(&toolchain.lock_sha256);
            info.location = Some(toolchain.root.clone());
            info.notes.extend(toolchain.notes.iter().cloned());
        }
        Ok(info)
    }

    fn check(&self, artifact: &Artifact, project: &Project, cx: &CallContext) -> Result<Findings> {
        if !artifact.entry.ends_with(".vue") {
            let reason = format!("`{}` is no Vue component", artifact.entry);
            return Ok(Findings::skipped(reason));
        }
        let mut state = self.turn(cx)?;
        let (mut worker, started) = self.take_worker(&mut state, cx)?;
        let folder = self.settings.work_dir.clone().unwrap_or_else(std::env::temp_dir);
        let staged = match Staged::on_disk(artifact, project, &folder) {
            Ok(staged) => staged,
            Err(error) => {
                state.worker = Some(worker);
                return Err(error);
            }
        };
        let begin = Instant::now();
        let answer = worker.ask(&mut staged.request(), self.settings.check_timeout(), cx)?;
        let check_sec = begin.elapsed().as_secs_f64();
        let mut findings = findings::judge(&answer, &staged)?;
        let hello = &worker.hello;
        findings.details = json!({
            "typescript": hello.typescript,
            "vue-tsc": hello.vue_tsc,
            "worker": if started { "cold" } else { "warm" },
        });
        findings.measurements.insert("check_sec".to_owned(), check_sec);
        state.worker = Some(worker);
        drop(state);

        if findings.diagnostics.iter().any(|found| found.severity == Severity::Error) {
            findings.kept_files = staged.keep();
        }
        Ok(findings)
    }
}
