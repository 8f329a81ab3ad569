//! The two lines that a plugin writes.

/// Registers a component: kind, name, summary, constructor.
///
/// The kind is one of `Backend`, `Monitor`, `Validator`, `TestType`; the
/// constructor is a path to a `fn(Json) -> Result<T>` that takes the settings.
#[macro_export]
macro_rules! register {
    ($kind:ident, $name:expr, $summary:expr, $new:path) => {
        $crate::private::inventory::submit! {
            $crate::registry::Registration {
                name: $name,
                summary: $summary,
                package: env!("CARGO_PKG_NAME"),
                factory: $crate::registry::Factory::$kind(
                    |settings| Ok(::std::sync::Arc::new($new(settings)?))
                ),
            }
        }
    };
}

/// Exports the library as an llmbench plugin. Once per crate.
///
/// The exported symbol carries the crate's name, so that several plugins can
/// also be linked into one binary.
#[macro_export]
macro_rules! export_plugin {
    () => {
        #[allow(unsafe_code, reason = "the exported root module header is a raw static")]
        const _: () = {
            use $crate::private::abi_stable;
            use $crate::private::abi_stable::library::{
                __call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult,
            };
            use $crate::private::abi_stable::std_types::{RStr, RString};
            use $crate::private::llmbench_abi as abi;

            const PACKAGE: &str = env!("CARGO_PKG_NAME");

            extern "C" fn info() -> RString {
                $crate::root::info(
                    PACKAGE,
                    env!("CARGO_PKG_VERSION"),
                    cfg!(panic = "unwind"),
                    cfg!(debug_assertions),
                )
            }
            extern "C" fn components() -> RString {
                $crate::root::components(PACKAGE)
            }
            extern "C" fn init(log: abi::LogBox) -> abi::RawResult<()> {
                $crate::root::init(log)
            }
            extern "C" fn create_backend(
                name: RStr<'_>,
                settings: RStr<'_>,
            ) -> abi::RawResult<abi::BackendBox> {
                $crate::root::create_backend(PACKAGE, name, settings)
            }
            extern "C" fn create_monitor(
                name: RStr<'_>,
                settings: RStr<'_>,
            ) -> abi::RawResult<abi::MonitorBox> {
                $crate::root::create_monitor(PACKAGE, name, settings)
            }
            extern "C" fn create_validator(
                name: RStr<'_>,
                settings: RStr<'_>,
            ) -> abi::RawResult<abi::ValidatorBox> {
                $crate::root::create_validator(PACKAGE, name, settings)
            }
            extern "C" fn create_test_type(
                name: RStr<'_>,
                settings: RStr<'_>,
            ) -> abi::RawResult<abi::TestTypeBox> {
                $crate::root::create_test_type(PACKAGE, name, settings)
            }
            fn module() -> abi::PluginModuleRef {
                $crate::root::module(abi::PluginModule {
                    info,
                    components,
                    init,
                    create_backend,
                    create_monitor,
                    create_validator,
                    create_test_type,
                })
            }
            extern "C" fn construct() -> RootModuleResult {
                __call_root_module_loader(module)
            }

            $crate::private::inventory::submit! {
                $crate::registry::Bundled { package: PACKAGE, module }
            }

            // SAFETY: the constructor returns a module of exactly the type named here.
            #[unsafe(export_name = concat!("llmbench_plugin_", env!("CARGO_CRATE_NAME")))]
            pub static HEADER: LibHeader = unsafe {
                LibHeader::from_constructor::<abi::PluginModuleRef>(construct, CheckTypeLayout::Yes)
            };
        };
    };
}
