use llmbench_api::record::{
    AttemptRecord, AttemptStatus, ColdPrompt, FixtureRecord, MeasuredBy, RunManifest, Stat,
};

use super::*;
use crate::attempts;
use crate::testing::{cached, lost, manifest, scored, without_gpu};

/// As [`super::summarise`], of whole records.
fn summarise(manifest: &RunManifest, records: &[AttemptRecord]) -> Summary {
    super::summarise(manifest, &attempts(records))
}

/// Two models, two fixtures, three runs each, with all that can go wrong.
fn mixed() -> (RunManifest, Vec<AttemptRecord>) {
    let mut records = Vec::new();
    for (place, model) in ["m1", "m2"].into_iter().enumerate() {
        for (offset, fixture) in ["f1", "f2"].into_iter().enumerate() {
            for run in 1..=3_u32 {
                let score = f64::from(run) + 0.1 * place as f64 + 3.0 * offset as f64;
                let record = scored(model, fixture, run, score);
                records.push(if run == 1 { record } else { cached(record) });
            }
        }
    }
    records[3] = lost(AttemptStatus::Timeout, "m1", "f2", 1, "no answer within 30 s");
    records[11] = without_gpu(records[11].clone(), "nvidia-smi was not found");
    (manifest(&["m1", "m2"], &["f1", "f2"], 3), records)
}

/// Number, mean, lowest, highest, and why some are missing.
fn figures(stat: &Stat) -> (u64, Option<f64>, Option<f64>, Option<f64>, Option<&str>) {
    (stat.n, stat.mean, stat.min, stat.max, stat.missing.as_deref())
}

