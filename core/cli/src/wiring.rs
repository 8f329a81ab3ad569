//! From settings to loaded components.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use llmbench_api::record::{PluginRecord, SettingRecord};
use llmbench_api::{Backend, ErrorKind, Json, ModelIdentity, TestDescription, TestType};
use llmbench_engine::call::bounded;
use llmbench_engine::control::quiet_context;
use llmbench_engine::session::{MonitorOrigin, NamedMonitor};
use llmbench_engine::{CancelToken, RolePlayer};
use llmbench_host::{
    Component, Host, HostError, Origin as PluginOrigin, PluginSource, SearchDir, SearchPath,
};

use crate::args::{GlobalArgs, SettingArgs};
use crate::choice::{self, Choice, EMBEDDED, OLLAMA, OPENAI};
use crate::error::{CliError, Result};
use crate::names;
use crate::nearest::did_you_mean;
use crate::output;
use crate::settings::{self, Layer, Origin, Settings};
use crate::variables;

/// Test that is run when none is named.
pub(crate) const DEFAULT_TEST: &str = "refactoring";
/// Monitors behind `auto`: the first of these that finds a GPU …
const AUTO_GPU_MONITORS: [&str; 3] = ["nvml", "nvidia-smi", "amdgpu"];
/// … and this one, for everything else.
const AUTO_SYSTEM_MONITOR: &str = "system";
/// A role or monitor that is switched off.
const NONE: &str = "none";
/// How long Ollama may take to answer before a machine counts as one without it.
const OLLAMA_LIMIT: Duration = Duration::from_secs(1);
/// How long a server may take to list its models.
const MODELS_LIMIT: Duration = Duration::from_secs(5);

/// Resolves the settings of a command that takes [`SettingArgs`].
///
/// # Errors
/// Settings that cannot be read or used.
pub(crate) fn settings(global: &GlobalArgs, args: &SettingArgs) -> Result<Settings> {
    with_flags(global, settings::setting_layer(args)?)
}

/// Resolves settings with `flags` as the highest layer.
///
/// # Errors
/// Settings that cannot be read or used.
pub(crate) fn with_flags(global: &GlobalArgs, flags: Layer) -> Result<Settings> {
    let mut layers = settings::load_layers(global.config.as_deref())?;
    layers.push((Origin::Flags, flags));
    settings::resolve(&layers)
}

/// A host that looks where the flags, the environment and the settings say.
pub(crate) fn host(global: &GlobalArgs, plugin_dirs: &[PathBuf]) -> Host {
    for dir in global.plugin_dir.iter().filter(|dir| !dir.is_dir()) {
        output::warning(&format!("--plugin-dir {}: there is no such folder", dir.display()));
    }
    let named = |origin: PluginOrigin| move |path: PathBuf| SearchDir { path, origin };
    let mut dirs: Vec<SearchDir> =
        global.plugin_dir.iter().cloned().map(named(PluginOrigin::Flag)).collect();
    if let Some(paths) = std::env::var_os(variables::PLUGIN_PATH) {
        let paths = std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty());
        dirs.extend(paths.map(named(PluginOrigin::Environment)));
    }
    dirs.extend(plugin_dirs.iter().cloned().map(named(PluginOrigin::Settings)));
    Host::new(SearchPath::standard(dirs, llmbench_host::data_dir().as_deref()))
}

/// The components that a command uses, and a record of their plugins.
pub(crate) struct Wiring {
    host: Host,
    settings: Settings,
    used: Vec<(&'static str, PluginSource)>,
}

impl Wiring {
    pub(crate) fn new(global: &GlobalArgs, settings: Settings) -> Self {
        Self { host: host(global, &settings.plugin_dirs), settings, used: Vec::new() }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Name of the test, given or default.
    pub(crate) fn test_name(&self) -> &str {
        self.settings.plugin.as_deref().unwrap_or(DEFAULT_TEST)
    }

    /// Backend and models: named, or chosen by what this machine has.
    ///
    /// # Errors
    /// Names that contradict each other.
    pub(crate) fn choose(&self, cancel: &CancelToken) -> Result<Choice> {
        let variable = |name: &str| std::env::var(name).ok();
        choice::choose(&self.settings, variable, |url| self.wants_ollama(url, cancel))
    }

    /// As [`Wiring::choose`], with the only model of a server with OpenAI's API where none is named.
    ///
    /// # Errors
    /// As [`Wiring::choose`]; none or several models on such a server, or no answer of it.
    pub(crate) fn choose_with_model(&self, cancel: &CancelToken) -> Result<Choice> {
        let choice = self.choose(cancel)?;
        if choice.backend != OPENAI || !self.settings.models.is_empty() {
            return Ok(choice);
        }
        let backend = self.host.backend(OPENAI, &self.backend_settings(OPENAI))?.component;
        let cx = quiet_context(cancel, Some(MODELS_LIMIT));
        let models = bounded("looking for models", &cx, move |cx| backend.models(cx))?;
        choice.with_only_model(models.into_iter().map(|model| model.name).collect())
    }

    /// True when Ollama answers at `url`, or when only trying it tells what is wrong.
    fn wants_ollama(&self, url: &str, cancel: &CancelToken) -> bool {
        let mut settings = self.plugin_settings(OLLAMA);
        settings["url"] = url.into();
        let Ok(found) = self.host.backend(OLLAMA, &settings) else { return true };
        let cx = quiet_context(cancel, Some(OLLAMA_LIMIT));
        match bounded("looking for Ollama", &cx, move |cx| found.component.probe(cx)) {
            Ok(_) => true,
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Protocol
                ) =>
            {
                tracing::debug!(%error, "Ollama does not answer");
                // Without the other engine there is nothing to choose.
                let embedded = self.host.backend(EMBEDDED, &self.plugin_settings(EMBEDDED));
                matches!(embedded, Err(HostError::Unknown { refused, .. }) if refused.is_empty())
            }
            Err(_) => true,
        }
    }

