//! Files that are no plugins, seen through the program.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

use llmbench_testkit::LlmbenchCommand;
use llmbench_testkit::binary::plugin_library;

use crate::setup::*;

/// A folder with two bad files, and what each refusal says.
fn bad_plugins(command: &LlmbenchCommand) -> (PathBuf, [(PathBuf, &'static str); 2]) {
    let dir = command.dir().join("plugins");
    std::fs::create_dir(&dir).unwrap();
    let file = |name: &str| dir.join(format!("{DLL_PREFIX}llmbench_plugin_{name}{DLL_SUFFIX}"));
    let whole = std::fs::read(plugin_library("ollama")).unwrap();
    std::fs::write(file("broken"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(file("renamed"), "#!/bin/sh\necho I am a plugin\n").unwrap();
    let files = [(file("broken"), "cut off"), (file("renamed"), "not a")];
    (dir, files)
}

fn with_dir<'a>(dir: &'a Path, arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--plugin-dir", dir.to_str().unwrap()]].concat()
}

#[test]
fn the_list_names_the_good_ones_and_each_refusal() {
    let command = command();
    let (dir, files) = bad_plugins(&command);
    let output = command.run(&with_dir(&dir, &["plugins", "list"]));
    expect_code(&output, 6);
    expect_parts(
        &output.stdout,
        &[
            "embedded",
            "ollama",
            "nvidia-smi",
            "nvml",
            "system",
            "tsc",
            "ts-ast",
            "vitest",
            "refactoring",
            "context-window",
            "consistency",
        ],
    );
    for (file, reason) in &files {
        expect_parts(&output.stderr, &[file.to_str().unwrap(), reason, "hint:"]);
    }
    let listed = command.run(&with_dir(&dir, &["plugins", "list", "--format", "json"]));
    expect_code(&listed, 6);
    let listed = listed.json();
    assert_eq!(listed["refused"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed["plugins"].as_array().unwrap().len(), 14, "{listed}");
}

#[test]
fn each_file_can_be_checked_alone() {
    let command = command();
    let (_, files) = bad_plugins(&command);
    for (file, reason) in &files {
        let output = command.run(&["plugins", "check", file.to_str().unwrap()]);
        expect_code(&output, 6);
        expect_parts(&output.stderr, &["error:", file.to_str().unwrap(), reason, "hint:"]);
    }
    for (file, part) in [("/bin/sh", "program"), ("gone.so", "gone.so"), (".", "folder")] {
        let output = command.run(&["plugins", "check", file]);
        expect_code(&output, 6);
        expect_parts(&output.stderr, &["error:", part]);
    }
    let good = command.run(&["plugins", "check", plugin_library("ts-ast").to_str().unwrap()]);
    expect_code(&good, 0);
    expect_parts(&good.stdout, &["ok: llmbench-plugin-ts-ast", "validator `ts-ast`"]);
}

#[test]
fn others_still_run_and_a_missing_one_points_to_the_refused() {
    let command = command();
    let (dir, files) = bad_plugins(&command);
    let server = parrot(&right_answer());
    let url = server.url();
    let run = ["run", "--model", "parrot", "--fixture", SMALL, "--url", &url, "--validator"];
    let run = [&run[..], &["types=none", "--runs", "1", "--warmup", "0"]].concat();
    let output = command.run(&with_dir(&dir, &run));
    expect_code(&output, 4);
    assert_eq!(RunFiles::of(&command).field("ast_score"), [10.0]);

    let wanted = command.run(&with_dir(&dir, &["run", "--plugin", "broken"]));
    expect_code(&wanted, 6);
    expect_parts(&wanted.stderr, &[files[0].0.to_str().unwrap(), "cut off"]);
    assert_eq!(wanted.stdout, "");
}
