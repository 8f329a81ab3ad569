//! Servers that fail: finished attempts are kept, lost ones never enter a mean.

use std::time::{Duration, Instant};

use llmbench_testkit::{LlmbenchCommand, OllamaServer, Step};

use crate::setup::*;

/// Makes the random model talk without repeating itself, so that only the limit ends it.
const TALKATIVE: [&str; 6] =
    ["--temperature", "2.0", "--set", "repeat_penalty=1.3", "--warmup", "0"];
/// A test of infrastructure needs no judgement.
const UNJUDGED: [&str; 4] = ["--validator", "types=none", "--validator", "structure=none"];

fn arguments<'a>(url: &'a str, model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["run", "--model", model, "--fixture", SMALL, "--url", url];
    [&fixed[..], &TALKATIVE, &UNJUDGED, more].concat()
}

/// Waits until `condition` holds, at most a minute.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The lines of `samples.jsonl` of the only run so far.
pub(crate) fn finished_attempts(command: &LlmbenchCommand) -> usize {
    let Ok(runs) = std::fs::read_dir(command.dir().join("results")) else { return 0 };
    let lines = |dir: std::path::PathBuf| {
        std::fs::read_to_string(dir.join("samples.jsonl")).unwrap_or_default().lines().count()
    };
    runs.flatten().map(|entry| lines(entry.path())).sum()
}

#[test]
fn a_runner_that_dies_is_tried_again_and_recorded() {
    let Some(server) = own(OllamaServer::tiny()) else { return };
    let url = server.url();
    let command = command();
    let running = command.start(&arguments(
        &url,
        "tiny",
        &["--runs", "1", "--max-tokens", "1500", "--num-ctx", "2048", "--timeout", "2m"],
    ));
    wait_until("an answer under way", || runner_is_busy(&server));
    server.kill_runners();
    let output = running.wait();

    let run = RunFiles::of(&command);
    let [sample] = run.samples.as_slice() else { panic!("{output}") };
    let retries = sample["retries"].as_array().unwrap();
    assert!(!retries.is_empty(), "{sample}\n{output}");
    match sample["status"].as_str().unwrap() {
        "scored" => expect_code(&output, 0),
        "infra_error" => expect_code(&output, 4),
        other => panic!("a killed runner is not the model's {other}: {sample}"),
    }
    expect_parts(&output.stderr, &["trying again"]);
}

/// True once a runner has used a second of a processor: loading takes a quarter.
fn runner_is_busy(server: &OllamaServer) -> bool {
    let ticks = |id: u32| -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        fields.get(11)?.parse().ok()
    };
    server.runner_ids().into_iter().filter_map(ticks).any(|ticks| ticks > 100)
}

#[test]
fn a_run_in_which_everything_was_refused_has_failed() {
    let command = command();
    let small = ["run", "--model", "sample", "--num-ctx", "16", "--monitor", "none", "--runs", "1"];
    let output = command.run(&[&small[..], &["--fixture", SMALL]].concat());
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["no attempt got an answer", "hint: raise `--num-ctx`"]);
    let run = RunFiles::of(&command);
    assert_eq!(run.manifest["status"], "failed");
    expect_parts(run.manifest["error"].as_str().unwrap(), &["no attempt got an answer", "of 16"]);
}

#[test]
fn a_server_that_dies_ends_the_run_and_keeps_what_was_finished() {
    let Some(server) = own(OllamaServer::tiny()) else { return };
    let url = server.url();
    let command = command();
    let running = command.start(&arguments(
        &url,
        "tiny",
        &["--runs", "30", "--max-tokens", "40", "--set", "retries=0"],
    ));
    wait_until("a finished attempt", || finished_attempts(&command) > 0);
    server.kill_server();
    let output = running.wait();
    expect_code(&output, 4);

    let run = RunFiles::of(&command);
    assert_eq!(run.manifest["status"], "failed");
    expect_parts(run.manifest["error"].as_str().unwrap(), &["unreachable", "not tried"]);
    let statuses = run.field("status");
    assert_eq!(statuses[0], "scored");
    assert_eq!(statuses.last().unwrap(), "infra_error");
    assert!(statuses.len() < 30, "the rest was tried in vain: {statuses:?}");
    let lost = run.samples.last().unwrap();
    assert!(lost["missing"]["tokens_per_sec"].is_string(), "{lost}");
    assert!(lost["tokens_per_sec"].is_null() && lost["duration_sec"].is_null(), "{lost}");
}

#[test]
fn a_full_queue_is_tried_again_and_then_the_attempt_is_lost() {
    let busy = Step::json(
        503,
        r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
    );
    let server = parrot_that(busy);
    let command = command();
    let output =
        command.run(&arguments(&server.url(), "parrot", &["--runs", "1", "--set", "retries=2"]));
    expect_code(&output, 4);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("status"), ["infra_error"]);
    assert_eq!(run.samples[0]["retries"].as_array().unwrap().len(), 2);
    expect_parts(&run.samples[0]["errors"][0].to_string(), &["server busy"]);
    let summary = read_json(&run.dir.join("summary.json"));
    assert!(summary["models"][0]["score"]["mean"].is_null(), "{summary}");
}

#[test]
fn a_prompt_that_the_server_cuts_makes_the_attempt_invalid() {
    let Some(server) = ollama() else { return };
    let command = command();
    let long = "Please be careful.\n".repeat(60);
    command.write("small/prompt.md", &format!("{long}{{{{ input_code }}}}\n"));
    let more = ["--runs", "1", "--num-ctx", "128", "--max-tokens", "16"];
    let output = command.run(&arguments(&server.url(), "tiny", &more));
    expect_code(&output, 4);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("status"), ["invalid"]);
    assert!(run.samples[0]["score"].is_null());
    expect_parts(&run.samples[0]["errors"][0].to_string(), &["silently cut", "--num-ctx"]);
}

#[test]
fn an_answer_that_takes_too_long_is_a_timeout() {
    let Some(server) = ollama() else { return };
    let command = command();
    let more = ["--runs", "1", "--timeout", "1s", "--num-ctx", "4096", "--max-tokens", "3000"];
    let mut arguments = arguments(&server.url(), "tiny", &more)
        .iter()
        .map(|text| text.to_string())
        .collect::<Vec<_>>();
    // Loads the model before, which the limit is not meant for.
    let warmup = arguments.iter().position(|text| text == "--warmup").unwrap();
    arguments[warmup + 1] = "1".into();
    let output = command.run(&arguments);
    expect_code(&output, 4);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("status"), ["timeout"]);
    assert_eq!(run.samples[0]["retries"].as_array().unwrap().len(), 0, "the model's fault");
    expect_parts(&run.samples[0]["errors"][0].to_string(), &["not complete within 1.0 s"]);
}

#[test]
fn a_server_that_says_nothing_does_not_hang_the_run() {
    let server = parrot_that(vec![Step::Hang]);
    let command = command();
    let more = ["--runs", "2", "--timeout", "2s", "--set", "load_timeout=2s"];
    let output = command.run(&arguments(&server.url(), "parrot", &more));
    expect_code(&output, 4);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("status"), ["timeout", "timeout"]);
    assert_eq!(run.manifest["status"], "finished");
}
