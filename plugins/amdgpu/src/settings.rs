//! The plugin's settings.

use std::path::PathBuf;

use serde::Deserialize;

/// `[plugin.amdgpu]` of the settings file, or `--set amdgpu.key=value`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where sysfs is mounted.
    pub sysfs: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sysfs: PathBuf::from("/sys") }
    }
}