type Figures = (u64, Option<f64>, Option<f64>, Option<f64>, Option<&'static str>);

fn stat(n: u64, mean: f64, min: f64, max: f64) -> Figures {
    (n, Some(mean), Some(min), Some(max), None)
}

fn remarks(records: &[AttemptRecord], runs: u32) -> Vec<String> {
    summarise(&manifest(&["m"], &["f"], runs), records).groups[0].remarks.clone()
}

fn says(remarks: &[String], part: &str) -> bool {
    remarks.iter().any(|remark| remark.contains(part))
}

#[test]
fn groups_stand_in_the_order_of_the_plan() {
    let (manifest, records) = mixed();
    let summary = summarise(&manifest, &records);
    let names: Vec<_> = summary
        .groups
        .iter()
        .map(|group| (group.model.as_str(), group.fixture.as_deref().unwrap()))
        .collect();
    assert_eq!(names, [("m1", "f1"), ("m1", "f2"), ("m2", "f1"), ("m2", "f2")]);
    assert_eq!(summary.models.len(), 2);
    assert_eq!(summary.planned, 12);
    assert_eq!(summary.statuses["scored"], 11);
    assert_eq!(summary.statuses["timeout"], 1);
}

#[test]
fn levels_are_told_apart_when_there_are_several() {
    let (mut manifest, records) = mixed();
    let level = |manifest: &mut RunManifest, fixture: &str, level| {
        manifest.fixtures.retain(|record| record.name != fixture);
        manifest.fixtures.push(FixtureRecord {
            name: fixture.to_owned(),
            level: Some(level),
            ..FixtureRecord::default()
        });
    };
    level(&mut manifest, "f1", 2);
    level(&mut manifest, "f2", 2);
    assert!(summarise(&manifest, &records).levels.is_empty());
    level(&mut manifest, "f2", 4);
    let summary = summarise(&manifest, &records);
    let found: Vec<_> = summary
        .levels
        .iter()
        .map(|group| (group.model.as_str(), group.level, group.attempts, group.score.mean))
        .collect();
    let of =
        |fixture: usize| (summary.groups[fixture].attempts, summary.groups[fixture].score.mean);
    assert_eq!(
        found,
        [("m1", 2, of(0)), ("m1", 4, of(1)), ("m2", 2, of(2)), ("m2", 4, of(3))]
            .map(|(model, level, (attempts, mean))| (model, Some(level), attempts, mean))
    );
    let attempts = attempts(&records);
    let report = crate::Report::new(&manifest, &attempts);
    let text = crate::render::text(&report, &crate::render::TextOptions::default());
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    let place = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    assert!(place("  level 2") < place("    f1") && place("    f1") < place("  level 4"));
    assert!(lines[place("  level 4")].contains("2/3"), "{text}");
    assert!(crate::render::markdown(&report).contains("### By level"));
}

#[test]
fn the_order_of_the_records_does_not_matter() {
    let (manifest, records) = mixed();
    let expected = summarise(&manifest, &records);
    let mut shuffled = records.clone();
    // Every rotation, and every rotation backwards: 24 orders.
    for _ in 0..records.len() {
        shuffled.rotate_left(1);
        assert_eq!(summarise(&manifest, &shuffled), expected);
        let mut backwards = shuffled.clone();
        backwards.reverse();
        assert_eq!(summarise(&manifest, &backwards), expected);
    }
}

#[test]
fn an_attempt_that_was_not_scored_moves_no_figure() {
    let (manifest, records) = mixed();
    let before = summarise(&manifest, &records);
    for status in [
        AttemptStatus::InfraError,
        AttemptStatus::Timeout,
        AttemptStatus::Invalid,
        AttemptStatus::Cancelled,
    ] {
        // With figures as bad as they can be, should they ever be looked at.
        let mut record = scored("m1", "f1", 4, 0.0);
        record.status = status;
        record.tokens_per_sec = Some(0.001);
        record.duration_sec = Some(9999.0);
        record.compiles = Some(false);
        let after = summarise(&manifest, &[records.clone(), vec![record]].concat());
        for (before, after) in
            before.groups.iter().chain(&before.models).zip(after.groups.iter().chain(&after.models))
        {
            let mut expected = before.clone();
            expected.attempts = after.attempts;
            expected.statuses = after.statuses.clone();
            assert_eq!(*after, expected);
        }
        assert_eq!(after.groups[0].statuses[status.as_str()], 1);
        assert_eq!(after.groups[0].attempts, 4);
    }
}

#[test]
fn a_model_is_worth_the_mean_of_its_fixtures_means() {
    let (manifest, records) = mixed();
    let summary = summarise(&manifest, &records);
    // f1: 1, 2, 3; f2 lost its first run: 5, 6.
    assert_eq!(figures(&summary.groups[0].score), stat(3, 2.0, 1.0, 3.0));
    assert_eq!(figures(&summary.groups[1].score), stat(2, 5.5, 5.0, 6.0));
    let model = &summary.models[0];
    assert_eq!(figures(&model.score), stat(2, 3.75, 2.0, 5.5));
    assert_eq!(model.fixture, None);
    assert!(says(&model.remarks, "mean of the means of 2 fixtures (n = 2)"), "{:?}", model.remarks);
    // The structure score and the speeds pool the five attempts.
    assert_eq!(model.ast_score.n, 5);
    assert!((model.ast_score.mean.unwrap() - 3.4).abs() < 1e-12);
    assert_eq!((model.compiles.count, model.compiles.n), (5, 5));
    assert_eq!(model.tokens_per_sec.n, 5);
}

#[test]
fn a_fixture_without_a_score_is_named() {
    let records = [
        scored("m", "f1", 1, 8.0),
        lost(AttemptStatus::InfraError, "m", "f2", 1, "connection refused"),
    ];
    let summary = summarise(&manifest(&["m"], &["f1", "f2"], 1), &records);
    let model = &summary.models[0];
    assert_eq!((model.score.n, model.score.mean), (1, Some(8.0)));
    assert_eq!(model.score.missing.as_deref(), Some("1 of 2 fixtures: no score"));
    assert!(says(&model.remarks, "leaves out 1 fixture without a scored attempt: f2"));
    assert!(says(&model.remarks, "too few fixtures (n=1)"));
    assert_eq!(summary.groups[1].score.mean, None);
    assert_eq!(summary.groups[1].remarks, ["no attempt was scored"]);
    assert_eq!(summary.groups[1].ttft_sec.missing.as_deref(), Some("no attempt was scored"));
}

#[test]
fn a_cached_prompt_counts_for_the_score_but_not_for_prefill() {
    let mut slow = scored("m", "f", 1, 8.0);
    slow.ttft_sec = Some(2.0);
    let mut fast = cached(scored("m", "f", 2, 6.0));
    fast.ttft_sec = Some(0.001);
    let summary = summarise(&manifest(&["m"], &["f"], 2), &[slow.clone(), fast.clone()]);
    let group = &summary.groups[0];
    let missing = Some("1 of 2 scored attempts: the server had the prompt in its cache");
    assert_eq!(figures(&group.ttft_sec), (1, Some(2.0), Some(2.0), Some(2.0), missing));
    assert_eq!(group.prefill_tokens_per_sec.missing.as_deref(), missing);
    assert_eq!(figures(&group.score), stat(2, 7.0, 6.0, 8.0));
    assert_eq!(group.duration_sec.n, 2);
    assert!(says(&group.remarks, "ttft_sec, prefill_tokens_per_sec: no value for 1 of 2"));
    // Only `true` marks an attempt.
    fast.extra.insert(PROMPT_CACHED.into(), serde_json::json!(false));
    let summary = summarise(&manifest(&["m"], &["f"], 2), &[slow, fast]);
    assert_eq!(summary.groups[0].ttft_sec.n, 2);
}

#[test]
fn few_runs_are_called_few() {
    let records: Vec<_> = (1..=5).map(|run| scored("m", "f", run, 8.0)).collect();
    assert!(says(&remarks(&records[..1], 1), "too few runs (n=1): differences may be chance"));
    assert!(says(&remarks(&records[..4], 4), "too few runs (n=4): differences may be chance"));
    assert!(!says(&remarks(&records, 5), "too few"));
}

#[test]
fn identical_outputs_are_no_spread_of_zero() {
    let same = |run| {
        let mut record = scored("m", "f", run, 8.0);
        record.output_code = Some("same".into());
        record
    };
    let records = [same(1), same(2), same(3)];
    let summary = summarise(&manifest(&["m"], &["f"], 3), &records);
    assert_eq!(summary.groups[0].distinct_outputs, 1);
    assert!(says(&summary.groups[0].remarks, "3 identical outputs"));
    assert!(says(&summary.models[0].remarks, "identical outputs in all runs on 1 of 1 fixture"));

    assert!(!says(&remarks(&records[..1], 1), "identical"), "one output repeats nothing");
    let mut other = records.clone();
    other[2].output_code = Some("same ".into());
    assert!(!says(&remarks(&other, 3), "identical"), "a byte differs");
    other[2].output_code = None;
    assert!(!says(&remarks(&other, 3), "identical"), "one answer is unknown");
}

#[test]
fn what_is_missing_has_its_most_frequent_reason() {
    let records = [
        without_gpu(scored("m", "f", 1, 8.0), "no GPU was found"),
        without_gpu(scored("m", "f", 2, 8.0), "nvidia-smi timed out"),
        without_gpu(scored("m", "f", 3, 8.0), "no GPU was found"),
        scored("m", "f", 4, 8.0),
    ];
    let summary = summarise(&manifest(&["m"], &["f"], 4), &records);
    let gpu = &summary.groups[0].gpu_avg_utilization;
    assert_eq!(gpu.n, 1);
    let reason = "3 of 4 scored attempts: no GPU was found (and 1 other reason)";
    assert_eq!(gpu.missing.as_deref(), Some(reason));
    let remark =
        format!("gpu_avg_utilization, gpu_peak_memory_gb, energy_joules: no value for {reason}");
    assert!(summary.groups[0].remarks.contains(&remark), "{:?}", summary.groups[0].remarks);
}

#[test]
fn a_field_without_a_reason_says_so_and_is_not_zero() {
    let mut record = scored("m", "f", 1, 8.0);
    record.compiles = None;
    record.tokens_per_sec = None;
    let summary = summarise(&manifest(&["m"], &["f"], 1), &[record]);
    let group = &summary.groups[0];
    assert_eq!((group.tokens_per_sec.n, group.tokens_per_sec.mean), (0, None));
    assert_eq!((group.compiles.n, group.compiles.share), (0, None));
    assert!(says(
        &group.remarks,
        "compiles, tokens_per_sec: no value for 1 of 1 scored attempts: no reason was recorded"
    ));
}

#[test]
fn a_value_that_is_no_number_is_left_out() {
    let mut record = scored("m", "f", 2, f64::NAN);
    record.tokens_per_sec = Some(f64::INFINITY);
    let summary = summarise(&manifest(&["m"], &["f"], 2), &[scored("m", "f", 1, 8.0), record]);
    let group = &summary.groups[0];
    assert_eq!((group.score.n, group.score.mean), (1, Some(8.0)));
    assert_eq!(group.tokens_per_sec.mean, Some(41.0));
    assert!(says(&group.remarks, "not a finite number"));
}

#[test]
fn a_gpu_that_waits_is_a_warning() {
    fn warning(utilization: f64) -> Option<String> {
        let mut record = scored("qwen", "f", 1, 8.0);
        record.gpu_avg_utilization = Some(utilization);
        let summary = summarise(&manifest(&["qwen"], &["f"], 1), &[record]);
        summary.warnings.into_iter().find(|warning| warning.contains("GPU utilisation"))
    }
    let text = warning(63.04).unwrap();
    assert!(text.starts_with("`qwen`: average GPU utilisation was 63.0 %, below 80 %"), "{text}");
    assert!(text.contains("the GPU was not the bottleneck"), "{text}");
    assert!(warning(79.96).unwrap().contains("was 79.9 %"));
    assert_eq!(warning(80.0), None);
}

#[test]
fn warnings_are_listed_once() {
    let mut manifest = manifest(&["m"], &["f"], 3);
    manifest.warnings = vec!["the machine was busy".into()];
    let mut records = vec![scored("m", "f", 1, 8.0), scored("m", "f", 2, 8.0)];
    for record in &mut records {
        record.warnings = vec!["the answer was cut off".into(), "the machine was busy".into()];
    }
    records[1].scoring_version = Some("2".into());
    assert_eq!(
        summarise(&manifest, &records).warnings,
        [
            "2 of 3 planned attempts have a record",
            "scores of different scoring versions are mixed: 1 (1 attempts), 2 (1 attempts); compare only those of one version, or run all attempts again",
            "the machine was busy",
            "the answer was cut off",
        ]
    );
}

#[test]
fn nothing_is_hidden_that_the_plan_does_not_name() {
    let manifest_one = manifest(&["m"], &["f"], 1);
    let records = [scored("m", "g", 1, 8.0), scored("other", "f", 1, 8.0)];
    let summary = summarise(&manifest_one, &records);
    let names: Vec<_> = summary
        .groups
        .iter()
        .map(|group| {
            format!("{} {} {}", group.model, group.fixture.as_deref().unwrap(), group.attempts)
        })
        .collect();
    assert_eq!(names, ["m f 0", "m g 1", "other f 1"]);
    assert_eq!(summary.groups[0].remarks, ["no attempt was made"]);
}

#[test]
fn the_tenth_run_stands_behind_the_second() {
    let manifest = manifest(&["b", "a"], &["f"], 10);
    let records = [scored("a", "f", 10, 8.0), scored("a", "f", 2, 8.0), scored("b", "f", 3, 8.0)];
    let records = attempts(&records);
    let ordered: Vec<_> = Ordered::new(&manifest, &records)
        .all()
        .iter()
        .map(|record| (&*record.model, record.run_number))
        .collect();
    assert_eq!(ordered, [("b", 3), ("a", 2), ("a", 10)]);
}

#[test]
fn a_shard_lists_only_what_it_did() {
    let mut manifest = manifest(&["m"], &["f", "g"], 1);
    manifest.plan.shard = Some("1/2".into());
    manifest.plan.attempts = 1;
    let summary = summarise(&manifest, &[scored("m", "g", 1, 8.0)]);
    assert_eq!(summary.groups.len(), 1);
    assert_eq!(summary.models[0].score.missing, None);
    assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
}

#[test]
fn a_prompt_that_was_cold_at_warm_up_stands_for_cached_attempts() {
    let mut manifest = manifest(&["m"], &["f"], 2);
    manifest.models[0].cold_prompts = vec![ColdPrompt {
        fixture: "f".into(),
        ttft_sec: Some(1.5),
        prefill_tokens_per_sec: None,
        ..ColdPrompt::default()
    }];
    let mut records = [scored("m", "f", 1, 8.0), scored("m", "f", 2, 8.0)];
    for record in &mut records {
        record.extra.insert(PROMPT_CACHED.into(), true.into());
    }
    let group = &summarise(&manifest, &records).groups[0];
    assert_eq!((group.ttft_sec.n, group.ttft_sec.mean), (1, Some(1.5)));
    assert_eq!(group.ttft_sec.missing, None);
    assert_eq!(group.prefill_tokens_per_sec.n, 0);
    assert!(group.prefill_tokens_per_sec.missing.is_some());
}

#[test]
fn a_speed_by_the_clients_clock_is_said_to_be_one() {
    let by_server: Vec<_> = (1..=3).map(|run| scored("m", "f", run, 5.0)).collect();
    let part = "by the arrival of the pieces";
    assert!(!says(&remarks(&by_server, 3), part));
    let by_client = by_server.into_iter().map(|record| AttemptRecord {
        tokens_per_sec_measured_by: Some(MeasuredBy::Client),
        ..record
    });
    assert!(says(&remarks(&by_client.collect::<Vec<_>>(), 3), part));
}
