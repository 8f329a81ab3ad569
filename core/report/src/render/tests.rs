use llmbench_api::Measured;
use llmbench_api::record::{AttemptRecord, AttemptStatus, RunManifest, RunStatus};
use serde_json::json;

use super::*;
use crate::testing::{cached, lost, manifest, scored, without_gpu};
use crate::{Report, attempts};

const PLAIN: TextOptions = TextOptions { color: false, width: 100 };

/// Several models and fixtures with a bit of everything.
fn several() -> (RunManifest, Vec<AttemptRecord>) {
    let models = ["qwen2.5-coder:7b-instruct-q8_0", "gemma3:4b-it-q4_K_M"];
    let fixtures = ["props-basic", "emits-and-slots"];
    let mut manifest = manifest(&models, &fixtures, 3);
    manifest.warnings = vec!["the machine was busy at the start (load 7.1)".into()];
    let mut records = Vec::new();
    for (place, model) in models.into_iter().enumerate() {
        for (offset, fixture) in fixtures.into_iter().enumerate() {
            for run in 1..=3 {
                let score = 9.0 - place as f64 - 0.5 * offset as f64 - 0.25 * f64::from(run);
                let record = scored(model, fixture, run, score);
                records.push(if run == 1 { record } else { cached(record) });
            }
        }
    }
    for record in &mut records[0..3] {
        record.output_code = Some("<template/>\n".into());
        record.score = Some(8.0);
    }
    records[4].compiles = Some(false);
    records[4].errors = vec!["TS2322: Type 'string' is not assignable to type 'number'.".into()];
    let busy = "the server is busy";
    records[6] = lost(AttemptStatus::InfraError, models[1], fixtures[0], 1, busy);
    records[7] = lost(AttemptStatus::InfraError, models[1], fixtures[0], 2, busy);
    records[10] = lost(AttemptStatus::Invalid, models[1], fixtures[1], 2, "the prompt was cut");
    records[9] = lost(AttemptStatus::Timeout, models[1], fixtures[1], 1, "no answer within 30 s");
    for record in &mut records[6..] {
        *record = without_gpu(record.clone(), "nvidia-smi was not found in PATH");
    }
    (manifest, records)
}

/// A run whose server never answered.
fn nothing_scored() -> (RunManifest, Vec<AttemptRecord>) {
    let mut manifest = manifest(&["m"], &["f"], 2);
    manifest.status = RunStatus::Failed;
    manifest.error = Some("the server stopped answering".into());
    manifest.environment.gpus.clear();
    let error = "connection refused at http://127.0.0.1:11434";
    (manifest, vec![lost(AttemptStatus::InfraError, "m", "f", 1, error)])
}

/// Names, errors and answers that try to break out of every format.
fn hostile() -> (RunManifest, Vec<AttemptRecord>) {
    let (model, fixture) = ("=cmd()|x\x1b[31m", "<script>alert(1)</script>");
    let mut record = scored(model, fixture, 1, 2.0);
    record.errors = vec![
        "=HYPERLINK(\"http://evil.test\",\"x\")".into(),
        "```\n</details>\n<img src=x onerror=alert(1)>".into(),
    ];
    record.warnings = vec!["- [x](javascript:alert(1)) | \u{202e}evil".into()];
    record.retries = vec!["# heading\n\n<b>".into()];
    record.output_code = Some("````\n</details>\n```js\n<script>alert(2)</script>\n\x07".into());
    record.missing.insert("queue_sec".into(), "a,\"b\"\nc".into());
    let mut manifest = manifest(&[model], &[fixture], 1);
    manifest.name = Some("`<h1>`".into());
    manifest.argv.push("--name=```".into());
    manifest.models[0].identity.digest.value = Some("<digest>|".into());
    (manifest, vec![record])
}

/// A test without fixture, types or structure, and fewer figures.
fn throughput() -> (RunManifest, Vec<AttemptRecord>) {
    let mut manifest = manifest(&["m"], &[""], 1);
    manifest.test = "throughput".into();
    manifest.roles.clear();
    let mut record = scored("m", "", 1, 10.0);
    record.compiles = None;
    record.ast_score = None;
    record.extra.insert("prompt_cached".into(), json!(false));
    (manifest, vec![record])
}

