//! The seam between the answer loop and the libraries that compute.

use llmbench_api::{CallContext, Error, ErrorKind, Result};

use crate::model::Model;
use crate::settings::{EngineName, Settings};
use crate::source::Source;
use crate::template::Template;

/// A model in memory, with its own tokenizer.
pub(crate) trait Engine: Send {
    /// The chat template.
    fn template(&self) -> &Template;

    /// Most tokens of prompt and answer together.
    fn longest_context(&self) -> usize;

    /// Tokens of a rendered prompt, with the beginning token where the model wants one.
    fn encode(&self, text: &str) -> Vec<u32>;

    /// True for a token that ends an answer.
    fn is_end(&self, token: u32) -> bool;

    /// The bytes that a token of an answer stands for; those of a control token spell its name.
    fn bytes(&self, token: u32) -> Vec<u8>;

    /// Makes room for `context` tokens and forgets every token; needed before each prompt.
    ///
    /// # Errors
    /// When there is not enough memory.
    fn start(&mut self, context: usize) -> Result<()>;

    /// Computes `tokens` after the `position` ones before them; the logits of the next token.
    ///
    /// At most [`Engine::chunk`] tokens at once.
    ///
    /// # Errors
    /// When the library that computes fails.
    fn forward(&mut self, tokens: &[u32], position: usize) -> Result<Vec<f32>>;

    /// Tokens of a prompt that are computed at once: bounds memory, and how late a cancellation is seen.
    fn chunk(&self) -> usize {
        256
    }

    /// Computes a whole prompt; the logits of the token that follows it.
    ///
    /// # Errors
    /// When the call is cancelled or its deadline passes, or the engine fails.
    fn prefill(&mut self, tokens: &[u32], cx: &CallContext) -> Result<Vec<f32>> {
        let (mut logits, size) = (Vec::new(), self.chunk());
        for (index, chunk) in tokens.chunks(size).enumerate() {
            cx.check()?;
            logits = self.forward(chunk, index * size)?;
        }
        Ok(logits)
    }

    /// Share of the weights that lies in GPU memory; `None` when that cannot be told.
    fn gpu_share(&self) -> Option<f64> {
        Some(0.0)
    }
}

/// Loads the model called `name` with the engine of the settings.
///
/// # Errors
/// `InvalidInput` for a damaged file, `Unsupported` for what the engine does not compute,
/// `OutOfMemory` when it says so.
pub(crate) fn load(
    source: &Source,
    name: &str,
    what: &str,
    settings: &Settings,
    threads: usize,
) -> Result<Box<dyn Engine>> {
    let template = settings.chat_template.as_deref();
    match settings.engine {
        EngineName::Candle => Ok(Box::new(Model::load(source, what, template)?)),
        #[cfg(feature = "llama-cpp")]
        EngineName::LlamaCpp => {
            Ok(Box::new(crate::llama_cpp::LlamaCpp::load(source, name, what, settings, threads)?))
        }
        #[cfg(not(feature = "llama-cpp"))]
        EngineName::LlamaCpp => {
            let _ = (name, threads);
            Err(not_built())
        }
    }
}

/// The answer to everybody who asks for llama.cpp in a build without it.
pub(crate) fn not_built() -> Error {
    Error::new(
        ErrorKind::Settings,
        "embedded.engine is `llama-cpp`, which this build of the plugin does not contain",
    )
    .with_hint(
        "build it with `cargo build --release -p llmbench-plugin-embedded --features llama-cpp` \
         (docs/llama-cpp.md), or leave the setting out",
    )
}
