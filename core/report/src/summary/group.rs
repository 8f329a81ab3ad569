//! The figures of one group of attempts.

use std::collections::{BTreeMap, BTreeSet};

use llmbench_api::record::{AttemptStatus, ColdPrompt, GroupSummary, NO_SCORES, Rate, Stat};

use super::{correct, is_prompt_cached, load, remarks};
use crate::{Attempt, stats};

/// Why a group has no figures although it has attempts.
pub(crate) const NOTHING_SCORED: &str = "no attempt was scored";
/// Stands between the count and the reason in [`Stat::missing`].
const OF_SCORED: &str = " scored attempts: ";

/// One model on one fixture.
///
/// `cold` are the prompts that were sent at warm-up, before the server had them in its cache.
pub(super) fn of_fixture(
    model: &str,
    fixture: &str,
    attempts: &[&Attempt],
    cold: &[&ColdPrompt],
    pass_score: Option<f64>,
) -> GroupSummary {
    let scored = scored(attempts);
    let mut group = pooled(model, attempts, &scored, cold);
    group.fixture = Some(fixture.to_owned());
    group.score = stat(&scored, "score", |record| record.score);
    correct::of_fixture(&mut group, &scored, pass_score);
    if remarks::repeats_one_answer(&scored) {
        // One answer, judged several times, says nothing about the next one.
        for stat in [&mut group.score, &mut group.ast_score] {
            if stat.ci95.take().is_some() {
                let reason = format!("{} identical outputs", scored.len());
                stat.absent.insert("ci95".to_owned(), reason);
            }
        }
        group.compiles.ci95 = None;
        group.correct.ci95 = None;
    }
    group.remarks = remarks::of_fixture(&group, attempts);
    group
}

/// What a test without scores tells of one fixture: nothing about scores, and its load.
pub(super) fn without_score(group: &mut GroupSummary, attempts: &[&Attempt]) {
    let scored = scored(attempts);
    for stat in [&mut group.score, &mut group.ast_score] {
        *stat = Stat { missing: Some(NO_SCORES.to_owned()), ..Stat::default() };
    }
    for field in ["energy_per_correct_joules", "correct_per_hour"] {
        group.absent.insert(field.to_owned(), NO_SCORES.to_owned());
    }
    group.load = load::of_fixture(&scored);
    group.remarks = remarks::of_load(group, attempts, &scored);
}

/// The same of a model: with several fixtures nothing but counts, for each is another load.
pub(super) fn of_loads(group: &mut GroupSummary, fixtures: &[GroupSummary]) {
    if let [only] = fixtures {
        *group = GroupSummary { fixture: None, level: None, ..only.clone() };
        return;
    }
    let apart = format!("{} load points are not put together", fixtures.len());
    for stat in [
        &mut group.tokens_per_sec,
        &mut group.duration_sec,
        &mut group.ttft_sec,
        &mut group.prefill_tokens_per_sec,
        &mut group.energy_joules,
    ] {
        *stat = Stat { missing: Some(apart.clone()), ..Stat::default() };
    }
    for stat in [&mut group.score, &mut group.ast_score] {
        *stat = Stat { missing: Some(NO_SCORES.to_owned()), ..Stat::default() };
    }
    for field in ["energy_per_correct_joules", "correct_per_hour"] {
        group.absent.insert(field.to_owned(), NO_SCORES.to_owned());
    }
    group.remarks.clear();
}

/// One model on all fixtures; `fixtures` are its groups and `attempts` those of all of them.
pub(super) fn of_model(
    model: &str,
    fixtures: &[GroupSummary],
    attempts: &[&Attempt],
    cold: &[&ColdPrompt],
    pass_score: Option<f64>,
) -> GroupSummary {
    let scored = scored(attempts);
    let mut group = pooled(model, attempts, &scored, cold);
    let means: Vec<f64> = fixtures.iter().filter_map(|fixture| fixture.score.mean).collect();
    match fixtures {
        // The mean of one mean has no spread; that of its runs is what there is to tell.
        [only] => group.score = only.score.clone(),
        _ => {
            group.score = stats::describe(&means).unwrap_or_default();
            group.score.missing = (means.len() < fixtures.len()).then(|| {
                let without = fixtures.len() - means.len();
                format!("{without} of {} fixtures: no score", fixtures.len())
            });
        }
    }
    correct::of_model(&mut group, fixtures, &scored, pass_score);
    if let [only] = fixtures {
        group.ast_score = only.ast_score.clone();
        group.compiles = only.compiles.clone();
        group.correct = only.correct.clone();
    }
    group.remarks = remarks::of_model(&group, fixtures, attempts);
    group
}

