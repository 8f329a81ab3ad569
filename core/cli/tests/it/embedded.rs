//! Machines without a server: the embedded engine and its demo model, chosen by name or by default.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use llmbench_testkit::{FaultServer, LlmbenchCommand, Output, Step};
use serde_json::Value;

use crate::setup::*;

const FALLBACK: &str = "no Ollama answers at http://127.0.0.1:11434: using the embedded demo model";
const DEMO: &str = "`sample` is a demo model";

/// True when nothing listens where Ollama does; says so when something does.
fn no_ollama() -> bool {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 11434));
    let is_free = TcpStream::connect(default).is_err();
    if !is_free {
        llmbench_testkit::skip_or_fail(format!("something listens at {default}"));
    }
    is_free
}

/// One short attempt with `more`; slow builds and busy machines have time.
fn run(command: &LlmbenchCommand, more: &[&str]) -> Output {
    let short = ["run", "--fixture", SMALL, "--runs", "1", "--max-tokens", "64"];
    let patient = ["--timeout", "120s", "--validator", "types=none", "--warmup", "0"];
    command.run(&[&short[..], &patient, more].concat())
}

fn setting(manifest: &Value, name: &str) -> (Value, String) {
    let setting = &manifest["settings"][name];
    (setting["value"].clone(), setting["origin"].as_str().unwrap().to_owned())
}

#[test]
fn a_machine_without_ollama_runs_the_demo_model() {
    if !no_ollama() || !has_node() {
        return;
    }
    let command = command();
    let output =
        command.run(&["run", "--plugin", "refactoring", "--runs", "1", "--timeout", "180s"]);
    expect_code(&output, 0);
    expect_parts(&output.stderr, &[FALLBACK, DEMO]);
    expect_parts(&output.stdout, &["sample", "simple-component", "report.md", DEMO]);
    let run = RunFiles::of(&command);
    assert_eq!(run.manifest["backend"], "embedded");
    expect_parts(run.manifest["default_choice"].as_str().unwrap(), &[FALLBACK]);
    assert_eq!(run.field("model"), ["sample"]);
    assert_eq!(run.field("status"), ["scored"]);
    for field in ["prompt_tokens", "completion_tokens", "tokens_per_sec", "score"] {
        assert!(run.samples[0][field].is_number(), "{field}: {}", run.samples[0]);
    }
    let report = std::fs::read_to_string(run.dir.join("report.md")).unwrap();
    expect_parts(&report, &["demo model", "reference for quality"]);
}

#[test]
fn the_default_context_fits_the_model_and_a_named_one_stays() {
    let command = command();
    // Code that nobody type-checks may have no score: 4 is no failure of the run.
    let code = |output: &Output| assert!([0, 4].contains(&output.code), "{output}");
    let output = run(&command, &["--model", "sample", "--out", "default"]);
    code(&output);
    expect_parts(&output.stderr, &[DEMO]);
    for absent in ["neither --backend nor --model", "--num-ctx"] {
        assert!(!output.stderr.contains(absent), "{output}");
    }
    let RunFiles { manifest, samples, .. } = RunFiles::below(&command.dir().join("default"));
    assert_eq!(
        (&manifest["backend"], &samples[0]["model"]),
        (&"embedded".into(), &"sample".into())
    );
    assert!(manifest["default_choice"].is_null(), "{manifest}");
    let length = &manifest["models"][0]["identity"]["context_length"]["value"];
    let origin = "default, lowered to the context length of `sample`";
    assert_eq!(setting(&manifest, "num_ctx"), (length.clone(), origin.to_owned()));

    let output = run(&command, &["--model", "sample", "--out", "named", "--num-ctx", "9000"]);
    code(&output);
    expect_parts(&output.stderr, &["--num-ctx 9000 exceeds", "`sample` was built for"]);
    let RunFiles { manifest, .. } = RunFiles::below(&command.dir().join("named"));
    assert_eq!(setting(&manifest, "num_ctx"), (9000.into(), "flag".to_owned()));
}

#[test]
fn a_file_is_run_by_its_name_alone() {
    let command = command();
    let sample = repository().join("plugins/embedded/sample-model/vue-ts-sample.gguf");
    std::fs::copy(&sample, command.dir().join("Mine.GGUF")).unwrap();
    let output = run(&command, &["--model", "Mine.GGUF", "--dry-run", "--format", "json"]);
    expect_code(&output, 0);
    let manifest = output.json();
    assert_eq!(
        (&manifest["backend"], &manifest["plan"]["models"][0]),
        (&"embedded".into(), &"Mine.GGUF".into())
    );
    assert!(!output.stderr.contains(DEMO), "{output}");

    // A settings file's path is relative to the file.
    command.write("settings/own.toml", "model = \"../Mine.GGUF\"\n");
    let output = run(&command, &["--config", "settings/own.toml", "--dry-run"]);
    expect_code(&output, 0);
}

