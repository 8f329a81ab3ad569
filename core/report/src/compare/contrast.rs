//! Pairs of sides, from attempts to verdicts.

use std::collections::{BTreeMap, BTreeSet};

use llmbench_api::record::AttemptStatus;

use super::checks::{self, Pair};
use super::metrics::{self, Metric, Values};
use super::side::{Picked, Sides};
use super::types::{
    Comparison, Contrast, FixtureComparison, Flip, LoadComparison, MetricComparison, Severity,
    Side, Verdict,
};
use crate::summary::{self, is_correct};
use crate::{Attempt, stats};

/// Highest adjusted p-value of a difference that is called one.
const ALPHA: f64 = 0.05;

/// How to compare.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Options {
    /// Goes on where the comparison would be refused, and pairs fixtures that were changed.
    pub force: bool,
}

/// Why the sides are not compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The runs are of different kinds.
    #[error("the runs are of different tests: `{base}` and `{other}`")]
    DifferentTests {
        /// Test of the base.
        base: String,
        /// Test of the other run.
        other: String,
    },
    /// There is nothing to pair.
    #[error("no fixture is scored on both sides and the same: {base} against {other}")]
    NoCommonFixture {
        /// The base.
        base: String,
        /// The other side.
        other: String,
    },
    /// The comparison would mean nothing.
    #[error("these are not comparable: {}", reasons.join("; "))]
    Refused {
        /// What was found.
        reasons: Vec<String>,
    },
}

impl CompareError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::DifferentTests { .. } => "name runs of one test",
            Self::NoCommonFixture { .. } => {
                "run both with the same fixtures; `--force` pairs fixtures that were changed in between"
            }
            Self::Refused { .. } => {
                "run both alike, or compare anyway with `--force`: the report then says so"
            }
        }
    }
}

/// Compares every pair. A pure function of the runs, whatever the order of their records.
///
/// # Errors
/// [`CompareError`]; without `force` the first pair that is refused refuses all.
pub fn compare(sides: &Sides<'_>, options: Options) -> Result<Comparison, CompareError> {
    let Some(((first, _), _)) = sides.pairs.first() else { return Ok(Comparison::default()) };
    let pass_score = summary::pass_score(&first.manifest);
    let mut contrasts = Vec::new();
    for (base, other) in &sides.pairs {
        contrasts.push(contrast(*base, *other, pass_score, options)?);
    }
    let refusals: BTreeSet<&str> = contrasts
        .iter()
        .flat_map(|contrast| &contrast.findings)
        .filter(|finding| finding.severity == Severity::Refusal)
        .map(|finding| finding.message.as_str())
        .collect();
    if !options.force && !refusals.is_empty() {
        let reasons = refusals.into_iter().map(str::to_owned).collect();
        return Err(CompareError::Refused { reasons });
    }
    judge(&mut contrasts, options);
    Ok(Comparison {
        format_version: 1,
        test: first.manifest.test.clone(),
        max_score: first.manifest.max_score,
        pass_score,
        alpha: ALPHA,
        contrasts,
    })
}

/// Adjusts each metric's p-values for the number of comparisons, then decides.
fn judge(contrasts: &mut [Contrast], options: Options) {
    for (name, metric) in metrics::METRICS.iter().zip(metrics::metrics()) {
        for at_loads in [false, true] {
            judge_alike(contrasts, name, at_loads);
        }
        for contrast in contrasts.iter_mut().filter(|_| metric.is_speed && !options.force) {
            let stops = |severity| severity == Severity::SpeedNotJudged;
            let Some(found) = contrast.findings.iter().find(|found| stops(found.severity)) else {
                continue;
            };
            let reason = format!("speeds are not judged: {}", found.check);
            let of_metric = |result: &&mut MetricComparison| {
                result.metric == *name && result.verdict != Verdict::NotCompared
            };
            let at_loads = contrast.loads.iter_mut().flat_map(|load| &mut load.metrics);
            for result in contrast.metrics.iter_mut().chain(at_loads).filter(of_metric) {
                result.verdict = Verdict::Undecided;
                result.can_differ = false;
                result.reason = Some(reason.clone());
            }
        }
    }
}

/// Judges one metric of all sides: over fixtures, or at each load.
fn judge_alike(contrasts: &mut [Contrast], name: &str, at_loads: bool) {
    let of_contrast = |contrast| {
        let Contrast { metrics, loads, .. }: &mut Contrast = contrast;
        let loads = loads.iter_mut().filter(move |_| at_loads).flat_map(|load| &mut load.metrics);
        metrics.iter_mut().filter(move |_| !at_loads).chain(loads)
    };
    let same = contrasts.iter_mut().flat_map(of_contrast);
    let mut same: Vec<&mut MetricComparison> = same.filter(|one| one.metric == name).collect();
    let known: Vec<f64> = same.iter().filter_map(|result| result.p).collect();
    let adjusted = stats::holm(&known);
    let tested = same.iter_mut().filter(|result| result.p.is_some());
    for (result, adjusted) in tested.zip(adjusted) {
        result.p_adjusted = Some(adjusted);
    }
    for result in same {
        metrics::judge(result, known.len(), ALPHA);
    }
}

