//! The tiny `llama` models of the tests of servers.

use std::io;
use std::path::Path;

use super::file::{GgufFile, RawTensor, Value};
use super::random::Random;
use super::vocabulary::Vocabulary;

const EMBEDDING: u64 = 256;
const FEED_FORWARD: u64 = 512;
const LAYERS: u64 = 4;
const HEADS: u64 = 8;
const KEY_VALUE_HEADS: u64 = 4;
const CONTEXT: u32 = 4096;
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
        let mut random = Random(self.seed);
        let raw = |tensor: &Tensor| {
            RawTensor::f32(&tensor.name, &tensor.shape, &tensor.data(&mut random))
        };
        let tensors = self.tensors().iter().map(raw).collect();
        GgufFile { metadata: self.metadata(), tensors }.write(path)
    }

    fn metadata(&self) -> Vec<(String, Value)> {
        let vocabulary = vocabulary();
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
        llama("vocab_size", Value::Number(vocabulary.len() as u32));
        if let Some(experts) = self.experts {
            llama("expert_count", Value::Number(experts.count));
            llama("expert_used_count", Value::Number(experts.used));
        }
        metadata.extend(vocabulary.metadata());
        let mut tokenizer =
            |key: &str, value| metadata.push((format!("tokenizer.ggml.{key}"), value));
        tokenizer("bos_token_id", Value::Number(1));
        tokenizer("eos_token_id", Value::Number(END_TOKEN as u32));
        tokenizer("unknown_token_id", Value::Number(0));
        metadata
    }

    fn tensors(&self) -> Vec<Tensor> {
        let vocabulary = vocabulary().len() as u64;
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

fn vocabulary() -> Vocabulary {
    Vocabulary::spm(&[("<unk>", 2), ("<s>", 3), ("</s>", 3)], &PIECES)
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

    fn data(&self, random: &mut Random) -> Vec<f32> {
        let value = |index: u64| match self.fill {
            Fill::Ones => 1.0,
            Fill::Random(deviation) => random.normal() * deviation,
            Fill::Output if is_speakable((index / EMBEDDING) as usize) => random.normal() * 0.3,
            Fill::Output => 0.0,
        };
        (0..self.len()).map(value).collect()
    }
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
