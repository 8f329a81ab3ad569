//! `--resume`: exactly what is missing, with what was; and what it refuses.

use std::path::Path;

use llmbench_testkit::{FaultServer, LlmbenchCommand, Output, Step};
use serde_json::{Value, json};

use crate::faults::wait_until;
use crate::setup::*;

/// Begins a run on the stand-in, without the type checker, which takes seconds to start.
pub(crate) fn begin(command: &LlmbenchCommand, url: &str, more: &[&str]) -> Output {
    let fixed = ["run", "--model", "parrot", "--fixture", SMALL, "--url", url];
    let fast = ["--warmup", "0", "--validator", "types=none"];
    command.run(&[&fixed[..], &fast, more].concat())
}

fn resume(command: &LlmbenchCommand, run: &RunFiles, more: &[&str]) -> Output {
    command.run(&[&["run", "--resume", run.dir.to_str().unwrap()][..], more].concat())
}

/// The run as a killed process leaves it: so many whole records, then a part of one.
fn cut(run: &RunFiles, whole: usize, torn: &str) {
    let text = std::fs::read_to_string(run.dir.join("samples.jsonl")).unwrap();
    let kept: String = text.split_inclusive('\n').take(whole).collect();
    std::fs::write(run.dir.join("samples.jsonl"), kept + torn).unwrap();
    edit(&run.dir, |manifest| {
        manifest["status"] = "running".into();
        manifest["finished_at"] = Value::Null;
        manifest["elapsed_sec"] = Value::Null;
        manifest["sessions"][0]["status"] = "running".into();
        for field in ["finished_at", "elapsed_sec"] {
            manifest["sessions"][0][field] = Value::Null;
        }
    });
}

fn edit(dir: &Path, change: impl FnOnce(&mut Value)) {
    let path = dir.join("run.json");
    let mut manifest = read_json(&path);
    change(&mut manifest);
    std::fs::write(path, manifest.to_string()).unwrap();
}

