//! Which models the engine computes, and what their files must and may hold.
//!
//! A tensor or a setting that the implementation would silently leave out makes
//! the file unsupported: the answers would be those of another model.

use std::collections::{BTreeMap, HashMap};

use llmbench_api::Result;

use crate::error::{broken, unsupported};
use crate::gguf::Gguf;

/// Architectures by their name in `general.architecture`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arch {
    Llama,
    Qwen2,
    Qwen3,
}

/// Name, architecture, longest context that candle's implementation computes.
///
/// candle's `quantized_llama` has a fixed table of 4,096 positions. The others
/// make it as long as the file says; the bound keeps that table small.
const KNOWN: [(&str, Arch, u64); 3] =
    [("llama", Arch::Llama, 4096), ("qwen2", Arch::Qwen2, 32768), ("qwen3", Arch::Qwen3, 32768)];
/// Most layers of any model; more is a damaged file.
const MOST_LAYERS: u64 = 1000;

/// Widest head of any model; its table of positions must stay small.
const MOST_HEAD: u64 = 1024;

/// The sizes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dims {
    pub(crate) arch: Arch,
    /// Longest context in tokens, prompt and answer together.
    pub(crate) context: u64,
    pub(crate) vocabulary: u64,
    layers: u64,
    embedding: u64,
    feed_forward: u64,
    heads: u64,
    key_value_heads: u64,
    head: u64,
}

impl Dims {
    /// Reads and checks everything that the engine relies on.
    ///
    /// # Errors
    /// `Unsupported` for another kind of model, `InvalidInput` for a file that contradicts itself.
    pub(crate) fn read(gguf: &Gguf) -> Result<Self> {
        let name = gguf
            .text("general.architecture")
            .ok_or_else(|| broken(&gguf.what, "`general.architecture` is missing"))?;
        let Some((name, arch, longest)) = KNOWN.into_iter().find(|(known, ..)| *known == name)
        else {
            let known: Vec<_> = KNOWN.iter().map(|(name, ..)| *name).collect();
            return Err(unsupported(
                &gguf.what,
                format!("architecture `{name}`; this engine runs {}", known.join(", ")),
            ));
        };
        refuse_variants(gguf, name)?;
        let need = |key: &str| gguf.need_number(&format!("{name}.{key}"));
        let heads = need("attention.head_count")?;
        let embedding = need("embedding_length")?;
        let of_heads = embedding.checked_div(heads).unwrap_or(0);
        let embeddings = gguf.content.tensor_infos.get("token_embd.weight");
        let embeddings = embeddings
            .ok_or_else(|| broken(&gguf.what, "tensor `token_embd.weight` is missing"))?;
        let dims = Self {
            arch,
            context: need("context_length")?.min(longest),
            vocabulary: embeddings.shape.dims().first().map_or(0, |rows| *rows as u64),
            layers: need("block_count")?,
            embedding,
            feed_forward: need("feed_forward_length")?,
            heads,
            key_value_heads: need("attention.head_count_kv")?,
            head: gguf.number(&format!("{name}.attention.key_length")).unwrap_or(of_heads),
        };
        dims.check(gguf, name, of_heads)?;
        Ok(dims)
    }

    fn check(&self, gguf: &Gguf, name: &str, of_heads: u64) -> Result<()> {
        let sound = self.context > 0
            && (1..=MOST_HEAD).contains(&self.head)
            && self.heads.checked_mul(self.head).is_some()
            && self.head.is_multiple_of(2)
            && self.key_value_heads > 0
            && self.heads.is_multiple_of(self.key_value_heads)
            && (1..=MOST_LAYERS).contains(&self.layers)
            && gguf.real(&format!("{name}.attention.layer_norm_rms_epsilon")).is_some();
        if !sound {
            return Err(broken(&gguf.what, "the sizes in its header contradict each other"));
        }
        let rotated = gguf.number(&format!("{name}.rope.dimension_count"));
        if (self.arch == Arch::Llama && rotated.is_none())
            || (self.arch == Arch::Qwen3 && gguf.real("qwen3.rope.freq_base").is_none())
            || (self.arch == Arch::Qwen3 && gguf.number("qwen3.attention.key_length").is_none())
        {
            return Err(broken(&gguf.what, "its header lacks what the architecture needs"));
        }
        if rotated.is_some_and(|rotated| rotated != self.head)
            || (self.arch != Arch::Qwen3 && self.head * self.heads != self.embedding)
            || (self.arch != Arch::Qwen3 && self.head != of_heads)
        {
            return Err(unsupported(&gguf.what, "heads of a size that the engine lacks"));
        }
        self.check_tensors(gguf)
    }

