use serde_json::json;

use super::*;

fn record(fixture: &str, score: Option<f64>) -> AttemptRecord {
    serde_json::from_value(json!({
        "id": "x", "model": "m", "fixture": fixture, "timestamp": "2026-03-01T10:00:00Z",
        "run_number": 1, "status": if score.is_some() { "scored" } else { "timeout" }, "seed": 42,
        "errors": [], "warnings": [], "missing": {}, "findings": {}, "monitors": [],
        "retries": [], "score": score,
    }))
    .unwrap()
}

/// What the rule says to these scores of each fixture, all of the same number of runs.
fn ask(width: f64, max_runs: u32, fixtures: &[&[Option<f64>]]) -> More {
    let names: Vec<_> = (0..fixtures.len()).map(|index| format!("f{index}")).collect();
    let runs = fixtures[0].len() as u32;
    let rule = UntilCi { width, first_runs: 3, max_runs, fixtures: names.clone() };
    let records: Vec<_> = names
        .iter()
        .zip(fixtures)
        .flat_map(|(name, scores)| scores.iter().map(|score| record(name, *score)))
        .collect();
    rule.more("m", runs, &records.iter().collect::<Vec<_>>())
}

#[track_caller]
fn expect_enough(answer: More, part: &str) {
    let More::Enough(Some(reason)) = &answer else { panic!("{answer:?}") };
    assert!(reason.contains(part) && reason.starts_with("`m`: "), "{reason}");
}

/// Reference: scipy 1.17.1, `t.interval`, as in the vectors of the statistics.
#[test]
fn half_widths_are_those_of_scipy() {
    let check = |values: &[f64], expected: f64| {
        let half = half_width(&[values.to_vec()]).unwrap();
        assert!((half - expected).abs() < 1e-9 * expected, "{half} {expected}");
    };
    check(&[7.0, 8.5, 6.0], (10.292471406354554 - 4.0408619269787796) / 2.0);
    check(&[41.2, 39.8, 40.5, 42.1, 40.9], (41.957238798103646 - 39.84276120189635) / 2.0);
    assert_eq!(half_width(&[vec![6.0, 9.0]]), None);
}

#[test]
fn one_fixture_is_run_until_its_attempts_agree_enough() {
    let scores = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
    assert_eq!(ask(2.0, 100, &[&scores(&[7.0, 8.5, 6.0])]), More::Run);
    expect_enough(ask(3.2, 100, &[&scores(&[7.0, 8.5, 6.0])]), "89 %");
    expect_enough(
        ask(2.0, 3, &[&scores(&[7.0, 8.5, 6.0])]),
        "not reached within --max-runs 3: ±3.13",
    );
    // Two values make no interval, and three runs of which one has no score are two values.
    assert_eq!(ask(50.0, 100, &[&[Some(1.0), Some(2.0), None]]), More::Run);
}

#[test]
fn scores_that_never_change_are_no_certainty() {
    expect_enough(ask(0.5, 100, &[&[Some(8.0); 3]]), "all 3 scores agree");
    expect_enough(ask(0.5, 100, &[&[None; 3]]), "no attempt has a score");
}

#[test]
fn fixtures_that_differ_too_much_end_it() {
    let far = [
        [Some(1.0), Some(1.2)].repeat(3),
        [Some(5.0), Some(5.2)].repeat(3),
        [Some(9.0), Some(9.2)].repeat(3),
    ];
    let far: Vec<&[Option<f64>]> = far.iter().map(Vec::as_slice).collect();
    expect_enough(ask(1.0, 100, &far), "only more fixtures");
    // What looks like a difference may be chance as long as there are few runs.
    let few: Vec<&[Option<f64>]> = far.iter().map(|scores| &scores[..3]).collect();
    assert_eq!(ask(1.0, 100, &few), More::Run);
    // Noise within the fixtures does shrink.
    let noisy: Vec<_> = (0..3)
        .map(|shift| {
            (0..6).map(|run| Some(f64::from((run * 7 + shift * 3) % 10))).collect::<Vec<_>>()
        })
        .collect();
    let noisy: Vec<&[Option<f64>]> = noisy.iter().map(Vec::as_slice).collect();
    assert_eq!(ask(0.1, 100, &noisy), More::Run);
}
