//! Sentences with codes, and the question for them.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Names of birds: common enough to be known, rare enough not to occur in the text.
const NAMES: [&str; 40] = [
    "heron",
    "plover",
    "siskin",
    "dunlin",
    "kestrel",
    "wigeon",
    "bittern",
    "curlew",
    "dotterel",
    "fulmar",
    "gannet",
    "godwit",
    "goshawk",
    "grebe",
    "harrier",
    "hoopoe",
    "jackdaw",
    "kittiwake",
    "lapwing",
    "linnet",
    "magpie",
    "merlin",
    "nuthatch",
    "osprey",
    "petrel",
    "pipit",
    "pochard",
    "puffin",
    "redshank",
    "sandpiper",
    "shearwater",
    "skylark",
    "sparrow",
    "starling",
    "teal",
    "thrush",
    "turnstone",
    "wagtail",
    "warbler",
    "whimbrel",
];

/// Where a needle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// Before everything else of the text; tells whether a server cut the beginning.
    Start,
    /// At the depth of the cell; only these count.
    Depth,
    /// Behind everything else of the text.
    End,
}

/// A name and its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needle {
    pub(crate) name: &'static str,
    pub(crate) code: String,
    pub(crate) place: Place,
}

impl Needle {
    /// The sentence that tells the code.
    pub(crate) fn sentence(&self) -> String {
        format!("The access code of the {} is {}.", self.name, self.code)
    }
}

/// `keys` needles for the depth, behind the one for the start and before the one for the end.
pub(crate) fn needles(keys: u32, random: &mut ChaCha8Rng) -> Vec<Needle> {
    let mut names = NAMES;
    names.shuffle(random);
    let count = keys as usize + 2;
    let mut codes: Vec<String> = Vec::new();
    while codes.len() < count {
        let code = random.random_range(1_000_000..=9_999_999_u32).to_string();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let place = |index: usize| match index {
        0 => Place::Start,
        last if last + 1 == count => Place::End,
        _ => Place::Depth,
    };
    let made = names.into_iter().zip(codes).enumerate();
    made.map(|(index, (name, code))| Needle { name, code, place: place(index) }).collect()
}

/// Asks for all codes, in an order that tells nothing about where they stand.
pub(crate) fn question(needles: &[Needle], random: &mut ChaCha8Rng) -> String {
    let mut names: Vec<&str> = needles.iter().map(|needle| needle.name).collect();
    names.shuffle(random);
    format!(
        "What are the access codes of these: {}? Answer with one line for each, in the form \
         `name: code`, and write nothing else.",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn names_and_codes_differ_and_start_and_end_stand_apart() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let needles = needles(20, &mut random);
        let names: BTreeSet<_> = needles.iter().map(|needle| needle.name).collect();
        let codes: BTreeSet<_> = needles.iter().map(|needle| &needle.code).collect();
        assert_eq!((names.len(), codes.len()), (22, 22));
        assert_eq!((needles[0].place, needles[21].place), (Place::Start, Place::End));
        assert!(needles[1..21].iter().all(|needle| needle.place == Place::Depth));
        let question = question(&needles, &mut random);
        assert!(needles.iter().all(|needle| question.contains(needle.name)));
        assert!(needles.iter().all(|needle| !question.contains(&needle.code)));
    }

    #[test]
    fn no_name_occurs_in_the_text() {
        let text = include_str!("haystack.txt").to_lowercase();
        let words: BTreeSet<_> = text.split(|c: char| !c.is_alphabetic()).collect();
        assert!(NAMES.iter().all(|name| !words.contains(name)));
    }
}
