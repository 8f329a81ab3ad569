//! Speeds of an attempt, over all its answers.

use std::collections::BTreeMap;

use llmbench_api::record::MeasuredBy;
use llmbench_api::{Generation, Json};

/// Servers start the clock after the first token, so that the speed of a very
/// short answer would be far too high.
const FEWEST_TOKENS: u64 = 10;

/// Figures over all answers of an attempt; absent as soon as one part is.
pub(super) struct Speeds {
    pub(super) decode: Option<Decode>,
    pub(super) prefill: Option<f64>,
    pub(super) duration_sec: Option<f64>,
    pub(super) ttft_sec: Option<f64>,
    pub(super) load_sec: Option<f64>,
    pub(super) queue_sec: Option<f64>,
    pub(super) prompt_tokens: Option<u64>,
    pub(super) completion_tokens: Option<u64>,
}

/// A decode speed and whose clock it is by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decode {
    pub(super) tokens_per_sec: f64,
    pub(super) measured_by: Option<MeasuredBy>,
}

impl Speeds {
    /// Takes the figures of a test that measures speeds itself: it knows what its requests were for.
    pub(super) fn take(&mut self, metrics: &mut BTreeMap<String, Json>) {
        let by = metrics.remove("tokens_per_sec_measured_by");
        if let Some(value) = metrics.remove("tokens_per_sec") {
            let measured_by = by.and_then(|word| serde_json::from_value(word).ok());
            let decode = |tokens_per_sec| Decode { tokens_per_sec, measured_by };
            self.decode = value.as_f64().map(decode);
        }
        let mut figure = |name: &str, own: &mut Option<f64>| {
            if let Some(value) = metrics.remove(name) {
                *own = value.as_f64();
            }
        };
        figure("prefill_tokens_per_sec", &mut self.prefill);
        figure("duration_sec", &mut self.duration_sec);
        figure("ttft_sec", &mut self.ttft_sec);
    }

    pub(super) fn of(answers: &[&Generation]) -> Self {
        Self {
            decode: decode(answers),
            prefill: prefill(answers),
            duration_sec: sum(answers, |answer| Some(answer.duration_sec())),
            ttft_sec: answers.first().and_then(|answer| answer.ttft_sec()),
            load_sec: sum(answers, |answer| answer.load_sec),
            queue_sec: sum(answers, |answer| answer.queue_sec),
            prompt_tokens: count(answers, |answer| answer.prompt_tokens),
            completion_tokens: count(answers, |answer| answer.completion_tokens),
        }
    }
}

fn sum(answers: &[&Generation], part: impl Fn(&Generation) -> Option<f64>) -> Option<f64> {
    if answers.is_empty() { None } else { answers.iter().map(|answer| part(answer)).sum() }
}

/// A sum that no server's counts can break: absent where there is no such number.
fn count(answers: &[&Generation], part: impl Fn(&Generation) -> Option<u64>) -> Option<u64> {
    let mut parts = answers.iter().map(|answer| part(answer));
    let first = parts.next()??;
    parts.try_fold(first, |sum, part| sum.checked_add(part?))
}

fn rate(count: f64, seconds: f64) -> Option<f64> {
    (count > 0.0 && seconds > 0.0).then(|| count / seconds)
}

/// Absent as soon as one answer tells none.
fn prefill(answers: &[&Generation]) -> Option<f64> {
    let told = answers.iter().all(|answer| answer.prefill_tokens_per_sec().is_some());
    let tokens = sum(answers, |answer| Some(answer.computed_prompt_tokens()? as f64))?;
    rate(tokens, sum(answers, |answer| answer.prefill_sec)?).filter(|_| told)
}

/// Of the answers that are long enough: by the server's time where it tells that of every one,
/// else by the arrival of the pieces.
fn decode(answers: &[&Generation]) -> Option<Decode> {
    let long: Vec<_> = answers.iter().copied().filter(|answer| !is_short(answer)).collect();
    let tokens = |answer: &Generation| answer.decode_tokens.or(answer.completion_tokens);
    let tokens = sum(&long, |answer| Some(tokens(answer)? as f64))?;
    let (tokens, sec, by) = match sum(&long, |answer| answer.decode_sec) {
        Some(sec) => (tokens, sec, MeasuredBy::Server),
        None => {
            let fine: Vec<_> = long.iter().copied().filter(|answer| !is_coarse(answer)).collect();
            let tokens = sum(&fine, |answer| Some(answer.observed_decode()?.0))?;
            (tokens, sum(&fine, |answer| Some(answer.observed_decode()?.1))?, MeasuredBy::Client)
        }
    };
    let tokens_per_sec = rate(tokens, sec)?;
    Some(Decode { tokens_per_sec, measured_by: Some(by) })
}

fn is_short(answer: &Generation) -> bool {
    answer.completion_tokens.is_some_and(|tokens| tokens < FEWEST_TOKENS)
}

fn is_coarse(answer: &Generation) -> bool {
    answer.content_reads().is_some_and(|reads| reads < Generation::FEWEST_READS)
}

