//! How far answers to one prompt agree, by model and fixture.

use llmbench_api::record::{AgreementSummary, GroupAgreement, GroupSummary};

use super::Ordered;
use crate::agreement::{AgreementFields, Compared};
use crate::stats;

/// One for each group whose attempts compared answers.
pub(super) fn of_groups(groups: &[GroupSummary], ordered: &Ordered<'_>) -> Vec<AgreementSummary> {
    let of_group = |group: &GroupSummary| {
        let fixture = group.fixture.as_deref()?;
        let attempts = ordered.of_fixture(&group.model, fixture);
        let found = attempts.iter().filter(|attempt| attempt.score.is_some());
        let found: Vec<_> = found.filter_map(|attempt| attempt.agreement.as_deref()).collect();
        (!found.is_empty()).then(|| summary(&group.model, fixture, &found))
    };
    groups.iter().filter_map(of_group).collect()
}

fn summary(model: &str, fixture: &str, attempts: &[&AgreementFields]) -> AgreementSummary {
    let known = |value: fn(&AgreementFields) -> Option<f64>| -> Vec<f64> {
        let mut values: Vec<f64> = attempts.iter().filter_map(|one| value(one)).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let seen: Vec<bool> = attempts.iter().filter_map(|one| one.cache_seen).collect();
    let changed = attempts.iter().filter(|one| one.cache_changes_answer);
    AgreementSummary {
        model: model.to_owned(),
        fixture: fixture.to_owned(),
        attempts: attempts.len() as u64,
        greedy: group(attempts, |one| one.greedy),
        same_seed: group(attempts, |one| one.same_seed),
        seeds: group(attempts, |one| one.seeds),
        answer_score: stats::mean(&known(|one| one.answer_score_mean)),
        cache_seen: (!seen.is_empty()).then(|| seen.iter().filter(|seen| **seen).count() as u64),
        cache_changes_answer: changed.count() as u64,
        cold_prefill_sec: stats::percentile(&known(|one| one.cold_prefill_sec), 0.5),
        warm_prefill_sec: stats::percentile(&known(|one| one.warm_prefill_sec), 0.5),
    }
}

fn group(attempts: &[&AgreementFields], of: fn(&AgreementFields) -> Compared) -> GroupAgreement {
    let all = || attempts.iter().map(|one| of(one));
    let shares: Vec<f64> = all().map(|one| one.agreement_share).collect();
    GroupAgreement {
        answers: all().map(|one| one.answers).max().unwrap_or(0),
        distinct: all().map(|one| one.distinct).max().unwrap_or(0),
        agreement_share: stats::mean(&shares).unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{manifest, scored};
    use crate::{attempts, summarise};

    #[test]
    fn answers_that_agree_are_told_and_none_is_called_correct() {
        let compared = |distinct: u64, share: f64| json!({ "answers": 4, "distinct": distinct, "distinct_exact": distinct, "agreement_share": share });
        let records: Vec<_> = [(1, 1.0, true), (2, 0.5, false)]
            .into_iter()
            .enumerate()
            .map(|(run, (distinct, share, cache_seen))| {
                let mut record = scored("m", "f", run as u32 + 1, 10.0);
                let fields = json!({
                    "greedy": compared(1, 1.0), "same_seed": compared(distinct, share),
                    "seeds": compared(4, 0.0), "answer_score_mean": 0.0, "cache_seen": cache_seen,
                    "cache_changes_answer": false, "cold_prefill_sec": 0.2, "warm_prefill_sec": 0.1,
                });
                record.extra.extend(fields.as_object().unwrap().clone());
                record
            })
            .collect();
        let manifest = llmbench_api::record::RunManifest {
            judges_correctness: false,
            ..manifest(&["m"], &["f"], 2)
        };
        let summary = summarise(&manifest, &attempts(&records));
        let [found] = &summary.agreements[..] else { panic!("{:?}", summary.agreements) };
        assert_eq!((found.attempts, found.answer_score), (2, Some(0.0)));
        let same_seed = GroupAgreement { answers: 4, distinct: 2, agreement_share: 0.75 };
        assert_eq!((found.same_seed, found.seeds.distinct), (same_seed, 4));
        assert_eq!((found.cache_seen, found.cold_prefill_sec), (Some(1), Some(0.2)));
        let model = &summary.models[0];
        assert_eq!((summary.pass_score, model.correct.n, model.pass_k.len()), (None, 0, 0));
        let why = "the test does not tell right answers from wrong ones";
        assert_eq!(model.absent["correct_per_hour"], why);
    }
}
