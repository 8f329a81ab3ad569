//! What a reader must know about a load point's figures.

use std::collections::BTreeMap;

use llmbench_api::record::{LoadFigures, SweepPoint};
use llmbench_api::{Answer, Error};

use crate::figures::class;

/// Share of answers that may end early before their length says something about the model.
const MOST_SHORT: f64 = 0.1;
/// Tokens for each piece of content from which on a gap is not that of one token.
const MERGED: f64 = 1.05;

/// Requests below which chance decides whether a rate seems to be sustained.
const FEW_REQUESTS: u64 = 40;
/// Share of the answers at a sustained rate, below which those at a higher one contradict it.
const FEWER_ANSWERS: f64 = 0.95;

/// What makes the figures doubtful.
pub(crate) fn warnings(figures: &LoadFigures) -> Vec<String> {
    let mut warnings = Vec::new();
    let answered = figures.answered;
    if let Some(reason) = figures.missing.get("ramp_sec") {
        warnings.push(reason.clone());
    }
    if figures.short_answers as f64 > MOST_SHORT * answered as f64 {
        warnings.push(format!(
            "{} of {answered} answers ended before {} tokens, so the load was lighter than wanted",
            figures.short_answers, figures.point.output_tokens
        ));
    }
    if figures.long_answers > 0 {
        warnings.push(format!(
            "{} of {answered} answers are longer than the {} tokens that were allowed: the server does not keep the limit",
            figures.long_answers, figures.point.output_tokens
        ));
    }
    if let Some(tokens) = figures.tokens_per_chunk.filter(|tokens| *tokens > MERGED) {
        warnings.push(format!(
            "the server sends {tokens:.1} tokens at a time: a gap (ITL) is not that of one token"
        ));
    }
    if figures.saturated == Some(true) {
        warnings.push(
            "requests came faster than they were answered: latencies grow with the length of the measurement".to_owned(),
        );
    }
    warnings.extend(sweep(figures));
    warnings
}

/// What makes the end of a sweep doubtful: it rests on two rates, the highest that was sustained and
/// the lowest that was not.
fn sweep(figures: &LoadFigures) -> Vec<String> {
    let points = &figures.sweep;
    let rate = |point: &&SweepPoint| point.rate_per_second;
    let by_rate = |a: &&SweepPoint, b: &&SweepPoint| rate(a).total_cmp(&rate(b));
    let sustained = figures.sustained_rate_per_sec;
    let held = points.iter().find(|point| Some(point.rate_per_second) == sustained);
    let too_much = points.iter().filter(|point| point.saturated).min_by(by_rate);
    let mut warnings = Vec::new();
    let few = |point: &SweepPoint| {
        format!("{} requests at {} a second", point.requests, point.rate_per_second)
    };
    let few: Vec<_> = held
        .into_iter()
        .chain(too_much)
        .filter(|point| point.requests < FEW_REQUESTS)
        .map(few)
        .collect();
    if !few.is_empty() {
        warnings.push(format!(
            "the sweep's end rests on few requests ({}): set `throughput.requests` to {FEW_REQUESTS} or more",
            few.join(", ")
        ));
    }
    let Some((held, answers)) = held.and_then(|held| Some((held, held.requests_per_sec?))) else {
        return warnings;
    };
    let fewer = |point: &&SweepPoint| {
        point.saturated && point.requests_per_sec.is_some_and(|n| n < FEWER_ANSWERS * answers)
    };
    if let Some(point) = points.iter().filter(fewer).min_by(by_rate) {
        warnings.push(format!(
            "the sweep contradicts itself: at {} requests a second, too many, {:.2} a second were answered, and at {}, sustained, {answers:.2}; repeat it with more requests",
            point.rate_per_second,
            point.requests_per_sec.unwrap_or(0.0),
            held.rate_per_second
        ));
    }
    warnings
}

/// Failed requests by class, each with the first error of its kind.
pub(crate) fn failures(answers: &[Answer]) -> Vec<String> {
    let mut classes: BTreeMap<String, (u64, &Error)> = BTreeMap::new();
    for answer in answers {
        if let Answer::Failed(error) = answer {
            classes.entry(class(error)).or_insert((0, error)).0 += 1;
        }
    }
    let line = |(class, (count, error)): (String, (u64, &Error))| {
        format!("{count} of {} requests failed ({class}): {error}", answers.len())
    };
    classes.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swept(points: &[(f64, u64, bool, f64)]) -> LoadFigures {
        let point =
            |(rate_per_second, requests, saturated, answers): &(f64, u64, bool, f64)| SweepPoint {
                rate_per_second: *rate_per_second,
                requests: *requests,
                saturated: *saturated,
                requests_per_sec: Some(*answers),
                ..SweepPoint::default()
            };
        let sustained = points.iter().filter(|point| !point.2).map(|point| point.0);
        LoadFigures {
            sustained_rate_per_sec: sustained.reduce(f64::max),
            sweep: points.iter().map(point).collect(),
            ..LoadFigures::default()
        }
    }

    #[test]
    fn a_sweep_says_when_its_end_is_doubtful() {
        let check = |points: &[(f64, u64, bool, f64)], parts: &[&str]| {
            let found = warnings(&swept(points));
            assert_eq!(found.len(), parts.len(), "{found:?}");
            for (warning, part) in found.iter().zip(parts) {
                assert!(warning.contains(part), "{warning}");
            }
        };
        // Only the two rates that decide count, and a server that is full answers as much as it can.
        check(&[(1.0, 20, false, 1.0), (8.0, 80, false, 7.9), (16.0, 160, true, 10.0)], &[]);
        check(&[(8.0, 80, false, 7.9), (16.0, 160, true, 7.8)], &[]);
        let few = "(20 requests at 2 a second, 27 requests at 2.38 a second)";
        check(
            &[
                (1.0, 20, false, 0.8),
                (2.0, 20, false, 1.51),
                (4.0, 46, true, 1.79),
                (2.38, 27, true, 1.39),
            ],
            &[
                few,
                "at 2.38 requests a second, too many, 1.39 a second were answered, and at 2, sustained, 1.51",
            ],
        );
        check(&[(1.0, 20, true, 0.5)], &["(20 requests at 1 a second)"]);
        check(&[], &[]);
    }
}
