//! The test `throughput`: on the embedded engine, on the server with an exact schedule, on a real Ollama.

use std::sync::atomic::{AtomicUsize, Ordering};

use llmbench_schedule_server::ScheduleServer;
use llmbench_testkit::ollama::TINY;
use llmbench_testkit::{LlmbenchCommand, Output, Step};
use serde_json::{Value, json};

use crate::faults::wait_until;
use crate::report_page::browse;
use crate::setup::*;

/// A run of `throughput` with settings of the plugin and further arguments.
fn measure(command: &LlmbenchCommand, settings: &[&str], more: &[&str]) -> Output {
    let mut arguments = vec!["run", "--plugin", "throughput", "--monitor", "none"];
    let set: Vec<String> = settings.iter().map(|text| format!("throughput.{text}")).collect();
    for text in &set {
        arguments.extend(["--set", text]);
    }
    arguments.extend(more);
    command.run(&arguments)
}

/// Arguments for the server with this schedule as its model.
fn scheduled<'a>(server: &'a str, model: &'a str) -> [&'a str; 8] {
    ["--backend", "openai", "--url", server, "--model", model, "--runs", "1"]
}

const SAMPLE: [&str; 4] = ["--model", "sample", "--timeout", "120s"];

fn load(record: &Value) -> &Value {
    &record["load"]
}

#[test]
fn the_embedded_engine_is_measured_one_request_at_a_time_and_nothing_counts_as_lost() {
    let command = command();
    let settings = ["prompt_tokens=96", "output_tokens=12", "requests=4"];
    let output = measure(&command, &settings, &[&SAMPLE[..], &["--runs", "2"]].concat());
    expect_code(&output, 0);
    expect_parts(&output.stdout, &["c1", "2/2", "8/8", "tok/s for each 10⁹ active parameters"]);
    assert!(!output.stdout.contains("Score"), "{output}");
    let run = RunFiles::of(&command);
    assert_eq!(
        (&run.manifest["is_scored"], &run.manifest["plan"]["fixtures"]),
        (&json!(false), &json!(["c1"]))
    );
    assert_eq!(run.field("status"), ["scored", "scored"]);
    for record in &run.samples {
        assert_eq!(
            (&record["score"], &record["missing"]["score"]),
            (&Value::Null, &json!("the test gives no scores"))
        );
        let load = load(record);
        assert_eq!(
            (&load["requests"], &load["answered"], &load["errors"]),
            (&json!(4), &json!(4), &json!({}))
        );
        let tokens = load["prompt_tokens"]["mean"].as_f64().unwrap();
        assert!((tokens - 96.0).abs() < 12.0, "the server counts {tokens} tokens of 96");
        assert_eq!(load["completion_tokens"]["max"], 12.0);
        // Three further tokens or more arrive in pieces that were timed.
        assert!(load["itl_ms"]["n"].as_u64().unwrap() > 12, "{load}");
        assert_eq!(load["prefill_measured_by"], "server");
        assert!(load["ttft_ms"]["absent"]["percentiles"].as_str().unwrap().contains("needs 20"));
        // Calibration and warm-up are in no figure: four prompts of about 96 tokens.
        let counted = record["prompt_tokens"].as_f64().unwrap();
        assert!((counted - 4.0 * tokens).abs() < 1.0, "{counted}");
    }
    let summary = read_json(&run.dir.join("summary.json"));
    let group = &summary["groups"][0];
    assert_eq!((&group["load"]["requests"], &summary["pass_score"]), (&json!(8), &Value::Null));
    assert!(group["tokens_per_sec_per_active_billion"].as_f64().unwrap() > 0.0);
    assert!(group["weight_bandwidth_gb_per_sec"].as_f64().unwrap() > 0.0);
    let report = std::fs::read_to_string(run.dir.join("report.md")).unwrap();
    expect_parts(&report, &["| c1 | 1 at a time |", "dense", "2 measured of 2 planned"]);
    let csv = std::fs::read_to_string(run.dir.join("samples.csv")).unwrap();
    expect_parts(&csv, &["load_concurrency", "ttft_p99_ms"]);

    // What needs scores is refused, and history and resumption take the run as complete.
    let name = run.dir.file_name().unwrap().to_str().unwrap();
    let again = command.run(&["run", "--resume", name]);
    expect_code(&again, 0);
    expect_parts(&again.stderr, &["nothing to do"]);
    let listed = command.run(&["history"]);
    expect_parts(&listed.stdout, &["throughput", "2/2"]);
}

