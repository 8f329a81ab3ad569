//! `history` and `export` over the runs of a stand-in server.

use std::path::PathBuf;

use llmbench_testkit::LlmbenchCommand;
use serde_json::Value;

use crate::setup::*;

/// Two runs of `parrot`, the second one labelled `second`, of one and of two attempts.
fn two_runs() -> (LlmbenchCommand, Vec<PathBuf>) {
    let server = parrot(&right_answer());
    let command = command().env("LC_ALL", "C.UTF-8");
    for (runs, more) in [("1", &[][..]), ("2", &["--name", "second"][..])] {
        let url = server.url();
        let given = ["run", "--model", "parrot", "--fixture", SMALL, "--url", &url, "--runs", runs];
        let quick = ["--validator", "types=none", "--warmup", "0", "--monitor", "none"];
        // Without a type checker nothing has a score: 4.
        expect_code(&command.run(&[&given[..], &quick, more].concat()), 4);
    }
    let runs = runs_in(&command.dir().join("results"));
    assert_eq!(runs.len(), 2);
    (command, runs)
}

fn folders(listed: &Value) -> Vec<&str> {
    listed["runs"].as_array().unwrap().iter().map(|run| run["folder"].as_str().unwrap()).collect()
}

#[test]
fn runs_are_listed_filtered_and_exported() {
    let (command, runs) = two_runs();
    let ok = |arguments: &[&str]| {
        let output = command.run(arguments);
        expect_code(&output, 0);
        output
    };
    let names: Vec<_> = runs.iter().map(|run| run.file_name().unwrap().to_str().unwrap()).collect();
    let text = ok(&["history"]).stdout;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    expect_parts(lines[1], &["second", "parrot", "refactoring", "2/2", "finished"]);
    assert!(command.dir().join("results/.index.sqlite").is_file());

    let second = names.iter().find(|name| lines[1].contains(*name)).unwrap();
    for (filter, expected) in [
        (&["--name", "second"][..], vec![*second]),
        (&["--limit", "1"], vec![*second]),
        (&["--model", "nobody"], vec![]),
        (&["--status", "failed"], vec![]),
        (&["--until", "1d"], vec![]),
    ] {
        let listed = ok(&[&["history", "results", "--format", "json"], filter].concat()).json();
        assert_eq!(folders(&listed), expected, "{filter:?}");
    }
    expect_parts(
        &ok(&["history", "--since", "1d", "--format", "csv"]).stdout,
        &["folder,run_id,", second],
    );
    let trend = ok(&["history", "--trend", "parrot", "--format", "json"]).json();
    assert_eq!(trend["points"].as_array().unwrap().len(), 2, "{trend}");
    expect_parts(&ok(&["history", "--trend", "parrot"]).stdout, &["parrot · 2 runs", second]);

    let to = ["export", names[0], names[1], "--output", "attempts.parquet"];
    expect_parts(&ok(&to).stderr, &["3 attempts of 2 run(s)"]);
    let bytes = std::fs::read(command.dir().join("attempts.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[test]
fn a_run_that_no_process_works_on_is_listed_as_killed() {
    let (command, runs) = two_runs();
    let path = runs[0].join("run.json");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let killed = manifest.replacen("\"status\": \"finished\"", "\"status\": \"running\"", 1);
    assert_ne!(manifest, killed);
    std::fs::write(&path, killed).unwrap();
    let status = || {
        let listed = command.run(&["history", "--status", "running", "--format", "json"]).json();
        listed["runs"][0]["was_killed"].as_bool()
    };
    assert_eq!(status(), Some(true));
    expect_parts(&command.run(&["history"]).stdout, &["killed"]);
    let output = command.run(&["report", runs[0].to_str().unwrap()]);
    expect_parts(&output.stdout, &["· killed ·"]);
    expect_parts(&output.stderr, &["the run was killed", "--resume"]);
    let lock = std::fs::File::open(runs[0].join(".lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(status(), Some(false));
}

#[test]
fn a_broken_folder_and_a_broken_index_do_not_stop_the_rest() {
    let (command, runs) = two_runs();
    std::fs::write(runs[0].join("run.json"), "{").unwrap();
    let name = runs[0].file_name().unwrap().to_str().unwrap();
    let output = command.run(&["history"]);
    expect_code(&output, 0);
    expect_parts(&output.stdout, &["1 folder cannot be read as a run:", name, "hint:"]);
    command.write("results/.index.sqlite", "garbage, and long enough to be looked at closely");
    let output = command.run(&["history", "--format", "json"]);
    expect_code(&output, 0);
    expect_parts(&output.stderr, &["note: the index is damaged", "made again"]);
    assert_eq!(
        (folders(&output.json()).len(), &output.json()["broken"][0]["folder"]),
        (1, &name.into())
    );
    let output = command.run(&["history", "--rebuild", "-q"]);
    expect_code(&output, 0);
    assert_eq!(output.stderr, "");

    let output = command.run(&["export", name, "--output", "x.parquet"]);
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["error:", "run.json", "hint:"]);
    let left = std::fs::read_dir(command.dir()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("parquet")), "{left:?}");
}

#[test]
fn what_cannot_be_is_an_error_that_says_what_can() {
    let command = command();
    std::fs::create_dir(command.dir().join("results")).unwrap();
    for (arguments, code, parts) in [
        (&["history", "nowhere"][..], 3, &["cannot list `nowhere`", "hint:"][..]),
        (&["history", "--since", "yesterday"], 2, &["--since: `yesterday`", "7d"]),
        (&["history", "--trend", "nobody"], 2, &["no run has a model `nobody`"]),
        (&["history", "--status", "nice"], 2, &["nice", "finished"]),
        (&["export", "nowhere"], 3, &["no run `nowhere`", "hint:", "llmbench history"]),
        (&["export", "x", "--format", "arrow"], 2, &["arrow", "parquet"]),
    ] {
        let output = command.run(arguments);
        expect_code(&output, code);
        expect_parts(&output.stderr, parts);
    }
    let output = command.run(&["history"]);
    expect_code(&output, 0);
    expect_parts(&output.stdout, &["no runs in results"]);
}
