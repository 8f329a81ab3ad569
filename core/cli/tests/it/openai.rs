//! Servers with OpenAI's API, and what is known of this machine's own measuring.

use std::path::Path;

use llmbench_schedule_server::ScheduleServer;
use llmbench_testkit::gguf::TinyModel;
use llmbench_testkit::llama_cpp::ALIAS;
use llmbench_testkit::{FaultServer, LlamaCppServer, LlmbenchCommand, Output, Step};
use serde_json::json;

use crate::setup::*;

const SECRET: &str = "sk-never-to-be-seen";
/// Every token in a read of its own, so that there is a speed.
const PACED: &str = "schedule:every_us=3000";

/// One attempt whose answer comes on a schedule.
fn run(command: &LlmbenchCommand, server: &ScheduleServer) -> Output {
    run_at(command, &server.url(), PACED)
}

fn run_at(command: &LlmbenchCommand, url: &str, model: &str) -> Output {
    command.run(&[
        "run",
        "--backend",
        "openai",
        "--url",
        url,
        "--model",
        model,
        "--fixture",
        SMALL,
        "--runs",
        "1",
        "--max-tokens",
        "12",
        "--warmup",
        "0",
        "--timeout",
        "120s",
        "--validator",
        "types=none",
        "--validator",
        "behaviour=none",
    ])
}

#[test]
fn a_run_keeps_the_figures_of_the_calibration_and_never_the_key() {
    let data = std::env::temp_dir().join(format!("llmbench-calibrated-{}", std::process::id()));
    let command = || command().env("LLMBENCH_DATA_DIR", &data);
    let with_key = || command().env("LLMBENCH_OPENAI_API_KEY", SECRET);
    let server = ScheduleServer::listing(&[PACED]).unwrap();

    let before = with_key();
    expect_code(&run(&before, &server), 0);
    let manifest = RunFiles::of(&before).manifest;
    assert!(manifest["calibration"]["value"].is_null());
    expect_parts(manifest["calibration"]["reason"].as_str().unwrap(), &["never calibrated"]);

    let output = command().run(&["doctor", "--calibrate", "--format", "json"]);
    expect_code(&output, 0);
    let found = output.json();
    let streams: Vec<_> =
        found["streams"].as_array().unwrap().iter().map(|level| level["streams"].clone()).collect();
    assert_eq!(streams, [1, 32, 128]);
    for level in found["streams"].as_array().unwrap() {
        assert!(level["answers"].as_u64().unwrap() >= 30, "{level}");
        // Nothing can be seen before it was sent.
        assert!(level["ttft_error_ms"]["median"].as_f64().unwrap() > 0.0, "{level}");
    }
    for figure in ["chunks_per_sec", "requests_per_sec"] {
        assert!(found[figure].as_f64().unwrap() > 0.0, "{figure}: {found}");
    }
    let text = command().run(&["doctor", "--calibrate"]);
    expect_code(&text, 0);
    expect_parts(&text.stdout, &["first token", "exact up to", "client capacity"]);

    let after = with_key();
    expect_code(&run(&after, &server), 0);
    let files = RunFiles::of(&after);
    assert!(files.manifest["calibration"]["value"]["streams"].is_array());
    assert_eq!(files.manifest["backend"], "openai");
    let sample = &files.samples[0];
    assert_eq!(sample["completion_tokens"], 12);
    // The server tells no times.
    assert_eq!(sample["tokens_per_sec_measured_by"], "client", "{sample}");
    assert!(sample["tokens_per_sec"].as_f64().unwrap() > 0.0);
    for dir in [&files.dir, &data] {
        without_secret(dir);
    }
    std::fs::remove_dir_all(&data).unwrap();
}

fn without_secret(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            without_secret(&path);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(SECRET), "the key stands in {}", path.display());
        }
    }
}

#[test]
fn the_only_model_of_a_server_needs_no_name_and_one_of_several_does() {
    let server = ScheduleServer::listing(&["schedule:tokens=3"]).unwrap();
    let command = command();
    let more = ["--fixture", SMALL, "--runs", "1", "--dry-run", "--validator", "types=none"];
    let output =
        command.run(&[&["run", "--backend", "openai", "--url", &server.url()], &more[..]].concat());
    expect_code(&output, 0);
    expect_parts(&output.stderr, &["no --model given: `schedule:tokens=3`"]);
    let two = ScheduleServer::listing(&["schedule:tokens=3", "schedule:"]).unwrap();
    let output =
        command.run(&[&["run", "--backend", "openai", "--url", &two.url()], &more[..]].concat());
    expect_code(&output, 2);
    expect_parts(&output.stderr, &["`schedule:tokens=3`, `schedule:`", "hint:", "--model"]);
}

#[test]
fn a_server_that_asks_to_be_left_alone_for_an_hour_is_not_asked_again() {
    let chat = "/v1/chat/completions";
    let refusal = "HTTP/1.1 429 No\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
    let server = FaultServer::start([
        ("/v1/models", Step::json(200, &json!({"data": [{"id": "m"}]}).to_string())),
        (chat, vec![Step::Raw(refusal.into())]),
    ]);
    let command = command();
    let output = run_at(&command, &server.url(), "m");
    expect_code(&output, 4);
    assert_eq!(server.requests().iter().filter(|request| request.path == chat).count(), 1);
    let sample = &RunFiles::of(&command).samples[0];
    assert_eq!((&sample["status"], &sample["retries"]), (&json!("infra_error"), &json!([])));
    expect_parts(&sample["errors"].to_string(), &["Retry-After: 3600", "--resume latest"]);
}

#[test]
fn a_backend_without_an_address_says_how_to_name_one() {
    let output = command().run(&["models", "--backend", "openai"]);
    expect_code(&output, 2);
    expect_parts(&output.stderr, &["no server is named", "--url"]);
}

#[test]
fn a_real_llama_cpp_server_is_measured_by_its_own_times_at_every_load() {
    let Some(server) = own(LlamaCppServer::start(TinyModel::dense(), &[])) else { return };
    let command = command();
    let url = server.url();
    let output = command.run(&[
        "run",
        "--plugin",
        "throughput",
        "--backend",
        "openai",
        "--url",
        &url,
        "--runs",
        "1",
        "--timeout",
        "120s",
        "--set",
        "throughput.concurrency=1,4",
        "--set",
        "throughput.requests=8",
        "--set",
        "throughput.prompt_tokens=200",
        "--set",
        "throughput.output_tokens=12",
        "--set",
        "openai.extra_body={\"ignore_eos\": true}",
    ]);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.manifest["server"]["name"], "llama.cpp");
    assert_eq!(run.manifest["models"][0]["identity"]["name"], ALIAS);
    for sample in &run.samples {
        let load = &sample["load"];
        assert_eq!((&load["answered"], &load["errors"]), (&load["requests"], &json!({})), "{load}");
        assert_eq!(load["decode_measured_by"], "server", "{load}");
        assert_eq!(load["prefill_measured_by"], "server", "{load}");
        assert_eq!(sample["tokens_per_sec_measured_by"], "server");
        // Every answer has its full length.
        assert_eq!(load["completion_tokens"]["min"], 12.0, "{load}");
    }
}
