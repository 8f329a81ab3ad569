//! A model loaded by candle: tokens in, logits out.

use std::io::Cursor;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Tensor};
use candle_transformers::models::{quantized_llama, quantized_qwen2, quantized_qwen3};
use llmbench_api::Result;

use crate::arch::{Arch, Dims};
use crate::engine::Engine;
use crate::error::{broken, engine, first_line};
use crate::gguf::Gguf;
use crate::source::Source;
use crate::template::Template;
use crate::tokenizer::Tokenizer;

/// A model in memory.
pub(crate) struct Model {
    dims: Dims,
    tokenizer: Tokenizer,
    template: Template,
    weights: Weights,
}

impl Model {
    /// Loads the model that errors call `what`.
    ///
    /// # Errors
    /// `InvalidInput` for a damaged file, `Unsupported` for what the engine does not compute.
    pub(crate) fn load(source: &Source, what: &str, chat_template: Option<&str>) -> Result<Self> {
        let (gguf, dims, tokenizer, template) = read(source, what, chat_template)?;
        let weights = Weights::load(gguf, source, dims)?;
        Ok(Self { dims, tokenizer, template, weights })
    }
}

impl Engine for Model {
    fn template(&self) -> &Template {
        &self.template
    }

    fn longest_context(&self) -> usize {
        self.dims.context as usize
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        self.tokenizer.encode(text)
    }

    fn is_end(&self, token: u32) -> bool {
        self.tokenizer.is_end(token)
    }

    fn bytes(&self, token: u32) -> Vec<u8> {
        self.tokenizer.bytes(token)
    }

    fn start(&mut self, _: usize) -> Result<()> {
        self.weights.clear();
        Ok(())
    }

    fn forward(&mut self, tokens: &[u32], position: usize) -> Result<Vec<f32>> {
        let weights = &mut self.weights;
        Device::Cpu
            .with_context(move || {
                let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
                weights.forward(&input, position)?.flatten_all()?.to_vec1()
            })
            .map_err(|error| engine("compute", &error))
    }
}

/// Everything of a file but its weights.
///
/// # Errors
/// As [`Model::load`].
pub(crate) fn read(
    bytes: &[u8],
    what: &str,
    chat_template: Option<&str>,
) -> Result<(Gguf, Dims, Tokenizer, Template)> {
    let gguf = Gguf::read(bytes, what)?;
    let dims = Dims::read(&gguf)?;
    let tokenizer = Tokenizer::read(&gguf)?;
    if tokenizer.len() as u64 != dims.vocabulary {
        let (tokens, rows) = (tokenizer.len(), dims.vocabulary);
        return Err(broken(what, format!("{tokens} tokens, but embeddings for {rows}")));
    }
    let (begin, end) = (tokenizer.named(&gguf, "bos"), tokenizer.named(&gguf, "eos"));
    let stored = gguf.text("tokenizer.chat_template");
    let template = Template::read(stored, what, chat_template, begin, end)?;
    Ok((gguf, dims, tokenizer, template))
}

/// candle's implementations.
enum Weights {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
    Qwen3(Box<quantized_qwen3::ModelWeights>),
}

impl Weights {
    fn load(gguf: Gguf, source: &Source, dims: Dims) -> Result<Self> {
        let Gguf { mut content, what } = gguf;
        let mut reader = Cursor::new(&**source);
        set_tables(&mut content, dims);
        let loaded = match dims.arch {
            Arch::Llama => {
                quantized_llama::ModelWeights::from_gguf(content, &mut reader, &Device::Cpu)
                    .map(Self::Llama)
            }
            Arch::Qwen2 => {
                quantized_qwen2::ModelWeights::from_gguf(content, &mut reader, &Device::Cpu)
                    .map(Self::Qwen2)
            }
            Arch::Qwen3 => {
                quantized_qwen3::ModelWeights::from_gguf(content, &mut reader, &Device::Cpu)
                    .map(|weights| Self::Qwen3(Box::new(weights)))
            }
        };
        loaded.map_err(|error| broken(&what, first_line(&error)))
    }

    fn clear(&mut self) {
        match self {
            Self::Llama(weights) => weights.clear_kv_cache(),
            Self::Qwen2(weights) => weights.clear_kv_cache(),
            Self::Qwen3(weights) => weights.clear_kv_cache(),
        }
    }

    fn forward(&mut self, input: &Tensor, position: usize) -> candle_core::Result<Tensor> {
        match self {
            Self::Llama(weights) => weights.forward(input, position),
            Self::Qwen2(weights) => weights.forward(input, position),
            Self::Qwen3(weights) => weights.forward(input, position),
        }
    }
}

/// Makes candle's tables of positions as long as the context that is allowed, and exact.
fn set_tables(content: &mut Content, dims: Dims) {
    let mut set = |key: &str, number: u32| {
        content.metadata.insert(key.to_owned(), Value::U32(number));
    };
    let context = dims.context as u32;
    match dims.arch {
        Arch::Llama => {}
        Arch::Qwen2 => set("qwen2.context_length", context),
        Arch::Qwen3 => {
            set("qwen3.context_length", context);
            // Without this the table is made of 16-bit floats, which cannot count past 2,048.
            set("general.dtype", 0);
        }
    }
}
