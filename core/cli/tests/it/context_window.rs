//! The test `context-window`, through the real border: with a stand-in that finds every code, one
//! that cuts prompts, the real Ollama and the embedded engine.

use llmbench_testkit::{FaultServer, LlmbenchCommand, Output, Request, Step};
use serde_json::{Value, json};

use crate::report_page::browse;
use crate::setup::*;

/// Tokens that [`truncating`] reads.
const READS: usize = 700;
const BYTES_PER_TOKEN: usize = 4;

fn run(command: &LlmbenchCommand, url: &str, lengths: &str, more: &[&str]) -> Output {
    let lengths = format!("context-window.lengths={lengths}");
    let fixed = ["run", "--plugin", "context-window", "--runs", "1", "--monitor", "none"];
    let cells = ["--set", &lengths, "--set", "context-window.depths=[0,100]"];
    let server: &[&str] = if url.is_empty() { &[] } else { &["--url", url] };
    command.run(&[&fixed[..], &cells, server, more].concat())
}

/// A stand-in for a server with a model that finds every code in what it reads, and reads all.
fn reading() -> FaultServer {
    parrot_that(vec![Step::ndjson(), Step::Reply(|request| answer(request, usize::MAX))])
}

/// A stand-in for a server that silently drops the start of prompts that are too long for it.
fn truncating() -> FaultServer {
    parrot_that(vec![Step::ndjson(), Step::Reply(|request| answer(request, READS))])
}

