//! The text in which needles are hidden: prose from llmbench's own documentation.
//!
//! `haystack.txt` has one paragraph on each line. It was written for this
//! project, so that no model knows it by heart. Paragraphs come in a seeded
//! order; a text longer than all of them begins again in another order.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

const TEXT: &str = include_str!("haystack.txt");

/// Sentences of the haystack, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Haystack {
    /// Each with the space or line ends behind it.
    pub(crate) sentences: Vec<String>,
    /// How often the text was begun; above 1 it repeats itself.
    pub(crate) rounds: u32,
}

impl Haystack {
    /// Sentences of at most `bytes` bytes together; the last is cut behind a word, so that not
    /// much of them is missing.
    pub(crate) fn new(bytes: usize, random: &mut ChaCha8Rng) -> Self {
        let mut paragraphs: Vec<&str> = TEXT.lines().filter(|line| !line.is_empty()).collect();
        let mut haystack = Self { sentences: Vec::new(), rounds: 0 };
        let mut left = bytes;
        loop {
            haystack.rounds += 1;
            paragraphs.shuffle(random);
            for paragraph in &paragraphs {
                let mut sentences = sentences(paragraph).peekable();
                while let Some(sentence) = sentences.next() {
                    let end = if sentences.peek().is_some() { " " } else { "\n\n" };
                    let size = sentence.len() + end.len();
                    if size > left {
                        haystack.sentences.extend(beginning(sentence, left));
                        return haystack;
                    }
                    left -= size;
                    haystack.sentences.push(format!("{sentence}{end}"));
                }
            }
        }
    }

    /// Bytes of all sentences.
    pub(crate) fn bytes(&self) -> usize {
        self.sentences.iter().map(String::len).sum()
    }
}

/// As many words as go into `bytes`, with an ellipsis; `None` when there is room for none.
fn beginning(sentence: &str, bytes: usize) -> Option<String> {
    const END: &str = "… ";
    let room = sentence.floor_char_boundary(bytes.checked_sub(END.len())?);
    let end = sentence[..room].rfind(' ')?;
    Some(format!("{}{END}", &sentence[..end]))
}

/// The sentences of a paragraph: cut behind a full stop before a capital letter.
fn sentences(paragraph: &str) -> impl Iterator<Item = &str> {
    let mut rest = paragraph;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_end = |(place, _): &(usize, &str)| {
            rest[place + 2..].chars().next().is_some_and(char::is_uppercase)
        };
        let end = rest.match_indices(". ").find(is_end).map_or(rest.len(), |(place, _)| place + 1);
        let (sentence, behind) = rest.split_at(end);
        rest = behind.trim_start();
        Some(sentence)
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn haystack(bytes: usize, seed: u64) -> Haystack {
        Haystack::new(bytes, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    #[test]
    fn paragraphs_fall_into_sentences() {
        let found: Vec<_> = sentences("One. Two, e.g. this. And three.").collect();
        assert_eq!(found, ["One.", "Two, e.g. this.", "And three."]);
    }

    #[test]
    fn a_text_is_as_long_as_asked_and_the_same_for_a_seed() {
        for bytes in [0, 500, 20_000, 300_000] {
            let text = haystack(bytes, 1);
            assert!(text.bytes() <= bytes && text.bytes() + 40 > bytes, "{}", text.bytes());
            assert_eq!(text, haystack(bytes, 1));
        }
        assert_ne!(haystack(5000, 1), haystack(5000, 2));
        assert_eq!(haystack(20_000, 1).rounds, 1);
        assert!(haystack(300_000, 1).rounds > 1);
    }

    #[test]
    fn the_text_holds_nothing_that_could_be_taken_for_a_code() {
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
        assert!(TEXT.split_whitespace().all(|word| digits(word) < 7));
        assert!(TEXT.len() > 60_000);
    }
}