macro_rules! snapshots {
    ($($name:ident),*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn as_text() {
                let (manifest, records) = super::$name();
                let attempts = attempts(&records);
                insta::assert_snapshot!(text(&Report::new(&manifest, &attempts).with_details(&records), &PLAIN));
            }

            #[test]
            fn as_markdown() {
                let (manifest, records) = super::$name();
                let attempts = attempts(&records);
                insta::assert_snapshot!(markdown(&Report::new(&manifest, &attempts).with_details(&records)));
            }

            #[test]
            fn as_csv() {
                let (manifest, records) = super::$name();
                let attempts = attempts(&records);
                insta::assert_snapshot!(csv(&Report::new(&manifest, &attempts).with_details(&records)));
            }
        }
    )*};
}

snapshots!(several, nothing_scored, hostile, throughput);

#[test]
fn json_of_a_whole_run() {
    let (manifest, records) = several();
    let attempts = attempts(&records);
    let report = Report::new(&manifest, &attempts);
    let text = json(&report.summary);
    insta::assert_snapshot!(text);
    let back: llmbench_api::record::Summary = serde_json::from_str(&text).unwrap();
    assert_eq!(back, report.summary);
}

#[test]
fn the_table_fits_the_terminal() {
    for width in [0, 80, 90, 100, 120] {
        for (manifest, records) in [several(), nothing_scored(), throughput()] {
            let attempts = attempts(&records);
            let report = Report::new(&manifest, &attempts);
            let text = text(&report, &TextOptions { color: false, width });
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= usize::from(width.max(80)), "{widest} of {width}:\n{text}");
        }
    }
}

#[test]
fn colour_is_written_only_when_asked_for() {
    let (manifest, records) = hostile();
    let attempts = attempts(&records);
    let report = Report::new(&manifest, &attempts);
    assert!(!text(&report, &PLAIN).contains('\x1b'), "a name may not write control sequences");
    let colored = text(&report, &TextOptions { color: true, ..PLAIN });
    assert!(colored.starts_with("\x1b[1m"));
    assert!(!colored.contains("\x1b[31mx"), "only our own");
}

#[test]
fn nothing_untrusted_becomes_markup() {
    let (manifest, records) = hostile();
    let attempts = attempts(&records);
    let markdown = markdown(&Report::new(&manifest, &attempts).with_details(&records));
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => continue,
            None if line.starts_with("```") => fence = Some(line),
            None => {
                let tags = line.matches('<').count();
                let own = ["<details>", "</details>", "<summary>", "</summary>"];
                let known: usize = own.iter().map(|tag| line.matches(tag).count()).sum();
                assert_eq!(tags, known, "outside of a fence: {line}");
            }
        }
    }
    assert_eq!(fence, None, "every fence is closed");
    let tables = markdown.lines().filter(|line| line.starts_with("| "));
    for line in tables {
        let cells = line.replace("\\|", "").matches('|').count();
        assert!([4, 7, 12, 13, 14, 15].contains(&cells), "{cells} in {line}");
    }
}

#[test]
fn each_csv_row_is_one_line_with_all_columns() {
    for (manifest, records) in [several(), hostile(), nothing_scored(), throughput()] {
        let attempts = attempts(&records);
        let text = csv(&Report::new(&manifest, &attempts).with_details(&records));
        assert_eq!(text.lines().count(), records.len() + 1);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), CSV_COLUMNS.as_slice());
        for row in reader.records() {
            let row = row.unwrap();
            assert_eq!(row.len(), CSV_COLUMNS.len());
            for cell in &row {
                let is_number = cell.parse::<f64>().is_ok();
                assert!(
                    is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                    "a spreadsheet takes {cell} for a formula"
                );
            }
        }
    }
}

#[test]
fn every_figure_of_a_record_has_a_column() {
    let record = serde_json::to_value(scored("m", "f", 1, 8.0)).unwrap();
    let elsewhere = ["output_code", "findings", "monitors"];
    for field in record.as_object().unwrap().keys() {
        let has = CSV_COLUMNS.contains(&field.as_str());
        assert_ne!(has, elsewhere.contains(&field.as_str()), "{field}");
    }
}

#[test]
fn the_order_of_the_records_does_not_show() {
    let (manifest, records) = several();
    let mut backwards = records.clone();
    backwards.reverse();
    let (forwards, backwards) = (attempts(&records), attempts(&backwards));
    let (a, b) = (Report::new(&manifest, &forwards), Report::new(&manifest, &backwards));
    assert_eq!(text(&a, &PLAIN), text(&b, &PLAIN));
    assert_eq!(markdown(&a), markdown(&b));
    assert_eq!(csv(&a), csv(&b));
}

