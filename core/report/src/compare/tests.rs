use std::path::PathBuf;

use llmbench_api::Measured;
use llmbench_api::record::{AttemptStatus, MeasuredBy, RunStatus};
use serde_json::json;

use super::*;
use crate::testing::{lost, manifest, scored};
use crate::{Attempt, CpuUse, Run, attempts};

/// Eight fixtures, five runs each, with scores around `mean`.
fn run(id: &str, models: &[&str], mean: f64) -> Run {
    let names: Vec<String> = (0..8).map(|index| format!("f{index}")).collect();
    let fixtures: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut manifest = manifest(models, &fixtures, 5);
    manifest.run_id = id.to_owned();
    let mut records = Vec::new();
    for (place, model) in models.iter().enumerate() {
        for (index, fixture) in fixtures.iter().enumerate() {
            for run in 1..=5 {
                let ease = 0.1 * index as f64 + 0.05 * f64::from(run * (1 + run % 2));
                let mut record = scored(model, fixture, run, mean + ease + place as f64);
                record.id = format!("{model}-{fixture}-{run}");
                record.tokens_per_sec = Some(40.0 + ease * mean);
                records.push(record);
            }
        }
    }
    let dir = PathBuf::from(id);
    Run { dir, manifest, records: attempts(&records), warnings: Vec::new() }
}

fn two(base: Run, other: Run) -> Vec<(Run, Option<String>)> {
    vec![(base, None), (other, None)]
}

fn compared(runs: &[(Run, Option<String>)]) -> Comparison {
    compare(&Sides::of(runs, &[]).unwrap(), Options::default()).unwrap()
}

fn refusal(runs: &[(Run, Option<String>)]) -> String {
    compare(&Sides::of(runs, &[]).unwrap(), Options::default()).unwrap_err().to_string()
}

fn metric<'a>(comparison: &'a Comparison, name: &str) -> &'a MetricComparison {
    let metrics = &comparison.contrasts[0].metrics;
    metrics.iter().find(|metric| metric.metric == name).unwrap()
}

/// Makes the difference of each fixture another one.
fn uneven(mut run: Run, by: f64) -> Run {
    for (index, attempt) in run.records.iter_mut().enumerate() {
        attempt.score = attempt.score.map(|score| score + by * (index / 5) as f64);
    }
    run
}

#[test]
fn a_clear_difference_is_found_in_both_directions() {
    let (low, high) = (run("a", &["m"], 5.0), uneven(run("b", &["m"], 6.0), 0.05));
    let comparison = compared(&two(low.clone(), high.clone()));
    let score = metric(&comparison, "score");
    assert_eq!((score.verdict, score.fixtures), (Verdict::Better, 8));
    assert!((score.effect.unwrap() - 1.175).abs() < 1e-9, "{score:?}");
    assert_eq!(score.p, Some(2.0 / 256.0));
    assert!(score.ci95.unwrap().low > 0.0 && score.minimum_detectable.unwrap() > 0.0);
    assert_eq!(score.method.as_deref(), Some("exact sign-flip, 8 fixtures"));
    assert!(comparison.regressions(&["score".into()], 0.0).is_empty());

    let back = compared(&two(high, low));
    assert_eq!(metric(&back, "score").verdict, Verdict::Worse);
    assert_eq!(back.regressions(&["score".into()], 1.0).len(), 1);
    assert!(back.regressions(&["score".into()], 2.0).is_empty(), "the margin counts");
    assert!(back.regressions(&["tokens_per_sec".into()], 0.0).len() <= 1);
}

#[test]
fn what_goes_both_ways_is_undecided() {
    let base = run("a", &["m"], 5.0);
    let mut other = run("b", &["m"], 5.0);
    for (index, attempt) in other.records.iter_mut().enumerate() {
        let way = if index / 5 % 2 == 0 { 0.5 } else { -0.45 };
        attempt.score = attempt.score.map(|score| score + way);
    }
    let comparison = compared(&two(base.clone(), other));
    let score = metric(&comparison, "score");
    assert_eq!(score.verdict, Verdict::Undecided);
    assert_eq!(score.reason.as_deref(), Some("the interval holds both better and worse"));
    let equal = compared(&two(base.clone(), Run { dir: "c".into(), ..base }));
    let score = metric(&equal, "score");
    assert_eq!((score.verdict, score.p), (Verdict::Undecided, Some(1.0)));
    assert_eq!(score.reason.as_deref(), Some("both sides are equal on every fixture"));
}

