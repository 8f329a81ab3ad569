//! What a reader must know about a load point's figures.

use std::collections::BTreeMap;

use llmbench_api::record::LoadFigures;
use llmbench_api::{Answer, Error};

use crate::figures::class;

/// Share of answers that may end early before their length says something about the model.
const MOST_SHORT: f64 = 0.1;
/// Tokens for each piece of content from which on a gap is not that of one token.
const MERGED: f64 = 1.05;

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