    /// Every needed tensor is there in its shape, and no other one.
    fn check_tensors(&self, gguf: &Gguf) -> Result<()> {
        let mut wanted = self.tensors();
        // In order, so that the same file always gives the same error.
        let found: BTreeMap<_, _> = gguf.content.tensor_infos.iter().collect();
        for (name, info) in found {
            let Some(shape) = wanted.remove(name.as_str()) else {
                return Err(unsupported(
                    &gguf.what,
                    format!("the engine has no use for its tensor `{name}`"),
                ));
            };
            let found: Vec<u64> = info.shape.dims().iter().map(|dim| *dim as u64).collect();
            if found != shape {
                return Err(broken(
                    &gguf.what,
                    format!("tensor `{name}` is {found:?} where {shape:?} is needed"),
                ));
            }
        }
        wanted.remove("output.weight"); // the embeddings serve when it is not there
        match wanted.keys().min() {
            None => Ok(()),
            Some(name) => Err(broken(&gguf.what, format!("tensor `{name}` is missing"))),
        }
    }

    /// Name → shape, outermost dimension first.
    fn tensors(&self) -> HashMap<String, Vec<u64>> {
        let (query, value) = (self.heads * self.head, self.key_value_heads * self.head);
        let mut tensors: HashMap<String, Vec<u64>> = [
            ("token_embd.weight", vec![self.vocabulary, self.embedding]),
            ("output_norm.weight", vec![self.embedding]),
            ("output.weight", vec![self.vocabulary, self.embedding]),
        ]
        .map(|(name, shape)| (name.to_owned(), shape))
        .into();
        for layer in 0..self.layers {
            let mut add = |name: &str, shape: &[u64]| {
                tensors.insert(format!("blk.{layer}.{name}"), shape.to_vec());
            };
            add("attn_norm.weight", &[self.embedding]);
            add("ffn_norm.weight", &[self.embedding]);
            add("attn_q.weight", &[query, self.embedding]);
            add("attn_k.weight", &[value, self.embedding]);
            add("attn_v.weight", &[value, self.embedding]);
            add("attn_output.weight", &[self.embedding, query]);
            add("ffn_gate.weight", &[self.feed_forward, self.embedding]);
            add("ffn_up.weight", &[self.feed_forward, self.embedding]);
            add("ffn_down.weight", &[self.embedding, self.feed_forward]);
            match self.arch {
                Arch::Llama => {}
                Arch::Qwen2 => {
                    add("attn_q.bias", &[query]);
                    add("attn_k.bias", &[value]);
                    add("attn_v.bias", &[value]);
                }
                Arch::Qwen3 => {
                    add("attn_q_norm.weight", &[self.head]);
                    add("attn_k_norm.weight", &[self.head]);
                }
            }
        }
        tensors
    }
}

/// Variants of a known architecture that candle computes as if they were the plain one.
fn refuse_variants(gguf: &Gguf, name: &str) -> Result<()> {
    let experts = gguf.number(&format!("{name}.expert_count")).unwrap_or(0);
    let merged = gguf.content.tensor_infos.keys().any(|tensor| tensor.contains("_exps."));
    if experts > 1 || merged {
        return Err(unsupported(&gguf.what, "it is a mixture of experts"));
    }
    let scaling = gguf.text(&format!("{name}.rope.scaling.type"));
    if let Some(scaling) = scaling.filter(|scaling| *scaling != "none") {
        return Err(unsupported(&gguf.what, format!("it scales its positions (`{scaling}`)")));
    }
    if gguf.number(&format!("{name}.attention.sliding_window")).is_some_and(|window| window > 0) {
        return Err(unsupported(&gguf.what, "it attends to a sliding window"));
    }
    Ok(())
}