#[test]
fn too_few_fixtures_show_nothing_and_say_so() {
    let keep = |mut run: Run, names: &[&str]| {
        run.records.retain(|attempt| names.contains(&&*attempt.fixture));
        run
    };
    let (low, high) = (run("a", &["m"], 2.0), uneven(run("b", &["m"], 8.0), 0.01));
    let names = ["f0", "f1", "f2", "f3", "f4"];
    let comparison = compared(&two(keep(low.clone(), &names), keep(high.clone(), &names)));
    let score = metric(&comparison, "score");
    assert_eq!((score.verdict, score.p), (Verdict::Undecided, Some(2.0 / 32.0)));
    assert_eq!(score.reason.as_deref(), Some("5 fixtures cannot show a difference; 6 can"));
    assert_eq!((score.can_differ, score.minimum_detectable), (false, None));

    let comparison = compared(&two(keep(low.clone(), &["f0"]), keep(high, &["f0"])));
    let score = metric(&comparison, "score");
    assert_eq!((score.verdict, score.cliffs_delta), (Verdict::Better, Some(1.0)));
    assert_eq!(score.method.as_deref(), Some("exact Mann–Whitney, 5 against 5 runs"));
    assert_eq!((score.can_differ, score.smallest_p), (true, Some(2.0 / 252.0)));

    let three = |run: Run| {
        let mut run = keep(run, &["f0"]);
        run.records.retain(|attempt| attempt.run_number <= 3);
        run
    };
    let high = uneven(run("b", &["m"], 8.0), 0.01);
    let comparison = compared(&two(three(uneven(low.clone(), 0.02)), three(high)));
    let score = metric(&comparison, "score");
    assert_eq!((score.p, score.minimum_detectable), (Some(0.1), None));
    let reason = "so few runs cannot show a difference; 4 on each side can";
    assert_eq!(score.reason.as_deref(), Some(reason));

    let mut same = keep(low.clone(), &["f0"]);
    let first = same.records[0].output;
    same.records.iter_mut().for_each(|attempt| attempt.output = first);
    let comparison = compared(&two(same, Run { dir: "c".into(), ..keep(low, &["f0"]) }));
    let score = metric(&comparison, "score");
    assert_eq!((score.verdict, score.p), (Verdict::Undecided, None));
    assert!(score.reason.as_deref().unwrap().contains("one answer in all runs"));
}

#[test]
fn the_order_of_the_records_does_not_show() {
    let (base, other) = (run("a", &["m"], 5.0), uneven(run("b", &["m"], 5.5), 0.1));
    let expected = compared(&two(base.clone(), other.clone()));
    let mut shuffled = other;
    for _ in 0..5 {
        shuffled.records.rotate_left(7);
        shuffled.records.reverse();
        assert_eq!(compared(&two(base.clone(), shuffled.clone())), expected);
    }
}

#[test]
fn many_comparisons_make_each_harder() {
    let base = run("a", &["m"], 5.0);
    let runs: Vec<_> = ["b", "c", "d"].map(|id| uneven(run(id, &["m"], 6.0), 0.05)).into();
    let mut all = vec![(base, None)];
    all.extend(runs.into_iter().map(|run| (run, None)));
    let comparison = compared(&all);
    assert_eq!(comparison.contrasts.len(), 3);
    for contrast in &comparison.contrasts {
        let score = &contrast.metrics[0];
        assert_eq!((score.p, score.p_adjusted), (Some(2.0 / 256.0), Some(6.0 / 256.0)));
    }
}

#[test]
fn sides_are_what_the_user_means() {
    let names = |runs: &[(Run, Option<String>)], models: &[&str]| -> Vec<String> {
        let models: Vec<String> = models.iter().map(|model| (*model).to_owned()).collect();
        let sides = Sides::of(runs, &models).map_err(|error| error.to_string());
        let side = |(run, model): &Picked<'_>| format!("{}#{model}", run.manifest.run_id);
        match sides {
            Ok(sides) => {
                sides.pairs.iter().map(|(a, b)| format!("{} {}", side(a), side(b))).collect()
            }
            Err(error) => vec![error],
        }
    };
    let (a, b) = (run("a", &["m", "n", "o"], 5.0), run("b", &["n", "m"], 5.0));
    let one = [(a.clone(), None)];
    assert_eq!(names(&one, &[]), ["a#m a#n", "a#m a#o"]);
    assert_eq!(names(&one, &["o", "n"]), ["a#n a#o"]);
    assert!(names(&one, &["n"])[0].contains("leaves nothing to compare"));
    assert!(names(&one, &["x"])[0].contains("has no model `x`; it has m, n, o"));
    let both = [(a.clone(), None), (b.clone(), None)];
    assert_eq!(names(&both, &[]), ["a#m b#m", "a#n b#n"]);
    let picked = [(a.clone(), Some("o".into())), (b.clone(), None)];
    assert_eq!(names(&picked, &[]), ["a#o b#n", "a#o b#m"]);
    let same = [(a.clone(), Some("o".into())), (a.clone(), Some("o".into()))];
    assert!(names(&same, &[])[0].contains("compared with itself"));
    let foreign = [(a, None), (run("c", &["x", "y"], 5.0), None)];
    assert!(names(&foreign, &[])[0].contains("none in common"));

    let spec = |text: &str, is_run: bool| Spec::parse(text, |_| is_run);
    assert_eq!(spec("r#m:7b", false), Spec { run: "r".into(), model: Some("m:7b".into()) });
    assert_eq!(spec("r#m:7b", true), Spec { run: "r#m:7b".into(), model: None });
    assert_eq!(spec("r", false), Spec { run: "r".into(), model: None });
}

