//! Which npm packages a set consists of, as its package.json and lockfile say.

use std::collections::BTreeMap;
use std::path::Path;

use llmbench_api::{Error, ErrorKind, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// npm packages in exact versions, and the hash that names them.
#[derive(Debug, Clone)]
pub struct Pins {
    /// Plugin that they belong to; begins the name of their folder.
    pub plugin: String,
    /// What they are together, for messages: `the type checker`.
    pub what: String,
    /// Of the lockfile followed by package.json, as hex.
    pub sha256: String,
    /// The packages that package.json names → version.
    pub packages: BTreeMap<String, String>,
    /// All packages in the lockfile.
    pub package_count: usize,
    /// How the user gets them.
    pub(super) hint: String,
    pub(super) package_json: String,
    pub(super) package_lock: String,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
}

/// A package in a lockfile; `version` is absent for links.
#[derive(Deserialize)]
struct Locked {
    version: Option<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default, rename = "devOptional")]
    dev_optional: bool,
}

#[derive(Deserialize)]
struct LockOfProject {
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
struct Lock {
    packages: BTreeMap<String, serde::de::IgnoredAny>,
}

impl Pins {
    /// The set that the two files describe.
    ///
    /// # Errors
    /// `InvalidInput` when one of them is not what npm writes.
    pub fn read(plugin: &str, what: &str, package_json: &str, package_lock: &str) -> Result<Self> {
        let unreadable = |file: &str, error: &serde_json::Error| {
            Error::new(ErrorKind::InvalidInput, format!("cannot read the {file} of {what}"))
                .with_cause(error)
        };
        let manifest: Manifest = serde_json::from_str(package_json)
            .map_err(|error| unreadable("package.json", &error))?;
        let lock: Lock = serde_json::from_str(package_lock)
            .map_err(|error| unreadable("package-lock.json", &error))?;
        let mut hash = Sha256::new();
        hash.update(package_lock);
        hash.update(package_json);
        Ok(Self {
            plugin: plugin.to_owned(),
            what: what.to_owned(),
            sha256: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            packages: manifest.dependencies.into_iter().map(without_alias).collect(),
            // The root project is listed under an empty path.
            package_count: lock.packages.keys().filter(|path| !path.is_empty()).count(),
            hint: format!(
                "run `llmbench doctor --fix` while online, or use packages that are installed \
                 already with `--set {plugin}.node_modules=PATH`"
            ),
            package_json: package_json.to_owned(),
            package_lock: package_lock.to_owned(),
        })
    }

    /// Everything that a project's lockfile names and that every machine gets.
    ///
    /// # Errors
    /// As [`Pins::read`].
    pub fn of_lockfile(
        plugin: &str,
        what: &str,
        package_json: &str,
        package_lock: &str,
    ) -> Result<Self> {
        let mut pins = Self::read(plugin, what, package_json, package_lock)?;
        let lock: LockOfProject = serde_json::from_str(package_lock).map_err(|error| {
            let message = format!("cannot read the package-lock.json of {what}");
            Error::new(ErrorKind::InvalidInput, message).with_cause(&error)
        })?;
        let installed = lock.packages.into_iter().filter_map(|(path, locked)| {
            let name = path.strip_prefix("node_modules/")?;
            let everywhere = !locked.optional && !locked.dev_optional;
            // Further down lie only other versions of the same packages.
            let wanted = everywhere && !name.contains("/node_modules/");
            Some((name.to_owned(), locked.version?)).filter(|_| wanted)
        });
        pins.packages = installed.collect();
        pins.hint = "run `llmbench fixtures install --fixture NAME` while online, or `npm ci` in \
                     the project"
            .to_owned();
        Ok(pins)
    }

    /// Name of the folder for these packages.
    pub fn folder_name(&self) -> String {
        format!("{}-{}", self.plugin, &self.sha256[..16])
    }
}

/// `npm:NAME@VERSION` installs another package under this name.
fn without_alias((package, version): (String, String)) -> (String, String) {
    let aliased = version.strip_prefix("npm:").and_then(|name| name.rsplit_once('@'));
    let version = aliased.map_or(version.clone(), |(_, version)| version.to_owned());
    (package, version)
}

/// Version of a package under `root`; `None` when it is not installed.
pub fn installed_version(root: &Path, package: &str) -> Option<String> {
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
    fn files_that_npm_did_not_write_are_refused_by_name() {
        let lock = r#"{ "packages": { "": {}, "node_modules/vue": {} } }"#;
        let good =
            Pins::read("tsc", "the checker", r#"{ "dependencies": { "vue": "3.5.45" } }"#, lock);
        let good = good.unwrap();
        assert_eq!((good.package_count, good.packages["vue"].as_str()), (1, "3.5.45"));
        assert!(good.folder_name().starts_with("tsc-"));
        let aliased = r#"{ "dependencies": { "vue": "npm:@vue/compat@3.5.45" } }"#;
        let aliased = Pins::read("tsc", "the checker", aliased, lock).unwrap();
        assert_eq!(aliased.packages["vue"], "3.5.45");
        let error = Pins::read("tsc", "the checker", "{", lock).unwrap_err();
        assert!(error.message.contains("package.json of the checker"), "{error}");
        let error = Pins::read("tsc", "the checker", "{}", "{}").unwrap_err();
        assert!(error.message.contains("package-lock.json"), "{error}");
    }
}
