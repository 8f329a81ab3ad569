//! A plugin's npm packages: where they lie and whether they are whole.
//!
//! The packages are pinned by a lockfile inside the plugin and are installed
//! once, in a folder of the data directory that is named after the lockfile.
//! Packages that the user has installed elsewhere are used only when the
//! setting `node_modules` names them.

use std::path::{Path, PathBuf};

use llmbench_api::{CallContext, Error, ErrorKind, Result};

use super::install::{self, NpmEnvironment};
use super::node::Node;
use super::pins::{self, Pins};

/// Installed packages.
#[derive(Debug, Clone)]
pub struct Packages {
    /// The folder that holds `node_modules`.
    pub root: PathBuf,
    /// Hash of the lockfile and package.json; `None` for packages of the user's own.
    pub lock_sha256: Option<String>,
    /// Remarks for the user.
    pub notes: Vec<String>,
}

/// Where packages come from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// A folder of the user's own that the settings name.
    pub node_modules: Option<&'a Path>,
    /// False: never install anything.
    pub install: bool,
    /// llmbench's data directory.
    pub data_dir: &'a Path,
    /// For npm.
    pub environment: &'a NpmEnvironment,
}

impl Packages {
    /// The packages that the settings name, else the pinned ones, installed on first use.
    ///
    /// # Errors
    /// `Settings` when the named folder does not hold the packages,
    /// `Unavailable` when they are missing and cannot or must not be installed.
    pub fn provide(pins: &Pins, source: Source<'_>, node: &Node, cx: &CallContext) -> Result<Self> {
        if let Some(path) = source.node_modules {
            return existing(path, pins);
        }
        let root = source.data_dir.join("toolchains").join(pins.folder_name());
        if !install::is_ready(&root, pins) {
            if !source.install {
                let message = format!("{} is not installed at `{}`", pins.what, root.display());
                return Err(Error::new(ErrorKind::Unavailable, message).with_hint(&pins.hint));
            }
            install::install(&root, pins, source.environment, node, cx)?;
        }
        Ok(Self { root, lock_sha256: Some(pins.sha256.clone()), notes: Vec::new() })
    }
}

/// Packages in a folder of the user's own.
fn existing(path: &Path, pins: &Pins) -> Result<Packages> {
    let refuse = |what: String| {
        let message = format!("setting `node_modules` of plugin `{}`: {what}", pins.plugin);
        Error::new(ErrorKind::Settings, message).with_hint(
            "name a folder called `node_modules`, or leave the setting out to have the \
                 pinned packages installed",
        )
    };
    let found = std::path::absolute(path)
        .and_then(|path| path.canonicalize())
        .map_err(|error| refuse(format!("cannot read `{}`: {error}", path.display())))?;
    let root = if found.file_name().is_some_and(|name| name == "node_modules") {
        found.parent().map(Path::to_owned)
    } else {
        Some(found.clone()).filter(|folder| folder.join("node_modules").is_dir())
    };
    let root = root.ok_or_else(|| {
        refuse(format!("`{}` is no folder called `node_modules`", found.display()))
    })?;
    let mut missing = Vec::new();
    let mut notes = Vec::new();
    for (package, pinned) in &pins.packages {
        match pins::installed_version(&root, package) {
            None => missing.push(format!("{package}@{pinned}")),
            Some(version) if version != *pinned => notes.push(format!(
                "`{package}` is {version} from `{}`, the pinned version is {pinned}",
                root.join("node_modules").display()
            )),
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        let folder = root.join("node_modules");
        return Err(refuse(format!("`{}` lacks {}", folder.display(), missing.join(", "))));
    }
    Ok(Packages { root, lock_sha256: None, notes })
}
