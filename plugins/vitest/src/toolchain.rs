//! Vitest's packages, pinned inside the plugin.

use llmbench_plugin::node_tools::Pins;

const PACKAGE_JSON: &str = include_str!("../toolchain/package.json");
const PACKAGE_LOCK: &str = include_str!("../toolchain/package-lock.json");

/// The packages whose versions are recorded with every run.
pub(crate) const RECORDED: [&str; 4] = ["vitest", "vue", "happy-dom", "@vue/test-utils"];

/// The pinned packages.
pub(crate) fn pins() -> Pins {
    Pins::read("vitest", "the test runner", PACKAGE_JSON, PACKAGE_LOCK)
        .expect("the embedded package files are npm's own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_exactly() {
        for (package, version) in pins().packages {
            let exact = version.chars().all(|c| c.is_ascii_digit() || c == '.');
            assert!(exact, "{package} {version}");
        }
    }

    #[test]
    fn the_lockfile_names_no_registry_and_has_a_hash_for_every_package() {
        assert!(!PACKAGE_LOCK.contains("\"resolved\""));
        assert_eq!(PACKAGE_LOCK.matches("\"integrity\"").count(), pins().package_count);
    }

    #[test]
    fn the_bundler_is_locked_for_every_common_platform() {
        for platform in ["linux-x64-gnu", "linux-arm64-gnu", "darwin-arm64", "win32-x64-msvc"] {
            let package = format!("node_modules/@rolldown/binding-{platform}\"");
            assert!(PACKAGE_LOCK.contains(&package), "{platform}");
        }
    }
}
