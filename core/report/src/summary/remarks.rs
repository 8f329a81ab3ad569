//! What a reader must know before comparing two groups.

use std::collections::BTreeMap;

use llmbench_api::record::{GroupSummary, LoadFigures, MeasuredBy, Stat};

use super::TOO_FEW;
use super::group::{NOTHING_SCORED, most_frequent, reason, scored};
use crate::render::load::short;
use crate::{Attempt, stats};

/// Stands between the fields and the reason of a remark about missing values.
const NO_VALUE: &str = ": no value for ";

pub(super) fn of_fixture(group: &GroupSummary, attempts: &[&Attempt]) -> Vec<String> {
    let mut remarks = Vec::new();
    if attempts.is_empty() {
        return vec!["no attempt was made".to_owned()];
    }
    let scored = scored(attempts);
    if scored.is_empty() {
        return vec![NOTHING_SCORED.to_owned()];
    }
    remarks.extend(too_few("runs", scored.len() as u64));
    if repeats_one_answer(&scored) {
        remarks.push(format!(
            "{} identical outputs: the runs are repetitions of one answer and say nothing about its spread",
            scored.len()
        ));
    } else {
        remarks.extend(no_spread(&group.score, "runs"));
    }
    remarks.extend(by_arrival(&scored));
    remarks.extend(missing(group, &scored));
    remarks
}

/// Said where tokens/s is by the client's clock.
fn by_arrival(scored: &[&Attempt]) -> Option<String> {
    let by_client =
        |attempt: &&Attempt| attempt.tokens_per_sec_measured_by == Some(MeasuredBy::Client);
    let remark = "tokens/s is by the arrival of the pieces: the server tells no times";
    scored.iter().any(by_client).then(|| remark.to_owned())
}

/// Of a test without scores.
pub(super) fn of_load(
    group: &GroupSummary,
    attempts: &[&Attempt],
    scored: &[&Attempt],
) -> Vec<String> {
    if attempts.is_empty() {
        return vec!["no attempt was made".to_owned()];
    }
    if scored.is_empty() {
        return vec!["no attempt was measured".to_owned()];
    }
    let mut remarks = Vec::from_iter(too_few("runs", scored.len() as u64));
    remarks.extend(by_arrival(scored));
    if let Some(load) = &group.load {
        let failed: u64 = load.errors.values().sum();
        if failed > 0 {
            let classes: Vec<_> =
                load.errors.iter().map(|(class, count)| format!("{count} {class}")).collect();
            remarks.push(format!(
                "{failed} of {} requests failed and are in no latency: {}",
                load.requests,
                classes.join(", ")
            ));
        }
        if load.saturated.count > 0 {
            remarks.push(format!(
                "saturated in {} of {} runs: requests came faster than they were answered, so latencies say how long it was measured",
                load.saturated.count, load.saturated.n
            ));
        }
        remarks.extend(sustained(&load.sustained_rate_per_sec, scored));
    }
    remarks
}

/// What a sweep sustained, beside what was then really due and answered.
fn sustained(rate: &Stat, scored: &[&Attempt]) -> Option<String> {
    let shown = short(Some(rate.mean?));
    let swept = scored.iter().filter_map(|attempt| attempt.load.as_deref());
    let swept: Vec<_> = swept.filter(|load| load.sustained_rate_per_sec.is_some()).collect();
    let mean = |value: fn(&LoadFigures) -> Option<f64>| {
        let values: Option<Vec<f64>> = swept.iter().map(|load| value(load)).collect();
        stats::describe(&values?).ok()?.mean
    };
    let offered = mean(|load| load.offered_rate_per_sec);
    let answered = mean(|load| load.requests_per_sec);
    let parts = [(offered, "offered by the schedule"), (answered, "answered")];
    let parts = parts.map(|(value, name)| Some(format!("{} {name}", short(Some(value?)))));
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let over = if rate.n > 1 { format!(", the mean of {} runs", rate.n) } else { String::new() };
    let beside = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    Some(format!("the sweep sustained {shown} requests a second{over}{beside}"))
}

