//! The validator: warm workers, one check at a time on each.

use std::path::PathBuf;
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use llmbench_api::{
    Artifact, CallContext, Error, ErrorKind, Findings, Json, Project, Result, Severity, Validator,
    ValidatorInfo,
};
use llmbench_plugin::node_tools::{self, Node, NpmEnvironment, Packages, Source};
use serde_json::json;

use crate::findings;
use crate::npm_project::NpmProject;
use crate::pool::{Lease, Pool};
use crate::project::Staged;
use crate::settings::Settings;
use crate::toolchain::Engine;
use crate::worker::{Job, Worker, project_self_test, self_test};

/// Bound for the self-test of a new worker, which pays for the cold compiler.
const SELF_TEST_LIMIT: Duration = Duration::from_secs(120);

/// What can be judged.
const EXTENSIONS: [&str; 6] = [".vue", ".ts", ".tsx", ".js", ".jsx", ".mjs"];

/// Type-checks Vue components with TypeScript and Vue's language tools.
pub struct Tsc {
    engine: Engine,
    settings: Settings,
    data_dir: Option<PathBuf>,
    npm: NpmEnvironment,
    tools: Mutex<Option<(Node, Packages)>>,
    pool: Pool<Worker>,
}

/// A proven worker at work. One that did not answer is of no more use and is
/// dropped; one that did is put back.
struct Working<'a> {
    lease: Lease<'a, Worker>,
    worker: Worker,
    started: bool,
}

impl Tsc {
    /// A validator with the given settings; nothing is installed or started yet.
    ///
    /// # Errors
    /// `Settings` for a key or value that is not understood.
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self::with_settings(llmbench_plugin::settings("tsc", settings)?))
    }

    /// The same checks with TypeScript 7, in packages of their own.
    ///
    /// An npm project of its own is checked by its own compiler all the same.
    ///
    /// # Errors
    /// As [`Tsc::new`].
    pub fn native(settings: Json) -> Result<Self> {
        let engine = Engine::Native;
        let tsc = Self::with_settings(llmbench_plugin::settings(engine.plugin(), settings)?);
        Ok(Self { engine, ..tsc })
    }

    /// A validator with the given settings.
    pub fn with_settings(settings: Settings) -> Self {
        let pool = Pool::new(settings.workers);
        Self {
            engine: Engine::Script,
            settings,
            data_dir: None,
            npm: NpmEnvironment::new(),
            tools: Mutex::default(),
            pool,
        }
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

    /// Process id of the worker that worked last; `None` while none waits for work.
    pub fn worker_process_id(&self) -> Option<u32> {
        self.pool.peek(Worker::process_id)
    }

    /// A proven worker, started when none waits for work.
    fn work(&self, project: Option<&NpmProject>, cx: &CallContext) -> Result<Working<'_>> {
        let limit = self.settings.memory_limit_bytes();
        let kind = project.map(NpmProject::kind).unwrap_or_default();
        let (lease, idle) = self.pool.take(&kind, cx)?;
        if let Some(mut worker) = idle {
            if worker.is_alive() && worker.rss_bytes <= limit {
                return Ok(Working { lease, worker, started: false });
            }
            tracing::debug!(rss_bytes = worker.rss_bytes, "replacing the type checker's worker");
        }
        let worker = match project {
            None => self.start(cx)?,
            Some(project) => self.start_in_project(project, cx)?,
        };
        Ok(Working { lease, worker, started: true })
    }

    fn start(&self, cx: &CallContext) -> Result<Worker> {
        let (node, toolchain) = self.tools(cx)?;
        cx.progress(None, "starting the type checker");
        let mut worker = Worker::start(&node, &toolchain.root, &Job::Answers(self.engine), cx)?;
        self_test(&mut worker, SELF_TEST_LIMIT, cx)?;
        Ok(worker)
    }

    fn start_in_project(&self, project: &NpmProject, cx: &CallContext) -> Result<Worker> {
        let node = Node::find(self.engine.plugin(), self.settings.node.as_deref(), cx)?;
        let root = project.packages(&self.data_dir()?, &self.npm, &node, cx)?;
        cx.progress(None, "starting the type checker of the npm project");
        let mut worker = Worker::start(&node, &root, &Job::Project(&project.arguments()), cx)?;
        project_self_test(&mut worker, project.inputs(), SELF_TEST_LIMIT, cx)?;
        Ok(worker)
    }

    /// Node and the packages, found or installed once.
    fn tools(&self, cx: &CallContext) -> Result<(Node, Packages)> {
        let mut tools = loop {
            match self.tools.try_lock() {
                Ok(tools) => break tools,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
            cx.check().map_err(|error| error.with_phase("queue"))?;
            std::thread::sleep(node_tools::POLL);
        };
        Ok(match &*tools {
            Some(tools) => tools.clone(),
            None => tools.insert(self.find_tools(cx)?).clone(),
        })
    }

    fn data_dir(&self) -> Result<PathBuf> {
        self.data_dir.clone().or_else(llmbench_plugin::data_dir).ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "cannot tell where to keep the type checker")
                .with_hint("set the environment variable LLMBENCH_DATA_DIR to a folder")
        })
    }

    fn find_tools(&self, cx: &CallContext) -> Result<(Node, Packages)> {
        let data_dir = self.data_dir()?;
        let node = Node::find(self.engine.plugin(), self.settings.node.as_deref(), cx)?;
        let source = Source {
            node_modules: self.settings.node_modules.as_deref(),
            install: self.settings.install,
            data_dir: &data_dir,
            environment: &self.npm,
        };
        let toolchain = Packages::provide(&self.engine.pins(), source, &node, cx)?;
        Ok((node, toolchain))
    }
}

