//! The live display, drawn from made-up events at made-up times.

use std::collections::BTreeMap;
use std::time::Duration;

use llmbench_api::record::{AttemptRecord, AttemptStatus};
use llmbench_api::{Sample, metric};
use llmbench_engine::RunEvent;

use super::state::{Speed, State};
use super::view::{Layout, draw};

const MODEL: &str = "qwen2.5-coder:7b-instruct-q8_0";

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn record(fixture: &str, status: AttemptStatus, completion_tokens: u64) -> AttemptRecord {
    let record = serde_json::json!({
        "id": "1", "model": MODEL, "fixture": fixture, "timestamp": "2026-03-01T10:00:00Z",
        "run_number": 1, "status": status, "score": 8.0, "scoring_version": "2",
        "compiles": true, "ast_score": 8.0, "tokens_per_sec": 40.0, "duration_sec": 5.0,
        "ttft_sec": null, "load_sec": null, "prefill_tokens_per_sec": null, "queue_sec": null,
        "prompt_tokens": 1, "completion_tokens": completion_tokens, "done_reason": "stop",
        "seed": 42, "gpu_avg_utilization": null, "gpu_peak_utilization": null,
        "gpu_avg_memory_gb": null, "gpu_peak_memory_gb": null, "energy_joules": null,
        "output_code": "x", "errors": [], "warnings": [], "missing": {}, "findings": {},
        "monitors": [], "retries": [],
    });
    serde_json::from_value(record).unwrap()
}

fn sample(state: &mut State, name: &str, value: f64, seconds: f64) {
    let values = BTreeMap::from([(name.to_owned(), value)]);
    let sample = Sample { at_ns: 0, device: "d".into(), values };
    state.event(&RunEvent::Sampled { monitor: "m", sample: &sample }, at(seconds));
}

fn start(state: &mut State, fixture: &str, run_number: u32, seconds: f64) {
    let event = RunEvent::AttemptStarted { index: 0, model: MODEL, fixture, run_number };
    state.event(&event, at(seconds));
}

fn chunks(state: &mut State, per_second: u32, from: f64, to: f64) {
    let step = 1.0 / f64::from(per_second);
    let count = ((to - from) / step).round() as u32;
    for index in 0..=count {
        let now = at(from + f64::from(index) * step);
        state.event(&RunEvent::Chunk { bytes: 4, at_ns: 0 }, now);
    }
}

/// Four attempts, of which the third one streams after a good and a lost one.
fn under_way() -> State {
    let mut state = State::default();
    let fixtures = ["props-basic", "store-composable"];
    let plan: Vec<_> = [0, 1, 0, 1].iter().map(|index| (MODEL, fixtures[*index])).collect();
    state.event(&RunEvent::Planned { attempts: &plan }, at(0.0));
    state.event(&RunEvent::Started { attempts: 4 }, at(0.0));
    state.event(&RunEvent::Warming { model: MODEL }, at(0.0));
    start(&mut state, fixtures[0], 1, 5.0);
    chunks(&mut state, 20, 6.0, 10.0);
    let first = record(fixtures[0], AttemptStatus::Scored, 162);
    state.event(&RunEvent::AttemptFinished { index: 0, record: &first }, at(11.0));
    start(&mut state, fixtures[1], 1, 11.0);
    let second = record(fixtures[1], AttemptStatus::Timeout, 0);
    state.event(&RunEvent::AttemptFinished { index: 1, record: &second }, at(31.0));
    start(&mut state, fixtures[0], 2, 31.0);
    for second in 0..10 {
        let now = 26.0 + f64::from(second);
        sample(&mut state, metric::GPU_UTILIZATION_PERCENT, f64::from(second) * 10.0, now);
        sample(&mut state, metric::CPU_PERCENT, 12.0, now);
    }
    chunks(&mut state, 20, 32.0, 36.0);
    state
}

#[track_caller]
fn check(state: &State, seconds: f64, width: usize, ascii: bool, expected: &[&str]) {
    let lines = draw(state, at(seconds), &Layout { width, ascii, color: false });
    assert_eq!(lines, expected, "\n{}", lines.join("\n"));
    let colored = draw(state, at(seconds), &Layout { width, ascii, color: true });
    let plain: Vec<_> =
        colored.iter().map(|line| console::strip_ansi_codes(line).trim_end().to_owned()).collect();
    assert_eq!(plain, lines, "colours change nothing else");
    for line in lines {
        assert!(console::measure_text_width(&line) < width, "`{line}` fills {width} columns");
    }
}

