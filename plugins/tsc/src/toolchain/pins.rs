//! Which packages the validator runs on, as embedded in the plugin.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

pub(crate) const PACKAGE_JSON: &str = include_str!("../../toolchain/package.json");
pub(crate) const PACKAGE_LOCK: &str = include_str!("../../toolchain/package-lock.json");

/// The pinned packages and the hash that names them.
#[derive(Debug, Clone)]
pub(crate) struct Pins {
    /// Of the lockfile followed by package.json.
    pub(crate) sha256: String,
    /// The packages that the worker itself loads → exact version.
    pub(crate) packages: BTreeMap<String, String>,
    /// All packages in the lockfile.
    pub(crate) package_count: usize,
}

#[derive(Deserialize)]
struct Manifest {
    dependencies: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Lock {
    packages: BTreeMap<String, serde::de::IgnoredAny>,
}

impl Pins {
    pub(crate) fn embedded() -> Self {
        let manifest: Manifest =
            serde_json::from_str(PACKAGE_JSON).expect("the embedded package.json is valid");
        let lock: Lock =
            serde_json::from_str(PACKAGE_LOCK).expect("the embedded lockfile is valid");
        let mut hash = Sha256::new();
        hash.update(PACKAGE_LOCK);
        hash.update(PACKAGE_JSON);
        Self {
            sha256: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            packages: manifest.dependencies,
            // The root project is listed under an empty path.
            package_count: lock.packages.keys().filter(|path| !path.is_empty()).count(),
        }
    }

    /// Name of the folder for these packages.
    pub(crate) fn folder_name(&self) -> String {
        format!("tsc-{}", &self.sha256[..16])
    }
}

/// Version of a package under `root`; `None` when it is not installed.
pub(crate) fn installed_version(root: &Path, package: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Installed {
        version: String,
    }
    let path = root.join("node_modules").join(package).join("package.json");
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str::<Installed>(&text).ok().map(|package| package.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_exactly() {
        for (package, version) in Pins::embedded().packages {
            let exact = version.chars().all(|c| c.is_ascii_digit() || c == '.');
            assert!(exact, "{package} {version}");
        }
    }

    #[test]
    fn typescript_7_is_out_because_vue_tsc_crashes_on_it() {
        assert!(Pins::embedded().packages["typescript"].starts_with("6."));
    }

    #[test]
    fn the_lockfile_names_no_registry_and_has_a_hash_for_every_package() {
        assert!(!PACKAGE_LOCK.contains("\"resolved\""));
        let hashes = PACKAGE_LOCK.matches("\"integrity\"").count();
        assert_eq!(hashes, Pins::embedded().package_count);
    }
}