#[test]
fn a_long_answer_is_cut_and_the_rest_is_named() {
    let mut record = scored("m", "f", 1, 1.0);
    record.output_code = Some("é".repeat(10_000));
    record.errors = (0..60).map(|n| format!("error {n}")).collect();
    let manifest = manifest(&["m"], &["f"], 1);
    let records = [record];
    let attempts = attempts(&records);
    let markdown = markdown(&Report::new(&manifest, &attempts).with_details(&records));
    assert!(markdown.contains("10 more in samples.jsonl."));
    assert!(markdown.contains("3616 bytes more in samples.jsonl."));
}

/// Two loads of a test without scores, the second one with failures and too many of them.
fn loads() -> (RunManifest, Vec<AttemptRecord>) {
    let mut manifest = manifest(&["m:7b"], &["c1", "r4"], 2);
    manifest.test = "throughput".into();
    manifest.is_scored = false;
    manifest.max_score = 0.0;
    manifest.roles.clear();
    manifest.models[0].identity.active_parameters = Measured::known(1_000_000_000);
    let stat = |median: f64| {
        json!({ "n": 24, "mean": median, "median": median, "min": 1.0, "max": 4.0 * median,
            "percentiles": { "p50": median, "p90": 2.0 * median, "p95": 2.5 * median, "p99": 3.0 * median } })
    };
    let arrivals = [
        ("c1", json!({ "kind": "sequential" })),
        ("r4", json!({ "kind": "open", "rate_per_second": 4.0, "poisson": true })),
    ];
    let mut records = Vec::new();
    for (place, (fixture, arrival)) in arrivals.into_iter().enumerate() {
        for run in 1..=2 {
            let slower = 1.0 + place as f64 + 0.5 * f64::from(run);
            let mut record = scored("m:7b", fixture, run, 0.0);
            record.score = None;
            record.ast_score = None;
            record.compiles = None;
            record.output_code = None;
            record.missing.insert("score".into(), llmbench_api::record::NO_SCORES.into());
            let load = json!({
                "point": { "arrival": arrival, "prompt_tokens": 512, "output_tokens": 128 },
                "requests": 24, "answered": 24 - place, "steady_requests": 23,
                "errors": if place == 1 { json!({ "busy/connect": 1 }) } else { json!({}) },
                "ttft_ms": stat(50.0 * slower), "itl_ms": stat(5.0 * slower), "e2e_ms": stat(900.0 * slower),
                "tpot_ms": stat(6.0 * slower), "longest_gap_ms": stat(9.0 * slower),
                "requests_per_sec": 1.25 * slower, "output_tokens_per_sec": 160.0 * slower,
                "saturated": (place == 1).then_some(true),
                "missing": { "goodput": "no SLO is set" },
            });
            record.extra.insert("load".into(), load);
            records.push(record);
        }
    }
    (manifest, records)
}

#[test]
fn a_test_without_scores_is_a_table_of_its_loads() {
    let (manifest, records) = loads();
    let short = attempts(&records);
    let report = Report::new(&manifest, &short);
    let text = text(&report, &PLAIN);
    // Means of two runs: (240 + 320)/2 tokens a second, medians of 75 and 100 ms, 99th of 225 and 300.
    for part in ["48/48", "46/48", "280", "87.5 / 262", "138 / 412", "4 of 4 attempts"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("Score") && !text.contains("correct"), "{text}");
    let markdown = markdown(&report);
    for part in [
        "4 measured of 4 planned",
        "| m:7b | r4 | 4 a second, Poisson | 2/2 | 46/48 |",
        "| m:7b | r4 | busy/connect | 2 | 48 |",
        "2 of 48 requests failed",
    ] {
        assert!(markdown.contains(part), "{part}\n{markdown}");
    }
    assert!(!markdown.contains("Score /") && !markdown.contains("## Correct"), "{markdown}");
    let table = csv(&report);
    let row = table.lines().nth(4).unwrap();
    assert!(row.contains(",4,24,23,23,"), "{row}");
}

/// The names in the first column, put together again where they are broken.
fn names_in(text: &str) -> String {
    let mut lines = text.lines();
    let is_rule = |line: &&str| line.starts_with('─');
    assert_eq!((lines.find(is_rule).is_some(), lines.find(is_rule).is_some()), (true, true));
    let rows = lines.take_while(|line| !is_rule(line));
    rows.filter_map(|row| row.split_whitespace().next()).collect()
}

