//! The warm worker judges as `vue-tsc --noEmit` does from a cold start.

use std::path::Path;
use std::process::Command;

use crate::cases::{Case, cases};
use crate::support::{check, shared, toolchain};

#[test]
fn warm_verdicts_are_those_of_a_cold_vue_tsc() {
    let (Some(tsc), Some(root)) = (shared(), toolchain()) else { return };
    let cases = cases();
    let halves = cases.split_at(cases.len() / 2);
    let cold = std::thread::scope(|scope| {
        let first = scope.spawn(|| run_cold(root, halves.0));
        let second = run_cold(root, halves.1);
        [first.join().unwrap(), second].concat()
    });
    for (case, cold) in cases.iter().zip(cold) {
        let findings = check(tsc, &case.source).unwrap();
        let typescript = |code: &str| code.starts_with("TS");
        let mut warm: Vec<_> = findings
            .diagnostics
            .iter()
            .filter(|found| found.code.as_deref().is_some_and(typescript))
            .map(|found| {
                let (line, column) = (found.line.unwrap(), found.column.unwrap());
                format!("{}({line},{column}): {}", found.file, found.code.as_deref().unwrap())
            })
            .collect();
        warm.sort();
        assert_eq!(warm, cold, "{}", case.name);
    }
}

fn run_cold(root: &Path, cases: &[Case]) -> Vec<Vec<String>> {
    cases.iter().map(|case| cold(root, &case.source)).collect()
}

/// `file(line,column): code` of each error that `vue-tsc` prints, sorted.
fn cold(root: &Path, source: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("Component.vue", source);
    write("importer.ts", &llmbench_plugin_tsc::importer_text("Component.vue"));
    write("tsconfig.json", include_str!("../../toolchain/tsconfig.json"));
    std::os::unix::fs::symlink(root.join("node_modules"), folder.path().join("node_modules"))
        .unwrap();
    let output = Command::new("node")
        .arg(root.join("node_modules/vue-tsc/bin/vue-tsc.js"))
        .args(["--noEmit", "--pretty", "false"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut found: Vec<_> = text
        .lines()
        .filter_map(|line| {
            let (place, rest) = line.split_once(": error ")?;
            Some(format!("{place}: {}", rest.split_once(':')?.0))
        })
        .collect();
    assert_eq!(found.is_empty(), output.status.success(), "{text}");
    found.sort();
    found
}