fn contrast(
    base: Picked<'_>,
    other: Picked<'_>,
    pass_score: Option<f64>,
    options: Options,
) -> Result<Contrast, CompareError> {
    let (base_run, other_run) = (&base.0.manifest, &other.0.manifest);
    if base_run.test != other_run.test {
        let (base, other) = (base_run.test.clone(), other_run.test.clone());
        return Err(CompareError::DifferentTests { base, other });
    }
    let (base_attempts, other_attempts) = (attempts_of(base), attempts_of(other));
    let (base_fixtures, other_fixtures) = (by_fixture(&base_attempts), by_fixture(&other_attempts));
    let hash = |(run, _): Picked<'_>, name: &str| {
        let fixtures = run.manifest.fixtures.iter();
        fixtures.filter(|fixture| fixture.name == name).map(|f| f.sha256.clone()).next()
    };
    let all: BTreeSet<&str> =
        base_attempts.iter().chain(&other_attempts).map(|attempt| &*attempt.fixture).collect();
    let (mut common, mut changed) = (Vec::new(), Vec::new());
    for name in base_fixtures.keys().filter(|name| other_fixtures.contains_key(*name)) {
        let is_same = hash(base, name) == hash(other, name);
        if is_same || options.force {
            common.push(*name);
        }
        if !is_same {
            changed.push(*name);
        }
    }
    let place = |name: &&str| base_run.plan.fixtures.iter().position(|planned| planned == name);
    common.sort_by_key(|name| (place(name).unwrap_or(usize::MAX), *name));
    if common.is_empty() {
        let label = |(run, model): Picked<'_>| format!("`{model}` of `{}`", run.manifest.run_id);
        let (base, other) = (label(base), label(other));
        return Err(CompareError::NoCommonFixture { base, other });
    }
    let findings = checks::findings(&Pair {
        base,
        other,
        base_attempts: &base_attempts,
        other_attempts: &other_attempts,
        common: common.len(),
        all: all.len(),
        changed: &changed,
        force: options.force,
    });
    let repeats = match common[..] {
        [only] => [("the base", &base_fixtures[only]), ("the other side", &other_fixtures[only])]
            .into_iter()
            .find(|(_, attempts)| summary::repeats_one_answer(attempts))
            .map(|(side, _)| side),
        _ => None,
    };
    let compared = |fixtures: &[&str]| -> Vec<MetricComparison> {
        let all = metrics::metrics();
        let both = all.iter().map(|metric| {
            let base = values(metric, base, &base_fixtures, fixtures, pass_score);
            (metric, base, values(metric, other, &other_fixtures, fixtures, pass_score))
        });
        both.filter(|(_, base, other)| !base.is_empty() || !other.is_empty())
            .map(|(metric, base, other)| metrics::compare(metric, &base, &other, repeats))
            .collect()
    };
    let metrics = compared(&common);
    let at_loads = if base_run.is_scored { &[][..] } else { &common[..] };
    let loads = at_loads.iter().map(|name| LoadComparison {
        fixture: (*name).to_owned(),
        base_runs: base_fixtures[name].len() as u64,
        other_runs: other_fixtures[name].len() as u64,
        metrics: compared(&[*name]),
    });
    let loads = loads.collect();
    let fixtures = common
        .iter()
        .filter_map(|name| {
            let level = summary::level_of(base_run, name);
            fixture(name, level, &base_fixtures[name], &other_fixtures[name], pass_score)
        })
        .collect();
    Ok(Contrast {
        base: side(base, &base_attempts),
        other: side(other, &other_attempts),
        findings,
        metrics,
        fixtures,
        loads,
    })
}

/// The attempts of a side in an order that does not depend on the file's.
fn attempts_of<'a>((run, model): Picked<'a>) -> Vec<&'a Attempt> {
    let mut own: Vec<_> = run.records.iter().filter(|attempt| *attempt.model == *model).collect();
    own.sort_by(|a, b| (&a.fixture, a.run_number, &a.id).cmp(&(&b.fixture, b.run_number, &b.id)));
    own
}

/// The scored attempts of each fixture.
fn by_fixture<'a>(attempts: &[&'a Attempt]) -> BTreeMap<&'a str, Vec<&'a Attempt>> {
    let mut fixtures: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| attempt.status == AttemptStatus::Scored) {
        fixtures.entry(&attempt.fixture).or_default().push(attempt);
    }
    fixtures
}