#[test]
fn a_name_that_is_broken_keeps_its_hyphens() {
    for (mut manifest, mut records) in [loads(), several()] {
        let long = "vue-ts-sample-of-a-model-with-many-parts-in-its-long-name-q8-0";
        let short = manifest.models[0].identity.name.clone();
        manifest.models[0].identity.name = long.into();
        manifest.plan.models[0] = long.into();
        for record in records.iter_mut().filter(|record| record.model == short) {
            record.model = long.into();
        }
        let attempts = attempts(&records);
        let report = Report::new(&manifest, &attempts);
        for width in [80, 100, 200] {
            let text = text(&report, &TextOptions { color: false, width });
            let names = names_in(&text);
            assert!(names.contains(long), "{names}\n{text}");
            assert!(!text.contains('\u{200b}'), "{text}");
        }
    }
}

#[test]
fn the_legend_explains_the_columns_that_there_are() {
    let (manifest, records) = loads();
    let attempts = attempts(&records);
    let report = Report::new(&manifest, &attempts);
    for (width, has_speeds) in [(80, false), (100, true)] {
        let text = text(&report, &TextOptions { color: false, width });
        assert_eq!(text.replace("\n  ", " ").contains("pp and tg:"), has_speeds, "{text}");
        assert!(text.contains("ITL every gap") && !text.contains("TPOT"), "{text}");
    }
    let markdown = markdown(&report);
    assert!(markdown.contains("TPOT time for each") && markdown.contains("pp and tg:"));
}

#[test]
fn a_range_is_called_one_where_it_is_shown() {
    let (manifest, records) = several();
    let some = attempts(&records);
    let text = |report: &Report<'_>| super::text(report, &PLAIN);
    assert!(text(&Report::new(&manifest, &some)).contains("behind a mean is the range"));
    let equal = attempts(&records[..3]);
    let text = text(&Report::new(&manifest, &equal));
    assert!(!text.contains("is the range"), "{text}");
}

#[test]
fn a_sweep_says_what_it_offered_and_what_was_answered() {
    let (manifest, mut records) = loads();
    for record in &mut records[2..] {
        let load = record.extra.get_mut("load").unwrap();
        load["sustained_rate_per_sec"] = json!(2.0);
        load["offered_rate_per_sec"] = json!(1.873);
        load["requests_per_sec"] = json!(1.506);
        let point = json!({ "rate_per_second": 2.0, "offered_rate_per_sec": 1.873, "requests": 20,
            "requests_per_sec": 1.506, "output_tokens_per_sec": 12.6 });
        load["sweep"] = json!([point]);
    }
    let beside = "(1.87 offered by the schedule, 1.51 answered)";
    for (runs, over) in [(2, ", the mean of 2 runs"), (1, "")] {
        let short = attempts(&records[..2 + runs]);
        let report = Report::new(&manifest, &short);
        let note = format!("m:7b / r4: the sweep sustained 2.00 requests a second{over} {beside}");
        let text = text(&report, &TextOptions { color: false, width: 200 });
        assert!(text.contains(&note) && !text.contains("on average"), "{text}");
        let markdown = markdown(&report);
        assert!(markdown.contains("| m:7b | 2.00 | 1.87 | 1.51 | 12.6 |"), "{markdown}");
    }
}

#[test]
fn loads_are_not_put_together_and_nothing_is_missed_of_scores() {
    let (manifest, records) = loads();
    let short = attempts(&records);
    let summary = Report::new(&manifest, &short).summary;
    let whole = &summary.models[0];
    assert_eq!((whole.tokens_per_sec.n, &whole.load), (0, &None));
    assert!(whole.tokens_per_sec.missing.as_deref().unwrap().contains("2 load points"));
    assert_eq!((summary.pass_score, whole.statuses["scored"]), (None, 4));
    // 41.5 tokens a second of 10⁹ active parameters.
    assert_eq!(summary.groups[0].tokens_per_sec_per_active_billion, Some(41.5));
    let remarks = &summary.groups[1].remarks;
    assert!(remarks.iter().any(|remark| remark.contains("saturated in 2 of 2")), "{remarks:?}");
    assert!(!remarks.iter().any(|remark| remark.contains("score")), "{remarks:?}");
}
