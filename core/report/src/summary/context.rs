//! How far into its context each model finds things again.
//!
//! Recall holds at a length when at every depth the mean score of the scored
//! attempts is at least 85 % of the highest. RULER (Hsieh et al. 2024) draws its
//! line near there (85.6 %). What was cut by the server, timed out or was lost
//! has no score, so it neither helps nor harms; a depth without any score leaves
//! its length undecided.

use std::collections::{BTreeMap, BTreeSet};

use llmbench_api::record::{
    AttemptStatus, ContextCell, ContextLength, ContextMap, GroupSummary, RunManifest,
};

use super::Ordered;
use crate::attempt::{Attempt, ContextFields};
use crate::stats;

/// Share of the highest score that every depth must reach.
pub const HOLDS_SHARE: f64 = 0.85;

/// One map for each model that has attempts with a length and a depth.
pub(super) fn maps(
    manifest: &RunManifest,
    models: &[GroupSummary],
    ordered: &Ordered<'_>,
) -> Vec<ContextMap> {
    let of_model =
        |model: &GroupSummary| map(manifest, &model.model, ordered.of_model(&model.model));
    models.iter().filter_map(of_model).collect()
}

type Placed<'a> = (&'a Attempt, &'a ContextFields);

fn map(manifest: &RunManifest, model: &str, attempts: &[&Attempt]) -> Option<ContextMap> {
    let mut by_length: BTreeMap<u64, BTreeMap<u64, Vec<Placed<'_>>>> = BTreeMap::new();
    let mut depths = BTreeSet::new();
    for attempt in attempts {
        let Some(context) = attempt.context.as_deref() else { continue };
        depths.insert(context.depth_percent);
        let at_length = by_length.entry(context.tokens).or_default();
        at_length.entry(context.depth_percent).or_default().push((attempt, context));
    }
    if by_length.is_empty() {
        return None;
    }
    let needed = HOLDS_SHARE * manifest.max_score;
    let lengths: Vec<_> =
        by_length.iter().map(|(tokens, cells)| length(*tokens, cells, &depths, needed)).collect();
    let held = lengths.iter().take_while(|length| length.holds == Some(true)).count();
    let effective_tokens = held.checked_sub(1).map(|last| lengths[last].context_tokens);
    let remark = match lengths.get(held) {
        None => "the longest that was tried, so it may hold beyond".to_owned(),
        Some(next) if next.holds.is_none() => {
            let reasons = next.cells.iter().filter_map(|cell| cell.reason.as_deref());
            let reason = reasons.into_iter().next().unwrap_or("not every depth was tried");
            format!("{} tokens are undecided: {reason}", next.context_tokens)
        }
        Some(next) => {
            let cells = next.cells.iter();
            let worst = cells.min_by(|a, b| order(a.score).total_cmp(&order(b.score)));
            let (depth, score) =
                worst.map_or((0, 0.0), |cell| (cell.depth_percent, order(cell.score)));
            format!(
                "at {} tokens it does not hold: {score:.1} of {} at a depth of {depth} %",
                next.context_tokens, manifest.max_score
            )
        }
    };
    Some(ContextMap { model: model.to_owned(), effective_tokens, remark, lengths })
}

fn order(score: Option<f64>) -> f64 {
    score.unwrap_or(f64::INFINITY)
}

fn length(
    context_tokens: u64,
    attempts: &BTreeMap<u64, Vec<Placed<'_>>>,
    depths: &BTreeSet<u64>,
    needed: f64,
) -> ContextLength {
    let none = Vec::new();
    let cells: Vec<ContextCell> =
        depths.iter().map(|depth| cell(*depth, attempts.get(depth).unwrap_or(&none))).collect();
    let scores: Option<Vec<f64>> = cells.iter().map(|cell| cell.score).collect();
    // A score of 8.5 may have come out of thirds a hair below.
    let holds = scores
        .as_ref()
        .map(|scores| scores.iter().all(|score| *score >= needed - 1e-9))
        .or_else(|| fails(&cells, needed).then_some(false));
    let all = || attempts.values().flatten();
    let scored = || all().filter(|(attempt, _)| attempt.score.is_some());
    let tokens: Vec<f64> =
        scored().filter_map(|(attempt, _)| attempt.prompt_tokens.map(|n| n as f64)).collect();
    let mut prefill: Vec<f64> = scored().filter_map(|(_, context)| context.prefill_sec).collect();
    prefill.sort_by(f64::total_cmp);
    let bytes = all().filter_map(|(_, context)| context.process_peak_bytes);
    ContextLength {
        context_tokens,
        holds,
        score: scores.as_deref().and_then(stats::mean),
        prompt_tokens: stats::mean(&tokens),
        prefill_sec: stats::percentile(&prefill, 0.5),
        gpu_peak_memory_gb: all()
            .filter_map(|(attempt, _)| attempt.gpu_peak_memory_gb)
            .reduce(f64::max),
        process_peak_memory_gb: bytes.reduce(f64::max).map(|bytes| bytes / 1e9),
        cells,
    }
}

