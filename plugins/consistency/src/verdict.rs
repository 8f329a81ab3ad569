//! What the answers say about the model and its server.

use llmbench_api::{DoneReason, Generation, Verdict};
use serde::Serialize;
use serde_json::json;

use crate::agreement::{Agreement, Text, mean_and_sd, median};
use crate::fixture::Question;
use crate::normalise::normalised;
use crate::schedule::{Cache, Group, Planned, planned};
use crate::settings::Settings;

/// Points for each of the two promises: one answer at temperature 0, one answer for a seed.
const POINTS: f64 = 5.0;
/// A cold prompt that takes so many times as long as a warm one shows a cache at work.
const CACHE_FACTOR: f64 = 2.0;

/// An answer with what was planned for it.
struct Seen<'a> {
    planned: Planned,
    generation: &'a Generation,
    text: Text,
}

/// One entry of the record's `answers`.
#[derive(Serialize)]
struct Entry {
    group: Group,
    cache: Cache,
    seed_offset: u64,
    /// Equal numbers: equal answers after normalisation; counted from 0 in order of appearance.
    variant: usize,
    bytes: usize,
    completion_tokens: Option<u64>,
    is_cut_off: bool,
    cached_prompt_tokens: Option<u64>,
    prefill_sec: Option<f64>,
    answer_score: Option<f64>,
}

/// 5 × agreement at temperature 0 + 5 × agreement with one seed; several seeds are told, not judged.
pub(crate) fn verdict(
    question: &Question,
    settings: &Settings,
    answers: &[&Generation],
) -> Verdict {
    let seen: Vec<Seen<'_>> = planned(settings)
        .into_iter()
        .zip(answers)
        .map(|(planned, generation)| {
            let text =
                Text { exact: generation.text.clone(), normalised: normalised(&generation.text) };
            Seen { planned, generation, text }
        })
        .collect();
    let greedy = of_group(&seen, Group::Greedy);
    let same_seed = of_group(&seen, Group::SameSeed);
    let seeds = same_seed.first().copied().into_iter().chain(of_group(&seen, Group::Seeds));
    let seeds: Vec<&Seen<'_>> = seeds.collect();
    let (Some(at_zero), Some(with_seed), Some(spread)) =
        (agreement(&greedy), agreement(&same_seed), agreement(&seeds))
    else {
        return Verdict::invalid("too few answers came back to compare any");
    };
    if seen.iter().all(|one| one.text.normalised.is_empty()) {
        return Verdict::invalid("every answer is empty: there is nothing to compare");
    }
    let score = POINTS * at_zero.agreement_share + POINTS * with_seed.agreement_share;
    let mut verdict = Verdict::scored(score);
    verdict.output = greedy.first().map(|one| one.text.exact.clone());
    verdict.errors = [("at temperature 0", &at_zero), ("with one seed", &with_seed)]
        .into_iter()
        .filter(|(_, found)| found.distinct > 1)
        .map(|(when, found)| {
            format!("{when}: {} different answers among {}", found.distinct, found.answers)
        })
        .collect();
    verdict.warnings = warnings(&seen);
    for (name, found) in [("greedy", at_zero), ("same_seed", with_seed), ("seeds", spread)] {
        verdict.metrics.insert(name.into(), json!(found));
    }
    let entries = entries(&seen, question);
    spread_of_scores(&mut verdict, question, &seeds);
    cache(&mut verdict, &seen, [&greedy, &same_seed]);
    verdict.with_metric("answers", json!(entries)).with_metric("temperature", settings.temperature)
}

fn of_group<'a, 'b>(seen: &'a [Seen<'b>], group: Group) -> Vec<&'a Seen<'b>> {
    seen.iter().filter(|one| one.planned.group == group).collect()
}

