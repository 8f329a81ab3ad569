//! Tiny models with random weights, in the GGUF format (version 3).
//!
//! They answer nonsense, but a real server loads them within a second and
//! treats them as it treats any other model. Layout of the file: the
//! specification in the ggml repository, `docs/gguf.md`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const EMBEDDING: u64 = 256;
const FEED_FORWARD: u64 = 512;
const LAYERS: u64 = 4;
const HEADS: u64 = 8;
const KEY_VALUE_HEADS: u64 = 4;
const CONTEXT: u32 = 4096;
const ALIGNMENT: usize = 32;
const END_TOKEN: usize = 2;
/// Words and pieces after the control and byte tokens.
const PIECES: [&str; 12] =
    ["\u{2581}", "e", "t", "a", "o", "n", "\u{2581}t", "he", "\u{2581}the", "in", "er", "on"];

/// A mixture of experts inside a [`TinyModel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Experts {
    /// Experts in each layer.
    pub count: u32,
    /// Experts that take part in one token.
    pub used: u32,
}

/// A `llama` model of four layers; about 2.5 million parameters when dense.
///
/// The same values always write the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TinyModel {
    /// Seed of the weights.
    pub seed: u64,
    /// Experts in place of one feed-forward block in each layer.
    pub experts: Option<Experts>,
}

impl TinyModel {
    /// A dense model.
    pub fn dense() -> Self {
        Self { seed: 1, experts: None }
    }

    /// A mixture of four experts, of which two take part in a token.
    pub fn mixture() -> Self {
        Self { seed: 1, experts: Some(Experts { count: 4, used: 2 }) }
    }

    /// The number of weights in the file.
    pub fn parameter_count(&self) -> u64 {
        self.tensors().iter().map(Tensor::len).sum()
    }

    /// The number of weights that take part in one token.
    pub fn active_parameter_count(&self) -> u64 {
        let share = |tensor: &Tensor| match self.experts {
            Some(experts) if tensor.name.contains("_exps") => {
                tensor.len() * u64::from(experts.used) / u64::from(experts.count)
            }
            _ => tensor.len(),
        };
        self.tensors().iter().map(share).sum()
    }

