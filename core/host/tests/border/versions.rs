//! Plugins and hosts of different versions of the interface.

use std::process::Command;

use llmbench_api::Json;
use llmbench_host::LoadError;

use crate::context::quiet;
use crate::workshop::{Variant, file_name, library, program};
use crate::{ask, host_of, log};

/// Loads `name` of `variant` alone.
fn load(variant: Variant, name: &str) -> (tempfile::TempDir, llmbench_host::Host) {
    log::collect();
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(library(variant, name), dir.path().join(file_name(name))).unwrap();
    let host = host_of(dir.path());
    (dir, host)
}

fn refusal(variant: Variant, name: &str) -> LoadError {
    let (_dir, host) = load(variant, name);
    let mut listing = host.list();
    assert!(listing.plugins.is_empty());
    listing.refused.remove(0)
}

/// `found` and `wanted`, as the tests' own interface and the one next to it.
fn next(major: u64, minor: u64) -> String {
    let mut own = llmbench_abi::ABI_VERSION.split('.').map(|part| part.parse::<u64>().unwrap());
    let (own_major, own_minor) = (own.next().unwrap(), own.next().unwrap());
    let minor = if major > 0 { 0 } else { own_minor + minor };
    format!("{}.{minor}.0", own_major + major)
}

#[test]
fn a_newer_plugin_works_in_an_older_host() {
    let (_dir, host) = load(Variant::Newer, "newer");
    let backend = host.backend("border", &Json::Null).unwrap();
    assert_eq!(backend.source.plugin.info.abi, next(0, 1));
    assert_eq!(backend.component.probe(&quiet()).unwrap().name, "hello");
    assert!(ask(&*backend.component, "tokens").unwrap().text.ends_with("t999 "));
    let test = host.test_type("twice", &Json::Null).unwrap();
    assert_eq!(test.component.describe().summary, "asks, then judges");
}

#[test]
fn an_older_plugin_works_in_a_newer_host() {
    let (old, _) = load(Variant::Current, "good");
    let (new, _) = load(Variant::Newer, "newer");
    let output = Command::new(program(Variant::Newer, "newer_host"))
        .arg(old.path().join(file_name("good")))
        .arg(new.path().join(file_name("newer")))
        .output()
        .unwrap();
    // The older plugin lacks the appended method, so that its default answers.
    let expected = format!(
        "{} \"hello\" [\"extra 7\"]\n{} \"hello\" [\"extra 8\"]\n",
        llmbench_abi::ABI_VERSION,
        next(0, 1)
    );
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(shown, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn another_major_version_is_refused_with_both_versions() {
    let error = refusal(Variant::Major, "major");
    let LoadError::InterfaceVersion { path, found, wanted } = &error else { panic!("{error:?}") };
    assert!(path.ends_with(file_name("major")));
    assert_eq!((found, wanted.as_str()), (&next(1, 0), llmbench_abi::ABI_VERSION));
    let text = error.to_string();
    assert!(text.contains(&file_name("major")) && text.contains(found) && text.contains(wanted));
    assert!(error.hint().contains("rebuild the plugin"));
}

#[test]
fn a_change_without_a_new_version_is_refused_with_one_line_that_names_the_place() {
    let error = refusal(Variant::Changed, "changed");
    let LoadError::Layout { difference, .. } = &error else { panic!("{error:?}") };
    assert_eq!(difference.lines().count(), 1, "{difference}");
    assert!(difference.len() < 500, "{difference}");
    let start = "too many fields at `create_monitor.stop`: the plugin has `4`, llmbench has `3`";
    assert!(difference.starts_with(start), "{difference}");
    assert!(difference.contains("u32"), "both signatures are shown: {difference}");
    assert!(error.hint().contains("rebuild the plugin"));
}
