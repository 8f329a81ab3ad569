//! What a run's attempts add up to.
//!
//! The rules:
//!
//! - Scores and speeds come from attempts with status `scored` alone: only
//!   there is the answer known to be complete, so that its duration is that of
//!   a whole answer. All other attempts are counted by status and nothing else;
//!   an infrastructure error therefore moves no mean.
//! - Time to first token and prefill speed leave out attempts that carry
//!   `"prompt_cached": true`: the server had their prompt in its cache.
//! - For all fixtures together, the score is the mean of the fixtures' means,
//!   so that a fixture with lost attempts weighs as much as the others. Rates,
//!   speeds and the structure score pool the attempts.
//! - A test may give no scores. Its attempts count without one, and what it
//!   measured at several fixtures is not put together: they are different loads.
//! - An answer is correct from a score on that the run's settings name, else
//!   from 90 % of the highest; see [`pass_score`].
//! - Over several fixtures, intervals know that the attempts at one fixture are
//!   alike; see [`crate::stats`].
//! - What is missing has its most frequent reason beside it.
//!
//! The result does not depend on the order of the records.

mod agreement;
mod context;
mod correct;
mod group;
mod load;
mod ordered;
mod remarks;
mod weights;

use std::collections::{BTreeMap, BTreeSet};

use llmbench_api::record::{
    AttemptStatus, ColdPrompt, FORMAT_VERSION, GroupSummary, LOW_GPU_UTILIZATION_WARNING,
    RunManifest, Summary,
};

use crate::Attempt;
use crate::watched::{BUSY_SHARE, others_share};

pub use context::HOLDS_SHARE;
pub(crate) use correct::is_correct;
pub use correct::pass_score;
pub(crate) use group::{NOTHING_SCORED, most_frequent, reason, scored, without_count};
pub(crate) use ordered::Ordered;
pub(crate) use remarks::{is_about_missing, repeats_one_answer};
pub(crate) use weights::figures as weight_figures;

/// Field of a record that says that the server had its prompt in the cache.
pub const PROMPT_CACHED: &str = "prompt_cached";
/// Scored attempts (or fixtures) below which a difference says little.
pub const TOO_FEW: u64 = 5;
pub use llmbench_api::record::LOW_GPU_UTILIZATION_PERCENT;

/// What a model's prompts cost when they were new: of one fixture or of all.
fn cold_prompts<'a>(
    manifest: &'a RunManifest,
    model: &str,
    fixture: Option<&str>,
) -> Vec<&'a ColdPrompt> {
    let own = manifest.models.iter().filter(|record| record.identity.name == model);
    own.flat_map(|record| &record.cold_prompts)
        .filter(|prompt| fixture.is_none_or(|fixture| prompt.fixture == fixture))
        .collect()
}

/// The summary of a run. A pure function of its arguments, whatever the order of `records`.
///
/// Groups stand in the plan's order, those of models and fixtures that the plan
/// does not name behind them. A planned group without a record is listed with
/// no attempts, except in a shard, whose plan names groups of other shards too.
pub fn summarise(manifest: &RunManifest, records: &[Attempt]) -> Summary {
    of_ordered(manifest, &Ordered::new(manifest, records))
}

pub(crate) fn of_ordered(manifest: &RunManifest, ordered: &Ordered<'_>) -> Summary {
    let records = ordered.all();
    let pass_score = pass_score(manifest);
    let models = names(&manifest.plan.models, records.iter().map(|record| &*record.model));
    let fixtures = names(&manifest.plan.fixtures, records.iter().map(|record| &*record.fixture));
    let mut summary = Summary {
        format_version: FORMAT_VERSION,
        run_id: manifest.run_id.clone(),
        test: manifest.test.clone(),
        status: Some(manifest.status),
        planned: u64::from(manifest.plan.attempts),
        pass_score,
        statuses: group::statuses(records),
        ..Summary::default()
    };
    for model in models {
        let first = summary.groups.len();
        for fixture in &fixtures {
            let attempts = ordered.of_fixture(model, fixture);
            if attempts.is_empty() && !is_expected(manifest, model, fixture) {
                continue;
            }
            let cold = cold_prompts(manifest, model, Some(fixture));
            let mut group = group::of_fixture(model, fixture, attempts, &cold, pass_score);
            group.level = level_of(manifest, fixture);
            if !manifest.is_scored {
                group::without_score(&mut group, attempts);
            }
            weights::fill(&mut group, manifest);
            summary.groups.push(group);
        }
        let of_fixtures = &summary.groups[first..];
        summary.levels.extend(levels(manifest, model, of_fixtures, ordered));
        if !of_fixtures.is_empty() {
            let cold = cold_prompts(manifest, model, None);
            let attempts = ordered.of_model(model);
            let mut whole = group::of_model(model, of_fixtures, attempts, &cold, pass_score);
            if !manifest.is_scored {
                group::of_loads(&mut whole, of_fixtures);
            }
            weights::fill(&mut whole, manifest);
            summary.models.push(whole);
        }
    }
    summary.context_maps = context::maps(manifest, &summary.models, ordered);
    summary.agreements = agreement::of_groups(&summary.groups, ordered);
    summary.warnings = warnings(manifest, records, &summary.models);
    summary
}

