//! `llmbench compare` on made-up runs.

use std::path::Path;

use llmbench_testkit::{LlmbenchCommand, Output};
use serde_json::{Value, json};

use crate::setup::*;

/// What the program says when all is well.
fn ok(command: &LlmbenchCommand, arguments: &[&str]) -> Output {
    let output = command.run(arguments);
    expect_code(&output, 0);
    output
}

/// A finished run of one model on eight fixtures, three runs each, around `mean`.
fn write_run(command: &LlmbenchCommand, name: &str, mean: f64, change: impl Fn(&mut Value)) {
    let fixtures: Vec<String> = (0..8).map(|index| format!("f{index}")).collect();
    let setting = |value: Value| json!({"value": value, "origin": "default"});
    let mut manifest = json!({
        "format_version": 1, "run_id": name, "name": null, "status": "finished", "error": null,
        "llmbench_version": "0.1.0", "argv": [], "started_at": "2026-03-01T10:00:00Z",
        "finished_at": "2026-03-01T11:00:00Z", "elapsed_sec": 3600.0, "test": "refactoring",
        "backend": "ollama", "default_choice": null,
        "settings": {"num_ctx": setting(json!(8192))},
        "plan": {"sha256": "0", "models": ["m:7b"], "fixtures": fixtures, "runs": 3, "attempts": 24},
        "plugins": [], "models": [{"identity": {"name": "m:7b"}}],
        "fixtures": fixtures.iter().map(|name| json!({"name": name, "sha256": name})).collect::<Vec<_>>(),
        "server": {}, "roles": {}, "monitors": [], "environment": {"cpu": "one"},
        "scoring_version": "2", "max_score": 10.0, "warnings": [],
    });
    change(&mut manifest);
    command.write(Path::new("results").join(name).join("run.json"), &manifest.to_string());
    let mut lines = String::new();
    for (index, fixture) in fixtures.iter().enumerate() {
        for run in 1..=3 {
            let ease = 0.1 * index as f64 * mean / 5.0 + 0.05 * f64::from(run);
            let record = json!({
                "id": format!("{fixture}-{run}"), "model": "m:7b", "fixture": fixture,
                "timestamp": "2026-03-01T10:00:00Z", "run_number": run, "status": "scored",
                "score": mean + ease, "scoring_version": manifest["scoring_version"],
                "tokens_per_sec": 40.0 + ease, "duration_sec": 5.0, "seed": 42, "compiles": true,
                "output_code": format!("{fixture} {run}"), "errors": [], "warnings": [],
                "missing": {}, "findings": {}, "monitors": [], "retries": [],
            });
            lines += &format!("{record}\n");
        }
    }
    command.write(Path::new("results").join(name).join("samples.jsonl"), &lines);
}

fn runs() -> LlmbenchCommand {
    let command = command();
    write_run(&command, "low", 5.0, |_| ());
    write_run(&command, "high", 7.0, |_| ());
    write_run(&command, "rules", 7.0, |manifest| manifest["scoring_version"] = json!("3"));
    command
}

#[test]
fn two_runs_are_compared_in_every_format() {
    let command = runs();
    let text = ok(&command, &["compare", "low", "high"]).stdout;
    expect_parts(&text, &["m:7b in low (24 of 24 scored)", "better", "0.008", "f7"]);
    let same = ok(&command, &["compare", "low#m:7b", "results/high", "--model", "m:7b"]).stdout;
    assert_eq!(text, same);
    let json = ok(&command, &["compare", "low", "high", "--format", "json"]).json();
    let score = &json["contrasts"][0]["metrics"][0];
    assert_eq!((score["verdict"].as_str(), score["fixtures"].as_u64()), (Some("better"), Some(8)));
    let schema = ok(&command, &["schema", "comparison"]).json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    assert!(schema.is_valid(&json));
    assert!(!schema.is_valid(&json!({"contrasts": [{"metrics": "none"}]})));
    expect_parts(&ok(&command, &["compare", "low", "high", "--format", "md"]).stdout, &["| f7 |"]);
    let page = ["compare", "low", "high", "--format", "html", "--output", "page.html"];
    assert_eq!(ok(&command, &page).stdout, "");
    let page = std::fs::read_to_string(command.dir().join("page.html")).unwrap();
    expect_parts(&page, &["<!DOCTYPE html>", "default-src 'none'", "better"]);
}

#[test]
fn a_regression_is_an_exit_code_of_its_own() {
    let command = runs();
    let code = |arguments: &[&str], code: i32| -> String {
        let output = command.run(&[&["compare"], arguments].concat());
        expect_code(&output, code);
        output.stderr
    };
    code(&["high", "low"], 0);
    let told = code(&["high", "low", "--fail-on-regression"], 5);
    expect_parts(&told, &["regression: score of `m:7b` in low is worse"]);
    code(&["high", "low", "--fail-on-regression", "--margin", "5"], 0);
    code(&["low", "high", "--fail-on-regression"], 0);
    code(&["high", "low", "--fail-on-regression", "--metric", "duration_sec"], 0);
    let metrics = ["--metric", "energy_joules", "--metric", "score"];
    let told = code(&[&["low", "high", "--fail-on-regression"], &metrics[..]].concat(), 0);
    expect_parts(&told, &["no regression of energy_joules could be shown", "neither side"]);
    assert!(!told.contains("no regression of score"), "{told}");
    let told = code(&["high", "low", "--fail-on-regression", "--margin=-1"], 2);
    expect_parts(&told, &["--margin"]);
}

#[test]
fn what_is_not_comparable_is_refused_with_its_reason() {
    let command = runs();
    let refused = command.run(&["compare", "low", "rules"]);
    expect_code(&refused, 2);
    expect_parts(&refused.stderr, &["made by different rules: base 2, other 3", "--force"]);
    let forced = ok(&command, &["compare", "low", "rules", "--force"]).stdout;
    expect_parts(&forced, &["not comparable, but forced", "better"]);
    for (arguments, part) in [
        (&["low"][..], "nothing to compare"),
        (&["low", "low"], "compared with itself"),
        (&["low#x", "high"], "has no model `x`; it has m:7b"),
    ] {
        let output = command.run(&[&["compare"], arguments].concat());
        expect_code(&output, 2);
        expect_parts(&output.stderr, &[part, "hint:"]);
    }
    let missing = command.run(&["compare", "low", "nope"]);
    expect_code(&missing, 3);
    expect_parts(&missing.stderr, &["nope", "hint:"]);
}
