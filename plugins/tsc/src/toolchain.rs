//! The compiler's packages, pinned inside the plugin.

use llmbench_plugin::node_tools::Pins;

const PACKAGE_JSON: &str = include_str!("../toolchain/package.json");
const PACKAGE_LOCK: &str = include_str!("../toolchain/package-lock.json");

/// The pinned packages.
pub(crate) fn pins() -> Pins {
    Pins::read("tsc", "the type checker", PACKAGE_JSON, PACKAGE_LOCK)
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
    fn typescript_7_is_out_because_vue_tsc_crashes_on_it() {
        assert!(pins().packages["typescript"].starts_with("6."));
    }

    #[test]
    fn the_lockfile_names_no_registry_and_has_a_hash_for_every_package() {
        assert!(!PACKAGE_LOCK.contains("\"resolved\""));
        assert_eq!(PACKAGE_LOCK.matches("\"integrity\"").count(), pins().package_count);
    }
}