    /// Writes the model to `path`, replacing what is there.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let tensors = self.tensors();
        let metadata = self.metadata();
        let mut header = Vec::new();
        header.extend(b"GGUF");
        header.extend(3u32.to_le_bytes());
        header.extend((tensors.len() as u64).to_le_bytes());
        header.extend((metadata.len() as u64).to_le_bytes());
        for (key, value) in &metadata {
            put_string(&mut header, key);
            value.put(&mut header);
        }
        let mut offset = 0u64;
        for tensor in &tensors {
            put_string(&mut header, &tensor.name);
            header.extend((tensor.shape.len() as u32).to_le_bytes());
            for dimension in &tensor.shape {
                header.extend(dimension.to_le_bytes());
            }
            header.extend(0u32.to_le_bytes()); // F32
            header.extend(offset.to_le_bytes());
            offset += (tensor.len() * 4).next_multiple_of(ALIGNMENT as u64);
        }
        header.resize(header.len().next_multiple_of(ALIGNMENT), 0);

        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&header)?;
        let mut random = Random(self.seed);
        for tensor in &tensors {
            let data = tensor.data(&mut random);
            file.write_all(&data)?;
            file.write_all(&vec![0; data.len().next_multiple_of(ALIGNMENT) - data.len()])?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    fn metadata(&self) -> Vec<(String, Value)> {
        let tokens = tokens();
        let vocabulary = tokens.len() as u32;
        let mut metadata = vec![
            ("general.architecture".to_owned(), Value::Text("llama".into())),
            ("general.name".to_owned(), Value::Text("llmbench test model".into())),
            ("general.file_type".to_owned(), Value::Number(0)),
        ];
        let mut llama = |key: &str, value| metadata.push((format!("llama.{key}"), value));
        llama("context_length", Value::Number(CONTEXT));
        llama("embedding_length", Value::Number(EMBEDDING as u32));
        llama("block_count", Value::Number(LAYERS as u32));
        llama("feed_forward_length", Value::Number(FEED_FORWARD as u32));
        llama("rope.dimension_count", Value::Number((EMBEDDING / HEADS) as u32));
        llama("rope.freq_base", Value::Real(10_000.0));
        llama("attention.head_count", Value::Number(HEADS as u32));
        llama("attention.head_count_kv", Value::Number(KEY_VALUE_HEADS as u32));
        llama("attention.layer_norm_rms_epsilon", Value::Real(1e-5));
        llama("vocab_size", Value::Number(vocabulary));
        if let Some(experts) = self.experts {
            llama("expert_count", Value::Number(experts.count));
            llama("expert_used_count", Value::Number(experts.used));
        }
        let mut tokenizer =
            |key: &str, value| metadata.push((format!("tokenizer.ggml.{key}"), value));
        tokenizer("model", Value::Text("llama".into()));
        tokenizer("scores", Value::Reals(tokens.iter().map(|token| token.score).collect()));
        tokenizer("token_type", Value::Integers(tokens.iter().map(|token| token.kind).collect()));
        tokenizer("tokens", Value::Texts(tokens.into_iter().map(|token| token.text).collect()));
        tokenizer("bos_token_id", Value::Number(1));
        tokenizer("eos_token_id", Value::Number(END_TOKEN as u32));
        tokenizer("unknown_token_id", Value::Number(0));
        metadata
    }

    fn tensors(&self) -> Vec<Tensor> {
        let vocabulary = tokens().len() as u64;
        let key_value = EMBEDDING / HEADS * KEY_VALUE_HEADS;
        let mut tensors = vec![
            Tensor::new("token_embd.weight", &[EMBEDDING, vocabulary], Fill::Random(0.3)),
            Tensor::new("output_norm.weight", &[EMBEDDING], Fill::Ones),
            Tensor::new("output.weight", &[EMBEDDING, vocabulary], Fill::Output),
        ];
        for layer in 0..LAYERS {
            let mut add = |name: &str, shape: &[u64], fill| {
                tensors.push(Tensor::new(&format!("blk.{layer}.{name}.weight"), shape, fill));
            };
            let weights = Fill::Random(0.08);
            add("attn_norm", &[EMBEDDING], Fill::Ones);
            add("ffn_norm", &[EMBEDDING], Fill::Ones);
            add("attn_q", &[EMBEDDING, EMBEDDING], weights);
            add("attn_k", &[EMBEDDING, key_value], weights);
            add("attn_v", &[EMBEDDING, key_value], weights);
            add("attn_output", &[EMBEDDING, EMBEDDING], weights);
            match self.experts.map(|experts| u64::from(experts.count)) {
                None => {
                    add("ffn_gate", &[EMBEDDING, FEED_FORWARD], weights);
                    add("ffn_up", &[EMBEDDING, FEED_FORWARD], weights);
                    add("ffn_down", &[FEED_FORWARD, EMBEDDING], weights);
                }
                Some(count) => {
                    add("ffn_gate_inp", &[EMBEDDING, count], weights);
                    add("ffn_gate_exps", &[EMBEDDING, FEED_FORWARD, count], weights);
                    add("ffn_up_exps", &[EMBEDDING, FEED_FORWARD, count], weights);
                    add("ffn_down_exps", &[FEED_FORWARD, EMBEDDING, count], weights);
                }
            }
        }
        tensors
    }
}

struct Token {
    text: String,
    score: f32,
    /// 1 normal, 2 unknown, 3 control, 6 byte.
    kind: i32,
}

