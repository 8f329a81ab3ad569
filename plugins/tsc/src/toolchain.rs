//! The compilers' packages, pinned inside the plugin.

use llmbench_plugin::node_tools::Pins;

const PACKAGE_JSON: &str = include_str!("../toolchain/package.json");
const PACKAGE_LOCK: &str = include_str!("../toolchain/package-lock.json");
const NATIVE_PACKAGE_JSON: &str = include_str!("../toolchain/native/package.json");
const NATIVE_PACKAGE_LOCK: &str = include_str!("../toolchain/native/package-lock.json");

/// The compiler that looks at types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// TypeScript in the language that it is for, as vue-tsc uses it.
    Script,
    /// TypeScript 7, through an API that its authors call unstable.
    Native,
}

impl Engine {
    /// Name of the validator.
    pub(crate) fn plugin(self) -> &'static str {
        match self {
            Self::Script => "tsc",
            Self::Native => "tsc-native",
        }
    }

    /// What the worker is told.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Native => "native",
        }
    }

    /// The pinned packages.
    pub(crate) fn pins(self) -> Pins {
        let (what, package_json, package_lock) = match self {
            Self::Script => ("the type checker", PACKAGE_JSON, PACKAGE_LOCK),
            Self::Native => ("the native type checker", NATIVE_PACKAGE_JSON, NATIVE_PACKAGE_LOCK),
        };
        Pins::read(self.plugin(), what, package_json, package_lock)
            .expect("the embedded package files are npm's own")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINES: [Engine; 2] = [Engine::Script, Engine::Native];

    #[test]
    fn every_package_is_pinned_exactly() {
        for (package, version) in ENGINES.into_iter().flat_map(|engine| engine.pins().packages) {
            let exact = version.chars().all(|c| c.is_ascii_digit() || c == '.');
            assert!(exact, "{package} {version}");
        }
    }

    #[test]
    fn vue_tsc_gets_typescript_6_because_it_crashes_on_7() {
        for engine in ENGINES {
            assert!(engine.pins().packages["typescript"].starts_with("6."));
        }
    }

    #[test]
    fn the_lockfiles_name_no_registry_and_have_a_hash_for_every_package() {
        for (engine, lock) in ENGINES.into_iter().zip([PACKAGE_LOCK, NATIVE_PACKAGE_LOCK]) {
            assert!(!lock.contains("\"resolved\""));
            assert_eq!(lock.matches("\"integrity\"").count(), engine.pins().package_count);
        }
    }
}
