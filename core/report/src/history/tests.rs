//! Entries and trends of small hand-made runs.

use std::path::PathBuf;

use llmbench_api::Measured;
use llmbench_api::record::{AttemptStatus, RunManifest};

use super::{RunEntry, trend};
use crate::render::{self, ListOptions};
use crate::testing::{lost, manifest, scored};
use crate::{Run, attempts};

/// A run of models `a` and `b` on day `day` of March, changed by `change`.
fn entry(day: u32, score: f64, change: impl FnOnce(&mut RunManifest)) -> RunEntry {
    let mut manifest = manifest(&["a", "b"], &["f", "g"], 1);
    manifest.run_id = format!("202603{day:02}T100000Z-refactoring-abc{day:03}");
    manifest.started_at = format!("2026-03-{day:02}T10:00:00.25Z");
    change(&mut manifest);
    let records = attempts(&[
        scored("a", "f", 1, score),
        scored("a", "g", 1, score - 1.0),
        scored("b", "f", 1, 2.0),
        lost(AttemptStatus::Timeout, "b", "g", 1, "too slow"),
    ]);
    let dir = PathBuf::from("results").join(&manifest.run_id);
    RunEntry::of(&Run { dir, manifest, records, warnings: Vec::new() })
}

fn wide() -> ListOptions {
    ListOptions::default()
}

#[test]
fn an_entry_has_the_figures_of_the_summary() {
    let entry = entry(1, 8.0, |_| {});
    assert_eq!((entry.planned, entry.attempts, entry.scored), (4, 4, 3));
    assert_eq!(entry.model("a").unwrap().score.mean, Some(7.5));
    assert_eq!(entry.model("b").unwrap().fixtures[1].score, None);
    assert_eq!(entry.score_range(), Some((2.0, 7.5)));
    assert_eq!(entry.machine, "Example CPU, 16 CPUs, 64 GB, Example GPU");
    assert_eq!(entry.fixtures[0].sha256, "0123456789abcdef");
    let text = serde_json::to_string(&entry).unwrap();
    assert_eq!(serde_json::from_str::<RunEntry>(&text).unwrap(), entry);
}

#[test]
fn every_run_has_one_line_at_every_width() {
    let runs =
        [entry(2, 9.0, |run| run.name = Some("night\u{1b}[31m".into())), entry(1, 8.0, |_| {})];
    let text = render::history(&runs, &wide());
    insta::assert_snapshot!(text, @r"
    Started (UTC)     Run                                  Name             Test         Backend  Models  Fixtures    Scored    Score  tok/s  Status
    2026-03-02 10:00  20260302T100000Z-refactoring-abc002  night\u{1b}[31m  refactoring  ollama   a, b    2 fixtures     3/4  2.0–8.5   41.0  finished
    2026-03-01 10:00  20260301T100000Z-refactoring-abc001                   refactoring  ollama   a, b    2 fixtures     3/4  2.0–7.5   41.0  finished
    ");
    for width in [40, 60, 80, 100] {
        let options = ListOptions { width: Some(width), ..wide() };
        let text = render::history(&runs, &options);
        assert_eq!(text.lines().count(), 3, "{text}");
        let limit = width.max(60);
        assert!(text.lines().all(|line| line.chars().count() <= limit), "{width}:\n{text}");
        assert!(text.contains(&runs[0].folder), "the name is what a user types: {text}");
    }
    let options = ListOptions { ascii: true, ..wide() };
    assert!(render::history(&runs, &options).is_ascii());
    let text = render::history(&[], &wide());
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn the_csv_has_a_row_for_each_model_and_no_formulas() {
    let run = entry(1, 8.0, |run| run.name = Some("=HYPERLINK(1)".into()));
    let text = render::history_csv(&[run]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], render::HISTORY_COLUMNS.join(","));
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].contains(",'=HYPERLINK(1),"), "{text}");
}

