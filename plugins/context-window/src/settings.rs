//! `[plugin.context-window]` in `llmbench.toml`, or `--set context-window.KEY=VALUE`.

use llmbench_api::{Error, ErrorKind, Json, Result};
use serde::Deserialize;

/// Lengths that are tried when none is named, as far as the model's context goes.
pub(crate) const DEFAULT_LENGTHS: [u32; 4] = [1024, 2048, 4096, 8192];
const DEFAULT_DEPTHS: [u8; 3] = [0, 50, 100];
const DEFAULT_KEYS: u32 = 3;
/// Below this there is no room for a text around the needles.
const SHORTEST: u32 = 256;
/// Longer than any model's context today; larger numbers are slips.
const LONGEST: u32 = 9_999_999;
const MOST_KEYS: u32 = 20;
/// Room for `name: code` where every character is a token.
const ANSWER_TOKENS_PER_KEY: u32 = 24;
const ANSWER_TOKENS_BESIDE: u32 = 16;

/// The settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Lengths of the context in tokens, prompt and answer together; ascending, each once.
    pub lengths: Vec<u32>,
    /// True when the user named no lengths.
    pub default_lengths: bool,
    /// Where the needles are, in percent of the text; ascending, each once.
    pub depths: Vec<u8>,
    /// Needles of a cell that count.
    pub keys: u32,
    /// Most tokens of the answer.
    pub answer_tokens: u32,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Given {
    lengths: Option<Vec<u32>>,
    depths: Option<Vec<u8>>,
    keys: Option<u32>,
    answer_tokens: Option<u32>,
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] naming the setting, what it may be, and an example.
    pub fn new(settings: Json) -> Result<Self> {
        let given: Given = llmbench_plugin::settings("context-window", settings)?;
        let keys = given.keys.unwrap_or(DEFAULT_KEYS);
        check("keys", keys, 1..=MOST_KEYS, "5")?;
        let default_answer = (keys + 2) * ANSWER_TOKENS_PER_KEY + ANSWER_TOKENS_BESIDE;
        let answer_tokens = given.answer_tokens.unwrap_or(default_answer);
        check("answer_tokens", answer_tokens, 1..=LONGEST, "400")?;
        let default_lengths = given.lengths.is_none();
        let lengths = ascending(given.lengths.unwrap_or_else(|| DEFAULT_LENGTHS.to_vec()));
        for length in lengths.iter().copied() {
            check("lengths", length, SHORTEST..=LONGEST, "[2048,8192]")?;
            if length < answer_tokens.saturating_mul(2) {
                let problem = format!(
                    "`lengths`: {length} tokens leave no room for a text beside an answer of {answer_tokens}"
                );
                let hint = "name longer ones, fewer `keys`, or a lower `answer_tokens`";
                return Err(wrong(&problem, hint));
            }
        }
        let depths = ascending(given.depths.unwrap_or_else(|| DEFAULT_DEPTHS.to_vec()));
        for depth in depths.iter().copied() {
            check("depths", u32::from(depth), 0..=100, "[0,50,100]")?;
        }
        for (name, is_empty) in [("lengths", lengths.is_empty()), ("depths", depths.is_empty())] {
            if is_empty {
                let hint = "name at least one, or leave the setting out for the default";
                return Err(wrong(&format!("`{name}` is empty"), hint));
            }
        }
        Ok(Self { lengths, default_lengths, depths, keys, answer_tokens })
    }
}

fn ascending<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}

fn check(
    name: &str,
    value: u32,
    range: std::ops::RangeInclusive<u32>,
    example: &str,
) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(wrong(
        &format!("`{name}`: {value} is not within {} to {}", range.start(), range.end()),
        &format!("for example `--set context-window.{name}={example}`"),
    ))
}

fn wrong(problem: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Settings, format!("settings of `context-window`: {problem}"))
        .with_hint(hint)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_sorted_and_defaults_are_told_from_what_was_named() {
        let settings =
            Settings::new(json!({ "lengths": [4096, 512, 512], "depths": [100, 0] })).unwrap();
        assert_eq!((settings.lengths, settings.depths), (vec![512, 4096], vec![0, 100]));
        assert!(!settings.default_lengths);
        let settings = Settings::new(json!({})).unwrap();
        assert_eq!((settings.lengths.as_slice(), settings.keys), (&DEFAULT_LENGTHS[..], 3));
        assert!(settings.default_lengths);
    }

    fn check_refusal(settings: Json, part: &str) {
        let error = Settings::new(settings).unwrap_err();
        let text = format!("{error} {:?}", error.causes);
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_name() {
        check_refusal(json!({ "lengths": [10] }), "`lengths`: 10 is not within 256");
        check_refusal(json!({ "lengths": [256] }), "no room for a text");
        check_refusal(json!({ "lengths": [] }), "`lengths` is empty");
        check_refusal(json!({ "depths": [101] }), "`depths`: 101");
        check_refusal(json!({ "keys": 0 }), "`keys`: 0");
        check_refusal(json!({ "length": [512] }), "length");
    }
}
