//! What an answer is worth.

use llmbench_api::{DoneReason, Generation, Verdict};
use serde::Serialize;
use serde_json::json;

use crate::calibration::Calibration;
use crate::cells::Cell;
use crate::needles::{Needle, Place};
use crate::prompt::Prompt;
use crate::recall::{Recall, recall};
use crate::truncation::Reading;

const MAX_SCORE: f64 = 10.0;

/// A question and what came back.
pub(crate) struct Asked<'a> {
    pub(crate) cell: &'a Cell,
    pub(crate) prompt: &'a Prompt,
    pub(crate) calibration: Calibration,
    pub(crate) answer: &'a Generation,
}

/// One entry of the record's `needles`.
#[derive(Serialize)]
struct Outcome<'a> {
    name: &'a str,
    code: &'a str,
    place: Place,
    recall: Recall,
}

/// The share of the codes at the cell's depth that came back, of ten; no score for a cut prompt.
pub(crate) fn verdict(asked: &Asked<'_>) -> Verdict {
    let Asked { cell, prompt, calibration, answer } = asked;
    let outcomes: Vec<(&Needle, Recall)> =
        prompt.needles.iter().zip(recall(&answer.text, &prompt.needles)).collect();
    let found = |place: Place| {
        outcomes
            .iter()
            .filter(|(needle, recall)| needle.place == place && *recall == Recall::Exact)
            .count()
    };
    let recalled = found(Place::Depth);
    let (start_found, end_found) = (found(Place::Start) > 0, found(Place::End) > 0);
    let expected_tokens = calibration.expected_tokens(prompt.haystack_bytes);
    let truncation = answer.prompt_tokens.map(|prompt_tokens| {
        Reading {
            expected_tokens,
            prompt_tokens,
            completion_tokens: answer.completion_tokens,
            length_tokens: cell.length_tokens,
            start_found,
            end_found,
        }
        .truncation()
    });
    let mut verdict = match &truncation {
        None => Verdict::invalid(
            "the server did not count this prompt's tokens, so nobody knows whether it read them all",
        ),
        Some(Some(reason)) => Verdict::invalid(reason.clone()),
        Some(None) => Verdict::scored(MAX_SCORE * recalled as f64 / f64::from(cell.keys)),
    };
    verdict.output = Some(answer.text.clone());
    verdict.errors = errors(&outcomes);
    verdict.warnings = warnings(answer);
    let needles: Vec<_> = outcomes
        .iter()
        .map(|(needle, recall)| Outcome {
            name: needle.name,
            code: &needle.code,
            place: needle.place,
            recall: *recall,
        })
        .collect();
    let metrics = [
        ("keys", json!(cell.keys)),
        ("keys_recalled", json!(recalled)),
        ("start_recalled", json!(start_found)),
        ("end_recalled", json!(end_found)),
        ("needles", json!(needles)),
        ("expected_prompt_tokens", json!(expected_tokens.round())),
        ("bytes_per_token", json!(calibration.bytes_per_token)),
        ("haystack_bytes", json!(prompt.haystack_bytes)),
        ("haystack_rounds", json!(prompt.haystack_rounds)),
    ];
    verdict.metrics.extend(metrics.map(|(name, value)| (name.to_owned(), value)));
    if let Some(truncation) = truncation {
        verdict = verdict.with_metric("truncated", truncation.is_some());
    }
    match answer.prefill_sec {
        Some(seconds) => verdict.with_metric("prefill_sec", seconds),
        None => {
            let reason = answer.missing.get("prefill_sec").cloned();
            let reason = reason.unwrap_or_else(|| "the server does not report it".into());
            verdict.missing.insert("prefill_sec".into(), reason);
            verdict
        }
    }
}

/// One line for each code at the depth that did not come back.
fn errors(outcomes: &[(&Needle, Recall)]) -> Vec<String> {
    let at_depth = outcomes.iter().filter(|(needle, _)| needle.place == Place::Depth);
    at_depth
        .filter_map(|(needle, recall)| match recall {
            Recall::Exact => None,
            Recall::WrongName => {
                Some(format!("the code of the {} is under another name", needle.name))
            }
            Recall::Absent => Some(format!("the code of the {} is not in the answer", needle.name)),
        })
        .collect()
}

fn warnings(answer: &Generation) -> Vec<String> {
    let cut_off = answer.done_reason == DoneReason::Length;
    let thought = !answer.thinking.is_empty() && answer.text.trim().is_empty();
    let mut warnings = Vec::new();
    if cut_off && thought {
        warnings.push(
            "the model used up its tokens on reasoning; raise them with `--set context-window.answer_tokens=N`"
                .to_owned(),
        );
    } else if cut_off {
        warnings.push("answer was cut off at the token limit".to_owned());
    }
    warnings
}