/// Why the answers tell no decode speed; `None` when there is no answer.
pub(super) fn no_decode(answers: &[&Generation]) -> Option<String> {
    let backend =
        |field: &str| answers.iter().find_map(|answer| answer.missing.get(field)).cloned();
    let all = |is: fn(&Generation) -> bool| {
        !answers.is_empty() && answers.iter().all(|answer| is(answer))
    };
    if all(is_short) {
        return Some(format!("fewer than {FEWEST_TOKENS} tokens: too short to measure a speed"));
    }
    backend("completion_tokens")
        .or_else(|| {
            let message =
                "the server tells no times, and the answer came in too few pieces".to_owned();
            all(|answer| is_short(answer) || is_coarse(answer)).then_some(message)
        })
        .or_else(|| backend("decode_sec"))
        .or_else(|| (!answers.is_empty()).then(|| "the server does not report it".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of 20 tokens, in pieces with 10 ms between them.
    fn streamed(chunks: u64) -> Generation {
        Generation {
            completion_tokens: Some(20),
            first_token_at_ns: Some(5_000_000),
            done_at_ns: 900_000_000,
            content_chunks: Some(chunks),
            gaps_ns: vec![10_000_000; chunks as usize - 1],
            missing: [("decode_sec".to_owned(), "tells no times".to_owned())].into(),
            ..Generation::default()
        }
    }

    fn timed(decode_sec: f64) -> Generation {
        Generation { decode_sec: Some(decode_sec), ..streamed(20) }
    }

    #[track_caller]
    fn expect(answers: &[&Generation], tokens_per_sec: f64, by: MeasuredBy) {
        let found = Speeds::of(answers).decode.unwrap();
        assert!((found.tokens_per_sec - tokens_per_sec).abs() < 1e-9, "{found:?}");
        assert_eq!(found.measured_by, Some(by));
    }

    #[test]
    fn the_servers_time_counts_where_every_answer_has_it() {
        expect(&[&timed(0.5), &timed(0.3)], 50.0, MeasuredBy::Server);
        expect(&[&timed(0.5), &streamed(20)], 100.0, MeasuredBy::Client);
    }

    #[test]
    fn the_time_is_that_of_the_tokens_that_came_in_it() {
        let behind_the_first = Generation { decode_tokens: Some(19), ..timed(0.5) };
        expect(&[&behind_the_first], 38.0, MeasuredBy::Server);
        let prefilled = |cached_prompt_tokens| Generation {
            prompt_tokens: Some(200),
            prefill_sec: Some(0.1),
            cached_prompt_tokens,
            ..Generation::default()
        };
        assert_eq!(Speeds::of(&[&prefilled(None)]).prefill, Some(2000.0));
        assert_eq!(Speeds::of(&[&prefilled(Some(150))]).prefill, Some(500.0));
        assert_eq!(Speeds::of(&[&prefilled(Some(199)), &prefilled(None)]).prefill, None);
    }

    #[test]
    fn counts_that_no_number_holds_are_absent() {
        let endless = Generation { prompt_tokens: Some(u64::MAX), ..Generation::default() };
        assert_eq!(Speeds::of(&[&endless, &endless]).prompt_tokens, None);
    }

    #[test]
    fn short_answers_do_not_count_beside_long_ones() {
        let short = Generation { completion_tokens: Some(1), ..timed(0.001) };
        expect(&[&short, &timed(0.5), &short], 40.0, MeasuredBy::Server);
    }

    #[test]
    fn without_it_the_pieces_behind_the_first_count() {
        expect(&[&streamed(20)], 100.0, MeasuredBy::Client);
        // Two tokens a piece: 18 of the 20 came in the 90 ms behind the first piece.
        expect(&[&streamed(10)], 200.0, MeasuredBy::Client);
        // More pieces than tokens: a token may come in parts.
        expect(&[&streamed(39)], 50.0, MeasuredBy::Client);
    }

    #[test]
    fn what_is_too_short_or_too_coarse_has_no_speed_and_its_reason() {
        let short = Generation { completion_tokens: Some(1), ..timed(0.001) };
        let uncounted = Generation {
            completion_tokens: None,
            missing: [("completion_tokens".to_owned(), "counts nothing".to_owned())].into(),
            ..streamed(20)
        };
        for (answers, reason) in [
            (vec![&short; 11], "fewer than 10 tokens"),
            (vec![&streamed(7)], "too few pieces"),
            (vec![&uncounted], "counts nothing"),
        ] {
            assert_eq!(Speeds::of(&answers).decode, None);
            let found = no_decode(&answers).unwrap();
            assert!(found.contains(reason), "{found}");
        }
        assert_eq!(no_decode(&[]), None);
    }

    #[test]
    fn a_test_that_measures_speeds_itself_says_by_whose_clock() {
        let mut metrics: BTreeMap<String, Json> = [
            ("tokens_per_sec".to_owned(), 7.0.into()),
            ("tokens_per_sec_measured_by".to_owned(), "client".into()),
        ]
        .into();
        let mut speeds = Speeds::of(&[&timed(0.5)]);
        speeds.take(&mut metrics);
        let own = Decode { tokens_per_sec: 7.0, measured_by: Some(MeasuredBy::Client) };
        assert_eq!((speeds.decode, metrics.len()), (Some(own), 0));
    }
}