fn agreement(seen: &[&Seen<'_>]) -> Option<Agreement> {
    Agreement::of(&seen.iter().map(|one| &one.text).collect::<Vec<_>>())
}

fn entries(seen: &[Seen<'_>], question: &Question) -> Vec<Entry> {
    let mut variants: Vec<&str> = Vec::new();
    let mut entries = Vec::new();
    for one in seen {
        let known = variants.iter().position(|known| *known == one.text.normalised);
        let variant = known.unwrap_or_else(|| {
            variants.push(&one.text.normalised);
            variants.len() - 1
        });
        entries.push(Entry {
            group: one.planned.group,
            cache: one.planned.cache,
            seed_offset: one.planned.seed_offset,
            variant,
            bytes: one.text.exact.len(),
            completion_tokens: one.generation.completion_tokens,
            is_cut_off: one.generation.done_reason == DoneReason::Length,
            cached_prompt_tokens: one.generation.cached_prompt_tokens,
            prefill_sec: one.generation.prefill_sec,
            answer_score: question.check.as_ref().map(|check| check.score(&one.text.exact)),
        });
    }
    entries
}

/// Mean and spread of the answers' quality over seeds, where the fixture can check them.
fn spread_of_scores(verdict: &mut Verdict, question: &Question, seeds: &[&Seen<'_>]) {
    let scores = question
        .check
        .as_ref()
        .map(|check| seeds.iter().map(|one| check.score(&one.text.exact)).collect::<Vec<_>>());
    match scores.as_deref().and_then(mean_and_sd) {
        Some((mean, sd)) => {
            verdict.metrics.insert("answer_score_mean".into(), json!(mean));
            verdict.metrics.insert("answer_score_sd".into(), json!(sd));
        }
        None => {
            for name in ["answer_score_mean", "answer_score_sd"] {
                verdict.missing.insert(name.into(), "the fixture has no check.json".into());
            }
        }
    }
}

/// Tells cold from warm: whether a cache was at work, and whether it changed answers.
fn cache(verdict: &mut Verdict, seen: &[Seen<'_>], groups: [&Vec<&Seen<'_>>; 2]) {
    let both = |figure: fn(&Generation) -> Option<f64>| {
        [Cache::Cold, Cache::Warm].map(|cache| {
            let of_cache = seen.iter().filter(|one| one.planned.cache == cache);
            median(of_cache.filter_map(|one| figure(one.generation)).collect())
        })
    };
    let no_prefill = || {
        let told = seen.iter().find_map(|one| one.generation.missing.get("prefill_sec"));
        told.map_or("the server does not report the time for the prompt", String::as_str).to_owned()
    };
    let [cold, warm] = both(|answer| answer.prefill_sec);
    for (name, value) in [("cold_prefill_sec", cold), ("warm_prefill_sec", warm)] {
        match value {
            Some(value) => drop(verdict.metrics.insert(name.into(), json!(value))),
            None => drop(verdict.missing.insert(name.into(), no_prefill())),
        }
    }
    let by_count = match both(|answer| answer.cached_prompt_tokens.map(|tokens| tokens as f64)) {
        [Some(cold), Some(warm)] => Some(warm > cold),
        _ => None,
    };
    match by_count.or_else(|| Some(cold? > CACHE_FACTOR * warm?)) {
        Some(is_seen) => drop(verdict.metrics.insert("cache_seen".into(), json!(is_seen))),
        None => drop(verdict.missing.insert("cache_seen".into(), no_prefill())),
    }
    let changed = groups.into_iter().any(|group| changed_by_cache(group));
    verdict.metrics.insert("cache_changes_answer".into(), json!(changed));
    if changed {
        verdict.warnings.push(
            "cold answers agree with each other and so do warm ones, but not with one another: the server's prompt cache changes answers"
                .to_owned(),
        );
    }
}

/// True when cold answers agree, warm answers agree, and the two do not.
fn changed_by_cache(group: &[&Seen<'_>]) -> bool {
    let texts = |cache: Cache| {
        let of_cache = group.iter().filter(move |one| one.planned.cache == cache);
        let mut texts: Vec<&str> = of_cache.map(|one| one.text.normalised.as_str()).collect();
        texts.dedup();
        texts
    };
    let (cold, warm) = (texts(Cache::Cold), texts(Cache::Warm));
    cold.len() == 1 && warm.len() == 1 && cold != warm
}

fn warnings(seen: &[Seen<'_>]) -> Vec<String> {
    // Without a number, so that attempts share the sentence; `answers` tells which.
    let is_cut = |one: &Seen<'_>| one.generation.done_reason == DoneReason::Length;
    let cut = "answers were cut off at the token limit and are compared as far as they go; raise it with `--set consistency.answer_tokens=N`";
    seen.iter().any(is_cut).then(|| cut.to_owned()).into_iter().collect()
}
