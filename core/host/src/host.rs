//! The table of loaded plugins and the components that come out of it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use abi_stable::std_types::RStr;
use llmbench_abi::{PluginModuleRef, RawResult};
use llmbench_api::{Backend, Json, Monitor, TestType, Validator};
use llmbench_plugin::import;
use llmbench_plugin::registry::{self, ComponentKind};
use sha2::{Digest, Sha256};

use crate::library::{Plugin, Shared};
use crate::search::{conventional_file_name, same_file};
use crate::{Candidate, HostError, LoadError, SearchPath};

/// Loads plugins on demand and creates their components.
///
/// A library is loaded at most once, also when two paths lead to it, and stays
/// loaded until the process ends.
pub struct Host {
    search: SearchPath,
    loaded: Mutex<Vec<Attempted>>,
}

/// A file that was tried, with the outcome, which never changes.
struct Attempted {
    path: PathBuf,
    outcome: Result<Shared, LoadError>,
}

/// A component and where it came from.
pub struct Component<T: ?Sized> {
    /// The component.
    pub component: Arc<T>,
    /// The plugin that made it.
    pub source: PluginSource,
}

/// Where a component came from, for the run's manifest.
#[derive(Debug, Clone)]
pub struct PluginSource {
    /// Name of the component.
    pub name: String,
    /// The plugin.
    pub plugin: Arc<Plugin>,
}

impl PluginSource {
    /// SHA-256 of the library file as hex; `None` when it is linked in.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub fn sha256(&self) -> io::Result<Option<String>> {
        self.plugin.path.as_deref().map(sha256_of).transpose()
    }
}

/// Everything that the search path holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// Plugins that can be used, in search order, bundled ones last.
    pub plugins: Vec<Arc<Plugin>>,
    /// Files that were refused.
    pub refused: Vec<LoadError>,
    /// Files that an earlier one of the same name hides, and bundled plugins that a file overrides.
    pub shadowed: Vec<Candidate>,
}

/// One name that several plugins offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// Kind of the component.
    pub kind: ComponentKind,
    /// Name of the component.
    pub name: String,
    /// Packages that offer it, in search order.
    pub packages: Vec<String>,
}

impl Listing {
    /// Components that more than one plugin offers, by kind and name.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let mut offers: BTreeMap<(ComponentKind, &str), Vec<String>> = BTreeMap::new();
        for plugin in &self.plugins {
            for found in &plugin.components {
                let packages = offers.entry((found.kind, &found.name)).or_default();
                packages.push(plugin.info.package.clone());
            }
        }
        let several = offers.into_iter().filter(|(_, packages)| packages.len() > 1);
        several
            .map(|((kind, name), packages)| Duplicate { kind, name: name.to_owned(), packages })
            .collect()
    }
}

impl Host {
    /// A host that looks in `search`. Loads nothing yet.
    pub fn new(search: SearchPath) -> Self {
        Self { search, loaded: Mutex::default() }
    }

    /// Where it looks.
    pub fn search_path(&self) -> &SearchPath {
        &self.search
    }

    /// Loads every plugin there is.
    pub fn list(&self) -> Listing {
        let mut listing = Listing::default();
        for candidate in self.search.candidates() {
            if candidate.shadowed_by.is_some() {
                listing.shadowed.push(candidate);
                continue;
            }
            match self.load(&candidate.path) {
                Ok(plugin) => listing.plugins.push(plugin),
                Err(error) => listing.refused.push(error),
            }
        }
        for bundled in self.bundled() {
            match listing.plugins.iter().find(|plugin| plugin.info.package == bundled.info.package)
            {
                Some(plugin) => tracing::info!(
                    package = bundled.info.package, path = ?plugin.path,
                    "a library overrides the bundled plugin"
                ),
                None => listing.plugins.push(bundled),
            }
        }
        listing
    }

