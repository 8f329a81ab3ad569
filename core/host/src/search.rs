//! Where plugin libraries may lie.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

/// Stem that every plugin library's file name starts with.
const STEM: &str = "llmbench_plugin_";

/// Who named a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `--plugin-dir`.
    Flag,
    /// `LLMBENCH_PLUGIN_PATH`.
    Environment,
    /// `plugin_dirs` in a settings file.
    Settings,
    /// The user's data directory.
    UserData,
    /// Beside the installed binary.
    Installation,
    /// The binary's own directory, where cargo puts plugins.
    Executable,
}

impl Origin {
    /// The words that users see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "--plugin-dir",
            Self::Environment => "LLMBENCH_PLUGIN_PATH",
            Self::Settings => "llmbench.toml",
            Self::UserData => "user data directory",
            Self::Installation => "installation",
            Self::Executable => "directory of the llmbench binary",
        }
    }
}

/// A directory to look in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchDir {
    /// The directory; it need not exist.
    pub path: PathBuf,
    /// Who named it.
    pub origin: Origin,
}

/// A library file that may be a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub path: PathBuf,
    /// Who named its directory.
    pub origin: Origin,
    /// An earlier file of the same name that is used instead.
    pub shadowed_by: Option<PathBuf>,
}

/// Directories in the order in which they are searched.
#[derive(Debug, Clone, Default)]
pub struct SearchPath {
    dirs: Vec<SearchDir>,
}

impl SearchPath {
    /// The given directories, then the standard ones: user data, installation, executable.
    ///
    /// The working directory is never searched by itself: a plugin is code.
    pub fn standard(named: Vec<SearchDir>, user_data: Option<&Path>) -> Self {
        let mut dirs = named;
        let abi_major = llmbench_abi::ABI_VERSION.split('.').next().unwrap_or_default();
        if let Some(data) = user_data {
            dirs.push(SearchDir {
                path: data.join("plugins").join(abi_major),
                origin: Origin::UserData,
            });
        }
        if let Some(dir) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
            if let Some(prefix) = dir.parent() {
                let path = prefix.join("lib").join("llmbench").join("plugins");
                dirs.push(SearchDir { path, origin: Origin::Installation });
            }
            dirs.push(SearchDir { path: dir.to_owned(), origin: Origin::Executable });
        }
        Self { dirs }
    }

    /// Exactly the given directories.
    pub fn only(dirs: Vec<SearchDir>) -> Self {
        Self { dirs }
    }

    /// The directories, in order.
    pub fn dirs(&self) -> &[SearchDir] {
        &self.dirs
    }

    /// Every file that is named like a plugin, in search order, by name within a directory.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        for dir in &self.dirs {
            let Ok(entries) = std::fs::read_dir(&dir.path) else { continue };
            let mut paths: Vec<_> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| is_plugin_name(path))
                .collect();
            paths.sort();
            for path in paths {
                if found.iter().any(|other| same_file(&other.path, &path)) {
                    continue;
                }
                let earlier = found.iter().find(|other| other.path.file_name() == path.file_name());
                let shadowed_by = earlier.map(|other| other.path.clone());
                found.push(Candidate { path, origin: dir.origin, shadowed_by });
            }
        }
        found
    }
}

/// The file name that holds a component by convention.
pub(crate) fn conventional_file_name(component: &str) -> String {
    format!("{DLL_PREFIX}{STEM}{}{DLL_SUFFIX}", component.replace('-', "_"))
}

/// The symbol that a plugin file must export.
pub(crate) fn symbol(path: &Path) -> String {
    let stem = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = stem.strip_prefix(DLL_PREFIX).unwrap_or(stem);
    let stem = stem.strip_suffix(DLL_SUFFIX).unwrap_or(stem);
    format!("llmbench_plugin_{stem}")
}

fn is_plugin_name(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_prefix(DLL_PREFIX))
        .is_some_and(|name| name.starts_with(STEM) && name.ends_with(DLL_SUFFIX))
}

/// Two paths to one file: loading it twice would register everything twice.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    match (file_identity(a), file_identity(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// What tells one file from another, whatever its paths are.
#[cfg(unix)]
fn file_identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// What tells one file from another, whatever its paths are.
#[cfg(not(unix))]
fn file_identity(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_and_symbol_names_follow_the_component() {
        let file = conventional_file_name("nvidia-smi");
        assert!(file.contains("llmbench_plugin_nvidia_smi"));
        assert!(is_plugin_name(Path::new(&file)));
        assert_eq!(symbol(Path::new(&file)), "llmbench_plugin_llmbench_plugin_nvidia_smi");
    }

    #[test]
    fn other_files_are_not_candidates() {
        for name in
            ["libfoo.so", "llmbench_plugin_x.txt", "libllmbench_plugin_x.so.bak", "README.md"]
        {
            assert!(!is_plugin_name(Path::new(name)), "{name}");
        }
    }
}
