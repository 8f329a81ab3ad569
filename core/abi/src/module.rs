//! The root module that every plugin library exports.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RStr, RString};

use crate::{BackendBox, LogBox, MonitorBox, RawResult, TestTypeBox, ValidatorBox};

/// Functions of a plugin library. New ones are appended after `create_test_type`.
///
/// Each `create_*` takes the component's name and its settings as JSON.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef, prefix_fields = PluginModulePrefix)))]
#[sabi(missing_field(option))]
pub struct PluginModule {
    /// JSON: package, version, abi, rustc, target, unwind, debug.
    pub info: extern "C" fn() -> RString,
    /// JSON: list of kind, name, summary.
    pub components: extern "C" fn() -> RString,
    /// Called once before any `create_*`; hands over the log.
    pub init: extern "C" fn(LogBox) -> RawResult<()>,
    /// Makes a backend.
    pub create_backend: extern "C" fn(RStr<'_>, RStr<'_>) -> RawResult<BackendBox>,
    /// Makes a monitor.
    pub create_monitor: extern "C" fn(RStr<'_>, RStr<'_>) -> RawResult<MonitorBox>,
    /// Makes a validator.
    pub create_validator: extern "C" fn(RStr<'_>, RStr<'_>) -> RawResult<ValidatorBox>,
    /// Makes a test type.
    #[sabi(last_prefix_field)]
    pub create_test_type: extern "C" fn(RStr<'_>, RStr<'_>) -> RawResult<TestTypeBox>,
}

impl RootModule for PluginModuleRef {
    abi_stable::declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "llmbench_plugin";
    const NAME: &'static str = "llmbench plugin";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}