/// The level of a fixture, where the test has levels.
pub(crate) fn level_of(manifest: &RunManifest, fixture: &str) -> Option<u8> {
    manifest.fixtures.iter().find(|record| record.name == fixture)?.level
}

/// One model on the fixtures of each level; nothing when there are not several levels.
fn levels(
    manifest: &RunManifest,
    model: &str,
    fixtures: &[GroupSummary],
    ordered: &Ordered<'_>,
) -> Vec<GroupSummary> {
    let levels: BTreeSet<u8> = fixtures.iter().filter_map(|group| group.level).collect();
    if levels.len() < 2 {
        return Vec::new();
    }
    let of_level = |level: u8| {
        let groups: Vec<_> =
            fixtures.iter().filter(|group| group.level == Some(level)).cloned().collect();
        let names = groups.iter().filter_map(|group| group.fixture.as_deref());
        let own: Vec<_> = names.flat_map(|name| ordered.of_fixture(model, name)).copied().collect();
        let cold: Vec<_> = groups
            .iter()
            .flat_map(|group| cold_prompts(manifest, model, group.fixture.as_deref()))
            .collect();
        GroupSummary {
            level: Some(level),
            ..group::of_model(model, &groups, &own, &cold, pass_score(manifest))
        }
    };
    levels.into_iter().map(of_level).collect()
}

/// True when the server had the attempt's prompt in its cache.
pub(crate) fn is_prompt_cached(record: &Attempt) -> bool {
    record.prompt_cached
}

/// The planned names, each once, and behind them the others in order of the alphabet.
fn names<'a>(planned: &'a [String], found: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let found: BTreeSet<&str> = found.collect();
    let mut names: Vec<&str> = Vec::new();
    for name in planned.iter().map(String::as_str).chain(found) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn is_expected(manifest: &RunManifest, model: &str, fixture: &str) -> bool {
    let plan = &manifest.plan;
    plan.shard.is_none()
        && plan.models.iter().any(|planned| planned == model)
        && plan.fixtures.iter().any(|planned| planned == fixture)
}

/// Warnings about the run, of the run, and of its attempts, each once.
fn warnings(manifest: &RunManifest, records: &[&Attempt], models: &[GroupSummary]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let planned = manifest.plan.attempts as usize;
    if records.len() != planned {
        all.push(format!("{} of {planned} planned attempts have a record", records.len()));
    }
    all.extend(mixed_scoring(records));
    // What a test without scores wants to load is its own affair.
    all.extend(models.iter().filter(|_| manifest.is_scored).filter_map(low_gpu_utilization));
    all.extend(machine_busy(manifest, records));
    all.extend(manifest.warnings.iter().cloned());
    // The model's own line above says it with the figure.
    let of_attempts = records.iter().flat_map(|record| record.warnings.iter());
    let mut seen = BTreeSet::new();
    let of_attempts = of_attempts.filter(|text| *text != LOW_GPU_UTILIZATION_WARNING);
    all.extend(of_attempts.filter(|text| seen.insert(text.as_str())).cloned());
    let mut seen = BTreeSet::new();
    all.retain(|warning| seen.insert(warning.clone()));
    all
}

/// A machine that worked for others, too, while answers were measured.
fn machine_busy(manifest: &RunManifest, records: &[&Attempt]) -> Option<String> {
    let share = others_share(manifest, records.iter().copied())?;
    (share >= BUSY_SHARE).then(|| {
        format!(
            "other programs used {:.0} % of the processors while answers were measured: speeds may be those of a busy machine",
            share * 100.0
        )
    })
}

/// Scores made by different rules must not be compared silently.
fn mixed_scoring(records: &[&Attempt]) -> Option<String> {
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    for record in records.iter().filter(|record| record.status == AttemptStatus::Scored) {
        *versions.entry(record.scoring_version.as_deref().unwrap_or("unknown")).or_default() += 1;
    }
    (versions.len() > 1).then(|| {
        let list: Vec<_> =
            versions.iter().map(|(version, n)| format!("{version} ({n} attempts)")).collect();
        format!(
            "scores of different scoring versions are mixed: {}; compare only those of one version, or run all attempts again",
            list.join(", ")
        )
    })
}

fn low_gpu_utilization(model: &GroupSummary) -> Option<String> {
    let mean = model.gpu_avg_utilization.mean.filter(|mean| *mean < LOW_GPU_UTILIZATION_PERCENT)?;
    // Rounded down, so that 79.96 does not read as 80.0.
    let shown = (mean * 10.0).floor() / 10.0;
    Some(format!(
        "`{}`: average GPU utilisation was {shown:.1} %, below {LOW_GPU_UTILIZATION_PERCENT} %: the GPU was not the bottleneck, so the speeds say more about the rest of the machine (layers on the CPU, a busy CPU, answers too short to measure)",
        model.model
    ))
}

#[cfg(test)]
mod tests;
