//! The attempts as rows of a table, small enough for 100,000 of them.

use std::collections::HashMap;

use llmbench_api::record::AttemptStatus;
use serde_json::{Value, json};

use super::texts::Texts;
use crate::Attempt;

/// What the cells of a row are, in order; the scripts find them by these names.
///
/// `series` and `fixture` are places in the page's lists. `id` is the attempt's
/// id, or the number in front of it when the rest can be put together again:
/// number, `middle` (a text) and run number. `error` is the first error (a text).
pub(super) const COLUMNS: [&str; 21] = [
    "series",
    "fixture",
    "run",
    "status",
    "score",
    "compiles",
    "ast",
    "speed",
    "duration",
    "ttft",
    "cached",
    "prompt_tokens",
    "tokens",
    "gpu",
    "gpu_gb",
    "energy",
    "errors",
    "warnings",
    "error",
    "id",
    "middle",
];

/// Bytes of a first error that are kept for the table.
const MOST_ERROR_BYTES: usize = 160;
/// Bytes of all texts of all rows.
const MOST_TEXT_BYTES: usize = 1 << 20;

/// Places of names in the page's lists.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) fixtures: HashMap<String, usize>,
}

pub(super) fn row(attempt: &Attempt, series: usize, places: &Places, texts: &mut Texts) -> Value {
    let error = attempt.errors.first().and_then(|error| {
        let head = &error[..error.floor_char_boundary(MOST_ERROR_BYTES)];
        texts.number_within(head, MOST_TEXT_BYTES)
    });
    let (id, middle) = id(attempt, texts);
    json!([
        series,
        places.fixtures.get(&*attempt.fixture),
        attempt.run_number,
        status_letter(attempt.status),
        rounded(attempt.score, 3),
        attempt.compiles.map(u8::from),
        rounded(attempt.ast_score, 2),
        rounded(attempt.tokens_per_sec, 1),
        rounded(attempt.duration_sec, 2),
        rounded(attempt.ttft_sec, 3),
        u8::from(attempt.prompt_cached),
        attempt.prompt_tokens,
        attempt.completion_tokens,
        rounded(attempt.gpu_avg_utilization, 1),
        rounded(attempt.gpu_peak_memory_gb, 2),
        rounded(attempt.energy_joules, 0),
        attempt.errors.len(),
        attempt.warnings.len(),
        error,
        id,
        middle,
    ])
}

fn status_letter(status: AttemptStatus) -> &'static str {
    match status {
        AttemptStatus::Scored => "s",
        AttemptStatus::Timeout => "t",
        AttemptStatus::Invalid => "i",
        AttemptStatus::InfraError => "e",
        AttemptStatus::Cancelled => "c",
    }
}

fn id(attempt: &Attempt, texts: &mut Texts) -> (Value, Option<usize>) {
    let parts = || {
        let (number, rest) = attempt.id.split_once('-')?;
        let middle = rest.strip_suffix(&format!("-r{}", attempt.run_number))?;
        let number: u32 = number.parse().ok()?;
        (attempt.id == format!("{number:05}-{middle}-r{}", attempt.run_number))
            .then_some((number, middle))
    };
    match parts() {
        Some((number, middle)) => (json!(number), Some(texts.number(middle))),
        None => (json!(attempt.id), None),
    }
}

/// The number with at most so many decimals, without those that say nothing.
pub(super) fn rounded(value: Option<f64>, decimals: i32) -> Value {
    let Some(value) = value.filter(|value| value.is_finite()) else { return Value::Null };
    let factor = 10f64.powi(decimals);
    let value = (value * factor).round() / factor;
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_what_is_absent_stays_absent() {
        assert_eq!(rounded(Some(41.724_999), 1).to_string(), "41.7");
        assert_eq!(rounded(Some(10.0), 3).to_string(), "10");
        assert_eq!(rounded(Some(0.0), 3).to_string(), "0");
        assert_eq!(rounded(None, 3), Value::Null);
        assert_eq!(rounded(Some(f64::NAN), 3), Value::Null);
    }
}
