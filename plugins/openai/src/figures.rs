//! The figures that a server tells with an answer: counts and durations, as far as they can be true.

use std::collections::BTreeMap;

use llmbench_api::Generation;

use crate::wire::{Timings, Usage};

/// No prompt and no answer has more tokens.
const MOST_TOKENS: f64 = (1_u64 << 40) as f64;

/// What can be believed; `missing` says why the rest cannot.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) prompt_tokens: Option<u64>,
    pub(crate) cached_prompt_tokens: Option<u64>,
    pub(crate) completion_tokens: Option<u64>,
    pub(crate) prefill_sec: Option<f64>,
    pub(crate) decode_sec: Option<f64>,
    pub(crate) decode_tokens: Option<u64>,
    /// Field name → reason; `prefill_tokens_per_sec` where the tokens are too few for a speed.
    pub(crate) missing: BTreeMap<String, String>,
}

impl Figures {
    /// The figures of an answer that `has_text` or not.
    pub(crate) fn of(usage: Option<Usage>, timings: Option<Timings>, has_text: bool) -> Self {
        let mut figures = Self::default();
        figures.count(usage, has_text);
        match timings {
            Some(timings) => figures.time(&timings),
            None => {
                for name in ["prefill_sec", "decode_sec"] {
                    figures.absent(name, "the server reports no durations".into());
                }
            }
        }
        let details = usage.and_then(|usage| usage.prompt_tokens_details);
        let told = details.and_then(|details| whole(details.cached_tokens?));
        let computed = timings.and_then(|timings| whole(timings.prompt_n?));
        // llama.cpp keeps at least the tokens of the template for nearly every request.
        let cached = |all: u64| told.or_else(|| Some(all.saturating_sub(computed?)));
        figures.cached_prompt_tokens =
            figures.prompt_tokens.and_then(|all| cached(all).filter(|cached| *cached <= all));
        if let (Some(all), Some(cached), Some(_)) =
            (figures.prompt_tokens, figures.cached_prompt_tokens, figures.prefill_sec)
            && all - cached < Generation::FEWEST_COMPUTED
        {
            let computed = all - cached;
            figures.absent(
                "prefill_tokens_per_sec",
                format!(
                    "only {computed} of {all} prompt tokens were computed, the rest came from the \
                     server's cache"
                ),
            );
        }
        figures
    }

    fn absent(&mut self, name: &str, reason: String) {
        self.missing.insert(name.to_owned(), reason);
    }

    fn count(&mut self, usage: Option<Usage>, has_text: bool) {
        let Some(usage) = usage else {
            for name in ["prompt_tokens", "completion_tokens"] {
                self.absent(name, "the server sent no usage with the stream".into());
            }
            return;
        };
        // Some servers write 0 for what they do not count.
        match count(usage.prompt_tokens, "prompt_tokens", Some("for the prompt")) {
            Ok(count) => self.prompt_tokens = Some(count),
            Err(reason) => self.absent("prompt_tokens", reason),
        }
        let beside = has_text.then_some("beside text");
        match count(usage.completion_tokens, "completion_tokens", beside) {
            Ok(count) => self.completion_tokens = Some(count),
            Err(reason) => self.absent("completion_tokens", reason),
        }
    }

    fn time(&mut self, timings: &Timings) {
        match seconds(timings.prompt_ms, "prompt_ms") {
            Ok(seconds) => self.prefill_sec = Some(seconds),
            Err(reason) => self.absent("prefill_sec", reason),
        }
        let decode = seconds(timings.predicted_ms, "predicted_ms");
        match (decode, timings.predicted_n.and_then(whole)) {
            (Err(reason), _) => self.absent("decode_sec", reason),
            // The clock begins with the first token, and nothing came behind it.
            (Ok(_), Some(1)) => self.absent(
                "decode_sec",
                "one token was generated: the server's clock begins with the first".into(),
            ),
            (Ok(seconds), count) => {
                self.decode_sec = Some(seconds);
                self.decode_tokens = count.filter(|count| {
                    timings
                        .predicted_per_second
                        .is_some_and(|told| is_without_the_first(*count as f64, seconds, told))
                });
                self.decode_tokens = self.decode_tokens.map(|count| count - 1);
            }
        }
    }
}

/// Whether a speed that the server works out leaves the first of `count` tokens out, as
/// newer versions of llama.cpp do.
fn is_without_the_first(count: f64, seconds: f64, told: f64) -> bool {
    count > 1.0 && ((count - 1.0) / seconds - told).abs() < (count / seconds - told).abs()
}