fn answer(request: &Request, reads_tokens: usize) -> String {
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let prompt = body["messages"][0]["content"].as_str().unwrap_or_default();
    let read = reads_tokens.min(prompt.len().div_ceil(BYTES_PER_TOKEN));
    let lost = prompt.len().saturating_sub(read.saturating_mul(BYTES_PER_TOKEN));
    let seen = &prompt[prompt.ceil_char_boundary(lost)..];
    let codes = seen.split("The access code of the ").skip(1);
    let lines = codes.filter_map(|rest| {
        let (name, code) = rest.split_once(" is ")?;
        Some(format!("{name}: {}", code.split('.').next()?))
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let line = json!({
        "model": "parrot:latest", "created_at": "2026-01-01T00:00:00Z",
        "message": { "role": "assistant", "content": text },
        "done": true, "done_reason": "stop", "total_duration": 3_000_000, "load_duration": 1_000_000,
        "prompt_eval_count": read, "prompt_eval_duration": 1_000_000 * read,
        "eval_count": 50, "eval_duration": 1_000_000,
    });
    format!("{line}\n")
}

#[test]
fn recall_that_holds_is_told_with_its_length_everywhere() {
    let server = reading();
    let command = command();
    let output = run(&command, &server.url(), "[1024,2048]", &["--model", "parrot"]);
    expect_code(&output, 0);
    expect_parts(
        &output.stdout,
        &["parrot: recall holds up to 2048 tokens of context", "Prefill s"],
    );
    let run_files = RunFiles::of(&command);
    assert_eq!(run_files.field("score"), [10.0, 10.0, 10.0, 10.0]);
    assert_eq!(run_files.field("context_tokens"), [1024, 1024, 2048, 2048]);
    assert_eq!(run_files.field("needle_depth_percent"), [0, 100, 0, 100]);
    for sample in &run_files.samples {
        let (length, tokens) =
            (sample["context_tokens"].as_f64().unwrap(), sample["prompt_tokens"].as_f64().unwrap());
        let room = length - 136.0;
        assert!(tokens < room && tokens > room - 0.12 * length, "{tokens} of {room}");
        // What calibrated is not among the figures: a millisecond for each token that was read.
        assert!((sample["prefill_sec"].as_f64().unwrap() - tokens / 1000.0).abs() < 1e-9);
        assert!((sample["prefill_tokens_per_sec"].as_f64().unwrap() - 1000.0).abs() < 1e-6);
    }
    let asked: Vec<Value> = server
        .requests()
        .iter()
        .filter(|request| request.path == "/api/chat")
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .filter(|body: &Value| body["options"]["num_predict"] == 136)
        .collect();
    let contexts: Vec<_> = asked.iter().map(|body| &body["options"]["num_ctx"]).collect();
    assert_eq!(contexts, [1024, 1024, 2048, 2048]);
    let summary = read_json(&run_files.dir.join("summary.json"));
    assert_eq!(summary["context_maps"][0]["effective_tokens"], 2048);
    let report = std::fs::read_to_string(run_files.dir.join("report.md")).unwrap();
    expect_parts(&report, &["## Context window", "| 2048 | 10.0 | 10.0 | yes |"]);
    let page = std::fs::read_to_string(run_files.dir.join("report.html")).unwrap();
    expect_parts(&page, &["chart-context-", "\"effective_tokens\":2048"]);

    // All steps of an attempt are replayed from its files.
    let again = command.run(&["rejudge", "latest", "--format", "json"]);
    expect_code(&again, 0);
    let lines: Vec<Value> =
        again.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    for line in &lines {
        assert_eq!((&line["changed"], &line["new"]["score"]), (&json!(false), &json!(10.0)));
        assert_eq!(line["new"]["needles"], line["old"]["needles"]);
    }

    // A second run of every cell has other codes and counts beside the first.
    let resumed = command.run(&["run", "--resume", "latest", "--runs", "2"]);
    expect_code(&resumed, 0);
    let both = RunFiles::of(&command);
    assert_eq!(both.samples.len(), 8);
    let codes = |index: usize| both.samples[index]["needles"].to_string();
    assert_ne!(codes(0), codes(4));
}

#[test]
fn a_server_that_cuts_prompts_is_blamed_and_the_model_is_not() {
    let server = truncating();
    let command = command();
    let output = run(&command, &server.url(), "[512,2048]", &["--model", "parrot"]);
    expect_code(&output, 4);
    expect_parts(
        &output.stdout,
        &["recall holds up to 512 tokens", "2048 tokens are undecided", "truncation by the server"],
    );
    let run = RunFiles::of(&command);
    assert_eq!(run.field("status"), ["scored", "scored", "invalid", "invalid"]);
    let cut = &run.samples[2];
    assert_eq!((&cut["truncated"], &cut["score"]), (&json!(true), &Value::Null));
    assert_eq!((&cut["start_recalled"], &cut["end_recalled"]), (&json!(false), &json!(true)));
    expect_parts(
        cut["errors"][0].as_str().unwrap(),
        &["truncation by the server, no failure of the model", "very start was lost"],
    );
}

#[test]
fn a_length_that_is_named_but_too_long_is_not_possible_and_nothing_is_sent() {
    let server = reading();
    let command = command();
    let output = run(&command, &server.url(), "[1024,16384]", &["--model", "parrot"]);
    expect_code(&output, 4);
    expect_parts(
        &output.stdout,
        &["recall holds up to 1024", "16384 tokens are undecided: not possible"],
    );
    let run = RunFiles::of(&command);
    assert_eq!(run.field("status"), ["scored", "scored", "invalid", "invalid"]);
    expect_parts(run.samples[3]["not_possible"].as_str().unwrap(), &["16384", "context of 8192"]);
    assert_eq!(run.samples[3]["context_tokens"], 16384);
}

#[test]
fn wrong_settings_end_with_their_name() {
    let server = reading();
    let output = run(&command(), &server.url(), "[12]", &["--model", "parrot"]);
    expect_code(&output, 2);
    expect_parts(&output.stderr, &["`lengths`: 12 is not within 256", "hint:"]);
}

#[test]
fn the_embedded_demo_model_runs_with_the_default_lengths_that_fit_it() {
    let command = command();
    let output = command.run(&[
        "run",
        "--plugin",
        "context-window",
        "--model",
        "sample",
        "--runs",
        "1",
        "--timeout",
        "120s",
        "--set",
        "context-window.depths=[50]",
    ]);
    expect_code(&output, 0);
    expect_parts(&output.stderr, &["left out", "4096 tokens of context: cases of 8192 tokens"]);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("context_tokens"), [1024, 2048, 4096]);
    for sample in &run.samples {
        assert_eq!(sample["status"], "scored", "{sample}");
        lies_near_its_length(sample);
    }
}

#[test]
fn a_real_ollama_gets_the_lengths_that_it_counts_itself() {
    let Some(server) = ollama() else { return };
    let command = command();
    // A model of random weights soon repeats one piece, which ends an answer without figures:
    // not at this temperature.
    let tiny = llmbench_testkit::ollama::TINY;
    let options = ["--model", tiny, "--timeout", "120s", "--temperature", "2"];
    let output = run(&command, &server.url(), "[1024,1536]", &options);
    let run = RunFiles::of(&command);
    assert_eq!(run.samples.len(), 4, "{output}");
    for sample in &run.samples {
        assert_eq!(sample["status"], "scored", "{sample}");
        assert_eq!(sample["truncated"], false);
        assert!(sample["prefill_sec"].as_f64().unwrap() > 0.0);
        lies_near_its_length(sample);
    }
    expect_code(&output, 0);
    expect_parts(&output.stdout, &["recall holds at no length that was tried"]);
}

/// The real count of the prompt is what the length leaves beside the answer, within a twelfth.
#[track_caller]
fn lies_near_its_length(sample: &Value) {
    let length = sample["context_tokens"].as_f64().unwrap();
    let tokens = sample["prompt_tokens"].as_f64().unwrap();
    let room = length - 136.0;
    assert!(tokens < room && tokens > room - 0.12 * length, "{tokens} tokens for {length}");
}

#[test]
fn the_map_is_drawn_in_a_real_browser_with_its_figures_as_a_table() {
    let server = truncating();
    let command = command();
    run(&command, &server.url(), "[512,2048]", &["--model", "parrot"]);
    let page = RunFiles::of(&command).dir.join("report.html");
    let address = format!("file://{}", page.display());
    let Some(seen) = browse("context.mjs", &[&address]) else { return };
    assert_eq!(seen["problems"], json!([]), "{seen}");
    assert_eq!(seen["ids"], json!(["chart-context-0", "chart-context-cost"]));
    expect_parts(seen["labels"][0].as_str().unwrap(), &["Recall holds up to 512 tokens"]);
    let drawn: Vec<&str> =
        seen["texts"][0].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for text in ["10.0", "512", "2,048", "0 %", "100 %"] {
        assert!(drawn.contains(&text), "{text} is not in {drawn:?}");
    }
    let rows = &seen["tables"][0];
    assert_eq!(rows[0], "Tokens | 0 % | 100 % | Holds | Without a score");
    assert_eq!(rows[1], "512 | 10.0 | 10.0 | yes | –");
    expect_parts(
        rows[2].as_str().unwrap(),
        &["2048 | – | – | undecided | truncation by the server"],
    );
    assert_eq!(seen["phone_width"], 390);
}