#[test]
fn bench_tells_prompt_and_answer_apart() {
    let command = command();
    let settings = ["mode=bench", "prompt_tokens=128", "output_tokens=16", "requests=3"];
    let output = measure(&command, &settings, &[&SAMPLE[..], &["--runs", "1"]].concat());
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("fixture"), ["pp128", "tg16"]);
    let [pp, tg] = &run.samples[..] else { panic!("{output}") };
    assert!(pp["prefill_tokens_per_sec"].as_f64().unwrap() > 0.0, "{pp}");
    assert_eq!(pp["tokens_per_sec"], Value::Null);
    assert!(pp["missing"]["tokens_per_sec"].as_str().unwrap().contains("fewer than two tokens"));
    assert!(tg["tokens_per_sec"].as_f64().unwrap() > 0.0, "{tg}");
}

#[test]
fn what_cannot_be_measured_is_an_error_that_says_what_can() {
    let command = command();
    let several = measure(&command, &["concurrency=4", "requests=4", "prompt_tokens=32"], &SAMPLE);
    expect_code(&several, 3);
    expect_parts(
        &several.stderr,
        &["cannot drive", "4 requests at a time", "hint:", "--backend openai"],
    );
    for (settings, more, parts) in [
        (&["concurrency=0"][..], &[][..], &["`concurrency` is 0", "hint:"][..]),
        (&["speed=9"], &[], &["unknown key `speed`", "concurrency"]),
        (&[], &["--fail-under", "5"], &["--fail-under", "gives none", "compare"]),
        (&[], &["--until-ci", "0.5"], &["--until-ci", "gives none"]),
    ] {
        let output = measure(&command, settings, &[&SAMPLE[..], more].concat());
        expect_code(&output, 2);
        expect_parts(&output.stderr, parts);
    }
}

#[test]
fn concurrency_and_rate_are_measured_on_an_exact_schedule() {
    let model = "schedule:first_us=20000,every_us=2000";
    let server = ScheduleServer::listing(&[model]).unwrap();
    let url = format!("{}/v1", server.url());
    let command = command();
    let settings = [
        "concurrency=1,4",
        "rate=50",
        "arrival=constant",
        "requests=40",
        "output_tokens=11",
        "slo_ttft_ms=5000",
    ];
    let output = measure(&command, &settings, &scheduled(&url, model));
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("fixture"), ["c1", "c4", "r50"]);
    for record in &run.samples {
        let load = load(record);
        assert_eq!((&load["requests"], &load["answered"]), (&json!(40), &json!(40)), "{load}");
        // The schedule is a lower bound whatever else the machine does: 20 ms, then ten times 2 ms.
        assert!(load["ttft_ms"]["min"].as_f64().unwrap() >= 19.9, "{}", load["ttft_ms"]);
        assert!(load["e2e_ms"]["min"].as_f64().unwrap() >= 39.9, "{}", load["e2e_ms"]);
        assert!(load["ttft_ms"]["percentiles"]["p99"].is_number(), "{}", load["ttft_ms"]);
        assert_eq!(load["tokens_per_chunk"], 1.0);
        assert_eq!(load["goodput"]["slo"]["ttft_ms"], 5000.0);
        assert!(load["output_tokens_per_sec"].as_f64().unwrap() > 0.0);
    }
    let ramp = |place: usize| run.samples[place]["load"]["ramp_sec"].as_f64().unwrap();
    assert_eq!(ramp(0), 0.0);
    assert!(ramp(1) > 0.0 && ramp(2) > 0.0, "{} {}", ramp(1), ramp(2));
    let steady = run.samples[1]["load"]["steady_requests"].as_u64().unwrap();
    assert!((20..=36).contains(&steady), "{steady}");
    // Evenly spaced, the schedule asks for just what was set; nothing else has one.
    let offered = |place: usize| run.samples[place]["load"]["offered_rate_per_sec"].as_f64();
    assert!((offered(0), offered(1)) == (None, None), "{:?}", run.samples[1]);
    assert!(
        offered(2).is_some_and(|rate| (rate - 50.0).abs() < 0.01),
        "{}",
        run.samples[2]["load"]["missing"]
    );
    let page = std::fs::read_to_string(run.dir.join("report.html")).unwrap();
    expect_parts(&page, &["latencyCurve", "chart-load-ttft"]);

    let address = format!("file://{}", run.dir.join("report.html").display());
    let Some(seen) = browse("load.mjs", &[&address]) else { return };
    assert_eq!((&seen["problems"], &seen["unnamed"]), (&json!([]), &json!([])), "{seen}");
    assert_eq!(seen["loads"], json!(["c1", "c4", "r50"]));
    let charts: Vec<u64> = serde_json::from_value(seen["charts"].clone()).unwrap();
    assert!(charts.len() == 2 && charts.iter().all(|paths| *paths > 5), "{charts:?}");
    expect_parts(
        &seen["chart_names"].to_string(),
        &["against throughput", "at c4:", "tokens per second"],
    );
    expect_parts(&seen["labels"].to_string(), &["c1", "c4", "r50"]);
    assert!(!seen["heads"].to_string().contains("Score"), "{}", seen["heads"]);
    assert_eq!(seen["phone_width"], 390);
}