#[test]
fn a_run_under_way_at_every_width() {
    let state = under_way();
    check(
        &state,
        36.0,
        120,
        false,
        &[
            "⠇ qwen2.5-coder:7b-instruct-q8_0 · props-basic · run 2  streaming 4s",
            "  ~40.0 tok/s  81 chunks  GPU          ▂▃▅▆▇   90 %  CPU          ▂▂▂▂▂   12 %",
            "  ━━━━━━━━━━━━────────────  2/4  1 scored  1 lost  36s  about 21s left",
        ],
    );
    check(
        &state,
        36.0,
        80,
        false,
        &[
            "⠇ qwen2.5-coder:7b-instruct-q8_0 · props-basic · run 2  streaming 4s",
            "  ~40.0 tok/s  81 chunks  GPU          ▂▃▅▆▇   90 %  CPU          ▂▂▂▂▂   12 %",
            "  ━━━━━━━━━──────────  2/4  1 scored  1 lost  36s  about 21s left",
        ],
    );
    check(
        &state,
        36.0,
        60,
        false,
        &[
            "⠇ qwen2.5-coder:7b-ins… · props-basic · run 2  streaming 4s",
            "  ~40.0 tok/s  GPU    ▃▇▇  90 %  CPU    ▂▂▂  12 %",
            "  ━━━━─────  2/4  1 scored  1 lost  36s  about 21s left",
        ],
    );
    check(
        &state,
        36.0,
        40,
        false,
        &[
            "⠇ qwen2.5-coder:… · props-basic · run 2",
            "  streaming 4s",
            "  ~40.0 tok/s  GPU    ▃▇▇  90 %",
            "  2/4  1 lost  36s  about 21s left",
        ],
    );
    check(
        &state,
        36.0,
        80,
        true,
        &[
            "| qwen2.5-coder:7b-instruct-q8_0 | props-basic | run 2  streaming 4s",
            "  ~40.0 tok/s  81 chunks  GPU          .-=+*   90 %  CPU          .....   12 %",
            "  #########----------  2/4  1 scored  1 lost  36s  about 21s left",
        ],
    );
}

#[test]
fn before_the_first_attempt() {
    let mut state = State::default();
    let preparing =
        RunEvent::Preparing { message: "starting the type checker", fraction: Some(0.5) };
    state.event(&preparing, at(1.0));
    check(&state, 1.0, 80, true, &["| starting the type checker (50 %)"]);
    state.event(&RunEvent::Started { attempts: 3 }, at(2.0));
    state.event(&RunEvent::Warming { model: "m\u{1b}[31m" }, at(2.0));
    let expected =
        ["| m?[31m  loading and warming up 4s", "", "  -------------------  0/3  0 scored  4s"];
    check(&state, 6.0, 80, true, &expected);
}

#[test]
fn a_chunk_is_called_a_chunk_until_its_tokens_are_known() {
    let mut state = State::default();
    state.event(&RunEvent::Started { attempts: 2 }, at(0.0));
    start(&mut state, "f", 1, 0.0);
    assert_eq!(state.speed(at(1.0)), None, "nothing came in");
    chunks(&mut state, 10, 1.0, 5.0);
    assert_eq!(state.speed(at(5.0)), Some(Speed::Chunks(10.0)));
    // Nothing for three seconds is not the mean over the whole answer.
    assert_eq!(state.speed(at(8.5)), Some(Speed::Chunks(0.0)));
    // 41 chunks held 82 tokens.
    let done = record("f", AttemptStatus::Scored, 82);
    state.event(&RunEvent::AttemptFinished { index: 0, record: &done }, at(6.0));
    assert_eq!(state.speed(at(6.0)), None);
    start(&mut state, "f", 2, 6.0);
    chunks(&mut state, 10, 7.0, 11.0);
    assert_eq!(state.speed(at(11.0)), Some(Speed::Tokens(20.0)));
}

#[test]
fn hardware_has_gaps_where_nothing_was_measured() {
    let mut state = State::default();
    sample(&mut state, metric::CPU_PERCENT, 10.0, 31.0);
    sample(&mut state, metric::CPU_PERCENT, 80.0, 32.0);
    sample(&mut state, metric::CPU_PERCENT, 40.0, 58.0);
    assert_eq!(state.series("CPU", 3, at(59.0)), [Some(80.0), None, Some(40.0)]);
    assert_eq!(state.series("GPU", 3, at(59.0)), [None, None, None]);
    assert_eq!(state.newest("CPU", at(59.0)), Some(40.0));
    assert_eq!(state.newest("CPU", at(64.0)), None, "an old value is not the present one");
    assert_eq!(state.hardware(), ["CPU"]);
}