    /// Lowers the default context to what every one of `models` was built for.
    ///
    /// A context that the user names stays as it is.
    pub(crate) fn fit_context(&mut self, models: &[ModelIdentity]) {
        let length =
            |model: &ModelIdentity| model.context_length.value.filter(|length| *length > 0);
        let smallest = models.iter().filter_map(|model| Some((length(model)?, &model.name))).min();
        let num_ctx = &mut self.settings.run.generate.num_ctx;
        let fitting = smallest.and_then(|(length, name)| Some((u32::try_from(length).ok()?, name)));
        let Some((length, name)) = fitting.filter(|(length, _)| length < num_ctx) else { return };
        let record = self.settings.record.entry("num_ctx".into());
        record.and_modify(|record| {
            if record.origin == "default" {
                *num_ctx = length;
                let origin = format!("default, lowered to the context length of `{name}`");
                *record = SettingRecord { value: length.into(), origin };
            }
        });
    }

    /// The test type.
    ///
    /// # Errors
    /// As [`HostError`].
    pub(crate) fn test(&mut self) -> Result<Arc<dyn TestType>> {
        let name = self.test_name().to_owned();
        let found = self.host.test_type(&name, &self.plugin_settings(&name))?;
        Ok(self.remember("test", found))
    }

    /// The backend called `name`, with the address from the settings if it is a server's.
    ///
    /// # Errors
    /// As [`HostError`].
    pub(crate) fn backend(&mut self, name: &str) -> Result<Arc<dyn Backend>> {
        let found = self.host.backend(name, &self.backend_settings(name))?;
        Ok(self.remember("backend", found))
    }

    fn backend_settings(&self, name: &str) -> Json {
        let mut settings = self.plugin_settings(name);
        if let Some(url) = self.settings.url.as_ref().filter(|_| name != EMBEDDED) {
            settings["url"] = url.clone().into();
        }
        settings
    }

    /// The client of servers with OpenAI's API, for the server at `url`, with its other settings.
    ///
    /// # Errors
    /// As [`HostError`].
    pub(crate) fn client(&mut self, url: &str) -> Result<Arc<dyn Backend>> {
        let mut settings = self.plugin_settings(OPENAI);
        settings["url"] = url.into();
        let found = self.host.backend(OPENAI, &settings)?;
        Ok(self.remember("backend", found))
    }

