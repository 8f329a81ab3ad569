//! Holds `docs/result-format.md` to the types that it describes.

use std::collections::BTreeSet;

use llmbench_api::record::{AttemptRecord, FORMAT_VERSION, MetricStats, MonitorStats};
use llmbench_api::{Check, Diagnostic, Findings};
use serde::Serialize;
use serde_json::Value;

use crate::testing::{manifest, scored};
use crate::{attempts, render, summarise};

const PAGE: &str = include_str!("../../../docs/result-format.md");

/// Names in backticks on the page.
fn documented() -> BTreeSet<&'static str> {
    PAGE.split('`').skip(1).step_by(2).collect()
}

#[track_caller]
fn check(value: impl Serialize) {
    let documented = documented();
    let value = serde_json::to_value(value).unwrap();
    for field in value.as_object().unwrap().keys() {
        assert!(documented.contains(field.as_str()), "`{field}` is not documented");
    }
}

#[test]
fn every_field_is_documented() {
    let (manifest, record) = (manifest(&["m"], &["f"], 1), scored("m", "f", 1, 8.0));
    let summary = summarise(&manifest, &attempts(std::slice::from_ref(&record)));
    check(&record);
    check(&manifest);
    check(&manifest.plan);
    check(llmbench_api::record::SessionRecord::default());
    check(&manifest.plugins[0]);
    check(&manifest.fixtures[0]);
    check(&manifest.models[0]);
    check(&manifest.models[0].identity);
    check(llmbench_api::record::ColdPrompt::default());
    check(&manifest.server);
    check(&manifest.roles["types"]);
    check(&manifest.roles["types"].info);
    check(&manifest.settings["runs"]);
    check(llmbench_api::record::MonitorRecord::default());
    check(llmbench_api::MonitorInfo::default());
    check(&manifest.environment);
    check(&manifest.environment.gpus[0]);
    check(&manifest.calibration);
    check(llmbench_api::record::Calibration::default());
    check(llmbench_api::record::StreamCalibration::default());
    check(llmbench_api::record::ErrorFigures::default());
    check(&summary);
    check(&summary.groups[0]);
    check(llmbench_api::record::ContextMap::default());
    check(llmbench_api::record::ContextLength::default());
    check(llmbench_api::record::ContextCell::default());
    check(llmbench_api::record::AgreementSummary::default());
    check(llmbench_api::record::GroupAgreement::default());
    check(&summary.groups[0].score);
    check(&summary.groups[0].compiles);
    check(llmbench_api::record::LoadFigures::default());
    check(llmbench_api::record::LoadPoint::default());
    check(llmbench_api::record::Goodput::default());
    check(llmbench_api::record::Slo::default());
    check(llmbench_api::record::SweepPoint::default());
    check(llmbench_api::record::LoadSummary::default());
    check(Findings::default());
    check(Diagnostic::default());
    check(Check::default());
    check(MonitorStats::default());
    check(MetricStats::default());
}

#[test]
fn every_column_is_documented() {
    let documented = documented();
    let missing: Vec<_> =
        render::CSV_COLUMNS.iter().filter(|column| !documented.contains(*column)).collect();
    assert_eq!(missing, [&""; 0]);
}

#[test]
fn the_version_is_the_current_one() {
    assert!(PAGE.contains(&format!("Format version **{FORMAT_VERSION}**")));
}

#[test]
fn the_example_is_a_record_with_every_field() {
    let example = PAGE.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let value: Value = serde_json::from_str(example).unwrap();
    let record: AttemptRecord = serde_json::from_value(value.clone()).unwrap();
    let again = serde_json::to_value(&record).unwrap();
    assert_eq!(value, again, "a field is missing in the example, or has another type");
    assert!(crate::Attempt::from(&record).prompt_cached);
    for field in value.as_object().unwrap() {
        if field.1.is_null() {
            assert!(record.missing.contains_key(field.0), "`{}` is null without a reason", field.0);
        }
    }
}

#[test]
fn every_statistic_is_documented() {
    let records: Vec<_> = (1..=20).map(|run| scored("m", "f", run, f64::from(run) / 2.0)).collect();
    let summary = summarise(&manifest(&["m"], &["f"], 20), &attempts(&records));
    let group = &summary.groups[0];
    check(group.score.ci95);
    check(group.score.percentiles);
    check(group.pass_k[0]);
}
