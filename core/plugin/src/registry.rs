//! What a library registers, collected before `main` by `inventory`.

use std::sync::Arc;

use llmbench_api::{Backend, Error, ErrorKind, Json, Monitor, Result, TestType, Validator};
use serde::{Deserialize, Serialize};

/// The four kinds of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentKind {
    /// Runs models.
    Backend,
    /// Watches hardware.
    Monitor,
    /// Judges answers.
    Validator,
    /// Decides what is asked.
    TestType,
}

impl ComponentKind {
    /// The word that users see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Monitor => "monitor",
            Self::Validator => "validator",
            Self::TestType => "test",
        }
    }
}

/// Makes a component from its settings.
#[derive(Clone, Copy)]
pub enum Factory {
    /// Makes a backend.
    Backend(fn(Json) -> Result<Arc<dyn Backend>>),
    /// Makes a monitor.
    Monitor(fn(Json) -> Result<Arc<dyn Monitor>>),
    /// Makes a validator.
    Validator(fn(Json) -> Result<Arc<dyn Validator>>),
    /// Makes a test type.
    TestType(fn(Json) -> Result<Arc<dyn TestType>>),
}

impl Factory {
    /// The kind of component that it makes.
    pub fn kind(&self) -> ComponentKind {
        match self {
            Self::Backend(_) => ComponentKind::Backend,
            Self::Monitor(_) => ComponentKind::Monitor,
            Self::Validator(_) => ComponentKind::Validator,
            Self::TestType(_) => ComponentKind::TestType,
        }
    }
}

/// One [`crate::register!`] line.
pub struct Registration {
    /// Name by which users select it.
    pub name: &'static str,
    /// One line for `plugins list`.
    pub summary: &'static str,
    /// Package that registered it; several can be linked into one binary.
    pub package: &'static str,
    /// How to make one.
    pub factory: Factory,
}

inventory::collect!(Registration);

/// A component as the handshake reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentInfo {
    /// What it is.
    pub kind: ComponentKind,
    /// Name by which users select it.
    pub name: String,
    /// One line.
    pub summary: String,
}

/// A plugin library as the handshake reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// Cargo package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Version of the binary interface it was built with.
    pub abi: String,
    /// Compiler.
    pub rustc: String,
    /// Target triple.
    pub target: String,
    /// False when built with `panic = "abort"`, which the host refuses.
    pub unwind: bool,
    /// True for a build with debug assertions, which is slower.
    pub debug: bool,
}

/// The components that `package` registered, by kind and name.
pub fn components(package: &str) -> Vec<ComponentInfo> {
    let mut found: Vec<_> = registrations(package)
        .map(|registration| ComponentInfo {
            kind: registration.factory.kind(),
            name: registration.name.to_owned(),
            summary: registration.summary.to_owned(),
        })
        .collect();
    found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    found
}

fn registrations(package: &str) -> impl Iterator<Item = &'static Registration> {
    inventory::iter::<Registration>.into_iter().filter(move |found| found.package == package)
}

pub(crate) fn find(
    package: &str,
    kind: ComponentKind,
    name: &str,
) -> Result<&'static Registration> {
    registrations(package)
        .find(|found| found.factory.kind() == kind && found.name == name)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Settings,
                format!("plugin `{package}` has no {} `{name}`", kind.as_str()),
            )
        })
}

/// A plugin that is linked into the binary instead of being loaded.
pub struct Bundled {
    /// Cargo package.
    pub package: &'static str,
    /// Its root module.
    pub module: fn() -> llmbench_abi::PluginModuleRef,
}

inventory::collect!(Bundled);

/// Every plugin that is linked into this binary.
pub fn bundled() -> impl Iterator<Item = &'static Bundled> {
    inventory::iter::<Bundled>.into_iter()
}