fn lines(run: &RunFiles) -> Vec<String> {
    let text = std::fs::read_to_string(run.dir.join("samples.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// How often the fixture's prompt was sent; loading a model is a request, too.
fn requests(server: &FaultServer) -> usize {
    let requests = server.requests();
    requests.iter().filter(|request| request.body.contains("Add TypeScript types")).count()
}

#[test]
fn exactly_what_is_missing_is_made() {
    let server = parrot("I am a parrot.");
    let command = command();
    expect_code(&begin(&command, &server.url(), &["--runs", "4"]), 0);
    let before = RunFiles::of(&command);
    let (before_lines, asked) = (lines(&before), requests(&server));
    cut(&before, 2, "{\"id\":\"00003-parrot-sm");

    let output = resume(&command, &before, &[]);
    expect_code(&output, 0);
    expect_parts(&output.stderr, &["2 of 4 attempts are missing", "torn-1", "[1/2]", "[2/2]"]);
    let after = RunFiles::of(&command);
    assert_eq!(lines(&after)[..2], before_lines[..2], "finished records stay byte for byte");
    assert_eq!(after.field("id"), before.field("id"));
    assert_eq!(after.field("seed"), before.field("seed"));
    assert_eq!(requests(&server) - asked, 2, "finished attempts are not asked again");
    let torn = std::fs::read_to_string(after.dir.join("samples.jsonl.torn-1")).unwrap();
    assert_eq!(torn, "{\"id\":\"00003-parrot-sm");

    let manifest = &after.manifest;
    assert_eq!(manifest["status"], "finished");
    for field in ["started_at", "argv", "settings", "run_id"] {
        assert_eq!(manifest[field], before.manifest[field], "{field}");
    }
    let sessions = manifest["sessions"].as_array().unwrap();
    let attempts: Vec<_> = sessions.iter().map(|session| session["attempts"].clone()).collect();
    assert_eq!(attempts, [2, 2]);
    expect_parts(sessions[0]["elapsed_remark"].as_str().unwrap(), &["killed", "at least"]);
    assert_eq!(sessions[1]["argv"][2], "--resume");
    let times = sessions.iter().map(|session| session["elapsed_sec"].as_f64().unwrap());
    assert_eq!(manifest["elapsed_sec"].as_f64().unwrap(), times.sum::<f64>());
    expect_code(&command.run(&["report", after.dir.to_str().unwrap()]), 0);
}

#[test]
fn a_finished_run_has_nothing_to_do_and_needs_no_server() {
    let server = parrot("I am a parrot.");
    let command = command();
    expect_code(&begin(&command, &server.url(), &["--runs", "2"]), 0);
    drop(server);
    let run = RunFiles::of(&command);
    let before = lines(&run);
    std::fs::remove_file(run.dir.join("summary.json")).unwrap();
    let name = run.dir.file_name().unwrap().to_str().unwrap().to_owned();
    for named in [name.as_str(), "latest", run.dir.to_str().unwrap()] {
        let output = command.run(&["run", "--resume", named, "--runs", "2", "--model", "parrot"]);
        expect_code(&output, 0);
        expect_parts(&output.stderr, &["nothing to do: all 2 attempts"]);
        expect_parts(&output.stdout, &["parrot"]);
    }
    assert_eq!(lines(&run), before);
    assert!(run.dir.join("summary.json").is_file(), "what the killed process left out is made");

    // Killed after its last record: the end is written.
    cut(&run, 2, "");
    expect_code(&resume(&command, &run, &[]), 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.manifest["status"], "finished");
    assert_eq!(run.manifest["sessions"].as_array().unwrap().len(), 1);
}

#[test]
fn lost_attempts_are_made_again_and_the_old_records_kept_aside() {
    let busy = parrot_that(Step::json(503, r#"{"error":"server busy"}"#));
    let command = command();
    expect_code(&begin(&command, &busy.url(), &["--runs", "2", "--set", "retries=0"]), 4);
    let lost = RunFiles::of(&command);
    assert_eq!(lost.field("status"), ["infra_error", "infra_error"]);
    let old = lines(&lost);

    let server = parrot("I am a parrot.");
    let output = resume(&command, &lost, &["--url", &server.url()]);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("status"), ["scored", "scored"]);
    assert_eq!(run.field("id"), lost.field("id"));
    let superseded = std::fs::read_to_string(run.dir.join("samples.superseded.jsonl")).unwrap();
    assert_eq!(superseded.lines().collect::<Vec<_>>(), old);
    let id = run.samples[0]["id"].as_str().unwrap();
    let artifacts = run.dir.join("artifacts");
    assert!(artifacts.join(format!("{id}.superseded-1/1-response.json")).is_file());
    assert!(artifacts.join(id).join("1-response.json").is_file());
    // The server may have had the prompt in its cache since the first try.
    assert_eq!(run.samples[0]["prompt_cached"], true);
}

#[test]
fn more_runs_extend_a_run_and_fewer_are_refused() {
    let server = parrot("I am a parrot.");
    let command = command();
    expect_code(&begin(&command, &server.url(), &["--runs", "2"]), 0);
    let before = RunFiles::of(&command);
    let output = resume(&command, &before, &["--runs", "3"]);
    expect_code(&output, 0);
    let after = RunFiles::of(&command);
    assert_eq!(lines(&after)[..2], lines(&before)[..2]);
    assert_eq!(after.field("run_number"), [1, 2, 3]);
    assert_eq!(after.field("seed"), [42, 43, 44]);
    assert_eq!(
        (&after.manifest["plan"]["runs"], &after.manifest["plan"]["base_runs"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(after.manifest["settings"]["runs"]["value"], 3);
    // Again, and the run is complete.
    expect_parts(&resume(&command, &after, &["--runs", "3"]).stderr, &["nothing to do"]);
    let fewer = resume(&command, &after, &["--runs", "1"]);
    expect_code(&fewer, 2);
    expect_parts(&fewer.stderr, &["`runs`: was 3, is 1"]);
}

#[test]
fn a_prompt_that_was_on_its_way_when_the_process_was_killed_counts_as_cached() {
    let server = parrot("I am a parrot.");
    let command = command();
    expect_code(&begin(&command, &server.url(), &["--runs", "2"]), 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("prompt_cached"), [Value::Null, json!(true)]);
    cut(&run, 0, "");
    expect_code(&resume(&command, &run, &[]), 0);
    assert_eq!(RunFiles::of(&command).field("prompt_cached"), [json!(true), json!(true)]);
}

#[test]
fn flags_that_disagree_are_refused_by_name() {
    let server = parrot("I am a parrot.");
    let command = command().env("LLMBENCH_SEED", "7");
    expect_code(&begin(&command, &server.url(), &["--runs", "3", "--timeout", "30s"]), 0);
    let run = RunFiles::of(&command);
    cut(&run, 1, "");
    let before = (lines(&run), read_json(&run.dir.join("run.json")));
    for (flags, part) in [
        (&["--temperature", "0.5"][..], "setting `temperature`: was 0.2, is 0.5"),
        (&["--model", "other"], "setting `model`: was [\"parrot\"], is [\"other\"]"),
        (&["--seed", "8"], "setting `seed`: was 7, is 8"),
        (&["--shard", "1/2"], "setting `shard`: was not set, is `1/2`"),
        (&["--validator", "types=tsc"], "setting `roles.types`: was `none`, is `tsc`"),
        (&["--set", "ollama.keep_alive=1m"], "setting `plugin.ollama.keep_alive`: was not set"),
        (&["--timeout", "31s"], "setting `timeout`: was `30s`, is `31s`"),
    ] {
        let output = resume(&command, &run, flags);
        expect_code(&output, 2);
        expect_parts(&output.stderr, &["cannot go on", part, "hint: "]);
    }
    assert_eq!((lines(&run), read_json(&run.dir.join("run.json"))), before, "nothing was changed");
    // What agrees, also in other words, is welcome; the environment of today does not matter.
    let command = command.env("LLMBENCH_SEED", "9");
    let output =
        resume(&command, &run, &["--timeout", "30", "--temperature", "0.2", "--fixture", SMALL]);
    expect_code(&output, 0);
    assert_eq!(RunFiles::of(&command).field("seed"), [7, 8, 9]);
}

#[test]
fn what_changed_in_the_world_is_refused_by_name() {
    let server = parrot("I am a parrot.");
    let command = command();
    expect_code(&begin(&command, &server.url(), &["--runs", "2"]), 0);
    let run = RunFiles::of(&command);
    cut(&run, 1, "");
    let original = std::fs::read_to_string(run.dir.join("run.json")).unwrap();
    let check = |pointer: &str, was: Value, parts: &[&str]| {
        edit(&run.dir, |manifest| *manifest.pointer_mut(pointer).expect(pointer) = was);
        let output = resume(&command, &run, &[]);
        expect_code(&output, 3);
        expect_parts(&output.stderr, &["cannot go on"]);
        expect_parts(&output.stderr, parts);
        std::fs::write(run.dir.join("run.json"), &original).unwrap();
    };
    check("/models/0/identity/digest/value", json!("cd"), &["model `parrot`: digest: was cd, is "]);
    check("/server/version/value", json!("0.0.0"), &["server version: was 0.0.0, is 0.0.1"]);
    check("/scoring_version", json!("1"), &["scoring version: was 1, is "]);
    check("/plugins/0/version", json!("0.0.1"), &["`: version: was 0.0.1, is "]);
    check("/environment/cpu", json!("Other"), &["processor: was Other, is "]);
    check("/roles/structure/validator", json!("other"), &["role `structure`: was other, is "]);
    check("/plan/sha256", json!("00"), &["plan: sha256 was 00"]);
    let fixture = command.dir().join("small/prompt.md");
    let prompt = std::fs::read_to_string(&fixture).unwrap();
    std::fs::write(&fixture, format!("{prompt}!")).unwrap();
    let output = resume(&command, &run, &[]);
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["fixture `small`: sha256: was ", ", is "]);
    std::fs::write(&fixture, prompt).unwrap();
    edit(&run.dir, |manifest| manifest["format_version"] = 2.into());
    let output = resume(&command, &run, &[]);
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["format version 2"]);
    std::fs::write(run.dir.join("run.json"), &original).unwrap();
    assert_eq!(lines(&run).len(), 1, "nothing was changed");
    expect_code(&resume(&command, &run, &[]), 0);
}

#[test]
fn a_dry_run_shows_what_is_missing_and_changes_nothing() {
    let server = parrot("I am a parrot.");
    let command = command();
    expect_code(&begin(&command, &server.url(), &["--runs", "3"]), 0);
    let run = RunFiles::of(&command);
    cut(&run, 1, "{\"id\"");
    let before = std::fs::read(run.dir.join("samples.jsonl")).unwrap();
    let output = resume(&command, &run, &["--dry-run"]);
    expect_code(&output, 0);
    expect_parts(&output.stdout, &["2 are missing of 3 attempts", "-r2 seed 43", "-r3 seed 44"]);
    assert!(!output.stdout.contains("-r1"), "{output}");
    assert_eq!(std::fs::read(run.dir.join("samples.jsonl")).unwrap(), before);
}

#[test]
fn what_is_no_run_is_said_and_left_alone() {
    let command = command();
    let output = command.run(&["run", "--resume", "nope"]);
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["no run `nope`", "no such folder", "hint:"]);
    let output = command.run(&["run", "--resume", "./small"]);
    expect_code(&output, 3);
    assert!(!command.dir().join("small/.lock").exists());
    expect_code(&command.run(&["run", "--resume", "latest"]), 3);
}

#[test]
fn two_processes_do_not_work_on_one_run() {
    let server = parrot_that(vec![Step::Hang]);
    let command = command();
    let url = server.url();
    let fixed = ["run", "--model", "parrot", "--fixture", SMALL, "--url", &url];
    let mut first = command.start(
        &[
            &fixed[..],
            &[
                "--warmup",
                "0",
                "--validator",
                "types=none",
                "--timeout",
                "5m",
                "--set",
                "load_timeout=5m",
            ],
        ]
        .concat(),
    );
    wait_until("the run's folder", || {
        std::fs::read_dir(command.dir().join("results")).is_ok_and(|mut runs| {
            runs.any(|run| run.unwrap().path().join("samples.jsonl").is_file())
        })
    });
    let dir = runs_in(&command.dir().join("results")).remove(0);
    let resume = || command.run(&["run", "--resume", dir.to_str().unwrap()]);
    let second = resume();
    expect_code(&second, 3);
    expect_parts(&second.stderr, &[&format!("in use by the process {}", first.id()), "hint: "]);
    // The lock ends with the process, however it ends: now something else is in the way.
    first.kill();
    first.wait();
    drop(server);
    let third = resume();
    expect_code(&third, 3);
    assert!(!third.stderr.contains("in use"), "{third}");
}

/// The real server, real kills; `cargo run -p llmbench-testkit --example kill_and_resume` does more of it.
#[test]
#[cfg(unix)]
fn kills_at_random_instants_lose_and_double_nothing() {
    use llmbench_testkit::kill::{KillOptions, kill_and_resume};
    let Some(server) = ollama() else { return };
    let url = server.url();
    let arguments = [
        "--model",
        "tiny",
        "--fixture",
        SMALL,
        "--url",
        &url,
        "--max-tokens",
        "24",
        "--validator",
        "types=none",
    ];
    let arguments = arguments.map(str::to_owned).to_vec();
    let report =
        kill_and_resume(&command(), &KillOptions { kills: 8, seed: 7, runs: 20, arguments });
    assert_eq!(report.kills, 8, "{report}");
}
