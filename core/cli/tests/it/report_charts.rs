//! The charts of `report.html`, as a real Chromium draws them on a desk and on a phone.

use llmbench_schedule_server::ScheduleServer;
use llmbench_testkit::LlmbenchCommand;
use serde_json::{Value, json};

use crate::report_page::browse;
use crate::setup::*;

/// What the charts of a run look like whose attempts `change` has rewritten.
fn charts_of(
    command: &LlmbenchCommand,
    run: &RunFiles,
    change: impl Fn(usize, &mut Value),
) -> Option<Value> {
    let mut samples = run.samples.clone();
    samples.iter_mut().enumerate().for_each(|(place, sample)| change(place, sample));
    let lines: Vec<_> = samples.iter().map(|sample| format!("{sample}\n")).collect();
    std::fs::write(run.dir.join("samples.jsonl"), lines.concat()).unwrap();
    let name = run.dir.to_str().unwrap();
    let page = command.run(&["report", name, "--format", "html", "-o", "page.html"]);
    expect_code(&page, 0);
    let address = format!("file://{}", command.dir().join("page.html").display());
    let seen = browse("charts.mjs", &[&address])?;
    assert_eq!(seen["problems"], json!([]), "{seen}");
    Some(seen)
}

/// The chart with this id, on a desk and on a phone.
fn chart<'a>(seen: &'a Value, id: &str) -> [&'a Value; 2] {
    ["desk", "phone"].map(|width| {
        let charts = seen[width].as_array().unwrap();
        charts.iter().find(|chart| chart["id"] == id).unwrap_or_else(|| panic!("{id}: {seen}"))
    })
}

/// Nothing covers anything else, nothing is cut, and no chart leaves half of its row empty.
fn expect_readable(seen: &Value) {
    for chart in ["desk", "phone"].iter().flat_map(|width| seen[width].as_array().unwrap()) {
        assert_eq!((&chart["pairs"], &chart["cut"]), (&json!([]), &json!([])), "{chart}");
        assert_eq!(chart["half_empty"], false, "{chart}");
    }
}

#[test]
fn axes_reach_as_far_as_the_intervals_do() {
    if !has_node() {
        return;
    }
    let server = parrot(&right_answer());
    let command = command();
    let url = server.url();
    let arguments = ["run", "--model", "parrot", "--fixture", SMALL, "--url", &url, "--runs", "3"];
    let output = command.run(&[&arguments[..], &["--warmup", "0"]].concat());
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    // 386 ± 4.30 · 185 ÷ √3 tokens a second, and a score of 9.5 ± 2.2 over three fixtures.
    let wide = |place: usize, sample: &mut Value| {
        sample["fixture"] = json!(["one", "two", "three"][place]);
        sample["tokens_per_sec"] = json!([201.0, 386.0, 571.0][place]);
        sample["score"] = json!([8.5, 10.0, 10.0][place]);
    };
    let Some(seen) = charts_of(&command, &run, wide) else { return };
    for chart in chart(&seen, "chart-scatter") {
        assert!(chart["x"][1].as_f64().unwrap() > 840.0, "{chart}");
        assert!(chart["y"][1].as_f64().unwrap() > 11.5, "{chart}");
        assert!(!chart["texts"].to_string().contains("11."), "a score is at most 10: {chart}");
    }
    expect_readable(&seen);
    // The name of a model at the top of the chart.
    let full = |_: usize, sample: &mut Value| {
        sample["score"] = json!(10.0);
        sample["tokens_per_sec"] = json!(80_000.0);
    };
    let seen = charts_of(&command, &run, full).unwrap();
    let [desk, _] = chart(&seen, "chart-scatter");
    assert_eq!(desk["y"], json!([0, 10]));
    assert!(desk["texts"].to_string().contains("parrot"), "{desk}");
    expect_readable(&seen);
}

#[test]
fn loads_and_sweeps_can_be_read() {
    let model = "schedule:first_us=1000,every_us=1000";
    let server = ScheduleServer::listing(&[model]).unwrap();
    let url = format!("{}/v1", server.url());
    let command = command();
    let mut arguments = vec!["run", "--plugin", "throughput", "--monitor", "none", "--runs", "1"];
    for setting in ["requests=2", "warmup_requests=0", "output_tokens=4"] {
        arguments.extend(["--set", ["throughput.", setting].concat().leak()]);
    }
    arguments.extend(["--backend", "openai", "--url", &url, "--model", model]);
    expect_code(&command.run(&arguments), 0);
    let run = RunFiles::of(&command);
    // Rates in the order in which they were tried: what they gave goes back and forth.
    let rate = |rate: f64, saturated: bool, tokens: f64, ttft_ms: f64, e2e_ms: f64| {
        json!({
            "rate_per_second": rate, "requests": 20, "failed": 0, "saturated": saturated,
            "output_tokens_per_sec": tokens, "ttft_p50_ms": ttft_ms, "e2e_p50_ms": e2e_ms,
        })
    };
    let sweep = json!([
        rate(0.5, false, 3.8, 583.0, 1051.0),
        rate(1.0, false, 7.5, 467.0, 1080.0),
        rate(2.0, false, 12.7, 1785.0, 2906.0),
        rate(4.0, true, 14.3, 11_354.0, 14_187.0),
        rate(2.83, true, 16.9, 3141.0, 4133.0),
        rate(2.38, true, 12.1, 1746.0, 5639.0),
    ]);
    let swept = |_: usize, sample: &mut Value| sample["load"]["sweep"] = sweep.clone();
    let Some(seen) = charts_of(&command, &run, swept) else { return };
    expect_readable(&seen);
    assert_eq!(seen["badges"], json!(["measured"]));
    for chart in chart(&seen, "chart-load-ttft").into_iter().chain(chart(&seen, "chart-load-e2e")) {
        let [held, too_much] = &chart["lines"].as_array().unwrap()[..] else { panic!("{chart}") };
        assert_eq!((&held["points"], &held["width"]), (&json!(3), &json!(2)), "{chart}");
        assert_eq!((&too_much["points"], &too_much["width"]), (&json!(3), &json!(0)), "{chart}");
        assert_eq!((&held["hollow"], &too_much["hollow"]), (&json!(false), &json!(true)));
        expect_parts(
            &chart["texts"].to_string(),
            &["12,000", "2.0/s", "2.4/s", "4.0/s"][usize::from(chart["id"] == "chart-load-e2e")..],
        );
    }
    // Sustained rates that gave less at more are not joined.
    let back = |_: usize, sample: &mut Value| {
        sample["load"]["sweep"] = sweep.clone();
        sample["load"]["sweep"][1]["output_tokens_per_sec"] = json!(15.0);
    };
    let seen = charts_of(&command, &run, back).unwrap();
    assert_eq!(chart(&seen, "chart-load-ttft")[0]["lines"][0]["width"], 0, "{seen}");
    // Where no tokens were counted, answers stand in their place.
    let uncounted =
        |_: usize, sample: &mut Value| sample["load"]["output_tokens_per_sec"] = Value::Null;
    let seen = charts_of(&command, &run, uncounted).unwrap();
    let [desk, _] = chart(&seen, "chart-load-ttft");
    expect_parts(&desk["texts"].to_string(), &["answers/s"]);
    assert_eq!(desk["lines"][0]["points"], 1, "{desk}");
}