/// One change of the other run, and what is said about it.
fn changed(change: impl Fn(&mut Run)) -> Vec<(Run, Option<String>)> {
    let mut other = run("b", &["m"], 5.0);
    change(&mut other);
    two(run("a", &["m"], 5.0), other)
}

#[test]
fn what_makes_it_meaningless_is_refused() {
    #[track_caller]
    fn check(expected: &str, change: impl Fn(&mut Run)) {
        let runs = changed(change);
        let refused = refusal(&runs);
        assert!(refused.contains(expected), "{refused}");
        let sides = Sides::of(&runs, &[]).unwrap();
        let forced = compare(&sides, Options { force: true });
        if let Ok(forced) = forced {
            assert_eq!(forced.findings(Severity::Refusal).len(), 1, "it is still told");
        }
    }
    check("scores were made by different rules: base 1, other 2", |run| {
        for attempt in &mut run.records {
            attempt.scoring_version = Some("2".into());
        }
    });
    check("the highest score differs: base 10, other 5", |run| run.manifest.max_score = 5.0);
    check("`m` names two different models", |run| {
        run.manifest.models[0].identity.digest = Measured::known("sha256:other".into());
    });
    check("the context size differs", |run| {
        let mut setting = run.manifest.settings["runs"].clone();
        setting.value = json!(2048);
        run.manifest.settings.insert("num_ctx".into(), setting);
    });
    check("of different tests", |run| run.manifest.test = "throughput".into());
    check("no fixture is scored on both sides", |run| {
        for fixture in &mut run.manifest.fixtures {
            fixture.sha256 = "changed".into();
        }
    });
}

#[test]
fn what_makes_it_doubtful_is_told() {
    #[track_caller]
    fn check(name: &str, severity: Severity, change: impl Fn(&mut Run)) -> Comparison {
        let comparison = compared(&changed(change));
        let found: Vec<_> = comparison.contrasts[0]
            .findings
            .iter()
            .map(|finding| (finding.check.as_str(), finding.severity))
            .collect();
        assert_eq!(found, [(name, severity)], "{comparison:?}");
        comparison
    }
    assert_eq!(compared(&changed(|_| ())).contrasts[0].findings, []);
    let other_machine = |run: &mut Run| run.manifest.environment.cpu = Some("Another CPU".into());
    let comparison = check("machine", Severity::SpeedNotJudged, other_machine);
    let speed = metric(&comparison, "tokens_per_sec");
    assert_eq!(speed.reason.as_deref(), Some("speeds are not judged: machine"));
    let throttled = |run: &mut Run| run.records[3].throttled_share = Some(0.5);
    check("throttled", Severity::SpeedNotJudged, throttled);
    check("machine-busy", Severity::SpeedNotJudged, |run| {
        let busy = CpuUse { machine_share: 0.9, process_cores: 8.0 };
        run.records.iter_mut().for_each(|attempt| attempt.cpu = Some(busy));
    });
    let warning = Severity::Warning;
    check("server", warning, |run| run.manifest.server.version = Measured::known("9".into()));
    check("speed-clock", warning, |run| {
        for attempt in &mut run.records {
            attempt.tokens_per_sec_measured_by = Some(MeasuredBy::Client);
        }
    });
    check("sampling", warning, |run| {
        let setting = run.manifest.settings["runs"].clone();
        run.manifest.settings.insert("temperature".into(), setting);
    });
    check("judges", warning, |run| {
        run.manifest.roles.get_mut("types").unwrap().info.tools.clear();
    });
    check("unfinished", warning, |run| run.manifest.status = RunStatus::Interrupted);
    check("fixture", warning, |run| run.manifest.fixtures[0].sha256 = "changed".into());
    check("overlap", warning, |run| {
        run.records.retain(|attempt| &*attempt.fixture != "f0");
    });
    check("lost-attempts", warning, |run| {
        for (index, attempt) in run.records.iter_mut().enumerate().filter(|(i, _)| i % 5 == 0) {
            let fixture = attempt.fixture.to_string();
            let record = lost(AttemptStatus::Timeout, "m", &fixture, index as u32, "late");
            *attempt = Attempt::from(&record);
        }
    });
}

#[test]
fn a_fixture_that_changes_sides_is_named() {
    let mut base = run("a", &["m"], 5.0);
    let mut other = run("b", &["m"], 5.0);
    for attempt in base.records.iter_mut().filter(|attempt| &*attempt.fixture == "f2") {
        attempt.score = Some(10.0);
    }
    for attempt in other.records.iter_mut().filter(|attempt| &*attempt.fixture == "f5") {
        attempt.score = Some(if attempt.run_number <= 3 { 9.0 } else { 0.0 });
    }
    let comparison = compared(&two(base, other));
    let flips: Vec<_> = comparison.contrasts[0]
        .fixtures
        .iter()
        .filter_map(|fixture| Some((fixture.fixture.as_str(), fixture.flip?)))
        .collect();
    assert_eq!(flips, [("f2", Flip::Lost), ("f5", Flip::Gained)]);
    let f5 = &comparison.contrasts[0].fixtures[5];
    assert_eq!((f5.base_correct, f5.other_correct, f5.other_runs), (Some(0), Some(3), 5));
}
