//! Chat models in several architectures: one file, two ways to run it.

use super::file::{GgufFile, RawTensor, Value};
use super::random::Random;
use super::vocabulary::Vocabulary;

/// Pieces of the SentencePiece vocabulary, the likeliest first.
const PIECES: [&str; 16] = [
    "\u{2581}",
    "e",
    "t",
    "a",
    "o",
    "n",
    "\u{2581}t",
    "he",
    "\u{2581}the",
    "in",
    "er",
    "on",
    "\u{2581}\u{2581}",
    "const",
    "\u{20ac}",
    "\n\n",
];
/// Words of the byte pair vocabularies, the likeliest first.
const WORDS: [&str; 28] = [
    " the", "the", "in", "er", "on", " const", "'s", "'re", "'ll", "'T", "12", "123", "1234",
    "\n\n", "\n\n\n", "    ", "  ", " \n", "\r\n", "日", "日本", "é", " é", "😀", "();", " = ",
    "...", "you",
];

/// An architecture with the tokenizer that it usually has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `llama` with SentencePiece.
    Llama,
    /// `llama` with byte pairs, cut as Llama 3 does.
    LlamaBpe,
    /// `qwen2`, which adds biases to the attention.
    Qwen2,
    /// `qwen3`, which normalises queries and keys, with heads of a size of their own.
    Qwen3,
}

/// How the matrices are stored; norms and biases are always floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// 32-bit floats.
    F32,
    /// Blocks of 8-bit numbers.
    Q8_0,
}

/// Dimensions of a model; multiples of 32 where weights are [`Weights::Q8_0`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Width.
    pub embedding: u64,
    /// Width inside the feed-forward blocks.
    pub feed_forward: u64,
    /// Layers.
    pub layers: u64,
    /// Attention heads.
    pub heads: u64,
    /// Heads of keys and values.
    pub key_value_heads: u64,
    /// Longest context in tokens.
    pub context: u32,
}

/// What a model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speech {
    /// Whatever random weights lead to, in printable ASCII, without an end.
    Random,
    /// These tokens, then its end token. They must differ from each other and from the
    /// last token of the chat template, which the first one follows.
    Script(Vec<u32>),
}

/// A model of random weights with a chat template; the same values always give the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatModel {
    /// Architecture and tokenizer.
    pub family: Family,
    /// Storage.
    pub weights: Weights,
    /// The embeddings serve as output, too.
    pub tied: bool,
    /// Dimensions.
    pub sizes: Sizes,
    /// What it says.
    pub speech: Speech,
    /// Seed of the weights.
    pub seed: u64,
}

impl Sizes {
    /// About 200,000 weights beside the embeddings.
    pub const TINY: Self = Self {
        embedding: 64,
        feed_forward: 96,
        layers: 2,
        heads: 4,
        key_value_heads: 2,
        context: 2048,
    };
}

impl ChatModel {
    /// A tiny model with an output of its own.
    pub fn new(family: Family, weights: Weights) -> Self {
        Self { family, weights, tied: false, sizes: Sizes::TINY, speech: Speech::Random, seed: 1 }
    }

    /// A tiny model that says `tokens` to whatever it is asked.
    pub fn saying(family: Family, tokens: Vec<u32>) -> Self {
        Self { speech: Speech::Script(tokens), ..Self::new(family, Weights::F32) }
    }

    /// The vocabulary of the family.
    pub fn vocabulary(&self) -> Vocabulary {
        match self.family {
            Family::Llama => Vocabulary::spm(
                &[
                    ("<unk>", 2),
                    ("<s>", 3),
                    ("</s>", 3),
                    ("<|system|>", 3),
                    ("<|user|>", 3),
                    ("<|assistant|>", 3),
                ],
                &PIECES,
            ),
            Family::LlamaBpe => Vocabulary::bpe(
                "llama-bpe",
                &WORDS,
                &["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"],
            ),
            Family::Qwen2 | Family::Qwen3 => {
                Vocabulary::bpe("qwen2", &WORDS, &["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
            }
        }
    }

    /// The chat template as Ollama writes it.
    pub fn ollama_template(&self) -> &'static str {
        match self.family {
            Family::Llama => {
                "{{ if .System }}<|system|>{{ .System }}{{ end }}{{ if .Prompt }}<|user|>{{ .Prompt }}{{ end }}<|assistant|>"
            }
            Family::LlamaBpe => {
                "{{ if .System }}<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>{{ end }}\
                 {{ if .Prompt }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|>{{ end }}\
                 <|start_header_id|>assistant<|end_header_id|>\n\n"
            }
            Family::Qwen2 | Family::Qwen3 => {
                "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}\
                 {{ if .Prompt }}<|im_start|>user\n{{ .Prompt }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
            }
        }
    }

    /// The model's file.
    pub fn file(&self) -> GgufFile {
        GgufFile { metadata: self.metadata(), tensors: self.tensors() }
    }

    fn architecture(&self) -> &'static str {
        match self.family {
            Family::Llama | Family::LlamaBpe => "llama",
            Family::Qwen2 => "qwen2",
            Family::Qwen3 => "qwen3",
        }
    }

