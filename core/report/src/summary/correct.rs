//! Correct answers: how many, how likely, at which cost.

use llmbench_api::record::{GroupSummary, PassAtK, RunManifest};

use super::group;
use crate::{Attempt, stats};

/// Name of the setting that says from which score on an answer is correct.
pub(super) const PASS_SCORE: &str = "pass_score";
/// Share of the highest score that an answer needs where the run's settings name none.
const PASS_SHARE: f64 = 0.9;
/// Why nothing is said about correct answers.
const NOT_TOLD: &str = "the test does not tell right answers from wrong ones";
/// Numbers of attempts for which the chances are told: all up to 10, then these.
const LARGE_K: [u64; 6] = [20, 50, 100, 200, 500, 1000];

/// Score from which on an answer counts as correct.
///
/// The setting `pass_score` of the run, else 90 % of the highest score: 9 of 10
/// for a refactoring, above every cap of a failed gate, so that a correct answer
/// type-checks and behaves as it should. `None` for a test that does not tell right answers from
/// wrong ones.
pub fn pass_score(manifest: &RunManifest) -> Option<f64> {
    let set = manifest.settings.get(PASS_SCORE).and_then(|setting| setting.value.as_f64());
    let is_told = manifest.is_scored && manifest.judges_correctness;
    is_told.then(|| set.unwrap_or(manifest.max_score * PASS_SHARE))
}

/// True when the score is one of a correct answer.
pub(crate) fn is_correct(attempt: &Attempt, pass_score: Option<f64>) -> Option<bool> {
    Some(attempt.score.filter(|score| score.is_finite())? >= pass_score?)
}

/// Fills in the figures about correct answers to one fixture.
pub(super) fn of_fixture(group: &mut GroupSummary, scored: &[&Attempt], pass_score: Option<f64>) {
    costs(group, scored, pass_score);
    let (n, correct) = (group.correct.n, group.correct.count);
    group.pass_k = numbers(n)
        .filter_map(|k| {
            let pass_at_k = stats::pass_at_k(n, correct, k)?;
            Some(PassAtK { k, pass_at_k, pass_hat_k: stats::pass_hat_k(n, correct, k)? })
        })
        .collect();
}

/// The same over fixtures: chances are the means of the fixtures' chances.
pub(super) fn of_model(
    group: &mut GroupSummary,
    fixtures: &[GroupSummary],
    scored: &[&Attempt],
    pass_score: Option<f64>,
) {
    costs(group, scored, pass_score);
    let known: Vec<_> = fixtures.iter().filter(|fixture| fixture.correct.n > 0).collect();
    let fewest = known.iter().map(|fixture| fixture.correct.n).min().unwrap_or(0);
    let mean = |k: u64, chance: fn(&PassAtK) -> f64| {
        let chances: Vec<f64> = known
            .iter()
            .filter_map(|fixture| fixture.pass_k.iter().find(|pass| pass.k == k).map(chance))
            .collect();
        stats::describe(&chances).ok().and_then(|stat| stat.mean)
    };
    group.pass_k = numbers(fewest)
        .filter_map(|k| {
            let pass_at_k = mean(k, |pass| pass.pass_at_k)?;
            Some(PassAtK { k, pass_at_k, pass_hat_k: mean(k, |pass| pass.pass_hat_k)? })
        })
        .collect();
}

fn numbers(n: u64) -> impl Iterator<Item = u64> {
    (1..=10).chain(LARGE_K).filter(move |k| *k <= n)
}

/// Share, energy and rate of correct answers. Wrong answers cost as much and are paid for too.
fn costs(group: &mut GroupSummary, scored: &[&Attempt], pass_score: Option<f64>) {
    group.correct = group::rate(scored, |attempt| is_correct(attempt, pass_score));
    let judged: Vec<_> = scored.iter().copied().filter(|attempt| attempt.score.is_some()).collect();
    let correct = group.correct.count as f64;
    let mut put = |field: &str, value: Result<f64, String>| match value {
        Ok(value) => Some(value),
        Err(reason) => {
            group.absent.insert(field.to_owned(), reason);
            None
        }
    };
    let no_correct = match pass_score {
        Some(_) => "no answer was correct",
        None => NOT_TOLD,
    };
    let per_correct =
        total(&judged, "energy_joules", |attempt| attempt.energy_joules).and_then(|joules| {
            if correct > 0.0 { Ok(joules / correct) } else { Err(no_correct.into()) }
        });
    let per_hour = total(&judged, "duration_sec", |attempt| attempt.duration_sec).and_then(|sec| {
        if pass_score.is_none() {
            return Err(NOT_TOLD.into());
        }
        if sec > 0.0 { Ok(correct * 3600.0 / sec) } else { Err("no time was measured".into()) }
    });
    let per_correct = put("energy_per_correct_joules", per_correct);
    let per_hour = put("correct_per_hour", per_hour);
    group.energy_per_correct_joules = per_correct;
    group.correct_per_hour = per_hour;
}

/// The sum over all attempts; a part of it would be too little.
fn total(
    judged: &[&Attempt],
    field: &str,
    value: impl Fn(&Attempt) -> Option<f64>,
) -> Result<f64, String> {
    if judged.is_empty() {
        return Err(group::NOTHING_SCORED.to_owned());
    }
    let known: Vec<f64> =
        judged.iter().filter_map(|attempt| value(attempt)).filter(|v| v.is_finite()).collect();
    if known.len() < judged.len() {
        let without: Vec<String> = judged
            .iter()
            .filter(|attempt| value(attempt).is_none_or(|value| !value.is_finite()))
            .map(|attempt| group::reason(attempt, field))
            .collect();
        let reason = group::most_frequent(&without, judged.len());
        return Err(reason.unwrap_or_else(|| format!("`{field}` is incomplete")));
    }
    Ok(known.iter().sum())
}
