//! Puts needles into the text.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::cells::Cell;
use crate::haystack::Haystack;
use crate::needles::{self, Needle, Place};

const PREFACE: &str = "Read these notes. Some sentences in them tell access codes; at the end you \
                       will be asked for them.";

/// A prompt, and what is hidden in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) text: String,
    pub(crate) needles: Vec<Needle>,
    /// Bytes of the text around the needles.
    pub(crate) haystack_bytes: usize,
    /// How often the text was begun; above 1 it repeats itself.
    pub(crate) haystack_rounds: u32,
}

/// The prompt of a cell with at most `haystack_bytes` of text, a pure function of its arguments.
///
/// All depths of a length and seed share one text. `nonce` stands first, so that
/// no server has the prompt in its cache.
pub(crate) fn prompt(cell: &Cell, seed: u64, haystack_bytes: usize, nonce: &str) -> Prompt {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let length = u64::from(cell.length_tokens);
    random.set_stream(length);
    let haystack = Haystack::new(haystack_bytes, &mut random);
    // From the start of another stream: what the text took must not change the codes.
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(((u64::from(cell.depth_percent) + 1) << 32) | length);
    let needles = needles::needles(cell.keys, &mut random);
    let question = needles::question(&needles, &mut random);
    let text = format!("[{nonce}]\n{PREFACE}\n\n{}\n\n{question}", hide(&haystack, &needles, cell));
    Prompt { text, needles, haystack_bytes: haystack.bytes(), haystack_rounds: haystack.rounds }
}

/// The text with the needles of the depth between consecutive sentences around it.
fn hide(haystack: &Haystack, needles: &[Needle], cell: &Cell) -> String {
    let sentences = &haystack.sentences;
    let middle = sentences.len() * usize::from(cell.depth_percent) / 100;
    let keys = cell.keys as usize;
    let first = middle.saturating_sub(keys / 2).min((sentences.len() + 1).saturating_sub(keys));
    let mut hidden = needles.iter().filter(|needle| needle.place == Place::Depth);
    let at = |place| needles.iter().find(|needle| needle.place == place).map(Needle::sentence);
    let mut text = at(Place::Start).unwrap_or_default() + " ";
    for (index, sentence) in sentences.iter().enumerate() {
        if index >= first
            && let Some(needle) = hidden.next()
        {
            text += &(needle.sentence() + " ");
        }
        text += sentence;
    }
    for needle in hidden {
        text += &(needle.sentence() + " ");
    }
    text + &at(Place::End).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(depth_percent: u8, keys: u32) -> Cell {
        Cell { length_tokens: 4096, depth_percent, keys, answer_tokens: 100, by_default: false }
    }

    /// Where each needle begins, as a share of the whole prompt.
    fn places(prompt: &Prompt) -> Vec<f64> {
        let place = |needle: &Needle| prompt.text.find(&needle.sentence()).unwrap() as f64;
        prompt.needles.iter().map(|needle| place(needle) / prompt.text.len() as f64).collect()
    }

    #[test]
    fn needles_are_where_the_cell_says_and_in_between_is_text() {
        for (depth, from, to) in [(0, 0.0, 0.12), (50, 0.4, 0.6), (100, 0.85, 1.0)] {
            let prompt = prompt(&cell(depth, 3), 1, 12_000, "n");
            let places = places(&prompt);
            assert!(places.is_sorted(), "{places:?}");
            assert!(places[0] < 0.02 && places[4] > 0.97, "{places:?}");
            assert!(places[1..4].iter().all(|place| (from..to).contains(place)), "{places:?}");
        }
    }

    #[test]
    fn depths_share_a_text_and_seeds_do_not() {
        let without_needles = |depth, seed| {
            let prompt = prompt(&cell(depth, 1), seed, 9000, "n");
            let mut text = prompt.text;
            for needle in &prompt.needles {
                text = text.replace(&needle.sentence(), "");
            }
            text.split("What are").next().unwrap().replace(' ', "")
        };
        assert_eq!(without_needles(0, 7), without_needles(75, 7));
        assert_ne!(without_needles(0, 7), without_needles(0, 8));
    }

    #[test]
    fn more_text_changes_no_code_and_without_text_all_needles_are_there() {
        let empty = prompt(&cell(50, 4), 1, 0, "n");
        assert_eq!(empty.haystack_bytes, 0);
        assert_eq!(places(&empty).len(), 6);
        assert!(empty.text.starts_with("[n]\n"));
        assert_eq!(empty.needles, prompt(&cell(50, 4), 1, 5000, "m").needles);
    }
}