#[test]
fn a_trend_names_what_changed_and_compares_only_what_can_be() {
    let runs = [
        // Not in order: a trend sorts.
        entry(3, 9.0, |run| run.models[0].identity.digest = Measured::known("sha256:new".into())),
        entry(1, 7.0, |_| {}),
        entry(2, 8.0, |_| {}),
        entry(4, 9.5, |run| {
            run.models[0].identity.digest = Measured::known("sha256:new".into());
            run.scoring_version = Some("2".into());
        }),
        entry(5, 9.5, |run| {
            run.models[0].identity.digest = Measured::known("sha256:new".into());
            run.scoring_version = Some("2".into());
            run.environment.cpu = Some("Other CPU".into());
            run.fixtures[0].sha256 = "fedcba9876543210".into();
        }),
    ];
    let seen = trend(&runs, "a", None);
    let deltas: Vec<_> = seen.points.iter().map(|point| point.score_delta).collect();
    assert_eq!(deltas, [None, Some(1.0), Some(1.0), None, None]);
    let speeds: Vec<_> = seen.points.iter().map(|point| point.speed_change).collect();
    assert_eq!(speeds, [None, Some(0.0), Some(0.0), Some(0.0), None]);
    let changed = |index: usize| {
        seen.points[index].changes.iter().map(|change| change.what.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(changed(1), [""; 0]);
    assert_eq!(changed(2), ["digest"]);
    assert_eq!(changed(3), ["scoring version"]);
    assert_eq!(changed(4), ["machine", "fixtures"]);
    insta::assert_snapshot!(render::trend(&seen, &wide()), @r"
    a · 5 runs
    score 0–10        ▆▆▇▇▇
    tok/s 0–41.0      █████
    Started (UTC)     Run                                           Scored  Score  Change  tok/s  Change
    2026-03-01 10:00  20260301T100000Z-refactoring-abc001  2 in 2 fixtures    6.5           41.0
    2026-03-02 10:00  20260302T100000Z-refactoring-abc002  2 in 2 fixtures    7.5    +1.0   41.0  ±0.0 %
    2026-03-03 10:00  20260303T100000Z-refactoring-abc003  2 in 2 fixtures    8.5    +1.0   41.0  ±0.0 %
    2026-03-04 10:00  20260304T100000Z-refactoring-abc004  2 in 2 fixtures    9.0           41.0  ±0.0 %
    2026-03-05 10:00  20260305T100000Z-refactoring-abc005  2 in 2 fixtures    9.0           41.0
    warning: 20260303T100000Z-refactoring-abc003: digest changed: sha256:feedbeef → sha256:new
    warning: 20260304T100000Z-refactoring-abc004: scoring version changed: 1 → 2; the score is not compared with the run before
    warning: 20260305T100000Z-refactoring-abc005: machine changed: Example CPU, 16 CPUs, 64 GB, Example GPU → Other CPU, 16 CPUs, 64 GB, Example GPU; the speed is not compared with the run before
    warning: 20260305T100000Z-refactoring-abc005: fixtures changed: `f` 0123456789ab → `f` fedcba987654; the score is not compared with the run before
    ");
    let options = ListOptions { ascii: true, width: Some(60), ..wide() };
    let text = render::trend(&seen, &options);
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn a_trend_over_one_fixture_does_not_mind_the_others() {
    let mut runs = vec![entry(1, 7.0, |_| {}), entry(2, 8.0, |_| {})];
    runs[1].models[0].fixtures.truncate(1);
    let whole = trend(&runs, "a", None);
    assert_eq!(whole.points[1].score_delta, None, "other fixtures, other mean");
    assert_eq!(whole.points[1].changes[0].what, "fixtures");
    let one = trend(&runs, "a", Some(&|name: &str| name == "f"));
    assert_eq!(one.points[1].score_delta, Some(1.0));
    assert_eq!(one.fixtures, ["f"]);
    assert!(trend(&runs, "nobody", None).points.is_empty());
}
