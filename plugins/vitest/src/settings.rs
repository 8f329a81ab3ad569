//! What a user can set under `[plugin.vitest]` or with `--set vitest.KEY=VALUE`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::sandbox::{Limits, SandboxChoice};

/// Settings of the validator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A `node_modules` folder to use in place of the pinned packages.
    pub node_modules: Option<PathBuf>,
    /// Path of the `node` program; by default the first one on `PATH`.
    pub node: Option<PathBuf>,
    /// False: never install anything, fail when the packages are missing.
    pub install: bool,
    /// Which sandbox to use: `auto`, `bwrap` or `landlock`.
    pub sandbox: SandboxChoice,
    /// True: run a model's code without a sandbox where none works.
    pub allow_unsafe_exec: bool,
    /// Time for one answer by the clock; the host's own deadline counts as well.
    pub timeout_ms: u64,
    /// Processor time for one answer, which a busy machine does not use up.
    pub cpu_limit_ms: u64,
    /// Resident memory of the whole test process.
    pub memory_limit_mb: u64,
    /// Time for one test of a spec.
    pub test_timeout_ms: u64,
}

impl Settings {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            cpu_sec: self.cpu_limit_ms.div_ceil(1000).max(1),
            memory_bytes: self.memory_limit_mb.max(1).saturating_mul(1024 * 1024),
            disk_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node_modules: None,
            node: None,
            install: true,
            sandbox: SandboxChoice::Auto,
            allow_unsafe_exec: false,
            timeout_ms: 20_000,
            cpu_limit_ms: 15_000,
            memory_limit_mb: 1536,
            test_timeout_ms: 5_000,
        }
    }
}
