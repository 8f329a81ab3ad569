//! What flags, files and variables do to a run.

use llmbench_testkit::LlmbenchCommand;

use crate::setup::*;

/// A run on the stand-in, which answers at once, without the type checker, which takes seconds to start.
fn run(command: &LlmbenchCommand, url: &str, more: &[&str]) -> llmbench_testkit::Output {
    let fixed = ["run", "--model", "parrot", "--fixture", SMALL, "--url", url];
    let fast = ["--warmup", "0", "--validator", "types=none"];
    command.run(&[&fixed[..], &fast, more].concat())
}

#[test]
fn a_flag_is_above_the_environment_and_that_above_the_file() {
    let server = parrot("I am a parrot.");
    let command = command()
        .env("LLMBENCH_RUNS", "2")
        .env("LLMBENCH_SEED", "7")
        .env("LLMBENCH_NAME", "from the environment");
    command.write("llmbench.toml", "runs = 5\nseed = 5\ntop_k = 5\nwarmup = 5\n");
    let output = run(&command, &server.url(), &["--runs", "1"]);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    let setting = |name: &str| {
        let setting = &run.manifest["settings"][name];
        (setting["value"].clone(), setting["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(setting("runs"), (1.into(), "flag".into()));
    assert_eq!(setting("seed"), (7.into(), "environment".into()));
    assert_eq!(setting("top_p").1, "default");
    let (top_k, origin) = setting("top_k");
    assert!(top_k == 5 && origin.ends_with("llmbench.toml"), "{top_k} {origin}");
    assert_eq!(run.manifest["name"], "from the environment");

    // What was resolved is what was sent.
    let sent = server.requests().into_iter().filter(|request| request.path == "/api/chat");
    let options: Vec<_> = sent
        .filter_map(|request| serde_json::from_str::<serde_json::Value>(&request.body).ok())
        .map(|body| (body["options"]["seed"].clone(), body["options"]["top_k"].clone()))
        .collect();
    assert_eq!(options.last(), Some(&(7.into(), 5.into())));
}

#[test]
fn shards_cover_every_attempt_once() {
    let server = parrot("I am a parrot.");
    let command = command();
    let mut ids = Vec::new();
    for (shard, out) in [("1/2", "first"), ("2/2", "second")] {
        let output = run(&command, &server.url(), &["--runs", "5", "--shard", shard, "--out", out]);
        expect_code(&output, 0);
        let run = RunFiles::below(&command.dir().join(out));
        assert_eq!(run.manifest["plan"]["shard"], shard);
        ids.extend(run.samples.iter().map(|sample| {
            (sample["run_number"].as_u64().unwrap(), sample["seed"].as_u64().unwrap())
        }));
    }
    ids.sort_unstable();
    assert_eq!(ids, [(1, 42), (2, 43), (3, 44), (4, 45), (5, 46)]);
}

#[test]
fn a_dry_run_shows_the_plan_and_asks_nothing() {
    let server = parrot("never said");
    let command = command();
    let output = run(&command, &server.url(), &["--dry-run", "--runs", "2"]);
    expect_code(&output, 0);
    expect_parts(&output.stdout, &["2 attempts", "parrot", "small", "seed 42", "seed 43"]);
    let output = run(&command, &server.url(), &["--dry-run", "--format", "json"]);
    assert_eq!(output.json()["plan"]["attempts"], 3, "{output}");
    assert!(!server.requests().iter().any(|request| request.path == "/api/chat"));
    assert!(!command.dir().join("results").exists());
}

#[test]
fn a_score_below_the_limit_is_an_exit_code_of_its_own() {
    let server = parrot("I am a parrot.");
    let command = command();
    let output = run(&command, &server.url(), &["--runs", "1", "--fail-under", "9"]);
    expect_code(&output, 5);
    expect_parts(&output.stderr, &["`parrot` scored 0.00", "--fail-under 9"]);
    let output = run(&command, &server.url(), &["--runs", "1", "--fail-under", "0"]);
    expect_code(&output, 0);
    // Code that nobody type-checks has no score, which is not a score below the limit.
    let right = parrot(&right_answer());
    expect_code(&run(&command, &right.url(), &["--runs", "1", "--fail-under", "9"]), 4);
}

#[test]
fn results_go_to_stdout_and_everything_else_to_stderr() {
    let server = parrot("I am a parrot.");
    let command = command();
    let plain = run(&command, &server.url(), &["--runs", "2"]);
    expect_code(&plain, 0);
    expect_parts(&plain.stdout, &["parrot", "results: "]);
    expect_parts(&plain.stderr, &["[1/2] parrot", "[2/2] parrot"]);
    assert!(!plain.stdout.contains("[1/2]"), "{plain}");

    let json = run(&command, &server.url(), &["--runs", "2", "--format", "json"]);
    assert_eq!(json.json()["models"][0]["attempts"], 2, "{json}");

    let quiet = run(&command, &server.url(), &["--runs", "2", "-q"]);
    expect_code(&quiet, 0);
    expect_parts(&quiet.stdout, &["parrot", "results: "]);
    assert_eq!(quiet.stderr, "");

    for output in [plain, json, quiet] {
        assert!(!format!("{output}").contains('\u{1b}'), "colours in a pipe: {output}");
    }
}

#[test]
fn a_pipe_gets_no_colours_even_without_no_color() {
    let server = parrot("I am a parrot.");
    let command = command().env("NO_COLOR", "").env("TERM", "xterm-256color");
    for arguments in [&["--runs", "1"][..], &["--runs", "0"]] {
        let output = run(&command, &server.url(), arguments);
        assert!(!format!("{output}").contains('\u{1b}'), "colours in a pipe: {output}");
    }
}

#[test]
fn a_finished_run_can_be_reported_in_every_format() {
    let server = parrot("I am a parrot.");
    let command = command();
    expect_code(&run(&command, &server.url(), &["--runs", "2", "--pass-score", "0"]), 0);
    let files = RunFiles::of(&command);
    let name = files.dir.file_name().unwrap().to_str().unwrap();
    let report = |more: &[&str]| {
        let output = command.run(&[&["report", name], more].concat());
        expect_code(&output, 0);
        output
    };
    let stored = |file: &str| std::fs::read_to_string(files.dir.join(file)).unwrap();

    expect_parts(&report(&[]).stdout, &["parrot", "too few runs"]);
    expect_parts(&command.run(&["report", "latest"]).stdout, &["parrot", "too few runs"]);
    assert_eq!(report(&["--format", "md"]).stdout.trim_end(), stored("report.md").trim_end());
    assert_eq!(report(&["--format", "csv"]).stdout.trim_end(), stored("samples.csv").trim_end());
    let json = report(&["--format", "json"]).json();
    assert_eq!(
        (&json["pass_score"], &json["models"][0]["correct"]["count"]),
        (&0.0.into(), &2.into())
    );
    assert_eq!(json, read_json(&files.dir.join("summary.json")));

    let to_file = report(&["--format", "md", "--output", "copy.md"]);
    assert_eq!(to_file.stdout, "");
    let copy = std::fs::read_to_string(command.dir().join("copy.md")).unwrap();
    assert_eq!(copy.trim_end(), stored("report.md").trim_end());

    let missing = command.run(&["report", "nope"]);
    expect_code(&missing, 3);
    expect_parts(&missing.stderr, &["no run `nope`", "hint:", "llmbench history"]);
    let no_run = command.run(&["report", "small"]);
    expect_code(&no_run, 3);
    expect_parts(&no_run.stderr, &["`small`", "holds no `run.json`"]);
    let nowhere = command.run(&["report", name, "--output", "gone/copy.md"]);
    expect_code(&nowhere, 3);
    expect_parts(&nowhere.stderr, &["gone", "hint:", "--output"]);
}