fn whole(number: f64) -> Option<u64> {
    ((0.0..=MOST_TOKENS).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// The count, or why it is none; a 0 is none where `not_zero` tells what it stands beside.
fn count(told: Option<f64>, name: &str, not_zero: Option<&str>) -> Result<u64, String> {
    let told = told.ok_or_else(|| format!("the server's usage leaves out {name}"))?;
    match (whole(told), not_zero) {
        (Some(0), Some(beside)) => Err(format!("the server counts 0 tokens {beside}")),
        (Some(count), _) => Ok(count),
        (None, _) => Err(format!("the server counts {told} tokens, which cannot be")),
    }
}

fn seconds(told_ms: Option<f64>, name: &str) -> Result<f64, String> {
    match told_ms {
        None => Err(format!("the server left out {name}")),
        Some(ms) if ms > 0.0 => Ok(ms / 1e3),
        Some(ms) => Err(format!("the server tells a {name} of {ms}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt: f64, completion: f64) -> Option<Usage> {
        let (prompt_tokens, completion_tokens) = (Some(prompt), Some(completion));
        Some(Usage { prompt_tokens, completion_tokens, ..Usage::default() })
    }

    fn timings(predicted_n: f64, predicted_per_second: Option<f64>) -> Option<Timings> {
        Some(Timings {
            prompt_n: Some(30.0),
            prompt_ms: Some(20.0),
            predicted_n: Some(predicted_n),
            predicted_ms: Some(500.0),
            predicted_per_second,
        })
    }

    #[test]
    fn counts_that_cannot_be_are_absent_with_their_reason() {
        fn check(told: Option<f64>, has_text: bool, expected: Result<u64, &str>) {
            let usage = Usage { completion_tokens: told, ..usage(5.0, 0.0).unwrap() };
            let figures = Figures::of(Some(usage), None, has_text);
            let reason = figures.missing.get("completion_tokens").map(String::as_str);
            let found = figures.completion_tokens.ok_or_else(|| reason.unwrap());
            assert_eq!(found, expected, "{told:?}");
        }
        check(Some(3.0), true, Ok(3));
        check(Some(0.0), false, Ok(0));
        check(Some(0.0), true, Err("the server counts 0 tokens beside text"));
        check(None, true, Err("the server's usage leaves out completion_tokens"));
        check(Some(-1.0), true, Err("the server counts -1 tokens, which cannot be"));
        check(Some(2f64.powi(40)), true, Ok(1 << 40));
        check(
            Some(2f64.powi(63)),
            true,
            Err("the server counts 9223372036854776000 tokens, which cannot be"),
        );
        let figures = Figures::of(usage(0.0, 3.0), None, true);
        assert_eq!(figures.prompt_tokens, None);
        assert_eq!(figures.missing["prompt_tokens"], "the server counts 0 tokens for the prompt");
        let figures = Figures::of(None, None, true);
        assert!(figures.missing["prompt_tokens"].contains("sent no usage"));
    }

    #[test]
    fn the_prompts_time_is_that_of_the_tokens_that_were_computed() {
        let figures = Figures::of(usage(50.0, 11.0), timings(11.0, None), true);
        assert_eq!((figures.prefill_sec, figures.cached_prompt_tokens), (Some(0.02), Some(20)));
        // The server's own word counts more.
        let cached_tokens = Some(45.0);
        let prompt_tokens_details = Some(crate::wire::PromptTokens { cached_tokens });
        let told = Usage { prompt_tokens_details, ..usage(50.0, 11.0).unwrap() };
        let figures = Figures::of(Some(told), timings(11.0, None), true);
        assert_eq!(figures.cached_prompt_tokens, Some(45));
        assert!(figures.missing["prefill_tokens_per_sec"].starts_with("only 5 of 50"));
        let figures = Figures::of(usage(50.0, 11.0), None, true);
        assert_eq!(figures.cached_prompt_tokens, None);
    }

    #[test]
    fn the_answers_time_is_that_of_the_tokens_by_which_the_server_divides() {
        let decode = |count, told| {
            let figures = Figures::of(usage(50.0, count), timings(count, told), true);
            (figures.decode_sec, figures.decode_tokens)
        };
        assert_eq!(decode(11.0, Some(20.0)), (Some(0.5), Some(10)));
        assert_eq!(decode(11.0, Some(22.0)), (Some(0.5), None));
        assert_eq!(decode(11.0, None), (Some(0.5), None));
        assert_eq!(decode(2.0, Some(2.0)), (Some(0.5), Some(1)));
        assert_eq!(decode(1.0, Some(0.0)), (None, None));
        let figures = Figures::of(usage(50.0, 1.0), timings(1.0, Some(2.0)), true);
        assert!(figures.missing["decode_sec"].starts_with("one token was generated"));
    }
}
