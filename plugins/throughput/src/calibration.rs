//! Finds how many words make a prompt of so many tokens, by the server's own counts.
//!
//! No tokenizer is asked: two prompts of one answered token tell tokens at no words (template,
//! nonce, instruction) and tokens for one more word; one or two more correct the guess.

use crate::prompt::Words;

/// Tokens of a word until the server has told.
const GUESSED_TOKENS_PER_WORD: f64 = 1.35;
/// Longer prompts are not tried: the line through shorter ones is good enough, and they cost time.
const LONGEST_TRIED: u32 = 2048;
/// Times that a prompt is tried.
const MOST_ROUNDS: usize = 3;

/// A prompt that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) words: u32,
    /// `None` when the server does not count.
    pub(crate) tokens: Option<u64>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Calibration {
    /// Try prompts of so many words.
    Try(Vec<u32>),
    /// This many words, and what a reader must know about it.
    Done(Words, Option<String>),
}

/// The next step towards prompts of `target` tokens, of which `shared` are a common prefix.
pub(crate) fn calibrate(target: u32, shared: u32, rounds: &[Vec<Probe>]) -> Calibration {
    if target == 0 {
        return Calibration::Done(Words { shared: 0, own: 0 }, None);
    }
    let probes: Vec<Probe> = rounds.iter().flatten().copied().collect();
    let guess = |tokens: u32| (f64::from(tokens) / GUESSED_TOKENS_PER_WORD).round() as u32;
    if rounds.is_empty() {
        // A word may be more than twice as many tokens as guessed, and still it has to fit.
        let longer = guess((target / 3).min(LONGEST_TRIED)).max(8);
        return Calibration::Try(vec![longer, longer / 4]);
    }
    let split = |words: u32, tokens_per_word: f64| {
        let shared = (f64::from(shared) / tokens_per_word).round() as u32;
        Words { shared: shared.min(words), own: words.saturating_sub(shared) }
    };
    let counted: Vec<(f64, f64)> = probes
        .iter()
        .filter_map(|probe| Some((f64::from(probe.words), probe.tokens? as f64)))
        .collect();
    let Some((slope, at_no_words)) = line(&counted) else {
        let remark = "the server does not count the tokens of prompts, or counts them alike: their length is a guess";
        let words = split(guess(target), GUESSED_TOKENS_PER_WORD);
        return Calibration::Done(words, Some(remark.to_owned()));
    };
    let words = ((f64::from(target) - at_no_words) / slope).round().max(0.0) as u32;
    let off = |tokens: f64| (tokens - f64::from(target)).abs();
    let nearest = counted.iter().copied().min_by(|a, b| off(a.1).total_cmp(&off(b.1)));
    if let Some((nearest, _)) = nearest.filter(|(_, tokens)| off(*tokens) <= tolerance(target)) {
        return Calibration::Done(split(nearest as u32, slope), None);
    }
    let tried = |words: u32| probes.iter().any(|probe| probe.words == words);
    if target > LONGEST_TRIED || rounds.len() >= MOST_ROUNDS || tried(words) {
        let remark = (words == 0).then(|| {
            format!(
                "no prompt is as short as {target} tokens: the model's template, nonce and instruction take {at_no_words:.0}"
            )
        });
        return Calibration::Done(split(words, slope), remark);
    }
    Calibration::Try(vec![words])
}

/// Tokens by which a prompt may miss its length.
fn tolerance(target: u32) -> f64 {
    (f64::from(target) * 0.01).max(3.0)
}

/// Tokens for a word, and at no words: the line of least squares through all counts.
///
/// Not through the two nearest: words differ in their tokens, and of two prompts that are nearly
/// alike the longer one may have fewer.
fn line(counted: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = counted.len() as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| counted.iter().map(value).sum::<f64>() / n;
    let (words, tokens) = (mean(|count| count.0), mean(|count| count.1));
    let sum = |value: &dyn Fn(&(f64, f64)) -> f64| counted.iter().map(value).sum::<f64>();
    let slope = sum(&|count| (count.0 - words) * (count.1 - tokens))
        / sum(&|count| (count.0 - words).powi(2));
    (slope.is_finite() && slope > 0.0).then_some((slope, tokens - slope * words))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calibrates against a server that counts `at_no_words + tokens_per_word × words`.
    fn against(
        target: u32,
        shared: u32,
        count: impl Fn(u32) -> Option<u64>,
    ) -> (Words, Option<String>, usize) {
        let mut rounds = Vec::new();
        loop {
            match calibrate(target, shared, &rounds) {
                Calibration::Done(words, remark) => return (words, remark, rounds.len()),
                Calibration::Try(tries) => {
                    let probe = |words: &u32| Probe { words: *words, tokens: count(*words) };
                    rounds.push(tries.iter().map(probe).collect());
                }
            }
        }
    }

    #[test]
    fn the_length_is_that_which_the_server_counts() {
        for (target, at_no_words, tokens_per_word) in
            [(512, 60.0, 1.3), (64, 20.0, 1.9), (2000, 35.0, 1.1), (32_768, 50.0, 1.45)]
        {
            let count = |words: u32| {
                Some((at_no_words + tokens_per_word * f64::from(words)).round() as u64)
            };
            let (words, remark, rounds) = against(target, 0, count);
            let met = count(words.own).unwrap() as f64;
            assert!((met - f64::from(target)).abs() <= tolerance(target), "{target}: {met}");
            assert!(rounds <= 2 && remark.is_none(), "{rounds} {remark:?}");
        }
    }

    #[test]
    fn words_of_uneven_length_do_not_lead_astray() {
        // As the sample model counts: 58 tokens and 2.9 a word, give or take six.
        for target in [80, 96, 128, 200, 500] {
            let count = |words: u32| {
                let uneven = f64::from(words * 7 % 5) * 3.0 - 6.0;
                Some((58.0 + 2.9 * f64::from(words) + uneven).round() as u64)
            };
            let (words, remark, _) = against(target, 0, count);
            let met = count(words.own).unwrap() as f64;
            assert!((met - f64::from(target)).abs() <= 15.0, "{target}: {met}");
            assert_eq!(remark, None);
        }
        // Of two prompts that are nearly alike the longer one has fewer tokens.
        let probes = [(71, 262), (17, 100), (16, 101)];
        let probes = probes.map(|(words, tokens)| Probe { words, tokens: Some(tokens) });
        let Calibration::Try(tries) =
            calibrate(96, 0, &[probes[..2].to_vec(), probes[2..].to_vec()])
        else {
            panic!("another try is due")
        };
        assert!((13..=15).contains(&tries[0]), "{tries:?}");
    }

    #[test]
    fn a_prefix_is_a_part_of_the_prompt() {
        let (words, ..) = against(520, 260, |words| Some(20 + 2 * u64::from(words)));
        assert_eq!(words, Words { shared: 130, own: 120 });
    }

    #[test]
    fn what_cannot_be_met_or_counted_is_said() {
        let (words, remark, _) = against(16, 0, |words| Some(60 + u64::from(words)));
        assert_eq!(words.own, 0);
        assert!(remark.unwrap().contains("take 60"));
        let (words, remark, rounds) = against(135, 0, |_| None);
        assert_eq!((words.own, rounds), (100, 1));
        assert!(remark.unwrap().contains("does not count"));
        assert!(against(100, 0, |_| Some(7)).1.is_some());
        assert_eq!(against(0, 0, |_| None), (Words { shared: 0, own: 0 }, None, 0));
    }
}