pub(super) fn of_model(
    group: &GroupSummary,
    fixtures: &[GroupSummary],
    attempts: &[&Attempt],
) -> Vec<String> {
    let mut remarks = Vec::new();
    if attempts.is_empty() {
        return vec!["no attempt was made".to_owned()];
    }
    let scored = scored(attempts);
    if scored.is_empty() {
        return vec![NOTHING_SCORED.to_owned()];
    }
    remarks.push(format!(
        "score: mean of the means of {} (n = {}); all other figures pool the scored attempts",
        count(group.score.n, "fixture"),
        group.score.n
    ));
    let without: Vec<_> = fixtures
        .iter()
        .filter(|fixture| fixture.score.n == 0)
        .filter_map(|fixture| fixture.fixture.as_deref())
        .collect();
    if !without.is_empty() {
        remarks.push(format!(
            "score leaves out {} without a scored attempt: {}",
            count(without.len() as u64, "fixture"),
            without.join(", ")
        ));
    }
    // With one fixture the runs are what there is to count.
    remarks.extend(match fixtures {
        [_] => too_few("runs", scored.len() as u64),
        _ => too_few("fixtures", group.score.n),
    });
    if fixtures.len() > 1 {
        remarks.extend(no_spread(&group.score, "fixtures"));
    }
    let on = |fixture: &GroupSummary| -> Vec<&Attempt> {
        let name = fixture.fixture.as_deref();
        scored.iter().copied().filter(|record| Some(&*record.fixture) == name).collect()
    };
    let identical = fixtures.iter().filter(|fixture| repeats_one_answer(&on(fixture))).count();
    if identical > 0 {
        remarks.push(format!(
            "identical outputs in all runs on {identical} of {}",
            count(fixtures.len() as u64, "fixture")
        ));
    }
    remarks.extend(missing(group, &scored));
    remarks
}

/// True for at least two scored attempts whose answers are byte-identical.
pub(crate) fn repeats_one_answer(scored: &[&Attempt]) -> bool {
    let mut outputs = scored.iter().map(|record| record.output);
    match outputs.next() {
        Some(Some(first)) => scored.len() >= 2 && outputs.all(|output| output == Some(first)),
        _ => false,
    }
}

/// True for a remark that says why a field has no value.
pub(crate) fn is_about_missing(remark: &str) -> bool {
    remark.contains(NO_VALUE)
}

fn too_few(what: &str, n: u64) -> Option<String> {
    (n < TOO_FEW).then(|| format!("too few {what} (n={n}): differences may be chance"))
}

/// Equal scores collapse the interval to a point, which is not what is known about the next one.
fn no_spread(score: &Stat, what: &str) -> Option<String> {
    (score.n >= 2 && score.min == score.max)
        .then(|| format!("score: no spread seen in {} {what}", score.n))
}

/// One remark for each reason, naming the fields that it concerns.
fn missing(group: &GroupSummary, scored: &[&Attempt]) -> Vec<String> {
    let unknown: Vec<String> = scored
        .iter()
        .filter(|record| record.compiles.is_none())
        .map(|record| reason(record, "compiles"))
        .collect();
    let compiles = Stat { missing: most_frequent(&unknown, scored.len()), ..Stat::default() };
    // The score of a whole model counts fixtures; its gap has a remark of its own.
    let score = if group.fixture.is_some() { &group.score } else { &Stat::default() };
    let fields = [
        ("score", score),
        ("ast_score", &group.ast_score),
        ("compiles", &compiles),
        ("tokens_per_sec", &group.tokens_per_sec),
        ("duration_sec", &group.duration_sec),
        ("ttft_sec", &group.ttft_sec),
        ("prefill_tokens_per_sec", &group.prefill_tokens_per_sec),
        ("gpu_avg_utilization", &group.gpu_avg_utilization),
        ("gpu_peak_memory_gb", &group.gpu_peak_memory_gb),
        ("energy_joules", &group.energy_joules),
    ];
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (field, stat) in fields {
        let Some(missing) = stat.missing.as_deref() else { continue };
        let place = *places.entry(missing).or_insert(by_reason.len());
        match by_reason.get_mut(place) {
            Some((_, fields)) => fields.push(field),
            None => by_reason.push((missing, vec![field])),
        }
    }
    by_reason
        .into_iter()
        .map(|(reason, fields)| format!("{}{NO_VALUE}{reason}", fields.join(", ")))
        .collect()
}

fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