#[test]
fn two_runs_are_compared_load_by_load() {
    let models = ["schedule:first_us=2000,every_us=1000", "schedule:first_us=90000,every_us=1000"];
    let server = ScheduleServer::listing(&models).unwrap();
    let url = format!("{}/v1", server.url());
    let command = command();
    let settings = ["requests=3", "warmup_requests=0", "output_tokens=6"];
    for (name, model) in [("fast", models[0]), ("slow", models[1])] {
        let arguments = ["--backend", "openai", "--url", &url, "--model", model];
        let output = measure(
            &command,
            &settings,
            &[&arguments[..], &["--runs", "4", "--name", name]].concat(),
        );
        expect_code(&output, 0);
    }
    let compared = command.run(&["compare", "fast", "slow", "--format", "json"]);
    expect_code(&compared, 0);
    let contrast = &compared.json()["contrasts"][0];
    assert_eq!(contrast["fixtures"], json!([]), "there are no scores to compare");
    let at_load = &contrast["loads"][0];
    assert_eq!((&at_load["fixture"], &at_load["base_runs"]), (&json!("c1"), &json!(4)));
    let metrics = at_load["metrics"].as_array().unwrap();
    let ttft = metrics.iter().find(|metric| metric["metric"] == "ttft_sec").unwrap();
    // Four against four, all of them slower: the smallest p-value that there is.
    assert_eq!(ttft["verdict"], "worse", "{ttft}");
    assert!(!metrics.iter().any(|metric| metric["metric"] == "score"));
    let text = command.run(&["compare", "fast", "slow"]);
    expect_parts(&text.stdout, &["c1", "TTFT s", "worse"]);
    let failing = ["--fail-on-regression", "--metric", "ttft_sec"];
    expect_code(&command.run(&[&["compare", "fast", "slow"][..], &failing].concat()), 5);
}

#[test]
fn a_stall_of_the_server_shows_in_the_gaps() {
    // 300 ms before the sixth piece: the mean gap of a request, 34 ms, would hide it. A busy machine
    // may read the piece before the stall late, which takes from the gap what it was late.
    let stalling = "schedule:first_us=5000,every_us=1000,pause_us=300000,at=5";
    let server = ScheduleServer::listing(&[stalling]).unwrap();
    let url = format!("{}/v1", server.url());
    let command = command();
    let output = measure(&command, &["requests=3", "output_tokens=10"], &scheduled(&url, stalling));
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    let load = load(&run.samples[0]);
    assert!(load["longest_gap_ms"]["min"].as_f64().unwrap() >= 150.0, "{}", load["longest_gap_ms"]);
    assert!(load["itl_ms"]["max"].as_f64().unwrap() >= 150.0, "{}", load["itl_ms"]);
    assert!(load["itl_ms"]["median"].as_f64().unwrap() < 150.0, "{}", load["itl_ms"]);
}

#[test]
fn failures_are_counted_by_class_and_a_load_without_an_answer_is_no_result() {
    let busy = "schedule:first_us=1000,fault=503,at=0";
    let server = ScheduleServer::listing(&[busy]).unwrap();
    let url = format!("{}/v1", server.url());
    let command = command();
    let settings = ["concurrency=2", "requests=6", "warmup_requests=0", "output_tokens=4"];
    let refused =
        measure(&command, &settings, &[&scheduled(&url, busy)[..], &["--warmup", "0"]].concat());
    expect_code(&refused, 4);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("status"), ["infra_error"]);
    assert!(run.samples[0]["load"].is_null(), "{}", run.samples[0]);
}

