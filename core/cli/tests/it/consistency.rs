//! The test `consistency`, through the real border: with a stand-in whose answers change, the real
//! Ollama and the embedded engine.

use std::sync::atomic::{AtomicUsize, Ordering};

use llmbench_testkit::{LlmbenchCommand, Output, Step};
use serde_json::{Value, json};

use crate::setup::*;

fn run(command: &LlmbenchCommand, more: &[&str]) -> Output {
    let fixed = ["run", "--plugin", "consistency", "--fixture", "arithmetic", "--runs", "1"];
    command.run(&[&fixed[..], &["--monitor", "none", "--timeout", "120s"], more].concat())
}

#[test]
fn a_model_without_chance_keeps_both_promises() {
    let command = command();
    let fewer = ["--set", "consistency.answer_tokens=48", "--set", "consistency.seeds=3"];
    let output = run(&command, &[&["--model", "sample"], &fewer[..]].concat());
    expect_code(&output, 0);
    // The answers are judged again by the settings that they were asked for with.
    let again = command.run(&["rejudge", "latest"]);
    expect_code(&again, 0);
    expect_parts(&again.stdout, &["1 answer judged again, 0 verdicts changed"]);
    let files = RunFiles::of(&command);
    let [sample] = files.samples.as_slice() else { panic!("{output}") };
    assert_eq!((&sample["status"], &sample["score"]), (&json!("scored"), &json!(10.0)), "{sample}");
    for group in ["greedy", "same_seed"] {
        assert_eq!(sample[group]["distinct_exact"], 1, "{sample}");
        assert_eq!(sample[group]["answers"], 4);
    }
    assert_eq!(sample["seeds"]["answers"], 3);
    assert_eq!(sample["cache_changes_answer"], false);
    assert_eq!(sample["answers"].as_array().unwrap().len(), 10);
    assert!(sample["answer_score_sd"].is_number());
    assert!(sample["cold_prefill_sec"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_task_of_refactoring_can_be_asked_for() {
    let command = command();
    let more = ["--model", "sample", "--fixture", SMALL, "--set", "consistency.answer_tokens=16"];
    let output = command.run(
        &[&["run", "--plugin", "consistency", "--runs", "1", "--timeout", "120s"][..], &more]
            .concat(),
    );
    expect_code(&output, 0);
    let files = RunFiles::of(&command);
    let sample = &files.samples[0];
    assert_eq!(sample["fixture"], "small");
    expect_parts(sample["missing"]["answer_score_sd"].as_str().unwrap(), &["no check.json"]);
    let asked = files.dir.join("artifacts").join(sample["id"].as_str().unwrap());
    let asked = read_json(&asked.join("1-request.json"));
    expect_parts(asked[1]["messages"][0]["content"].as_str().unwrap(), &["const word = 'hello'"]);
    let seeds: Vec<_> =
        asked.as_array().unwrap().iter().map(|one| &one["options"]["seed"]).collect();
    assert_eq!((seeds[0], *seeds.last().unwrap()), (&json!(42), &json!(42 + 4 * 1_000_003)));
}

#[test]
fn answers_that_change_are_told() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = parrot_that(vec![
        Step::ndjson(),
        Step::Reply(|_| {
            let text = ASKED.fetch_add(1, Ordering::SeqCst).to_string();
            let line = json!({
                "model": "parrot:latest", "created_at": "2026-01-01T00:00:00Z",
                "message": { "role": "assistant", "content": text },
                "done": true, "done_reason": "stop", "total_duration": 3_000_000,
                "load_duration": 1_000_000, "prompt_eval_count": 60, "prompt_eval_duration": 1_000_000,
                "eval_count": 5, "eval_duration": 1_000_000,
            });
            format!("{line}\n")
        }),
    ]);
    let command = command();
    let output = run(&command, &["--model", "parrot", "--url", &server.url()]);
    expect_code(&output, 0);
    let files = RunFiles::of(&command);
    let sample = &files.samples[0];
    assert_eq!(sample["score"], 0.0, "{sample}");
    assert_eq!(sample["errors"][0], "at temperature 0: 4 different answers among 4");
    assert_eq!(sample["cache_changes_answer"], false);
    let temperatures: Vec<Value> = server
        .requests()
        .iter()
        .filter(|request| request.path == "/api/chat")
        .map(|request| serde_json::from_str::<Value>(&request.body).unwrap())
        .filter(|body| body["options"]["num_predict"] == 384)
        .map(|body| body["options"]["temperature"].clone())
        .collect();
    assert_eq!(temperatures.len(), 12);
    assert_eq!((&temperatures[3], &temperatures[4]), (&json!(0.0), &json!(0.8)));
}

#[test]
fn a_real_ollama_is_compared_with_itself() {
    let Some(server) = ollama() else { return };
    let command = command();
    let (url, model) = (server.url(), llmbench_testkit::ollama::TINY);
    let output =
        run(&command, &["--model", model, "--url", &url, "--set", "consistency.answer_tokens=24"]);
    expect_code(&output, 0);
    let files = RunFiles::of(&command);
    let sample = &files.samples[0];
    assert_eq!(sample["status"], "scored", "{sample}");
    // Whether a server keeps its promises is the finding, not the test; that it is told is.
    let share = |group: &str| sample[group]["agreement_share"].as_f64().unwrap();
    let expected = 5.0 * share("greedy") + 5.0 * share("same_seed");
    assert!((sample["score"].as_f64().unwrap() - expected).abs() < 1e-9, "{sample}");
    assert!(sample["cold_prefill_sec"].is_number() && sample["warm_prefill_sec"].is_number());
    assert!(sample["cache_seen"].is_boolean());
}
