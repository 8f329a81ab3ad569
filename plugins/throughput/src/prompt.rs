//! Prompts of real text, each behind a nonce, so that no server has seen it before.
//!
//! The text is this repository's own writing (`text.txt`), or a file of the fixture. Which
//! sentences a prompt has depends on its place alone, so that two runs ask for the same; only
//! the nonce is new in each process.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

const TEXT: &str = include_str!("text.txt");
const INSTRUCTION: &str =
    "Go on with this text in the same style. Do not end it, and do not comment on it.";

/// Makes the prompts of one attempt.
pub(crate) struct Prompts<'a> {
    sentences: Vec<Vec<&'a str>>,
    entropy: u64,
    run_index: u32,
}

/// Words of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// The same in all prompts of the attempt.
    pub(crate) shared: u32,
    /// This prompt's own.
    pub(crate) own: u32,
}

impl<'a> Prompts<'a> {
    /// From a text of one sentence a line; empty texts are replaced by the shipped one.
    pub(crate) fn new(text: Option<&'a str>, entropy: u64, run_index: u32) -> Self {
        let sentences = |text: &'a str| -> Vec<Vec<&'a str>> {
            let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            lines.filter(|words| !words.is_empty()).collect()
        };
        let own = text.map(sentences).unwrap_or_default();
        let sentences = if own.is_empty() { sentences(TEXT) } else { own };
        Self { sentences, entropy, run_index }
    }

    /// The prompt at a place: `stage` counts the batches of an attempt.
    pub(crate) fn prompt(&self, stage: u32, index: u32, words: Words) -> String {
        let place = (u64::from(stage) << 32) | u64::from(index);
        let mut text = String::new();
        if words.shared > 0 {
            // The attempt's own nonce: the first prompt of the attempt finds no prefix.
            text += &format!("[{}]\n", self.nonce(u64::MAX));
            text += &self.words(u64::MAX, words.shared);
            text.push('\n');
        }
        text += &format!("[{}]\n", self.nonce(place));
        text += &self.words(place, words.own);
        format!("{text}\n\n{INSTRUCTION}")
    }

    fn nonce(&self, place: u64) -> String {
        let mut random = self.random(place ^ self.entropy);
        format!("{:016x}", random.next_u64() ^ self.entropy)
    }

    fn words(&self, place: u64, count: u32) -> String {
        let mut random = self.random(place);
        let mut words: Vec<&str> = Vec::with_capacity(count as usize);
        let mut last = usize::MAX;
        while words.len() < count as usize {
            let mut next = (random.next_u64() % self.sentences.len() as u64) as usize;
            if next == last {
                next = (next + 1) % self.sentences.len();
            }
            last = next;
            words.extend(&self.sentences[next]);
        }
        words.truncate(count as usize);
        words.join(" ")
    }

    fn random(&self, place: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(place.rotate_left(17) ^ u64::from(self.run_index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words { shared: 0, own: 200 };

    #[test]
    fn every_prompt_begins_with_a_nonce_of_its_own() {
        let prompts = Prompts::new(None, 7, 0);
        let mut nonces: Vec<_> = (0..2)
            .flat_map(|stage| (0..50).map(move |index| (stage, index)))
            .map(|(stage, index)| prompts.prompt(stage, index, WORDS)[..18].to_owned())
            .collect();
        nonces.push(Prompts::new(None, 8, 0).prompt(0, 0, WORDS)[..18].to_owned());
        nonces.push(Prompts::new(None, 7, 1).prompt(0, 0, WORDS)[..18].to_owned());
        nonces.sort();
        nonces.dedup();
        assert_eq!(nonces.len(), 102);
    }

    #[test]
    fn the_same_place_has_the_same_text_in_every_process() {
        let text = |entropy| Prompts::new(None, entropy, 2).prompt(3, 4, WORDS)[18..].to_owned();
        assert_eq!(text(1), text(2));
        assert_eq!(text(1).split_whitespace().count(), 200 + INSTRUCTION.split(' ').count());
    }

    #[test]
    fn a_shared_prefix_stands_first_and_is_all_that_two_prompts_have_in_common() {
        let prompts = Prompts::new(None, 7, 0);
        let words = Words { shared: 50, own: 50 };
        let (first, second) = (prompts.prompt(1, 0, words), prompts.prompt(1, 1, words));
        let common = first.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count();
        let shared = first[..common].split_whitespace().count();
        assert!((51..=53).contains(&shared), "{shared}");
    }

    #[test]
    fn a_fixture_may_bring_its_own_text() {
        let prompt = Prompts::new(Some("ein Satz\n\nnoch einer"), 1, 0).prompt(0, 0, WORDS);
        assert!(prompt.contains("ein Satz noch einer ein Satz"), "{prompt}");
    }
}
