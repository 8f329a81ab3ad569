//! The plugin's settings.

use std::path::PathBuf;

use serde::Deserialize;

/// `[plugin.nvml]` of the settings file, or `--set nvml.key=value`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The library; without it, the one that the system's loader finds.
    pub library: Option<PathBuf>,
    /// Whether PCIe traffic is measured where the driver keeps no counter of it:
    /// each such measurement keeps the sampling thread for 20 ms.
    pub pcie: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { library: None, pcie: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_defaults_and_refuse_unknown_names() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, Settings::default());
        let settings: Settings = serde_json::from_str(r#"{"library":"/x","pcie":false}"#).unwrap();
        assert_eq!(settings, Settings { library: Some("/x".into()), pcie: false });
        assert!(serde_json::from_str::<Settings>(r#"{"libary":"/x"}"#).is_err());
    }
}
