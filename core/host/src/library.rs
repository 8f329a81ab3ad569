//! One loaded plugin library.
#![allow(
    unsafe_code,
    reason = "loading a library and reading its exported header is unsafe by nature"
)]

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError};
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RArc, RErr, ROk};
use llmbench_abi::{ABI_VERSION, LogBox, PluginModuleRef, RawLog_TO};
use llmbench_plugin::registry::{Bundled, ComponentInfo, PluginInfo};

use crate::layout::{self, Mismatch};
use crate::{LoadError, log, precheck, search};

/// A plugin whose handshake succeeded. Lives until the process ends.
#[derive(Clone)]
pub struct Plugin {
    /// The library file; `None` when it is linked into this binary.
    pub path: Option<PathBuf>,
    /// What it says of itself.
    pub info: PluginInfo,
    /// What it registers.
    pub components: Vec<ComponentInfo>,
    pub(crate) module: PluginModuleRef,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("path", &self.path)
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// Loads and checks a library file.
    pub(crate) fn load(path: &Path) -> Result<Self, LoadError> {
        precheck::precheck(path)?;
        let module = open(path)?;
        let plugin = Self::describe(module, Some(path.to_owned()))?;
        if !plugin.info.unwind {
            return Err(LoadError::PanicAbort { path: path.to_owned() });
        }
        match module.init()(host_log(&plugin.info.package)) {
            ROk(()) => Ok(plugin),
            RErr(error) => {
                Err(LoadError::Start { path: path.to_owned(), reason: message(&error.json) })
            }
        }
    }

    /// A plugin that is linked into this binary: same statics, so no start is needed.
    pub(crate) fn bundled(bundled: &Bundled) -> Result<Self, LoadError> {
        Self::describe((bundled.module)(), None)
    }

    fn describe(module: PluginModuleRef, path: Option<PathBuf>) -> Result<Self, LoadError> {
        let place = || path.clone().unwrap_or_else(|| "(bundled)".into());
        let unreadable = |error: serde_json::Error| LoadError::Layout {
            path: place(),
            difference: format!("its description cannot be read: {error}"),
        };
        let info: PluginInfo = serde_json::from_str(&module.info()()).map_err(unreadable)?;
        let components = known_components(&module.components()()).map_err(unreadable)?;
        Ok(Self { path, info, components, module })
    }
}

/// The components of a plugin, without those of kinds that only a newer llmbench knows.
fn known_components(json: &str) -> serde_json::Result<Vec<ComponentInfo>> {
    let all: Vec<serde_json::Value> = serde_json::from_str(json)?;
    Ok(all.into_iter().filter_map(|component| serde_json::from_value(component).ok()).collect())
}

/// The message in an error's JSON.
fn message(json: &str) -> String {
    serde_json::from_str::<llmbench_api::Error>(json)
        .map_or_else(|_| json.to_owned(), |error| error.to_string())
}

fn host_log(package: &str) -> LogBox {
    RawLog_TO::from_ptr(RArc::new(log::HostLog::new(package)), TD_Opaque)
}

/// Opens the library and returns its root module, checked.
fn open(path: &Path) -> Result<PluginModuleRef, LoadError> {
    // SAFETY: this runs the library's initialisers. Plugins are trusted code
    // that the user put into a plugin directory; the headers were checked.
    let library = unsafe { libloading::Library::new(path) }.map_err(|error| LoadError::System {
        path: path.to_owned(),
        reason: system_reason(&error),
    })?;
    // Never unloaded, not even after an error: threads and statics of the
    // library may still be alive.
    let library = ManuallyDrop::new(library);

    // A link may have any name; the symbol goes by the file that cargo made.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let symbol = search::symbol(&target);
    // SAFETY: a symbol of this name is only ever made by `export_plugin!`,
    // which gives it this type; abi_stable checks the header's magic next.
    let header: AbiHeaderRef = *unsafe { library.get::<AbiHeaderRef>(symbol.as_bytes()) }
        .map_err(|_| LoadError::NotAPlugin { path: path.to_owned(), symbol })?;
    let header = header.upgrade().map_err(|error| mismatch(path, layout::header_error(&error)))?;
    layout::check(header).map_err(|found| mismatch(path, found))?;
    root_module(header).map_err(|error| mismatch(path, layout::header_error(&error)))
}

fn root_module(header: &'static LibHeader) -> Result<PluginModuleRef, LibraryError> {
    // SAFETY: `layout::check` compared the types just before, in the right direction.
    unsafe { header.init_root_module_with_unchecked_layout::<PluginModuleRef>() }
}

fn mismatch(path: &Path, found: Mismatch) -> LoadError {
    let path = path.to_owned();
    match found {
        Mismatch::Version { found } => {
            LoadError::InterfaceVersion { path, found, wanted: ABI_VERSION.into() }
        }
        Mismatch::Layout { difference } => LoadError::Layout { path, difference },
    }
}

fn system_reason(error: &libloading::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Shared ownership for the host's table.
pub(crate) type Shared = Arc<Plugin>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_of_an_unknown_kind_is_passed_over() {
        let json = r#"[
            {"kind": "reranker", "name": "new", "summary": "from the future"},
            {"kind": "test_type", "name": "old", "summary": "", "stability": "from the future"}
        ]"#;
        let names: Vec<_> =
            known_components(json).unwrap().into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["old"]);
        assert!(known_components("nonsense").is_err());
    }
}
