//! What a user can set under `[plugin.tsc]` or with `--set tsc.KEY=VALUE`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

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
    /// Checks that run at the same time, each on a warm worker of its own.
    pub workers: usize,
    /// Resident memory of a worker above which the next check gets a new one.
    pub memory_limit_mb: u64,
    /// Time for one check; the host's own deadline counts as well.
    pub check_timeout_ms: u64,
    /// Folder for the files being checked; by default the system's temporary folder.
    pub work_dir: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn memory_limit_bytes(&self) -> u64 {
        self.memory_limit_mb.saturating_mul(1024 * 1024)
    }

    pub(crate) fn check_timeout(&self) -> Duration {
        Duration::from_millis(self.check_timeout_ms)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node_modules: None,
            node: None,
            install: true,
            workers: 1,
            memory_limit_mb: 1024,
            check_timeout_ms: 60_000,
            work_dir: None,
        }
    }
}
