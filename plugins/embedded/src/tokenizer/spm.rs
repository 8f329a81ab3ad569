//! SentencePiece's way (`tokenizer.ggml.model` = `llama`): starting from single
//! characters, the adjacent pair whose joined text has the best score is joined,
//! until no pair is a token. What stays unknown is written byte by byte.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use llmbench_api::Result;

use super::{BYTE, Piece};
use crate::error::broken;
use crate::gguf::Gguf;

/// Stands for a space inside tokens.
const SPACE: char = '\u{2581}';

/// Scores of a vocabulary.
#[derive(Debug)]
pub(super) struct Spm {
    /// Text → token and score.
    tokens: HashMap<String, (u32, f32)>,
    bytes: [Option<u32>; 256],
    unknown: u32,
    /// Text after a special token gets a space in front.
    space_first: bool,
}

impl Spm {
    pub(super) fn read(gguf: &Gguf, pieces: &[Piece]) -> Result<Self> {
        use candle_core::quantized::gguf_file::Value;
        let scores = gguf.list("tokenizer.ggml.scores", |value| match value {
            Value::F32(score) => Some(*score),
            _ => None,
        })?;
        if scores.len() != pieces.len() {
            return Err(broken(&gguf.what, "its vocabulary has no score for each token"));
        }
        let mut bytes = [None; 256];
        let mut tokens = HashMap::with_capacity(pieces.len());
        for ((id, piece), score) in (0..).zip(pieces).zip(scores) {
            tokens.insert(piece.text.clone(), (id, score));
            if piece.kind == BYTE
                && let Some(byte) = byte(&piece.text)
            {
                bytes[usize::from(byte)] = Some(id);
            }
        }
        Ok(Self {
            tokens,
            bytes,
            unknown: super::token_id(gguf, "unknown_token_id", pieces.len())?.unwrap_or(0),
            space_first: gguf.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true),
        })
    }

    /// Appends the tokens of `text`, which holds no special token.
    pub(super) fn encode(&self, text: &str, after_special: bool, tokens: &mut Vec<u32>) {
        let prefix = if self.space_first && after_special { " " } else { "" };
        let text = format!("{prefix}{text}").replace(' ', SPACE.encode_utf8(&mut [0; 4]));
        let mut joining = Joining::new(self, &text);
        joining.run();
        for part in joining.parts() {
            match self.tokens.get(part) {
                Some((id, _)) => tokens.push(*id),
                None => {
                    let byte = |byte: u8| self.bytes[usize::from(byte)].unwrap_or(self.unknown);
                    tokens.extend(part.bytes().map(byte));
                }
            }
        }
    }
}

/// The byte that a token such as `<0xE2>` stands for.
pub(super) fn byte(text: &str) -> Option<u8> {
    u8::from_str_radix(text.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// What a token looks like in text.
pub(super) fn text(piece: &str) -> String {
    piece.replace(SPACE, " ")
}

/// A stretch of text that is one token so far; the stretches form a list.
struct Symbol {
    start: usize,
    /// Empty (`end == start`) once it was joined to the one before.
    end: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// Two neighbours that could be joined.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// End of the right one: if it moved since, the pair is stale.
    end: usize,
}

impl Ord for Pair {
    /// The best score first, and among equal ones the leftmost.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Pair {}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

struct Joining<'a> {
    spm: &'a Spm,
    text: &'a str,
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Pair>,
}

impl<'a> Joining<'a> {
    fn new(spm: &'a Spm, text: &'a str) -> Self {
        let count = text.chars().count();
        let symbols = text.char_indices().enumerate().map(|(index, (start, char))| Symbol {
            start,
            end: start + char.len_utf8(),
            before: index.checked_sub(1),
            after: (index + 1 < count).then_some(index + 1),
        });
        let mut joining = Self { spm, text, symbols: symbols.collect(), pairs: BinaryHeap::new() };
        for right in 1..count {
            joining.consider(Some(right - 1), Some(right));
        }
        joining
    }

    fn consider(&mut self, left: Option<usize>, right: Option<usize>) {
        let (Some(left), Some(right)) = (left, right) else { return };
        let end = self.symbols[right].end;
        let joined = &self.text[self.symbols[left].start..end];
        if let Some((_, score)) = self.spm.tokens.get(joined) {
            self.pairs.push(Pair { score: *score, left, right, end });
        }
    }

    fn run(&mut self) {
        while let Some(Pair { left, right, end, .. }) = self.pairs.pop() {
            let is_stale = self.symbols[left].after != Some(right)
                || self.symbols[right].end != end
                || self.symbols[left].start == self.symbols[left].end;
            if is_stale {
                continue;
            }
            let after = self.symbols[right].after;
            self.symbols[left].end = end;
            self.symbols[left].after = after;
            self.symbols[right].end = self.symbols[right].start;
            self.symbols[right].after = None;
            if let Some(after) = after {
                self.symbols[after].before = Some(left);
            }
            self.consider(self.symbols[left].before, Some(left));
            self.consider(Some(left), after);
        }
    }

    fn parts(&self) -> impl Iterator<Item = &'a str> {
        let mut next = (!self.symbols.is_empty()).then_some(0);
        std::iter::from_fn(move || {
            let symbol = &self.symbols[next?];
            next = symbol.after;
            Some(&self.text[symbol.start..symbol.end])
        })
    }
}