#[test]
fn a_failure_between_answers_is_counted_once_and_asked_once() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = parrot_that(vec![
        Step::ndjson(),
        Step::Reply(|request| {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            // Only what is measured may answer with seven tokens.
            let is_measured = body["options"]["num_predict"] == 7;
            if is_measured && ASKED.fetch_add(1, Ordering::SeqCst) == 2 {
                return "{\"error\":\"the runner died\"}\n".to_owned();
            }
            let line = json!({
                "model": "parrot:latest", "created_at": "2026-01-01T00:00:00Z",
                "message": { "role": "assistant", "content": "word" },
                "done": true, "done_reason": "stop", "total_duration": 3_000_000,
                "load_duration": 1_000_000, "prompt_eval_count": 60,
                "prompt_eval_duration": 1_000_000, "eval_count": 7, "eval_duration": 1_000_000,
            });
            format!("{line}\n")
        }),
    ]);
    let command = command();
    let settings = ["prompt_tokens=0", "output_tokens=7", "requests=6", "warmup_requests=0"];
    let more = ["--model", "parrot", "--url", &server.url(), "--runs", "1"];
    let output = measure(&command, &settings, &more);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    let load = load(&run.samples[0]);
    assert_eq!((&load["requests"], &load["answered"]), (&json!(6), &json!(5)), "{load}");
    let counted: Vec<_> = load["errors"].as_object().unwrap().values().collect();
    assert_eq!(counted, [&json!(1)], "{load}");
    assert_eq!(run.samples[0]["retries"], json!([]));
    assert_eq!(ASKED.load(Ordering::SeqCst), 6);
}

#[test]
fn a_load_that_the_user_stops_is_made_again() {
    let slow = "schedule:first_us=200000,tokens=2,id=1";
    let server = ScheduleServer::listing(&[slow]).unwrap();
    let url = format!("{}/v1", server.url());
    let command = command();
    let mut arguments = vec!["run", "--plugin", "throughput", "--monitor", "none", "--warmup", "0"];
    for setting in ["concurrency=2", "requests=400", "warmup_requests=0", "prompt_tokens=0"] {
        arguments.extend(["--set", setting]);
    }
    let arguments: Vec<String> = arguments
        .into_iter()
        .map(|text| match text.contains('=') {
            true => format!("throughput.{text}"),
            false => text.to_owned(),
        })
        .chain(scheduled(&url, slow).map(str::to_owned))
        .collect();
    let running = command.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    wait_until("some answers", || server.connections() >= 2 && server.take_records().len() >= 2);
    running.interrupt();
    expect_code(&running.wait(), 130);
    let run = RunFiles::of(&command);
    assert!(run.field("status").iter().all(|status| *status == "cancelled"), "{:?}", run.samples);
    let missing = command.run(&["run", "--resume", "latest", "--dry-run"]);
    expect_parts(&missing.stdout, &["c2"]);
}

#[test]
fn a_real_ollama_is_measured_at_the_length_that_it_counts() {
    let Some(server) = ollama() else { return };
    let command = command();
    let url = server.url();
    let more =
        ["--model", TINY, "--url", &url, "--runs", "1", "--timeout", "120s", "--num-ctx", "2048"];
    let settings = ["prompt_tokens=160", "output_tokens=16", "requests=4"];
    let output = measure(&command, &settings, &more);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    let load = load(&run.samples[0]);
    let tokens = load["prompt_tokens"]["mean"].as_f64().unwrap();
    assert!((tokens - 160.0).abs() < 24.0, "the server counts {tokens} of 160");
    assert_eq!((&load["requests"], &load["answered"]), (&json!(4), &json!(4)));
    assert!(load["ttft_ms"]["median"].as_f64().unwrap() > 0.0);

    // The same server through its OpenAI interface, four at a time.
    let v1 = format!("{url}/v1");
    let more =
        [&scheduled(&v1, TINY)[..], &["--timeout", "120s", "--num-ctx", "2048", "--out", "v1"]]
            .concat();
    let output = measure(
        &command,
        &["concurrency=4", "requests=16", "prompt_tokens=160", "output_tokens=16"],
        &more,
    );
    expect_code(&output, 0);
    let run = RunFiles::below(&command.dir().join("v1"));
    let load = &run.samples[0]["load"];
    let failed: u64 = load["errors"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(load["answered"].as_u64().unwrap() + failed, 16, "{load}");
}
