//! Why a library was refused, or a component could not be made.

use std::path::PathBuf;

use llmbench_plugin::registry::ComponentKind;

/// Why a library is not used. Nothing of it runs after such an error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("plugin {path}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The file is something else than a dynamic library of this system.
    #[error("plugin {path}: is not a dynamic library: {found}")]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The library is for another processor or system.
    #[error("plugin {path}: was built for {found}, this llmbench runs on {wanted}")]
    WrongArchitecture {
        /// The file.
        path: PathBuf,
        /// What it was built for.
        found: String,
        /// What is needed.
        wanted: String,
    },
    /// The file ends before its own headers say.
    #[error(
        "plugin {path}: is truncated: its headers need {needed_bytes} bytes, it has {found_bytes}"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size.
        found_bytes: u64,
        /// The size that its headers describe.
        needed_bytes: u64,
    },
    /// Its headers make no sense; most often the file was cut off.
    #[error(
        "plugin {path}: is cut off or damaged at {found_bytes} bytes, its headers cannot be read: {reason}"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its size.
        found_bytes: u64,
        /// What cannot be read.
        reason: String,
    },
    /// The system's loader refused it.
    #[error("plugin {path}: the system could not load it: {reason}")]
    System {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// It has no llmbench symbol.
    #[error("plugin {path}: is a library but no llmbench plugin: it exports no `{symbol}`")]
    NotAPlugin {
        /// The file.
        path: PathBuf,
        /// The symbol that was looked for.
        symbol: String,
    },
    /// It was built with another interface version.
    #[error("plugin {path}: speaks plugin interface {found}, this llmbench speaks {wanted}")]
    InterfaceVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
        /// Ours.
        wanted: String,
    },
    /// Version numbers fit but types do not.
    #[error("plugin {path}: its plugin interface differs from ours: {difference}")]
    Layout {
        /// The file.
        path: PathBuf,
        /// The first difference, in one line.
        difference: String,
    },
    /// It would take the host down with a panic.
    #[error(
        "plugin {path}: was built with `panic = \"abort\"`, so that a panic in it would end llmbench"
    )]
    PanicAbort {
        /// The file.
        path: PathBuf,
    },
    /// Its own start failed.
    #[error("plugin {path}: failed to start: {reason}")]
    Start {
        /// The file.
        path: PathBuf,
        /// Its words.
        reason: String,
    },
}

impl LoadError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the file's permissions",
            Self::NotALibrary { .. } => {
                "remove the file from the plugin directory, or build it with crate-type \"cdylib\""
            }
            Self::WrongArchitecture { .. } => {
                "build the plugin on this machine, or for this target"
            }
            Self::Truncated { .. } | Self::Damaged { .. } => "build or copy the plugin again",
            Self::System { .. } => "`ldd` on the file shows which library or symbol is missing",
            Self::NotAPlugin { .. } => {
                "the crate needs `llmbench_plugin::export_plugin!()`, and the file must keep the name that cargo gave it"
            }
            Self::InterfaceVersion { .. } | Self::Layout { .. } => {
                "rebuild the plugin with the `llmbench-plugin` of this llmbench's version"
            }
            Self::PanicAbort { .. } => {
                "remove `panic = \"abort\"` from the plugin's cargo profile and rebuild it"
            }
            Self::Start { .. } => "`llmbench plugins check` shows the plugin's log",
        }
    }
}

/// Why a component could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Nothing of that name was found.
    #[error("there is no {} called `{name}`", kind.as_str())]
    Unknown {
        /// The kind that was asked for.
        kind: ComponentKind,
        /// The name that was asked for.
        name: String,
        /// Names of that kind that exist.
        available: Vec<String>,
        /// Libraries that were refused on the way; one of them may hold it.
        refused: Vec<LoadError>,
    },
    /// The library that should hold it was refused.
    #[error(transparent)]
    Refused(#[from] LoadError),
    /// The plugin could not make it.
    #[error("plugin `{plugin}` failed to make {} `{name}`: {source}", kind.as_str())]
    Create {
        /// The kind that was asked for.
        kind: ComponentKind,
        /// The name that was asked for.
        name: String,
        /// Package of the plugin.
        plugin: String,
        /// Its words.
        source: llmbench_api::Error,
    },
}