/// Attempts by status, in the files' words.
pub(super) fn statuses(attempts: &[&Attempt]) -> BTreeMap<String, u64> {
    let mut statuses = BTreeMap::new();
    for attempt in attempts {
        *statuses.entry(attempt.status.as_str().to_owned()).or_default() += 1;
    }
    statuses
}

/// The attempts that count.
pub(crate) fn scored<'a>(attempts: &[&'a Attempt]) -> Vec<&'a Attempt> {
    attempts.iter().copied().filter(|record| record.status == AttemptStatus::Scored).collect()
}

/// `3 of 5 scored attempts: REASON` with the most frequent reason; `None` when there are none.
pub(crate) fn most_frequent(reasons: &[String], scored: usize) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    // The first of the alphabet among equals, so that the order of the attempts does not show.
    let (reason, _) = counts.iter().rev().max_by_key(|(_, count)| **count)?;
    let others = match counts.len() - 1 {
        0 => String::new(),
        1 => " (and 1 other reason)".to_owned(),
        others => format!(" (and {others} other reasons)"),
    };
    Some(format!("{} of {scored}{OF_SCORED}{reason}{others}", reasons.len()))
}

/// What [`most_frequent`] made, without the count in front.
pub(crate) fn without_count(missing: &str) -> &str {
    missing.split_once(OF_SCORED).map_or(missing, |(_, reason)| reason)
}

/// Why `field` is absent in a record.
pub(crate) fn reason(record: &Attempt, field: &str) -> String {
    record.missing.get(field).cloned().unwrap_or_else(|| "no reason was recorded".to_owned())
}

/// Everything but score and remarks.
fn pooled(
    model: &str,
    attempts: &[&Attempt],
    scored: &[&Attempt],
    cold: &[&ColdPrompt],
) -> GroupSummary {
    fn of_prompts<'a>(
        cold: &[&'a ColdPrompt],
        value: fn(&ColdPrompt) -> Option<f64>,
    ) -> Vec<(&'a str, f64)> {
        cold.iter().filter_map(|prompt| Some((prompt.fixture.as_str(), value(prompt)?))).collect()
    }
    GroupSummary {
        model: model.to_owned(),
        attempts: attempts.len() as u64,
        statuses: statuses(attempts),
        ast_score: stat(scored, "ast_score", |record| record.ast_score),
        compiles: rate(scored, |record| record.compiles),
        tokens_per_sec: stat(scored, "tokens_per_sec", |record| record.tokens_per_sec),
        duration_sec: stat(scored, "duration_sec", |record| record.duration_sec),
        ttft_sec: with_cold(
            uncached(scored, "ttft_sec", |record| record.ttft_sec),
            of_prompts(cold, |prompt| prompt.ttft_sec),
        ),
        prefill_tokens_per_sec: with_cold(
            uncached(scored, "prefill_tokens_per_sec", |record| record.prefill_tokens_per_sec),
            of_prompts(cold, |prompt| prompt.prefill_tokens_per_sec),
        ),
        gpu_avg_utilization: stat(scored, "gpu_avg_utilization", |record| {
            record.gpu_avg_utilization
        }),
        gpu_peak_memory_gb: stat(scored, "gpu_peak_memory_gb", |record| record.gpu_peak_memory_gb),
        energy_joules: stat(scored, "energy_joules", |record| record.energy_joules),
        distinct_outputs: distinct_outputs(scored),
        ..GroupSummary::default()
    }
}

