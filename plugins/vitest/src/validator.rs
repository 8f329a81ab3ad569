//! The validator: a fresh process in a sandbox for each answer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use llmbench_api::{
    Artifact, CallContext, Error, ErrorKind, Findings, Json, Project, Result, Validator,
    ValidatorInfo,
};
use llmbench_plugin::node_tools::{self, Node, NpmEnvironment, Packages, Source};

use crate::baseline::{self, Baseline, Baselines};
use crate::findings;
use crate::report::{self, SpecRun};
use crate::sandbox::{Place, Sandbox};
use crate::settings::Settings;
use crate::suite::Suite;
use crate::toolchain;

/// Runs behaviour tests against Vue components.
///
/// Checks are independent of each other and may run at the same time.
pub struct Vitest {
    settings: Settings,
    data_dir: Option<PathBuf>,
    npm: NpmEnvironment,
    tools: Mutex<Option<Arc<Tools>>>,
    baselines: Baselines,
}

/// What all checks share.
struct Tools {
    node: Node,
    /// The program behind `node`.
    executable: PathBuf,
    packages: Packages,
    sandbox: Sandbox,
    baseline_folder: PathBuf,
}

impl Vitest {
    /// A validator with the given settings; nothing is installed or started yet.
    ///
    /// # Errors
    /// `Settings` for a key or value that is not understood.
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self::with_settings(llmbench_plugin::settings("vitest", settings)?))
    }

    /// A validator with the given settings.
    pub fn with_settings(settings: Settings) -> Self {
        Self {
            settings,
            data_dir: None,
            npm: NpmEnvironment::new(),
            tools: Mutex::default(),
            baselines: Baselines::default(),
        }
    }

    /// The same, with its packages in a data directory of its own.
    #[must_use]
    pub fn in_data_dir(mut self, data_dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(data_dir.into());
        self
    }

    /// The tools, found and proven by the first call; others wait for it.
    fn tools(&self, cx: &CallContext) -> Result<Arc<Tools>> {
        let mut tools = loop {
            match self.tools.try_lock() {
                Ok(tools) => break tools,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
            cx.check().map_err(|error| error.with_phase("queue"))?;
            std::thread::sleep(Duration::from_millis(5));
        };
        if let Some(tools) = &*tools {
            return Ok(Arc::clone(tools));
        }
        let found = Arc::new(self.find_tools(cx)?);
        *tools = Some(Arc::clone(&found));
        Ok(found)
    }

    fn find_tools(&self, cx: &CallContext) -> Result<Tools> {
        let data_dir = match &self.data_dir {
            Some(path) => path.clone(),
            None => llmbench_plugin::data_dir().ok_or_else(|| {
                Error::new(ErrorKind::Unavailable, "cannot tell where to keep the test runner")
                    .with_hint("set the environment variable LLMBENCH_DATA_DIR to a folder")
            })?,
        };
        let node = Node::find("vitest", self.settings.node.as_deref(), cx)?;
        let executable = node.executable(cx)?;
        let source = Source {
            node_modules: self.settings.node_modules.as_deref(),
            install: self.settings.install,
            data_dir: &data_dir,
            environment: &self.npm,
        };
        let packages = Packages::provide(&toolchain::pins(), source, &node, cx)?;
        toolchain::speed_up(&packages, &node, cx)?;
        cx.progress(None, "trying the sandbox");
        let sandbox = Sandbox::choose(
            self.settings.sandbox,
            self.settings.allow_unsafe_exec,
            &executable,
            &packages.root.join("node_modules"),
            cx,
        )?;
        let baseline_folder = data_dir.join("baselines").join("vitest");
        Ok(Tools { node, executable, packages, sandbox, baseline_folder })
    }

    /// One run of `suite` against `files`, in a folder that is gone afterwards.
    fn run(
        &self,
        tools: &Tools,
        suite: &Suite,
        files: &std::collections::BTreeMap<String, String>,
        cx: &CallContext,
    ) -> Result<SpecRun> {
        let packages = tools.packages.root.join("node_modules");
        let place = Place::new(&tools.executable, &packages).map_err(|error| {
            let folder = std::env::temp_dir();
            let message = format!("cannot make a folder for a check in `{}`", folder.display());
            Error::new(ErrorKind::Internal, message)
                .with_cause(&error)
                .with_hint("choose another folder with the environment variable TMPDIR")
        })?;
        let settings = &self.settings;
        let bounds = (&settings.limits(), settings.timeout(), settings.test_timeout_ms);
        report::run_spec(&tools.sandbox, &place, suite, files, bounds, cx)
    }

    fn baseline(
        &self,
        tools: &Tools,
        suite: &Suite,
        project: &Project,
        cx: &CallContext,
    ) -> Result<Baseline> {
        let lock = tools.packages.lock_sha256.as_deref().unwrap_or_default();
        self.baselines.get(suite, lock, &tools.baseline_folder, || {
            cx.progress(None, "running the behaviour tests on the input");
            baseline::from_run(self.run(tools, suite, &suite.input, cx)?, project)
        })
    }
}

impl Validator for Vitest {
    fn prepare(&self, project: &Project, cx: &CallContext) -> Result<ValidatorInfo> {
        let Some(suite) = Suite::of(project)? else {
            // Nothing is installed for a fixture that has nothing to run.
            return Ok(ValidatorInfo::default());
        };
        let tools = self.tools(cx)?;
        self.baseline(&tools, &suite, project, cx)?;
        let mut info = ValidatorInfo {
            lock_sha256: tools.packages.lock_sha256.clone(),
            location: Some(tools.packages.root.clone()),
            notes: vec![format!("sandbox: {}", tools.sandbox.name)],
            ..ValidatorInfo::default()
        };
        info.tools.insert("node".to_owned(), tools.node.version.clone());
        for package in toolchain::RECORDED {
            let version = node_tools::installed_version(&tools.packages.root, package);
            info.tools.extend(version.map(|version| (package.to_owned(), version)));
        }
        info.notes.extend(node_tools::advice(&tools.node.version));
        info.notes.extend(tools.packages.notes.iter().cloned());
        Ok(info)
    }

    fn check(&self, artifact: &Artifact, project: &Project, cx: &CallContext) -> Result<Findings> {
        let Some(suite) = Suite::of(project)? else {
            return Ok(Findings::skipped("the fixture has no behaviour tests"));
        };
        let tools = self.tools(cx)?;
        let owed = self.baseline(&tools, &suite, project, cx)?;
        let (files, refused) = suite.admit(artifact);
        let run = self.run(&tools, &suite, &files, cx)?;
        Ok(findings::judge(run, &owed, &refused, &artifact.entry, &tools.sandbox.name))
    }
}
