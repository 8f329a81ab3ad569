//! Packages of an npm project: the user's own, else installed as its lockfile says.
//!
//! The project's own `node_modules` wins. Without one the packages lie in
//! llmbench's data directory, in a folder named after the lockfile; nothing is
//! ever written into the project.

use std::path::{Path, PathBuf};

use llmbench_api::{CallContext, Error, ErrorKind, Result};

use super::install::{self, NpmEnvironment};
use super::node::Node;
use super::pins::Pins;

/// The folder that holds the project's `node_modules`; `None` when nothing is installed.
///
/// # Errors
/// `InvalidInput` when package.json or package-lock.json is missing or not npm's own.
pub fn project_packages(project_dir: &Path, data_dir: &Path) -> Result<Option<PathBuf>> {
    if project_dir.join("node_modules").is_dir() {
        return Ok(Some(project_dir.to_owned()));
    }
    let pins = pins(project_dir)?;
    let root = root(&pins, data_dir);
    Ok(install::is_ready(&root, &pins).then_some(root))
}

/// Installs what the project's lockfile names, once for all projects that share it.
///
/// The folder that holds `node_modules`. Scripts of packages are not run.
///
/// # Errors
/// As [`project_packages`]; `Unavailable` with npm's last lines, `Cancelled`, `Timeout`.
pub fn install_project(
    project_dir: &Path,
    data_dir: &Path,
    environment: &NpmEnvironment,
    node: &Node,
    cx: &CallContext,
) -> Result<PathBuf> {
    if let Some(root) = project_packages(project_dir, data_dir)? {
        return Ok(root);
    }
    let pins = pins(project_dir)?;
    let root = root(&pins, data_dir);
    install::install(&root, &pins, environment, node, cx)?;
    Ok(root)
}

fn root(pins: &Pins, data_dir: &Path) -> PathBuf {
    data_dir.join("projects").join(pins.folder_name())
}

fn pins(project_dir: &Path) -> Result<Pins> {
    let read = |name: &str| {
        let path = project_dir.join(name);
        std::fs::read_to_string(&path).map_err(|error| {
            let message = format!("cannot read `{}`", path.display());
            Error::new(ErrorKind::InvalidInput, message).with_cause(&error).with_hint(
                "a fixture that is an npm project holds package.json and package-lock.json",
            )
        })
    };
    let what = format!("the packages of `{}`", project_dir.display());
    Pins::of_lockfile("project", &what, &read("package.json")?, &read("package-lock.json")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_packages_win_and_missing_files_are_named() {
        let folder = std::env::temp_dir().join(format!("llmbench-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let error = project_packages(&folder, &folder).unwrap_err();
        assert!(error.message.contains("package.json"), "{error}");
        std::fs::write(folder.join("package.json"), "{}").unwrap();
        let lock = r#"{"packages": {"": {}, "node_modules/a": {"version": "1.0.0"}}}"#;
        std::fs::write(folder.join("package-lock.json"), lock).unwrap();
        assert_eq!(project_packages(&folder, &folder).unwrap(), None);
        std::fs::create_dir(folder.join("node_modules")).unwrap();
        assert_eq!(project_packages(&folder, &folder).unwrap().as_ref(), Some(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
