//! The compiler's packages: which ones, where they lie, whether they are whole.
//!
//! The packages are pinned by a lockfile inside the plugin and are installed
//! once, in a folder of the data directory that is named after the lockfile.
//! Packages that the user has installed elsewhere are used only when the
//! setting `node_modules` names them.

mod install;
mod pins;

use std::path::{Path, PathBuf};

use llmbench_api::{CallContext, Error, ErrorKind, Result};

pub use install::NpmEnvironment;
pub(crate) use pins::Pins;

use crate::node::Node;
use crate::settings::Settings;

/// Packages that a worker can run on.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    /// The folder that holds `node_modules`.
    pub(crate) root: PathBuf,
    /// Hash of the lockfile and package.json; `None` for packages of the user's own.
    pub(crate) lock_sha256: Option<String>,
    /// Remarks for the user.
    pub(crate) notes: Vec<String>,
}

impl Toolchain {
    /// The packages that the settings name, else the pinned ones, installed on first use.
    ///
    /// # Errors
    /// `Settings` when the named folder does not hold the packages,
    /// `Unavailable` when they are missing and cannot or must not be installed.
    pub(crate) fn provide(
        settings: &Settings,
        data_dir: &Path,
        npm: &NpmEnvironment,
        node: &Node,
        cx: &CallContext,
    ) -> Result<Self> {
        let pins = Pins::embedded();
        if let Some(path) = &settings.node_modules {
            return existing(path, &pins);
        }
        let root = data_dir.join("toolchains").join(pins.folder_name());
        if !install::is_ready(&root, &pins) {
            if !settings.install {
                let message = format!("the type checker is not installed at `{}`", root.display());
                return Err(Error::new(ErrorKind::Unavailable, message).with_hint(install::HINT));
            }
            install::install(&root, &pins, npm, node, cx)?;
        }
        Ok(Self { root, lock_sha256: Some(pins.sha256), notes: Vec::new() })
    }
}

/// Packages in a folder of the user's own.
fn existing(path: &Path, pins: &Pins) -> Result<Toolchain> {
    let refuse = |what: String| {
        Error::new(ErrorKind::Settings, format!("setting `node_modules` of plugin `tsc`: {what}"))
            .with_hint(
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
    Ok(Toolchain { root, lock_sha256: None, notes })
}
