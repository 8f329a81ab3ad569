//! The functions behind a plugin's root module; called by [`crate::export_plugin!`].

use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::{RStr, RString};
use llmbench_abi::{
    ABI_VERSION, BackendBox, LogBox, MonitorBox, PluginModule, PluginModuleRef, RawResult,
    TestTypeBox, ValidatorBox,
};
use llmbench_api::{Error, ErrorKind};

use crate::guard::{decode, encode, guard_or, install_panic_hook, to_raw};
use crate::registry::{ComponentKind, Factory, PluginInfo, find};
use crate::{export, log, registry};

/// JSON of [`PluginInfo`].
pub fn info(package: &str, version: &str, unwind: bool, debug: bool) -> RString {
    let info = PluginInfo {
        package: package.to_owned(),
        version: version.to_owned(),
        abi: ABI_VERSION.to_owned(),
        rustc: env!("LLMBENCH_RUSTC").to_owned(),
        target: env!("LLMBENCH_TARGET").to_owned(),
        unwind,
        debug,
    };
    guard_or(String::new(), || encode(&info).unwrap_or_default()).into()
}

/// JSON of the components that `package` registered.
pub fn components(package: &str) -> RString {
    guard_or(String::new(), || encode(&registry::components(package)).unwrap_or_default()).into()
}

/// Takes the log and makes panics report through it.
pub fn init(host: LogBox) -> RawResult<()> {
    install_panic_hook();
    to_raw(|| log::install(host))
}

/// Makes the root module; it lives as long as the process.
pub fn module(module: PluginModule) -> PluginModuleRef {
    module.leak_into_prefix()
}

macro_rules! create {
    ($(#[$doc:meta])* $function:ident, $kind:ident, $raw:ty, $export:path) => {
        $(#[$doc])*
        pub fn $function(package: &str, name: RStr<'_>, settings: RStr<'_>) -> RawResult<$raw> {
            to_raw(|| {
                let registration = find(package, ComponentKind::$kind, &name)?;
                let Factory::$kind(make) = registration.factory else { return Err(wrong_kind(&name)) };
                Ok($export(make(decode(&settings)?)?))
            })
        }
    };
}

create!(/// Makes a backend.
    create_backend, Backend, BackendBox, export::backend);
create!(/// Makes a monitor.
    create_monitor, Monitor, MonitorBox, export::monitor);
create!(/// Makes a validator.
    create_validator, Validator, ValidatorBox, export::validator);
create!(/// Makes a test type.
    create_test_type, TestType, TestTypeBox, export::test_type);

fn wrong_kind(name: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("component `{name}` was registered as another kind"))
}