/// One depth that is too low decides, whatever the others would have been.
fn fails(cells: &[ContextCell], needed: f64) -> bool {
    cells.iter().any(|cell| cell.score.is_some_and(|score| score < needed - 1e-9))
}

fn cell(depth_percent: u64, attempts: &[Placed<'_>]) -> ContextCell {
    let scores: Vec<f64> = attempts.iter().filter_map(|(attempt, _)| attempt.score).collect();
    let reason = scores.is_empty().then(|| why_unscored(attempts));
    ContextCell {
        depth_percent,
        attempts: attempts.len() as u64,
        scored: scores.len() as u64,
        score: stats::mean(&scores),
        truncated: attempts.iter().filter(|(_, context)| context.truncated).count() as u64,
        reason,
    }
}

/// The status and first error of most attempts.
fn why_unscored(attempts: &[Placed<'_>]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (attempt, _) in attempts {
        let error = attempt.errors.first().map_or("no reason was recorded", |error| error.as_ref());
        let reason = match attempt.status {
            AttemptStatus::Invalid => error.to_owned(),
            status => format!("{}: {error}", status.as_str().replace('_', " ")),
        };
        *counts.entry(reason).or_default() += 1;
    }
    // The first of the alphabet among equals, so that the order of the attempts does not show.
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map_or_else(|| "not tried".to_owned(), |(reason, _)| reason)
}

#[cfg(test)]
mod tests {
    use llmbench_api::record::AttemptRecord;
    use serde_json::json;

    use super::*;
    use crate::testing::{lost, manifest, scored};
    use crate::{attempts, summarise};

    fn placed(mut record: AttemptRecord, tokens: u64, depth: u64) -> AttemptRecord {
        record.id = format!("{tokens}-{depth}-{}", record.run_number);
        record.extra.insert("context_tokens".into(), json!(tokens));
        record.extra.insert("needle_depth_percent".into(), json!(depth));
        record.extra.insert("prefill_sec".into(), json!(tokens as f64 / 1000.0));
        record
    }

    fn at(tokens: u64, depth: u64, score: f64) -> AttemptRecord {
        placed(scored("m", "f", 1, score), tokens, depth)
    }

    fn map_of(records: &[AttemptRecord]) -> ContextMap {
        let manifest = manifest(&["m"], &["f"], 1);
        summarise(&manifest, &attempts(records)).context_maps.remove(0)
    }

    #[test]
    fn recall_holds_up_to_the_last_length_before_one_where_it_does_not() {
        let good = [at(1000, 0, 10.0), at(1000, 100, 9.0), at(2000, 0, 8.5), at(2000, 100, 10.0)];
        let map = map_of(&good);
        assert_eq!(map.effective_tokens, Some(2000));
        assert!(map.remark.contains("may hold beyond"), "{}", map.remark);
        assert_eq!(map.lengths[1].prefill_sec, Some(2.0));
        let mut more = good.to_vec();
        more.extend([
            at(4000, 0, 8.4),
            at(4000, 100, 10.0),
            at(8000, 0, 10.0),
            at(8000, 100, 10.0),
        ]);
        let map = map_of(&more);
        assert_eq!(map.effective_tokens, Some(2000));
        assert_eq!(map.remark, "at 4000 tokens it does not hold: 8.4 of 10 at a depth of 0 %");
        let holds: Vec<_> = map.lengths.iter().map(|length| length.holds).collect();
        assert_eq!(holds, [Some(true), Some(true), Some(false), Some(true)]);
    }

    #[test]
    fn what_a_server_cut_decides_nothing_and_is_told() {
        let mut cut =
            placed(lost(AttemptStatus::Invalid, "m", "f", 1, "truncation by the server"), 2000, 0);
        cut.extra.insert("truncated".into(), json!(true));
        let map = map_of(&[at(1000, 0, 10.0), cut.clone()]);
        assert_eq!((map.effective_tokens, map.lengths[1].holds), (Some(1000), None));
        assert_eq!(map.remark, "2000 tokens are undecided: truncation by the server");
        assert_eq!(map.lengths[1].cells[0].truncated, 1);
        let map = map_of(&[cut]);
        assert_eq!(map.effective_tokens, None);
        // One depth that fails decides although another has no score.
        let late = placed(lost(AttemptStatus::Timeout, "m", "f", 1, "too slow"), 1000, 100);
        let map = map_of(&[at(1000, 0, 2.0), late]);
        assert_eq!(map.lengths[0].holds, Some(false));
        assert_eq!(map.lengths[0].cells[1].reason.as_deref(), Some("timeout: too slow"));
    }

    #[test]
    fn other_tests_have_no_map() {
        let manifest = manifest(&["m"], &["f"], 1);
        let mut record = scored("m", "f", 1, 5.0);
        record.extra.insert("context_tokens".into(), json!("many"));
        assert!(summarise(&manifest, &attempts(&[record])).context_maps.is_empty());
    }
}
