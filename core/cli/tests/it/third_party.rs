//! Plugins that are not llmbench's own, built as their authors build them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::faults::wait_until;
use crate::setup::*;

/// Builds the package in `dir` and returns the folder of its library.
///
/// All share one target folder, so that their dependencies are compiled once.
pub(crate) fn build(dir: &Path, cargo_arguments: &[&str]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("third-party");
    let output = Command::new(env!("CARGO"))
        .args(cargo_arguments)
        .arg("--target-dir")
        .arg(&target)
        .current_dir(dir)
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{cargo_arguments:?} in {}:\n{said}", dir.display());
    target.join("debug")
}

pub(crate) fn example(name: &str) -> PathBuf {
    repository().join("examples").join(name)
}

#[test]
fn a_test_of_a_third_party_runs_by_name() {
    let Some(server) = ollama() else { return };
    let plugins = build(&example("word-limit"), &["build", "--locked"]);
    let command = command();
    let output = command.run(&[
        "run",
        "--plugin",
        "word-limit",
        "--plugin-dir",
        plugins.to_str().unwrap(),
        "--model",
        "tiny",
        "--runs",
        "2",
        "--max-tokens",
        "200",
        "--warmup",
        "0",
        "--url",
        &server.url(),
        "--set",
        "word-limit.second_chance=true",
        "--temperature",
        "2",
        "--set",
        "repeat_penalty=1.3",
    ]);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.manifest["test"], "word-limit");
    assert_eq!(run.manifest["settings"]["plugin.word-limit.second_chance"]["value"], true);
    let path = run.manifest["plugins"][0]["path"].as_str().unwrap();
    assert!(Path::new(path).starts_with(&plugins), "{path}");
    for sample in &run.samples {
        assert_eq!(sample["status"], "scored");
        // Its own figure stands beside the common ones.
        assert!(sample["words"].is_u64(), "{sample}");
        let id = sample["id"].as_str().unwrap();
        assert!(run.dir.join("artifacts").join(id).join("2-request.json").is_file(), "asked once");
    }
}

#[test]
fn the_settings_file_swaps_a_validator() {
    let plugins = build(&example("validator-swap"), &["build", "--locked"]);
    let server = parrot(&right_answer());
    let command = command();
    let shipped = std::fs::read_to_string(example("validator-swap").join("llmbench.toml")).unwrap();
    let here = format!("plugin_dirs = [{plugins:?}]");
    command.write("llmbench.toml", &shipped.replace("plugin_dirs = [\"target/release\"]", &here));
    let run = |more: &[&str]| {
        let fixed = ["run", "--model", "parrot", "--fixture", SMALL, "--url", &server.url()];
        let switched_off = ["--validator", "types=none", "--runs", "1", "--warmup", "0"];
        command.run(&[&fixed[..], &switched_off, more].concat())
    };

    let output = run(&["--out", "first"]);
    let first = RunFiles::below(&command.dir().join("first"));
    assert_eq!(first.manifest["roles"]["structure"]["validator"], "line-count", "{output}");
    let origin = first.manifest["settings"]["roles.structure"]["origin"].as_str().unwrap();
    assert!(origin.ends_with("llmbench.toml"), "{origin}");
    let findings = &first.samples[0]["findings"]["structure"];
    assert_eq!(findings["score"], 10.0, "{findings}");

    // A flag is above the file, and the plugin's own settings reach it.
    run(&[
        "--out",
        "second",
        "--validator",
        "structure=forbidden-words",
        "--set",
        r#"forbidden-words.words=["word"]"#,
    ]);
    let second = RunFiles::below(&command.dir().join("second"));
    assert_eq!(second.manifest["roles"]["structure"]["validator"], "forbidden-words");
    let findings = second.samples[0]["findings"]["structure"].to_string();
    expect_parts(&findings, &["word"]);
    assert_ne!(second.samples[0]["findings"]["structure"]["score"], 10.0, "{findings}");
}

#[test]
fn a_new_plugin_builds_tests_and_runs() {
    let Some(server) = ollama() else { return };
    let command = command();
    let sources = repository().to_str().unwrap();
    let made = command.run(&["plugins", "new", "one-word", "--llmbench", sources]);
    expect_code(&made, 0);
    expect_parts(&made.stdout, &["cargo test", "--plugin one-word"]);
    let dir = command.dir().join("one-word");
    // Offline, with versions that are at hand because llmbench itself was built with them.
    std::fs::copy(repository().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    build(&dir, &["test", "--offline"]);
    let plugins = build(&dir, &["build", "--offline"]);
    let run = |more: &[&str]| {
        let fixed = ["run", "--plugin", "one-word", "--plugin-dir", plugins.to_str().unwrap()];
        let model = ["--model", "tiny", "--runs", "1", "--max-tokens", "16", "--warmup", "0"];
        [&fixed[..], &model, &["--url", &server.url()], more]
            .concat()
            .iter()
            .map(|text| text.to_string())
            .collect::<Vec<_>>()
    };
    expect_code(&command.run(&run(&[])), 0);
    assert_eq!(RunFiles::of(&command).field("status"), ["scored"]);

    let again = command.run(&["plugins", "new", "one-word", "--llmbench", sources]);
    expect_code(&again, 3);
    expect_parts(&again.stderr, &["one-word is there already", "--dir"]);
    for (arguments, part) in [(["One", sources], "lower-case"), (["two", "/nowhere"], "/nowhere")] {
        let output = command.run(&["plugins", "new", arguments[0], "--llmbench", arguments[1]]);
        expect_code(&output, 2);
        expect_parts(&output.stderr, &[part]);
    }

    // A plugin that never returns cannot be stopped: the second Ctrl-C leaves it behind.
    let library = dir.join("src/lib.rs");
    let text = std::fs::read_to_string(&library).unwrap();
    let ask = "let Some(answer) = history.last_answer() else {";
    assert!(text.contains(ask));
    let hang = "if history.last_answer().is_some() { std::fs::write(\"hangs\", \"\").unwrap(); loop { std::thread::park(); } }";
    std::fs::write(&library, text.replace(ask, &format!("{hang}\n{ask}"))).unwrap();
    build(&dir, &["build", "--offline"]);
    let running = command.start(&run(&["--out", "hanging"]));
    wait_until("the plugin to hang", || command.dir().join("hangs").exists());
    running.interrupt();
    std::thread::sleep(std::time::Duration::from_millis(500));
    running.interrupt();
    expect_code(&running.wait(), 130);
}
