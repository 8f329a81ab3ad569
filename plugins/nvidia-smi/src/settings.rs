//! The plugin's settings.

use std::path::PathBuf;

use serde::Deserialize;

/// `[plugin.nvidia-smi]` of the settings file, or `--set nvidia-smi.key=value`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The program; a bare name is looked for on `PATH`.
    pub path: PathBuf,
    /// Whether one process prints all samples (`--loop-ms`); if not, every
    /// sample is a call of its own.
    #[serde(rename = "loop")]
    pub loop_mode: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { path: PathBuf::from(DEFAULT_PROGRAM), loop_mode: true }
    }
}

impl Settings {
    /// The programs to try, in this order.
    ///
    /// Older Windows drivers install the tool into a folder that is not on
    /// `PATH`, and WSL has one of its own; both are tried when no path is set.
    pub fn programs(&self) -> Vec<PathBuf> {
        let mut programs = vec![self.path.clone()];
        if self.path.as_os_str() == DEFAULT_PROGRAM {
            if cfg!(windows) {
                programs.extend(std::env::var_os("ProgramFiles").map(|folder| {
                    PathBuf::from(folder).join("NVIDIA Corporation/NVSMI/nvidia-smi.exe")
                }));
            } else if cfg!(target_os = "linux") {
                programs.push(PathBuf::from("/usr/lib/wsl/lib/nvidia-smi"));
            }
        }
        programs
    }
}

const DEFAULT_PROGRAM: &str = "nvidia-smi";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_defaults_and_refuse_unknown_names() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, Settings::default());
        let settings: Settings = serde_json::from_str(r#"{"path":"/x","loop":false}"#).unwrap();
        assert_eq!(settings.programs(), [PathBuf::from("/x")]);
        assert!(!settings.loop_mode);
        assert!(serde_json::from_str::<Settings>(r#"{"lop":false}"#).is_err());
    }
}
