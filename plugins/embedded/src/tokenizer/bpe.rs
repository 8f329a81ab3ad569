//! Byte-level byte pair encoding (`tokenizer.ggml.model` = `gpt2`), by the `tokenizers` crate.
//!
//! How text is cut into words before pairs are joined is not in the file, only
//! the name of the method is; an unknown name is refused, because a guess gives
//! other tokens and so a worse model. Names and patterns: `llama-vocab.cpp` in
//! llama.cpp.

use std::collections::HashMap;

use llmbench_api::Result;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

use super::Piece;
use crate::error::{broken, unsupported};
use crate::gguf::{self, Gguf};

/// A way to cut text into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Method {
    pattern: &'static str,
    /// A whole word that is a token is taken as it is, even if no merges lead to it.
    whole_words: bool,
    /// Prompts begin with the beginning token unless the file says otherwise.
    begins: bool,
}

const GPT_2: Method = Method {
    pattern: r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    whole_words: false,
    begins: false,
};
const LLAMA_3: Method = Method {
    pattern: r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    whole_words: true,
    begins: true,
};
const QWEN_2: Method = Method {
    pattern: r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    whole_words: false,
    begins: false,
};
/// Name in `tokenizer.ggml.pre` → method.
const METHODS: [(&str, Method); 7] = [
    ("gpt-2", GPT_2),
    ("llama-bpe", LLAMA_3),
    ("llama-v3", LLAMA_3),
    ("llama3", LLAMA_3),
    ("falcon3", LLAMA_3),
    ("qwen2", QWEN_2),
    ("deepseek-r1-qwen", QWEN_2),
];

/// A vocabulary with its merges.
#[derive(Debug)]
pub(super) struct Bpe {
    tokenizer: Tokenizer,
    method: Method,
    /// The character that stands for a byte inside tokens → that byte.
    bytes: HashMap<char, u8>,
}

impl Bpe {
    pub(super) fn read(gguf: &Gguf, pieces: &[Piece]) -> Result<Self> {
        let name = gguf.text("tokenizer.ggml.pre").ok_or_else(|| {
            unsupported(&gguf.what, "it does not name its pre-tokenizer (`tokenizer.ggml.pre`)")
        })?;
        let Some((_, method)) = METHODS.into_iter().find(|(known, _)| *known == name) else {
            return Err(unsupported(&gguf.what, format!("its pre-tokenizer is `{name}`")));
        };
        let vocabulary: Vocab =
            pieces.iter().zip(0..).map(|(piece, id)| (piece.text.clone(), id)).collect();
        let merges = gguf.list("tokenizer.ggml.merges", |value| {
            let (left, right) = gguf::text(value)?.split_once(' ')?;
            Some((left.to_owned(), right.to_owned()))
        })?;
        let refused = |error: tokenizers::Error| broken(&gguf.what, format!("its merges: {error}"));
        let model = BPE::builder()
            .vocab_and_merges(vocabulary, merges)
            .ignore_merges(method.whole_words)
            .build()
            .map_err(refused)?;
        let words = Split::new(
            SplitPattern::Regex(method.pattern.to_owned()),
            SplitDelimiterBehavior::Isolated,
            false,
        )
        .map_err(refused)?;
        let to_bytes = ByteLevel::new(false, false, false);
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![words.into(), to_bytes.into()])));
        let bpe = Self { tokenizer, method, bytes: alphabet() };
        // A word that cannot be built from single bytes would vanish from prompts.
        let known: std::collections::HashSet<&str> =
            pieces.iter().map(|piece| piece.text.as_str()).collect();
        if !bpe.bytes.keys().all(|char| known.contains(char.encode_utf8(&mut [0; 4]) as &str)) {
            return Err(broken(&gguf.what, "its vocabulary lacks tokens for single bytes"));
        }
        Ok(bpe)
    }

    pub(super) fn begins_by_default(&self) -> bool {
        self.method.begins
    }

    /// Appends the tokens of `text`, which holds no special token.
    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<u32>) {
        match self.tokenizer.encode_fast(text, false) {
            Ok(encoding) => tokens.extend(encoding.get_ids()),
            // Only a broken pattern fails, and the constructor has compiled it.
            Err(error) => unreachable!("byte-level tokenizing cannot fail: {error}"),
        }
    }

    /// The bytes that a token stands for.
    pub(super) fn bytes(&self, piece: &str) -> Vec<u8> {
        piece.chars().filter_map(|char| self.bytes.get(&char).copied()).collect()
    }
}

/// GPT-2's table: printable bytes stand for themselves, the others for characters from U+0100 on.
fn alphabet() -> HashMap<char, u8> {
    let mut moved = 0x100..;
    let stands = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    (0..=u8::MAX)
        .filter_map(|byte| {
            let char =
                if stands(byte) { Some(char::from(byte)) } else { char::from_u32(moved.next()?) };
            Some((char?, byte))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_the_one_of_the_tokenizers_crate() {
        let theirs: std::collections::BTreeSet<char> = ByteLevel::alphabet().into_iter().collect();
        let ours = alphabet();
        assert_eq!(theirs, ours.keys().copied().collect());
        assert_eq!((ours[&'Ġ'], ours[&'Ċ'], ours[&'a']), (b' ', b'\n', b'a'));
    }
}