fn tokens() -> Vec<Token> {
    let control = [("<unk>", 2), ("<s>", 3), ("</s>", 3)];
    let control =
        control.into_iter().map(|(text, kind)| Token { text: text.into(), score: 0.0, kind });
    let bytes =
        (0..=255u8).map(|byte| Token { text: format!("<0x{byte:02X}>"), score: 0.0, kind: 6 });
    let pieces = PIECES.iter().enumerate().map(|(index, piece)| Token {
        text: (*piece).to_owned(),
        score: -(index as f32) - 1.0,
        kind: 1,
    });
    control.chain(bytes).chain(pieces).collect()
}

/// True for tokens that a model should say: printable text, never the end mark,
/// so that only the caller's limits end an answer.
fn is_speakable(token: usize) -> bool {
    match token.checked_sub(END_TOKEN + 1) {
        None => false,
        Some(byte @ 0..=255) => (0x20..0x7f).contains(&byte),
        Some(_) => true,
    }
}

#[derive(Clone, Copy)]
enum Fill {
    Ones,
    /// Normal-like with this standard deviation.
    Random(f32),
    /// Random rows for the tokens that the model should say, zeros for the others.
    Output,
}

struct Tensor {
    name: String,
    shape: Vec<u64>,
    fill: Fill,
}

impl Tensor {
    fn new(name: &str, shape: &[u64], fill: Fill) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), fill }
    }

    fn len(&self) -> u64 {
        self.shape.iter().product()
    }

    fn data(&self, random: &mut Random) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.len() as usize * 4);
        for index in 0..self.len() {
            let value = match self.fill {
                Fill::Ones => 1.0,
                Fill::Random(deviation) => random.normal() * deviation,
                Fill::Output if is_speakable((index / EMBEDDING) as usize) => random.normal() * 0.3,
                Fill::Output => 0.0,
            };
            data.extend(value.to_le_bytes());
        }
        data
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Sum of four uniform numbers, scaled to variance 1.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum: f32 = (0..4).map(|part| ((bits >> (part * 16)) & 0xffff) as f32 / 65_536.0).sum();
        (sum - 2.0) * 3f32.sqrt()
    }
}

enum Value {
    Number(u32),
    Real(f32),
    Text(String),
    Texts(Vec<String>),
    Reals(Vec<f32>),
    Integers(Vec<i32>),
}

impl Value {
    fn put(&self, out: &mut Vec<u8>) {
        const U32: u32 = 4;
        const I32: u32 = 5;
        const F32: u32 = 6;
        const STRING: u32 = 8;
        const ARRAY: u32 = 9;
        let array = |out: &mut Vec<u8>, kind: u32, len: usize| {
            out.extend(ARRAY.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend((len as u64).to_le_bytes());
        };
        match self {
            Self::Number(value) => {
                out.extend(U32.to_le_bytes());
                out.extend(value.to_le_bytes());
            }
            Self::Real(value) => {
                out.extend(F32.to_le_bytes());
                out.extend(value.to_le_bytes());
            }
            Self::Text(value) => {
                out.extend(STRING.to_le_bytes());
                put_string(out, value);
            }
            Self::Texts(values) => {
                array(out, STRING, values.len());
                values.iter().for_each(|value| put_string(out, value));
            }
            Self::Reals(values) => {
                array(out, F32, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            Self::Integers(values) => {
                array(out, I32, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
        }
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_recorded_models() {
        assert_eq!(TinyModel::dense().parameter_count(), 2_500_352);
        assert_eq!(TinyModel::dense().active_parameter_count(), 2_500_352);
        assert_eq!(TinyModel::mixture().parameter_count(), 7_223_040);
        assert_eq!(TinyModel::mixture().active_parameter_count(), 4_077_312);
    }

    #[test]
    fn the_same_values_write_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, model: TinyModel| {
            let path = dir.path().join(name);
            model.write(&path).unwrap();
            std::fs::read(path).unwrap()
        };
        let first = write("a.gguf", TinyModel::dense());
        assert!(first.starts_with(b"GGUF\x03\0\0\0"));
        assert!(first == write("b.gguf", TinyModel::dense()));
        assert!(first != write("c.gguf", TinyModel { seed: 2, experts: None }));
    }
}
