//! Ctrl-C ends a run in order; `third_party` shows the second one against a plugin that hangs.

use llmbench_testkit::Step;

use crate::faults::{finished_attempts, wait_until};
use crate::setup::*;

#[test]
fn it_keeps_what_was_finished() {
    let Some(server) = ollama() else { return };
    let command = command();
    let running = command.start(&[
        "run",
        "--model",
        "tiny",
        "--fixture",
        SMALL,
        "--url",
        &server.url(),
        "--runs",
        "200",
        "--max-tokens",
        "32",
        "--warmup",
        "0",
        "--validator",
        "types=none",
    ]);
    wait_until("two finished attempts", || finished_attempts(&command) >= 2);
    running.interrupt();
    let output = running.wait();
    expect_code(&output, 130);
    expect_parts(&output.stderr, &["finished attempts are kept"]);

    let run = RunFiles::of(&command);
    assert_eq!(run.manifest["status"], "interrupted");
    assert!(run.manifest["finished_at"].is_string());
    let statuses = run.field("status");
    assert!(statuses.len() < 200 && statuses[..2] == ["scored", "scored"], "{statuses:?}");
    let lost = statuses.iter().filter(|status| *status != "scored").count();
    assert!(lost <= 1, "only the one under way may be lost: {statuses:?}");
    assert!(run.dir.join("report.md").is_file() && run.dir.join("summary.json").is_file());
    let report = command.run(&["report", run.dir.to_str().unwrap()]);
    expect_code(&report, 0);
    expect_parts(&report.stdout, &["interrupted"]);
}

#[test]
fn an_answer_under_way_does_not_delay_the_end() {
    let server = parrot_that(vec![Step::Hang]);
    let command = command();
    let running = command.start(&[
        "run",
        "--model",
        "parrot",
        "--fixture",
        SMALL,
        "--url",
        &server.url(),
        "--warmup",
        "0",
        "--timeout",
        "10m",
        "--set",
        "load_timeout=10m",
        "--validator",
        "types=none",
    ]);
    wait_until("a request", || server.requests().iter().any(|request| request.path == "/api/chat"));
    running.interrupt();
    expect_code(&running.wait(), 130);
}
