//! The rules of the workspace: who may know whom, where `unsafe` may stand, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::setup::repository;

/// Crates that may say `unsafe`.
const UNSAFE_ALLOWED: [&str; 3] = ["llmbench-abi", "llmbench-plugin", "llmbench-host"];
/// Longest file, in lines.
const LONGEST: usize = 500;

/// The workspace as cargo describes it.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Package → the workspace's packages that it depends on, tests left out.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    packages
        .iter()
        .map(|package| {
            let known = package["dependencies"].as_array().unwrap().iter();
            let known = known.filter(|dependency| dependency["kind"].is_null()).map(name);
            (name(package), known.filter(|name| ours.contains(name)).collect())
        })
        .collect()
}

#[test]
fn cargo_run_builds_the_plugins_too() {
    let metadata = metadata();
    // With a default binary somewhere, `cargo run` builds that one alone.
    for package in metadata["packages"].as_array().unwrap() {
        assert!(package["default_run"].is_null(), "{}", package["name"]);
    }
    let defaults = metadata["workspace_default_members"].as_array().unwrap();
    let has = |name: &str| defaults.iter().any(|id| id.as_str().unwrap().contains(name));
    for entry in std::fs::read_dir(repository().join("plugins")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(has(&format!("plugins/{name}")), "{name} is no default member");
    }
}

#[test]
fn every_arrow_points_the_way_of_the_design() {
    let arrows = arrows();
    let plugins: BTreeSet<String> = std::fs::read_dir(repository().join("plugins"))
        .unwrap()
        .map(|entry| format!("llmbench-plugin-{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    assert!(plugins.len() >= 6, "{plugins:?}");
    let allowed = |package: &str| -> Vec<&str> {
        match package {
            "llmbench-api" | "llmbench-abi" | "llmbench-schedule-server" => vec![],
            "llmbench-plugin" => vec!["llmbench-api", "llmbench-abi"],
            "llmbench-host" => vec!["llmbench-api", "llmbench-abi", "llmbench-plugin"],
            "llmbench-engine" | "llmbench-report" | "llmbench-testkit" => vec!["llmbench-api"],
            plugin if plugins.contains(plugin) => vec!["llmbench-api", "llmbench-plugin"],
            other => panic!("DESIGN names no package `{other}`"),
        }
    };
    for (package, known) in &arrows {
        if package == "llmbench" {
            assert!(!known.contains("llmbench-testkit"), "the testkit is for tests only");
            continue;
        }
        for name in known {
            assert!(allowed(package).contains(&name.as_str()), "{package} must not know {name}");
        }
    }
    for plugin in &plugins {
        assert!(arrows.contains_key(plugin), "{plugin} is no package of the workspace");
    }
}

#[test]
fn unsafe_stands_only_at_the_border() {
    let root = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    assert!(root.contains("unsafe_code = \"deny\""), "the workspace's lint is gone");
    for manifest in files("Cargo.toml") {
        let text = std::fs::read_to_string(&manifest).unwrap();
        let Some((_, name)) = text.split_once("name = \"") else { continue };
        let name = name.split('"').next().unwrap();
        if UNSAFE_ALLOWED.contains(&name) {
            continue;
        }
        let dir = manifest.parent().unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{} does not take the workspace's lints",
            manifest.display()
        );
        for source in files(".rs").iter().filter(|source| source.starts_with(dir)) {
            let text = std::fs::read_to_string(source).unwrap();
            // In two parts, so that this file does not find itself.
            for allowing in [concat!("allow(unsafe", "_code"), concat!("expect(unsafe", "_code")] {
                assert!(!text.contains(allowing), "{} allows unsafe code", source.display());
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_it_may_be() {
    let sources = files(".rs");
    assert!(sources.len() > 100, "only {} sources were found", sources.len());
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<_> =
        sources.iter().filter(|source| lines(source) > LONGEST).map(|s| s.display()).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines, so split: {long:?}");
}

/// Files of the workspace's packages whose names end with `ending`, without build output.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![repository().join("core"), repository().join("plugins")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_str().unwrap_or_default();
            if entry.is_dir() && name != "target" && name != "node_modules" {
                dirs.push(entry);
            } else if entry.is_file() && name.ends_with(ending) {
                found.push(entry);
            }
        }
    }
    found
}
