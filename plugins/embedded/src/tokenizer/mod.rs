//! Text to tokens and back, as the model's file says.

mod bpe;
mod spm;

use std::collections::HashSet;

use llmbench_api::Result;

use crate::error::{broken, unsupported};
use crate::gguf::{self, Gguf};

/// `tokenizer.ggml.token_type`: stands for what the vocabulary lacks.
const UNKNOWN: u64 = 2;
/// Part of the control language; shown as written where a model says it.
const CONTROL: u64 = 3;
/// Added by the model's makers; found in text before everything else.
const USER_DEFINED: u64 = 4;
/// A single byte, written `<0xE2>`.
const BYTE: u64 = 6;
/// Tokens that end an answer even where the file does not say so; llama.cpp knows them by these names, too.
const ENDS: [&str; 7] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eom_id|>",
];

/// One token of the vocabulary.
#[derive(Debug)]
struct Piece {
    text: String,
    kind: u64,
}

/// Turns text between special tokens into tokens.
#[derive(Debug)]
enum Splitter {
    Spm(Box<spm::Spm>),
    Bpe(Box<bpe::Bpe>),
}

/// A model's vocabulary and how it splits text.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    pieces: Vec<Piece>,
    splitter: Splitter,
    /// Special tokens, longest first, as llama.cpp looks for them.
    specials: Vec<u32>,
    begin: Option<u32>,
    ends: HashSet<u32>,
}

impl Tokenizer {
    /// Reads the tokenizer of a file.
    ///
    /// # Errors
    /// `Unsupported` for another kind or an unknown pre-tokenizer, `InvalidInput` when it makes no sense.
    pub(crate) fn read(gguf: &Gguf) -> Result<Self> {
        let texts = gguf.list("tokenizer.ggml.tokens", gguf::text)?;
        let kinds = gguf.list("tokenizer.ggml.token_type", gguf::number)?;
        if texts.is_empty() || kinds.len() != texts.len() {
            return Err(broken(&gguf.what, "its vocabulary has no type for each token"));
        }
        let pieces: Vec<Piece> = texts
            .into_iter()
            .zip(kinds)
            .map(|(text, kind)| Piece { text: text.to_owned(), kind })
            .collect();
        let (splitter, begins) = match gguf.text("tokenizer.ggml.model") {
            Some("llama") => (Splitter::Spm(Box::new(spm::Spm::read(gguf, &pieces)?)), true),
            Some("gpt2") => {
                let bpe = bpe::Bpe::read(gguf, &pieces)?;
                let begins = bpe.begins_by_default();
                (Splitter::Bpe(Box::new(bpe)), begins)
            }
            Some(other) => {
                return Err(unsupported(&gguf.what, format!("its tokenizer is `{other}`")));
            }
            None => return Err(broken(&gguf.what, "`tokenizer.ggml.model` is missing")),
        };
        let id = |key: &str| token_id(gguf, key, pieces.len());
        let begin = if gguf.flag("tokenizer.ggml.add_bos_token").unwrap_or(begins) {
            let missing = || broken(&gguf.what, "`tokenizer.ggml.bos_token_id` is missing");
            Some(id("bos_token_id")?.ok_or_else(missing)?)
        } else {
            None
        };
        let mut ends: HashSet<u32> =
            [id("eos_token_id")?, id("eot_token_id")?, id("eom_token_id")?]
                .into_iter()
                .flatten()
                .collect();
        ends.extend(
            (0..).zip(&pieces).filter(|(_, p)| is_end_by_name(p)).map(|(id, _): (u32, _)| id),
        );
        let special = |(_, piece): &(u32, &Piece)| {
            matches!(piece.kind, UNKNOWN | CONTROL | USER_DEFINED) && !piece.text.is_empty()
        };
        let mut specials: Vec<u32> = (0..).zip(&pieces).filter(special).map(|(id, _)| id).collect();
        specials.sort_by_key(|id| std::cmp::Reverse(pieces[*id as usize].text.len()));
        Ok(Self { pieces, splitter, specials, begin, ends })
    }

    /// Number of tokens.
    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The text of the token under a metadata key's role, such as `bos`, for chat templates.
    pub(crate) fn named(&self, gguf: &Gguf, role: &str) -> String {
        let id = token_id(gguf, &format!("{role}_token_id"), self.len()).ok().flatten();
        id.map(|id| self.pieces[id as usize].text.clone()).unwrap_or_default()
    }

    /// True for a token that ends an answer.
    pub(crate) fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// Tokens of a rendered prompt, with the beginning token where the model wants one.
    pub(crate) fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens: Vec<u32> = self.begin.into_iter().collect();
        let mut after_special = true;
        for fragment in self.fragments(text) {
            match fragment {
                Fragment::Special(id) => {
                    // Many templates write the beginning token themselves.
                    if !(tokens.len() == 1 && self.begin == Some(id)) {
                        tokens.push(id);
                    }
                    after_special = true;
                }
                Fragment::Text(text) => {
                    match &self.splitter {
                        Splitter::Spm(spm) => spm.encode(text, after_special, &mut tokens),
                        Splitter::Bpe(bpe) => bpe.encode(text, &mut tokens),
                    }
                    after_special = false;
                }
            }
        }
        tokens
    }

    /// The bytes that a token of an answer stands for. A control token that the model
    /// says is shown as it is written, as Ollama does: it belongs to the answer.
    pub(crate) fn bytes(&self, token: u32) -> Vec<u8> {
        let Some(piece) = self.pieces.get(token as usize) else { return Vec::new() };
        match (piece.kind, &self.splitter) {
            (CONTROL | USER_DEFINED, _) => piece.text.clone().into_bytes(),
            (BYTE, _) => spm::byte(&piece.text).into_iter().collect(),
            (_, Splitter::Spm(_)) => spm::text(&piece.text).into_bytes(),
            (_, Splitter::Bpe(bpe)) => bpe.bytes(&piece.text),
        }
    }

    /// `text` cut at the special tokens that it contains.
    fn fragments<'a>(&self, text: &'a str) -> Vec<Fragment<'a>> {
        let mut fragments = vec![Fragment::Text(text)];
        for id in &self.specials {
            let special = self.pieces[*id as usize].text.as_str();
            if !text.contains(special) {
                continue;
            }
            let mut next = Vec::new();
            for fragment in fragments {
                let Fragment::Text(text) = fragment else {
                    next.push(fragment);
                    continue;
                };
                for (index, part) in text.split(special).enumerate() {
                    if index > 0 {
                        next.push(Fragment::Special(*id));
                    }
                    if !part.is_empty() {
                        next.push(Fragment::Text(part));
                    }
                }
            }
            fragments = next;
        }
        fragments.retain(|fragment| !matches!(fragment, Fragment::Text("")));
        fragments
    }
}

enum Fragment<'a> {
    Special(u32),
    Text(&'a str),
}

fn is_end_by_name(piece: &Piece) -> bool {
    piece.kind == CONTROL && ENDS.contains(&piece.text.as_str())
}

/// A token's id under `tokenizer.ggml.KEY`, checked against the vocabulary.
fn token_id(gguf: &Gguf, key: &str, vocabulary: usize) -> Result<Option<u32>> {
    let key = format!("tokenizer.ggml.{key}");
    match gguf.number(&key) {
        None => Ok(None),
        Some(id) if id < vocabulary as u64 => Ok(Some(id as u32)),
        Some(id) => Err(broken(&gguf.what, format!("`{key}` names the unknown token {id}"))),
    }
}