    /// Loads one file, wherever it lies.
    ///
    /// # Errors
    /// Why it was refused; the same each time.
    pub fn load(&self, path: &Path) -> Result<Arc<Plugin>, LoadError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let same_path = loaded.iter().find(|attempted| attempted.path == path);
        // Another path to a refused file gets its own error, which names that path.
        let same = same_path.or_else(|| {
            loaded
                .iter()
                .find(|attempted| attempted.outcome.is_ok() && same_file(&attempted.path, path))
        });
        if let Some(attempted) = same {
            return attempted.outcome.clone();
        }
        let outcome = Plugin::load(path).map(Arc::new);
        loaded.push(Attempted { path: path.to_owned(), outcome: outcome.clone() });
        outcome
    }

    /// Creates the backend called `name`.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn backend(
        &self,
        name: &str,
        settings: &Json,
    ) -> Result<Component<dyn Backend>, HostError> {
        self.create(
            ComponentKind::Backend,
            name,
            settings,
            |module| module.create_backend(),
            |plugin, raw| Ok(import::backend(plugin, raw)),
        )
    }

    /// Creates the monitor called `name`.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn monitor(
        &self,
        name: &str,
        settings: &Json,
    ) -> Result<Component<dyn Monitor>, HostError> {
        self.create(
            ComponentKind::Monitor,
            name,
            settings,
            |module| module.create_monitor(),
            |plugin, raw| Ok(import::monitor(plugin, raw)),
        )
    }

    /// Creates the validator called `name`.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn validator(
        &self,
        name: &str,
        settings: &Json,
    ) -> Result<Component<dyn Validator>, HostError> {
        self.create(
            ComponentKind::Validator,
            name,
            settings,
            |module| module.create_validator(),
            |plugin, raw| Ok(import::validator(plugin, raw)),
        )
    }

    /// Creates the test type called `name`.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn test_type(
        &self,
        name: &str,
        settings: &Json,
    ) -> Result<Component<dyn TestType>, HostError> {
        self.create(
            ComponentKind::TestType,
            name,
            settings,
            |module| module.create_test_type(),
            import::test_type,
        )
    }

    /// True when there is a component called `name`, of whatever kind.
    ///
    /// Loads nothing where a file is named after it, else every plugin.
    pub fn has_component(&self, name: &str) -> bool {
        let file_name = conventional_file_name(name);
        let is_named = |found: &Candidate| {
            found.path.file_name().is_some_and(|found| found == file_name.as_str())
        };
        let has = |plugin: &Arc<Plugin>| plugin.components.iter().any(|found| found.name == name);
        self.search.candidates().iter().any(is_named)
            || self.bundled().iter().any(has)
            || self.list().plugins.iter().any(has)
    }

    fn create<Raw, T: ?Sized>(
        &self,
        kind: ComponentKind,
        name: &str,
        settings: &Json,
        function: impl Fn(PluginModuleRef) -> extern "C" fn(RStr<'_>, RStr<'_>) -> RawResult<Raw>,
        import: impl FnOnce(Arc<str>, Raw) -> llmbench_api::Result<Arc<T>>,
    ) -> Result<Component<T>, HostError> {
        let plugin = self.find(kind, name)?;
        let settings = settings.to_string();
        let failed = |source| HostError::Create {
            kind,
            name: name.to_owned(),
            plugin: plugin.info.package.clone(),
            source,
        };
        let raw = function(plugin.module)(name.into(), settings.as_str().into())
            .into_result()
            .map_err(|error| {
                failed(serde_json::from_str(&error.json).unwrap_or_else(|_| {
                    llmbench_api::Error::new(
                        llmbench_api::ErrorKind::Internal,
                        error.json.to_string(),
                    )
                }))
            })?;
        let component = import(Arc::from(name), raw).map_err(failed)?;
        Ok(Component { component, source: PluginSource { name: name.to_owned(), plugin } })
    }

    /// The plugin that registers the component: first the file that is named
    /// after it, then bundled ones, then every other file.
    fn find(&self, kind: ComponentKind, name: &str) -> Result<Arc<Plugin>, HostError> {
        let has = |plugin: &Plugin| {
            plugin.components.iter().any(|found| found.kind == kind && found.name == name)
        };
        let candidates: Vec<_> = self
            .search
            .candidates()
            .into_iter()
            .filter(|found| found.shadowed_by.is_none())
            .collect();
        let file_name = conventional_file_name(name);
        let named = candidates
            .iter()
            .find(|found| found.path.file_name().is_some_and(|found| found == file_name.as_str()));
        if let Some(candidate) = named {
            let plugin = self.load(&candidate.path)?;
            if has(&plugin) {
                return Ok(plugin);
            }
        }
        if let Some(plugin) = self.bundled().into_iter().find(|plugin| has(plugin)) {
            return Ok(plugin);
        }
        let listing = self.list();
        if let Some(plugin) = listing.plugins.iter().find(|plugin| has(plugin)) {
            return Ok(Arc::clone(plugin));
        }
        let mut available: Vec<_> = listing
            .plugins
            .iter()
            .flat_map(|plugin| &plugin.components)
            .filter(|found| found.kind == kind)
            .map(|found| found.name.clone())
            .collect();
        available.sort();
        available.dedup();
        Err(HostError::Unknown { kind, name: name.to_owned(), available, refused: listing.refused })
    }

    fn bundled(&self) -> Vec<Arc<Plugin>> {
        let mut plugins: Vec<_> = registry::bundled()
            .filter_map(|found| Plugin::bundled(found).ok())
            .map(Arc::new)
            .collect();
        plugins.sort_by(|a, b| a.info.package.cmp(&b.info.package));
        plugins
    }
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut std::fs::File::open(path)?, &mut HashWriter(&mut hasher))?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
