//! Vocabularies of both kinds that llama.cpp knows for chat models.

use std::collections::HashMap;

use super::file::Value;

/// `tokenizer.ggml.token_type` of plain tokens, control tokens and bytes.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;

/// Tokens, and what joins them.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    tokens: Vec<(String, i32)>,
    joins: Joins,
}

#[derive(Debug, Clone, PartialEq)]
enum Joins {
    /// SentencePiece: a score for each token.
    Scores(Vec<f32>),
    /// Byte pair encoding: the pre-tokenizer's name, and pairs in their order.
    Merges(String, Vec<String>),
}

impl Vocabulary {
    /// A SentencePiece vocabulary: `special` tokens with their kinds, 256 bytes, `pieces` from the likeliest on.
    pub fn spm(special: &[(&str, i32)], pieces: &[&str]) -> Self {
        let special_tokens = special.iter().map(|(text, kind)| ((*text).to_owned(), *kind));
        let bytes = (0..=255u8).map(|byte| (format!("<0x{byte:02X}>"), BYTE));
        let plain = pieces.iter().map(|piece| ((*piece).to_owned(), NORMAL));
        let tokens = special_tokens.chain(bytes).chain(plain).collect();
        let scores = std::iter::repeat_n(0.0, special.len() + 256)
            .chain((0..pieces.len()).map(|index| -(index as f32) - 1.0))
            .collect();
        Self { tokens, joins: Joins::Scores(scores) }
    }

    /// A byte pair vocabulary: 256 bytes, the merges that build each of `words` from its
    /// first character on, then control tokens.
    ///
    /// `pre` names the pre-tokenizer. The first words win over later ones.
    pub fn bpe(pre: &str, words: &[&str], control: &[&str]) -> Self {
        let alphabet = alphabet();
        let mut tokens: Vec<(String, i32)> =
            alphabet.iter().map(|char| (char.to_string(), NORMAL)).collect();
        let mut known: HashMap<String, ()> =
            tokens.iter().map(|(text, _)| (text.clone(), ())).collect();
        let mut merges = Vec::new();
        for word in words {
            let mut left = String::new();
            for byte in word.bytes() {
                let right = alphabet[usize::from(byte)];
                let joined = format!("{left}{right}");
                if !left.is_empty() && known.insert(joined.clone(), ()).is_none() {
                    merges.push(format!("{left} {right}"));
                    tokens.push((joined.clone(), NORMAL));
                }
                left = joined;
            }
        }
        tokens.extend(control.iter().map(|text| ((*text).to_owned(), CONTROL)));
        Self { tokens, joins: Joins::Merges(pre.to_owned(), merges) }
    }

    /// Number of tokens.
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary is never empty")]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The id of the token written `text` in the file.
    ///
    /// # Panics
    /// When there is none.
    pub fn id(&self, text: &str) -> u32 {
        let index = self.tokens.iter().position(|(known, _)| known == text);
        index.unwrap_or_else(|| panic!("no token `{text}`")) as u32
    }

    /// Text of a token as it is written in the file.
    pub fn text(&self, id: u32) -> &str {
        &self.tokens[id as usize].0
    }

    /// True for tokens whose text is printable ASCII, control tokens left out.
    pub fn is_printable(&self, id: u32) -> bool {
        let (text, kind) = &self.tokens[id as usize];
        match (*kind, text.strip_prefix("<0x").and_then(|hex| hex.strip_suffix('>'))) {
            (BYTE, Some(hex)) => {
                u8::from_str_radix(hex, 16).is_ok_and(|byte| (0x20..0x7f).contains(&byte))
            }
            (NORMAL, _) => text
                .chars()
                .all(|char| char.is_ascii_graphic() || ['\u{2581}', 'Ġ'].contains(&char)),
            _ => false,
        }
    }

    pub(super) fn metadata(&self) -> Vec<(String, Value)> {
        let mut metadata = Vec::new();
        let mut put = |key: &str, value| metadata.push((format!("tokenizer.ggml.{key}"), value));
        match &self.joins {
            Joins::Scores(scores) => {
                put("model", Value::Text("llama".into()));
                put("scores", Value::Reals(scores.clone()));
            }
            Joins::Merges(pre, merges) => {
                put("model", Value::Text("gpt2".into()));
                put("pre", Value::Text(pre.clone()));
                put("merges", Value::Texts(merges.clone()));
            }
        }
        put("token_type", Value::Integers(self.tokens.iter().map(|(_, kind)| *kind).collect()));
        put("tokens", Value::Texts(self.tokens.iter().map(|(text, _)| text.clone()).collect()));
        metadata
    }
}

/// GPT-2's character for each byte: printable ones for themselves, the others from U+0100 on.
fn alphabet() -> [char; 256] {
    let mut moved = '\u{100}'..;
    std::array::from_fn(|byte| match byte as u8 {
        byte @ (b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) => char::from(byte),
        _ => moved.next().expect("68 characters follow U+0100"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_built_by_merges() {
        let vocabulary = Vocabulary::bpe("gpt-2", &[" the", "then"], &["<|end|>"]);
        let Joins::Merges(_, merges) = &vocabulary.joins else { unreachable!() };
        assert_eq!(merges, &["Ġ t", "Ġt h", "Ġth e", "t h", "th e", "the n"]);
        assert_eq!(vocabulary.len(), 256 + 6 + 1);
        assert_eq!(vocabulary.text(vocabulary.id("<|end|>")), "<|end|>");
        assert!(vocabulary.is_printable(vocabulary.id("Ġth")));
        assert!(!vocabulary.is_printable(vocabulary.id("Ċ")));
        assert!(!vocabulary.is_printable(vocabulary.id("<|end|>")));
    }
}
