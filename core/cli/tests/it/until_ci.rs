//! `--until-ci`: runs are added until a score is known well enough, or not at all.

use llmbench_testkit::{LlmbenchCommand, Output};

use crate::setup::*;
use crate::third_party::{build, example};

/// Rare letters: an untrained model's answers hold some of them, not always the same.
const RULE: &str = r#"{"min_words": 1, "max_words": 9999,
    "must_mention": ["q", "z", "x", "j", "k", "v", "w", "y", "b", "f"]}"#;

fn run(command: &LlmbenchCommand, plugins: &str, url: &str, more: &[&str]) -> Output {
    let fixed = ["run", "--plugin", "word-limit", "--plugin-dir", plugins, "--fixture", "letters"];
    let model = ["--model", "tiny", "--url", url, "--max-tokens", "24", "--temperature", "2"];
    let fast = ["--set", "repeat_penalty=1.3", "--warmup", "0", "--monitor", "none"];
    command.run(&[&fixed[..], &model, &fast, more].concat())
}

#[test]
fn runs_are_added_and_the_results_say_how_it_ended() {
    let Some(server) = ollama() else { return };
    let plugins = build(&example("word-limit"), &["build", "--locked"]);
    let plugins = plugins.to_str().unwrap();
    let command = command();
    command.write("fixtures/word-limit/letters/question.txt", "Say anything.\n");
    command.write("fixtures/word-limit/letters/rule.json", RULE);
    let run = |more: &[&str]| run(&command, plugins, &server.url(), more);

    let wide = run(&["--until-ci", "100", "--out", "wide"]);
    expect_code(&wide, 0);
    let files = RunFiles::below(&command.dir().join("wide"));
    assert_eq!(files.samples.len(), 3, "{wide}");
    expect_parts(&files.manifest["warnings"].to_string(), &["±100 or narrower", "89 % of cases"]);
    expect_parts(&wide.stdout, &["too narrow"]);

    let narrow = run(&["--until-ci", "0.01", "--max-runs", "6", "--out", "narrow"]);
    expect_code(&narrow, 0);
    let files = RunFiles::below(&command.dir().join("narrow"));
    assert_eq!(files.field("run_number"), [1, 2, 3, 4, 5, 6], "{narrow}");
    let plan = &files.manifest["plan"];
    assert_eq!((&plan["runs"], &plan["model_runs"]["tiny"]), (&3.into(), &6.into()));
    assert_eq!(plan["attempts"], 6);
    expect_parts(&files.manifest["warnings"].to_string(), &["not reached within --max-runs 6"]);
    expect_parts(&narrow.stdout, &["6/6"]);

    // Killed on the way: the same attempts with the same ids.
    let samples = files.dir.join("samples.jsonl");
    let text = std::fs::read_to_string(&samples).unwrap();
    std::fs::write(&samples, text.split_inclusive('\n').take(4).collect::<String>()).unwrap();
    let plugin_dir = ["--plugin-dir", plugins];
    let resumed =
        command.run(&[&["run", "--resume", "latest", "--out", "narrow"][..], &plugin_dir].concat());
    expect_code(&resumed, 0);
    let again = RunFiles::below(&command.dir().join("narrow"));
    assert_eq!(again.field("id"), files.field("id"));
    // A higher limit goes on from there.
    let more = ["run", "--resume", "latest", "--out", "narrow", "--max-runs", "7"];
    expect_code(&command.run(&[&more[..], &plugin_dir].concat()), 0);
    assert_eq!(RunFiles::below(&command.dir().join("narrow")).samples.len(), 7);
}

#[test]
fn what_cannot_work_is_refused() {
    let command = command();
    for (arguments, part) in [
        (&["--until-ci", "0"][..], "above 0"),
        (&["--until-ci", "1", "--max-runs", "2"], "at least `runs`"),
        (&["--until-ci", "1", "--shard", "1/2"], "--shard 1/2"),
    ] {
        let output = command.run(&[&["run", "--model", "m"][..], arguments].concat());
        expect_code(&output, 2);
        expect_parts(&output.stderr, &[part]);
    }
}