/// Different answers; equal answers to different fixtures are different.
fn distinct_outputs(scored: &[&Attempt]) -> u64 {
    let outputs: BTreeSet<_> = scored
        .iter()
        .filter_map(|record| record.output.map(|output| (&record.fixture, output)))
        .collect();
    outputs.len() as u64
}

fn stat(scored: &[&Attempt], field: &str, value: impl Fn(&Attempt) -> Option<f64>) -> Stat {
    stat_of(scored, |record| value(record).ok_or_else(|| reason(record, field)))
}

/// Figures of attempts with those of the warm-up, which are as good: a new prompt, read by the
/// loaded model.
fn with_cold<'a>(
    (mut values, missing): (Vec<(&'a str, f64)>, Option<String>),
    cold: Vec<(&'a str, f64)>,
) -> Stat {
    let from_attempts = values.len();
    values.extend(cold.into_iter().filter(|(_, value)| value.is_finite()));
    let missing = missing.filter(|_| values.len() == from_attempts);
    described(&values, missing)
}

fn uncached<'a>(
    scored: &[&'a Attempt],
    field: &str,
    value: impl Fn(&Attempt) -> Option<f64>,
) -> (Vec<(&'a str, f64)>, Option<String>) {
    values_of(scored, |record| {
        if is_prompt_cached(record) {
            return Err("the server had the prompt in its cache".to_owned());
        }
        value(record).ok_or_else(|| reason(record, field))
    })
}

fn stat_of(scored: &[&Attempt], value: impl Fn(&Attempt) -> Result<f64, String>) -> Stat {
    let (values, missing) = values_of(scored, value);
    described(&values, missing)
}

/// The values of one fixture, or of several pooled, with an interval that knows about the fixtures.
fn described(values: &[(&str, f64)], missing: Option<String>) -> Stat {
    let pooled: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    // Every value is finite here, so that the default is never taken.
    let mut stat = Stat { missing, ..stats::describe(&pooled).unwrap_or_default() };
    let clusters = clusters(values.iter().copied());
    if clusters.len() > 1 {
        stat.ci95 = stats::clustered_mean(&clusters).and_then(|clustered| clustered.interval());
        stat.absent.remove("ci95");
        if stat.ci95.is_none() {
            let reason =
                format!("needs {} fixtures, there are {}", stats::INTERVAL_FROM, clusters.len());
            stat.absent.insert("ci95".to_owned(), reason);
        }
    }
    stat
}

/// How many attempts have the property, with an interval that knows about the fixtures.
pub(super) fn rate(scored: &[&Attempt], flag: impl Fn(&Attempt) -> Option<bool>) -> Rate {
    let known: Vec<_> =
        scored.iter().filter_map(|record| Some((&*record.fixture, flag(record)?))).collect();
    let flags: Vec<bool> = known.iter().map(|(_, flag)| *flag).collect();
    let mut rate = stats::rate(&flags);
    let clusters = clusters(known.iter().map(|(name, flag)| (*name, f64::from(u8::from(*flag)))));
    if clusters.len() > 1 {
        rate.ci95 = stats::clustered_rate(&clusters);
    }
    rate
}

/// The values of each fixture, by its name.
fn clusters<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> Vec<Vec<f64>> {
    let mut clusters: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (fixture, value) in values {
        clusters.entry(fixture).or_default().push(value);
    }
    clusters.into_values().collect()
}

/// The finite values with their fixtures, and why some attempts have none.
fn values_of<'a>(
    scored: &[&'a Attempt],
    value: impl Fn(&Attempt) -> Result<f64, String>,
) -> (Vec<(&'a str, f64)>, Option<String>) {
    let (mut values, mut reasons) = (Vec::new(), Vec::new());
    for record in scored {
        match value(record) {
            Ok(value) if value.is_finite() => values.push((&*record.fixture, value)),
            Ok(_) => reasons.push("the recorded value is not a finite number".to_owned()),
            Err(reason) => reasons.push(reason),
        }
    }
    let missing = if scored.is_empty() {
        Some(NOTHING_SCORED.to_owned())
    } else {
        most_frequent(&reasons, scored.len())
    };
    (values, missing)
}
