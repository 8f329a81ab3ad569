use serde_json::{Value, json};

use super::data::{Budget, page_data};
use super::{Source, attempt_data, html};
use crate::testing::{manifest, scored};
use crate::{Report, attempts};

#[test]
fn what_does_not_fit_is_counted_and_each_group_keeps_its_first_answer() {
    let manifest = manifest(&["m"], &["f", "g"], 50);
    let mut records = Vec::new();
    for fixture in ["f", "g"] {
        for run in 1..=50 {
            let mut record = scored("m", fixture, run, 8.0);
            record.output_code = Some(format!("// {fixture}{run} {}", "x".repeat(1000)));
            records.push(record);
        }
    }
    let short = attempts(&records);
    let report = Report::new(&manifest, &short).with_details(&records);
    let source = [Source { report: &report, dir: None }];
    let data = page_data(&source, Some(&Budget { detail_bytes: 20_000 }));
    let details = data["details"].as_object().unwrap();
    assert!(details.len() > 4 && details.len() < 30, "{}", details.len());
    // The first of each fixture stand in rows 0 and 50.
    assert!(details.contains_key("0") && details.contains_key("50"));
    assert_eq!(data["left_out"], 100 - details.len());
    assert_eq!(data["rows"].as_array().unwrap().len(), 100);
    assert_eq!(page_data(&source, None)["details"], json!({}));
}

#[test]
fn a_row_is_so_small_that_a_hundred_thousand_fit_into_a_page() {
    let manifest = manifest(&["m"], &["f"], 1000);
    let long = "TS2345: Argument of type 'string' is not assignable to parameter of type 'number'.";
    let records: Vec<_> = (1..=1000)
        .map(|run| {
            let mut record = scored("m", "f", run, 7.123_456);
            record.id =
                format!("{:05}-qwen2-5-coder-7b-instruct-q8-0-simple-component-r{run}", run - 1);
            record.errors = vec![long.into()];
            record
        })
        .collect();
    let short = attempts(&records);
    let report = Report::new(&manifest, &short);
    let data = page_data(&[Source { report: &report, dir: None }], None);
    let bytes = data["rows"].to_string().len() + data["texts"].to_string().len();
    assert!(bytes < 100 * 1000, "{} bytes for each attempt", bytes / 1000);
}

#[test]
fn an_attempt_says_why_its_parts_are_absent() {
    let manifest = manifest(&["m"], &["f"], 1);
    let records = [scored("m", "f", 1, 8.0)];
    let short = attempts(&records);
    let report = Report::new(&manifest, &short).with_details(&records);
    let source = Source { report: &report, dir: None };
    let detail = attempt_data(source, &records[0].id).unwrap();
    assert!(detail["expected_reason"].as_str().unwrap().contains("no expected solution"));
    assert!(detail["conversation_reason"].as_str().unwrap().contains("without the run's folder"));
    assert_eq!(detail["timeline"], Value::Null);
    assert_eq!(attempt_data(source, "../../run"), None);
}

#[test]
fn two_runs_stand_side_by_side_and_what_they_say_is_escaped() {
    let first = manifest(&["m"], &["f"], 1);
    let mut second = manifest(&["m"], &["f", "g"], 1);
    second.run_id = "</title><script>".into();
    let records = [scored("m", "f", 1, 8.0)];
    let short = attempts(&records);
    let reports = [Report::new(&first, &short), Report::new(&second, &short)];
    let sources = [0, 1].map(|n| Source { report: &reports[n], dir: None });
    let data = page_data(&sources, None);
    assert_eq!(data["series"], json!([{ "run": 0, "model": "m" }, { "run": 1, "model": "m" }]));
    assert_eq!(data["fixtures"].as_array().unwrap().len(), 2);
    assert_eq!(data["rows"][1][0], 1);
    assert_eq!(data["summary"]["models"][1]["series"], 1);
    let page = html(&sources);
    assert!(!page.contains("</title><script>"));
}
