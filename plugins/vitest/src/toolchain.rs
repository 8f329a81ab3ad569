//! Vitest's packages, pinned inside the plugin.

use std::path::Path;
use std::time::Duration;

use llmbench_api::{CallContext, Error, ErrorKind, Result};
use llmbench_plugin::node_tools::{Node, Packages, Pins, process};

const PACKAGE_JSON: &str = include_str!("../toolchain/package.json");
const PACKAGE_LOCK: &str = include_str!("../toolchain/package-lock.json");

const BUNDLE: &str = include_str!("../toolchain/bundle.mjs");
/// Exists where happy-dom is one file already.
const BUNDLED: &str = "node_modules/happy-dom/lib/llmbench-bundle.js";
const BUNDLE_LIMIT: Duration = Duration::from_secs(120);

/// The packages whose versions are recorded with every run.
pub(crate) const RECORDED: [&str; 4] = ["vitest", "vue", "happy-dom", "@vue/test-utils"];

/// The pinned packages.
pub(crate) fn pins() -> Pins {
    Pins::read("vitest", "the test runner", PACKAGE_JSON, PACKAGE_LOCK)
        .expect("the embedded package files are npm's own")
}

/// Makes the pinned packages faster to load; packages of the user's own stay as they are.
///
/// # Errors
/// `Cancelled` and `Timeout` of the call. Packages that cannot be made faster are used as they are.
pub(crate) fn speed_up(packages: &Packages, node: &Node, cx: &CallContext) -> Result<()> {
    if packages.lock_sha256.is_none() || packages.root.join(BUNDLED).is_file() {
        return Ok(());
    }
    cx.progress(None, "preparing the test runner");
    if let Err(error) = bundle(&packages.root, node, cx) {
        cx.check()?;
        tracing::warn!(%error, "the test runner works, but starts more slowly than it could");
    }
    Ok(())
}

fn bundle(root: &Path, node: &Node, cx: &CallContext) -> Result<()> {
    let cannot = |error: &dyn std::error::Error| {
        Error::new(ErrorKind::Unavailable, "cannot prepare the test runner").with_cause(error)
    };
    let folder = tempfile::tempdir().map_err(|error| cannot(&error))?;
    let script = folder.path().join("bundle.mjs");
    std::fs::write(&script, BUNDLE).map_err(|error| cannot(&error))?;
    let mut command = process::command(&node.program);
    command.arg(&script).arg(root).current_dir(root);
    let output = process::run(command, "preparing the test runner", BUNDLE_LIMIT, cx, |_| {})?;
    if output.status.success() {
        return Ok(());
    }
    let message = format!("it ended with {}: {}", output.status, process::tail(&output.stderr, 4));
    Err(Error::new(ErrorKind::Unavailable, message))
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