#[test]
fn files_that_are_no_models_are_named() {
    let command = command();
    let sample = repository().join("plugins/embedded/sample-model/vue-ts-sample.gguf");
    let bytes = std::fs::read(sample).unwrap();
    std::fs::write(command.dir().join("half.gguf"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(command.dir().join("head.gguf"), &bytes[..100]).unwrap();
    command.write("text.gguf", "no model at all, but long enough to hold a header");
    for file in ["missing.gguf", "half.gguf", "head.gguf", "text.gguf"] {
        let output = run(&command, &["--model", file]);
        expect_code(&output, 3);
        expect_parts(&output.stderr, &["error:", file]);
        assert!(!output.stderr.contains("panicked"), "{output}");
        assert!(!command.dir().join("results").exists(), "something was left behind\n{output}");
        let output = command.run(&["doctor", "--model", file, "--validator", "types=none"]);
        expect_code(&output, 3);
        expect_parts(&output.stdout, &["failed  model", file]);
    }
}

#[test]
fn a_prompt_that_fills_the_context_is_refused_and_not_cut() {
    let command = command();
    let output = run(&command, &["--model", "sample", "--num-ctx", "8"]);
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["error:", "the prompt has", "--num-ctx allows", "hint:"]);
    let RunFiles { samples, .. } = RunFiles::below(&command.dir().join("results"));
    assert!(samples.iter().all(|record| record["status"] == "infra_error"), "{output}");
}

#[test]
fn what_contradicts_itself_is_a_usage_error() {
    let command = command();
    for (arguments, parts) in [
        (
            &["--model", "sample", "--model", "tiny"][..],
            &["`sample`", "`tiny`", "--backend", "twice"][..],
        ),
        (&["--model", "a.gguf", "--url", "http://127.0.0.1:9"], &["--url", "a.gguf", "--backend"]),
    ] {
        for start in [&["models"][..], &["doctor"], &["run"]] {
            let output = command.run(&[start, arguments].concat());
            expect_code(&output, 2);
            expect_parts(&output.stderr, parts);
        }
    }
}

#[test]
fn an_address_that_is_named_is_never_replaced() {
    let url = FaultServer::unreachable_url();
    for variable in ["OLLAMA_HOST", "OLLAMA_BASE_URL", "LLMBENCH_URL"] {
        let command = command().env(variable, &url);
        for arguments in [&["models"][..], &["run", "--fixture", SMALL]] {
            let output = command.run(arguments);
            expect_code(&output, 3);
            expect_parts(&output.stderr, &[&url, "ollama serve"]);
            assert!(!output.stderr.contains("demo model"), "{output}");
        }
    }
}

#[test]
fn an_ollama_without_the_default_model_is_told_how_to_get_it() {
    let server = FaultServer::start([
        ("/api/version", Step::json(200, r#"{"version":"0.0.1"}"#)),
        ("/api/tags", Step::json(200, r#"{"models":[]}"#)),
        ("/api/show", Step::json(404, r#"{"error":"model not found"}"#)),
    ]);
    let command = command().env("OLLAMA_HOST", server.url());
    let output = run(&command, &[]);
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["ollama pull qwen2.5-coder", "--model sample"]);
}

#[test]
fn models_and_doctor_know_the_embedded_engine() {
    let command = command();
    let listed = command.run(&["models", "--backend", "embedded"]);
    expect_code(&listed, 0);
    expect_parts(&listed.stdout, &["sample", "Q8_0", "MB"]);
    expect_parts(&listed.stderr, &[DEMO]);
    assert!(!listed.stdout.contains("sha256:"), "{listed}");

    if !no_ollama() {
        return;
    }
    let listed = command.run(&["models", "--format", "json"]);
    expect_code(&listed, 0);
    assert_eq!(listed.json()[0]["name"], "sample");
    expect_parts(&listed.stderr, &[FALLBACK]);
    let output = command.run(&["doctor", "--validator", "types=none"]);
    expect_parts(
        &output.stdout,
        &[FALLBACK, "ok      server", "embedded", "`sample` is installed and answers", DEMO],
    );
    for line in
        output.stdout.lines().filter(|line| line.contains(" model ") || line.contains(" server "))
    {
        assert!(line.starts_with("ok"), "{output}");
    }
}
