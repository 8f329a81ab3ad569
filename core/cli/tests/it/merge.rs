//! `llmbench merge`: shards of one plan become one run like any other.

use llmbench_testkit::{LlmbenchCommand, Output};

use crate::resume::begin;
use crate::setup::*;

/// Makes one shard of a plan of five runs in a folder of its own; returns the run's folder.
fn shard(command: &LlmbenchCommand, url: &str, shard: &str, more: &[&str]) -> String {
    let out = shard.replace('/', "-of-");
    let output = begin(
        command,
        url,
        &[&["--runs", "5", "--shard", shard, "--out", &out][..], more].concat(),
    );
    expect_code(&output, 0);
    runs_in(&command.dir().join(out)).remove(0).to_str().unwrap().to_owned()
}

fn merge(command: &LlmbenchCommand, runs: &[&str], out: &str) -> Output {
    command.run(&[&["merge", "--out", out][..], runs].concat())
}

#[test]
fn shards_become_a_normal_run() {
    let server = parrot("I am a parrot.");
    let command = command();
    let first = shard(&command, &server.url(), "1/2", &[]);
    let second = shard(&command, &server.url(), "2/2", &[]);
    // In any order.
    let output = merge(&command, &[&second, &first], "whole");
    expect_code(&output, 0);
    assert!(!output.stderr.contains("missing"), "{output}");
    let run = RunFiles::below(&command.dir().join("whole"));
    assert_eq!(run.field("run_number"), [1, 2, 3, 4, 5]);
    let plan = &run.manifest["plan"];
    assert_eq!((&plan["attempts"], &plan["shard"]), (&5.into(), &serde_json::Value::Null));
    assert_eq!(run.manifest["status"], "finished");
    assert_eq!(run.manifest["merged_from"].as_array().unwrap().len(), 2);
    assert_eq!(run.manifest["sessions"].as_array().unwrap().len(), 2);
    for sample in &run.samples {
        let id = sample["id"].as_str().unwrap();
        assert!(run.dir.join("artifacts").join(id).join("1-response.json").is_file(), "{id}");
    }
    // Byte for byte what the shards wrote.
    let whole = std::fs::read_to_string(run.dir.join("samples.jsonl")).unwrap();
    for part in [&first, &second] {
        let part = std::fs::read_to_string(format!("{part}/samples.jsonl")).unwrap();
        assert!(part.lines().all(|line| whole.contains(line)));
    }
    let dir = run.dir.to_str().unwrap();
    let report = command.run(&["report", dir, "--format", "json"]);
    assert_eq!(report.json()["models"][0]["attempts"], 5, "{report}");
    if has_node() {
        let rejudged = command.run(&["rejudge", dir, "--validator", "behaviour=none"]);
        assert!(rejudged.stdout.contains("5 answers judged again"), "{rejudged}");
    }
    expect_parts(&command.run(&["run", "--resume", dir]).stderr, &["nothing to do"]);
}

#[test]
fn a_missing_shard_is_named_and_can_be_made_up_for() {
    let server = parrot("I am a parrot.");
    let command = command();
    let first = shard(&command, &server.url(), "1/3", &[]);
    let third = shard(&command, &server.url(), "3/3", &[]);
    let output = merge(&command, &[&first, &third], "whole");
    expect_code(&output, 0);
    expect_parts(&output.stderr, &["shards are missing: 2/3", "2 of 5 attempts are missing"]);
    let run = RunFiles::below(&command.dir().join("whole"));
    assert_eq!(run.field("run_number"), [1, 3, 4]);
    let output = command.run(&["run", "--resume", run.dir.to_str().unwrap()]);
    expect_code(&output, 0);
    let mut numbers: Vec<_> = RunFiles::below(&command.dir().join("whole"))
        .field("run_number")
        .iter()
        .filter_map(serde_json::Value::as_u64)
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let server = parrot("I am a parrot.");
    let command = command();
    let first = shard(&command, &server.url(), "1/2", &[]);
    let twice = merge(&command, &[&first, &first], "whole");
    expect_code(&twice, 2);
    expect_parts(&twice.stderr, &["3 attempts are in two", "`00001-parrot-small-r1` is in "]);
    let other = shard(&command, &server.url(), "2/2", &["--seed", "7"]);
    let different = merge(&command, &[&first, &other], "whole");
    expect_code(&different, 2);
    expect_parts(&different.stderr, &["not parts of one plan", "setting `seed`: 42 and 7"]);
    expect_code(&merge(&command, &[&first, "nope"], "whole"), 3);
    let alone = merge(&command, &[&first], "whole");
    expect_code(&alone, 2);
    expect_parts(&alone.stderr, &["only one is named", "--resume"]);
    assert!(!command.dir().join("whole").exists());
}