impl Validator for Tsc {
    fn prepare(&self, project: &Project, cx: &CallContext) -> Result<ValidatorInfo> {
        let npm = NpmProject::of(project)?;
        let Working { lease, worker, .. } = self.work(npm.as_ref(), cx)?;
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
        info.location = Some(worker.root.clone());
        lease.keep(worker);
        if npm.is_none() {
            let (_, toolchain) = self.tools(cx)?;
            info.lock_sha256 = toolchain.lock_sha256;
            info.notes.extend(toolchain.notes);
        }
        Ok(info)
    }

    fn check(&self, artifact: &Artifact, project: &Project, cx: &CallContext) -> Result<Findings> {
        if !EXTENSIONS.iter().any(|extension| artifact.entry.ends_with(extension)) {
            let reason = format!("`{}` is no Vue component and no script", artifact.entry);
            return Ok(Findings::skipped(reason));
        }
        let folder = self.settings.work_dir.clone().unwrap_or_else(std::env::temp_dir);
        let npm = NpmProject::of(project)?;
        let mut staged = Staged::on_disk(artifact, project, &folder)?;
        if npm.is_some() {
            staged = staged.in_npm_project();
        }
        let Working { lease, mut worker, started } = self.work(npm.as_ref(), cx)?;
        let begin = Instant::now();
        let answer = worker.ask(&mut staged.request(), self.settings.check_timeout(), cx)?;
        let check_sec = begin.elapsed().as_secs_f64();
        let mut findings = findings::judge(&answer, &staged)?;
        let hello = &worker.hello;
        findings.details["typescript"] = json!(hello.typescript);
        findings.details["vue-tsc"] = json!(hello.vue_tsc);
        findings.details["worker"] = json!(if started { "cold" } else { "warm" });
        findings.measurements.insert("check_sec".to_owned(), check_sec);
        lease.keep(worker);

        if findings.diagnostics.iter().any(|found| found.severity == Severity::Error) {
            findings.kept_files = staged.keep();
        }
        Ok(findings)
    }
}