fn values<'b>(
    metric: &Metric,
    (run, model): Picked<'_>,
    fixtures: &BTreeMap<&str, Vec<&Attempt>>,
    common: &[&'b str],
    pass_score: Option<f64>,
) -> Values<'b> {
    let own = run.manifest.models.iter().find(|record| record.identity.name == model);
    let cold = own.map(|record| record.cold_prompts.as_slice()).unwrap_or_default();
    let mut values = Values::new();
    for name in common {
        let attempts = fixtures.get(name).into_iter().flatten();
        let measured = attempts.filter_map(|attempt| (metric.value)(attempt, pass_score));
        let at_warm_up = cold.iter().filter(|prompt| prompt.fixture == *name);
        let measured: Vec<f64> = measured
            .chain(at_warm_up.filter_map(|prompt| (metric.cold)(prompt)))
            .filter(|value| value.is_finite())
            .collect();
        if !measured.is_empty() {
            values.insert(name, measured);
        }
    }
    values
}

fn side((run, model): Picked<'_>, attempts: &[&Attempt]) -> Side {
    let scored = attempts.iter().filter(|attempt| attempt.status == AttemptStatus::Scored).count();
    let record = run.manifest.models.iter().find(|record| record.identity.name == model);
    let identity = record.map(|record| &record.identity);
    // At several loads there is not one speed.
    let fixtures: BTreeSet<&str> = attempts.iter().map(|attempt| &*attempt.fixture).collect();
    let has_one_speed = run.manifest.is_scored || fixtures.len() == 1;
    let scored_only = |attempt: &&&Attempt| attempt.status == AttemptStatus::Scored;
    let speeds = attempts.iter().filter(scored_only).filter_map(|attempt| attempt.tokens_per_sec);
    let speed = stats::mean(&speeds.collect::<Vec<_>>()).filter(|_| has_one_speed);
    let (per_billion, bandwidth) = summary::weight_figures(identity, speed);
    Side {
        architecture: identity.and_then(|identity| identity.architecture.value),
        parameters: identity.and_then(|identity| identity.parameters.value),
        active_parameters: identity.and_then(|identity| identity.active_parameters.value),
        tokens_per_sec_per_active_billion: per_billion.ok(),
        weight_bandwidth_gb_per_sec: bandwidth.ok(),
        run_id: run.manifest.run_id.clone(),
        run_name: run.manifest.name.clone(),
        model: model.to_owned(),
        digest: checks::digest_of((run, model)),
        attempts: attempts.len() as u64,
        scored: scored as u64,
    }
}

fn fixture(
    name: &str,
    level: Option<u8>,
    base: &[&Attempt],
    other: &[&Attempt],
    pass_score: Option<f64>,
) -> Option<FixtureComparison> {
    let scores = |attempts: &[&Attempt]| -> Vec<f64> {
        let scores = attempts.iter().filter_map(|attempt| attempt.score);
        scores.filter(|score| score.is_finite()).collect()
    };
    let correct = |attempts: &[&Attempt]| {
        let is_so = |attempt: &&&Attempt| is_correct(attempt, pass_score) == Some(true);
        attempts.iter().filter(is_so).count()
    };
    let (base_scores, other_scores) = (scores(base), scores(other));
    let mean = |scores: &[f64]| stats::describe(scores).ok().and_then(|stat| stat.mean);
    let (base_score, other_score) = (mean(&base_scores)?, mean(&other_scores)?);
    let (base_correct, other_correct) = (correct(base), correct(other));
    let mostly = |correct: usize, n: usize| 2 * correct > n;
    let flip = match (
        mostly(base_correct, base_scores.len()),
        mostly(other_correct, other_scores.len()),
    ) {
        (false, true) => Some(Flip::Gained),
        (true, false) => Some(Flip::Lost),
        _ => None,
    };
    let repeating: Vec<&str> = [("base", base), ("other", other)]
        .into_iter()
        .filter(|(_, attempts)| summary::repeats_one_answer(attempts))
        .map(|(side, _)| side)
        .collect();
    let ci95 = match repeating[..] {
        [] => stats::welch_interval(&other_scores, &base_scores),
        _ => None,
    };
    Some(FixtureComparison {
        fixture: name.to_owned(),
        level,
        base_runs: base_scores.len() as u64,
        other_runs: other_scores.len() as u64,
        base_score,
        other_score,
        difference: other_score - base_score,
        ci95,
        base_correct: pass_score.map(|_| base_correct as u64),
        other_correct: pass_score.map(|_| other_correct as u64),
        flip,
        remark: (!repeating.is_empty())
            .then(|| format!("identical outputs in all runs: {}", repeating.join(", "))),
    })
}