    /// The monitors, and how each came to be asked (`auto` names none).
    ///
    /// # Errors
    /// A monitor that does not exist.
    pub(crate) fn monitors(&mut self) -> Result<Vec<(NamedMonitor, MonitorOrigin)>> {
        let mut monitors = Vec::new();
        for name in self.settings.monitors.clone() {
            if name == NONE {
                continue;
            }
            if name == "auto" {
                let of_gpus = AUTO_GPU_MONITORS.map(|name| (name, MonitorOrigin::FirstWithGpu));
                let all =
                    of_gpus.into_iter().chain([(AUTO_SYSTEM_MONITOR, MonitorOrigin::IfThere)]);
                for (name, origin) in all {
                    // A plugin that is not installed is not missed by `auto`.
                    match self.monitor(name) {
                        Ok(monitor) => monitors.push((monitor, origin)),
                        Err(HostError::Unknown { refused, .. }) => {
                            if let Some(first) = refused.first() {
                                output::warning(&format!(
                                    "monitor `{name}` was not found, and a plugin was refused: {first}"
                                ));
                            }
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                continue;
            }
            monitors.push((self.monitor(&name)?, MonitorOrigin::Named));
        }
        // Who names a monitor beside `auto` wants it in any case.
        monitors.sort_by_key(|(_, origin)| *origin != MonitorOrigin::Named);
        let mut seen = BTreeSet::new();
        monitors.retain(|(monitor, _)| seen.insert(monitor.name.clone()));
        Ok(monitors)
    }

    fn monitor(&mut self, name: &str) -> std::result::Result<NamedMonitor, HostError> {
        let found = self.host.monitor(name, &self.plugin_settings(name))?;
        Ok(NamedMonitor { name: name.to_owned(), monitor: self.remember("monitor", found) })
    }

    /// Who plays each role of the test: named by the settings, else the test's default.
    ///
    /// # Errors
    /// A role or validator that does not exist.
    pub(crate) fn roles(
        &mut self,
        description: &TestDescription,
    ) -> Result<BTreeMap<String, RolePlayer>> {
        let known: Vec<&str> = description.roles.iter().map(|spec| spec.role.as_str()).collect();
        names::check_roles(&self.host, &self.settings, &known)?;
        if let Some(unknown) =
            self.settings.roles_from_flags.iter().find(|role| !known.contains(&role.as_str()))
        {
            let test = self.test_name();
            let roles = if known.is_empty() {
                "it has none".into()
            } else {
                let list = format!("its roles are: {}", known.join(", "));
                did_you_mean(unknown, known, &list)
            };
            return Err(
                CliError::usage(format!("the test `{test}` has no role `{unknown}`")).hint(roles)
            );
        }
        let mut players = BTreeMap::new();
        for spec in &description.roles {
            let named = self.settings.roles.get(&spec.role).cloned();
            let name = named.unwrap_or_else(|| spec.default_validator.clone());
            let player = match name.as_str() {
                "" => RolePlayer::Skipped {
                    reason: format!(
                        "no validator plays the role `{}`; name one with `--validator {}=NAME`",
                        spec.role, spec.role
                    ),
                },
                NONE => RolePlayer::Skipped { reason: "switched off by the settings".into() },
                name => {
                    let found = self.host.validator(name, &self.plugin_settings(name))?;
                    RolePlayer::Validator {
                        name: name.to_owned(),
                        validator: self.remember("validator", found),
                    }
                }
            };
            players.insert(spec.role.clone(), player);
        }
        Ok(players)
    }

    /// Fails when `--set` names a plugin that takes no part, or a file one that is not installed:
    /// a typo would change nothing.
    ///
    /// # Errors
    /// The first such name, with the plugins that it could be.
    pub(crate) fn check_plugin_settings(&self) -> Result<()> {
        self.check_sections()?;
        let used: BTreeSet<&str> =
            self.used.iter().map(|(_, source)| source.name.as_str()).collect();
        match self.settings.plugins_from_flags.iter().find(|name| !used.contains(name.as_str())) {
            None => Ok(()),
            Some(name) => Err(CliError::usage(format!(
                "--set names the plugin `{name}`, which takes no part in this run"
            ))
            .hint({
                let list: Vec<&str> = used.iter().copied().collect();
                did_you_mean(name, used, &format!("plugins of this run: {}", list.join(", ")))
            })),
        }
    }

    /// Fails when a file has settings for a plugin that is not installed.
    ///
    /// # Errors
    /// The first such name, with the nearest that is.
    pub(crate) fn check_sections(&self) -> Result<()> {
        names::check_sections(&self.host, &self.settings)
    }

    /// One record for each component in use; reads the libraries to hash them.
    pub(crate) fn records(&self) -> Vec<PluginRecord> {
        let record = |(kind, source): &(&'static str, PluginSource)| {
            let info = &source.plugin.info;
            PluginRecord {
                kind: (*kind).to_owned(),
                name: source.name.clone(),
                package: info.package.clone(),
                version: info.version.clone(),
                abi: info.abi.clone(),
                rustc: info.rustc.clone(),
                path: source.plugin.path.clone(),
                sha256: source.sha256().ok().flatten(),
            }
        };
        self.used.iter().map(record).collect()
    }

    /// A debug build of a plugin is slower than what users install.
    pub(crate) fn debug_plugins(&self) -> Vec<&str> {
        self.used
            .iter()
            .filter(|(_, source)| source.plugin.info.debug)
            .map(|(_, source)| source.name.as_str())
            .collect()
    }

    /// Settings of one component as JSON.
    fn plugin_settings(&self, name: &str) -> Json {
        let settings = self.settings.plugin_settings.get(name).cloned().unwrap_or_default();
        Json::Object(settings.into_iter().collect())
    }

    /// Adds a setting that the user did not give.
    pub(crate) fn default_plugin_setting(
        &mut self,
        plugin: &str,
        key: &str,
        value: impl Into<Json>,
    ) {
        self.settings
            .plugin_settings
            .entry(plugin.to_owned())
            .or_default()
            .entry(key.to_owned())
            .or_insert_with(|| value.into());
    }

    fn remember<T: ?Sized>(&mut self, kind: &'static str, found: Component<T>) -> Arc<T> {
        self.used.push((kind, found.source));
        found.component
    }
}