    fn chat_template(&self) -> &'static str {
        match self.family {
            Family::Llama => {
                "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% endfor %}<|assistant|>"
            }
            Family::LlamaBpe => {
                "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}\
                 <|end_header_id|>\n\n{{ message['content'] }}<|eot_id|>{% endfor %}\
                 {% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
            }
            Family::Qwen2 | Family::Qwen3 => {
                "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content \
                 + '<|im_end|>' + '\n' }}{% endfor %}\
                 {%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
            }
        }
    }

    /// Width of a head; the size of Qwen 3's is not what the width of the model gives.
    fn head(&self) -> u64 {
        let usual = self.sizes.embedding / self.sizes.heads;
        if self.family == Family::Qwen3 { usual * 2 } else { usual }
    }

    fn end(&self) -> &'static str {
        match self.family {
            Family::Llama => "</s>",
            Family::LlamaBpe => "<|eot_id|>",
            Family::Qwen2 | Family::Qwen3 => "<|im_end|>",
        }
    }

    /// The token that ends every prompt.
    fn last_of_prompt(&self) -> &'static str {
        match self.family {
            Family::Llama => "<|assistant|>",
            Family::LlamaBpe => "ĊĊ",
            Family::Qwen2 | Family::Qwen3 => "Ċ",
        }
    }

    fn metadata(&self) -> Vec<(String, Value)> {
        let (name, sizes, vocabulary) = (self.architecture(), self.sizes, self.vocabulary());
        let file_type = if self.weights == Weights::F32 { 0 } else { 7 };
        let mut metadata = vec![
            ("general.architecture".to_owned(), Value::Text(name.into())),
            ("general.name".to_owned(), Value::Text("llmbench test model".into())),
            ("general.file_type".to_owned(), Value::Number(file_type)),
        ];
        let mut put = |key: &str, value| metadata.push((format!("{name}.{key}"), value));
        put("context_length", Value::Number(sizes.context));
        put("embedding_length", Value::Number(sizes.embedding as u32));
        put("block_count", Value::Number(sizes.layers as u32));
        put("feed_forward_length", Value::Number(sizes.feed_forward as u32));
        put("rope.freq_base", Value::Real(10_000.0));
        put("attention.head_count", Value::Number(sizes.heads as u32));
        put("attention.head_count_kv", Value::Number(sizes.key_value_heads as u32));
        put("attention.layer_norm_rms_epsilon", Value::Real(1e-5));
        match self.family {
            Family::Qwen2 => {}
            Family::Qwen3 => {
                put("attention.key_length", Value::Number(self.head() as u32));
                put("attention.value_length", Value::Number(self.head() as u32));
            }
            Family::Llama | Family::LlamaBpe => {
                put("rope.dimension_count", Value::Number(self.head() as u32));
                put("vocab_size", Value::Number(vocabulary.len() as u32));
            }
        }
        metadata.extend(vocabulary.metadata());
        let mut put = |key: &str, value| metadata.push((format!("tokenizer.{key}"), value));
        put("ggml.eos_token_id", Value::Number(vocabulary.id(self.end())));
        match self.family {
            Family::Llama => {
                put("ggml.bos_token_id", Value::Number(vocabulary.id("<s>")));
                put("ggml.unknown_token_id", Value::Number(0));
                put("ggml.add_bos_token", Value::Flag(true));
                put("ggml.add_space_prefix", Value::Flag(false));
            }
            Family::LlamaBpe => {
                put("ggml.bos_token_id", Value::Number(vocabulary.id("<|begin_of_text|>")));
            }
            Family::Qwen2 | Family::Qwen3 => {
                put("ggml.bos_token_id", Value::Number(vocabulary.id("<|endoftext|>")));
                put("ggml.add_bos_token", Value::Flag(false));
            }
        }
        put("chat_template", Value::Text(self.chat_template().into()));
        metadata
    }

    fn tensors(&self) -> Vec<RawTensor> {
        let sizes = self.sizes;
        let (embedding, vocabulary) = (sizes.embedding, self.vocabulary());
        let mut random = Random(self.seed);
        let embeddings = normals(&mut random, embedding * vocabulary.len() as u64, 0.3);
        let matrix = |name: &str, shape: &[u64], values: &[f32]| match self.weights {
            Weights::F32 => RawTensor::f32(name, shape, values),
            Weights::Q8_0 => RawTensor::q8_0(name, shape, values),
        };
        let table = [embedding, vocabulary.len() as u64];
        let ones = |name: &str, len: u64| RawTensor::f32(name, &[len], &vec![1.0; len as usize]);
        let mut tensors = vec![
            matrix("token_embd.weight", &table, &embeddings),
            ones("output_norm.weight", embedding),
        ];
        if !self.tied {
            let output = self.output(&vocabulary, &embeddings, &mut random);
            tensors.push(matrix("output.weight", &table, &output));
        }
        let head = self.head();
        let (query, value) = (head * sizes.heads, head * sizes.key_value_heads);
        // A script only depends on the token before: layers add nothing to it.
        let deviation = if self.speech == Speech::Random { 0.08 } else { 0.0 };
        for layer in 0..sizes.layers {
            let name = |part: &str| format!("blk.{layer}.{part}");
            let mut add = |part: &str, shape: [u64; 2]| {
                let values = normals(&mut random, shape[0] * shape[1], deviation);
                tensors.push(matrix(&name(part), &shape, &values));
            };
            add("attn_q.weight", [embedding, query]);
            add("attn_k.weight", [embedding, value]);
            add("attn_v.weight", [embedding, value]);
            add("attn_output.weight", [query, embedding]);
            add("ffn_gate.weight", [embedding, sizes.feed_forward]);
            add("ffn_up.weight", [embedding, sizes.feed_forward]);
            add("ffn_down.weight", [sizes.feed_forward, embedding]);
            tensors.push(ones(&name("attn_norm.weight"), embedding));
            tensors.push(ones(&name("ffn_norm.weight"), embedding));
            match self.family {
                Family::Llama | Family::LlamaBpe => {}
                Family::Qwen2 => {
                    for (part, len) in [("q", query), ("k", value), ("v", value)] {
                        let values = normals(&mut random, len, deviation);
                        let name = name(&format!("attn_{part}.bias"));
                        tensors.push(RawTensor::f32(&name, &[len], &values));
                    }
                }
                Family::Qwen3 => {
                    tensors.push(ones(&name("attn_q_norm.weight"), head));
                    tensors.push(ones(&name("attn_k_norm.weight"), head));
                }
            }
        }
        tensors
    }

    /// Rows of the output matrix: a token is said when its row resembles the state.
    fn output(&self, vocabulary: &Vocabulary, embeddings: &[f32], random: &mut Random) -> Vec<f32> {
        let width = self.sizes.embedding as usize;
        match &self.speech {
            Speech::Random => (0..vocabulary.len() as u32)
                .flat_map(|id| {
                    let deviation = if vocabulary.is_printable(id) { 0.3 } else { 0.0 };
                    normals(random, self.sizes.embedding, deviation)
                })
                .collect(),
            Speech::Script(tokens) => {
                let mut output = vec![0.0; embeddings.len()];
                let row = |id: u32| id as usize * width..(id as usize + 1) * width;
                let asked = vocabulary.id(self.last_of_prompt());
                let end = vocabulary.id(self.end());
                let before = std::iter::once(asked).chain(tokens.iter().copied());
                let after = tokens.iter().copied().chain([end]);
                for (before, after) in before.zip(after) {
                    output[row(after)].copy_from_slice(&embeddings[row(before)]);
                }
                output
            }
        }
    }
}

fn normals(random: &mut Random, count: u64, deviation: f32) -> Vec<f32> {
    (0..count).map(|_| random.normal() * deviation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_values_give_the_same_file() {
        for family in [Family::Llama, Family::LlamaBpe, Family::Qwen2, Family::Qwen3] {
            let model = ChatModel::new(family, Weights::Q8_0);
            let first = model.file().bytes();
            assert!(first.starts_with(b"GGUF\x03\0\0\0"));
            assert!(first == model.file().bytes());
            assert!(first != ChatModel { seed: 2, ..model }.file().bytes());
        }
    }
}
