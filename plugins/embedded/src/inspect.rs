//! What the tests see of a file and of what it computes, beside the backend.

use llmbench_api::{Message, Result, Role};

use crate::engine::Engine;
use crate::model::{self, Model};
use crate::source::Source;

/// Tokens of a prompt that asks `text` of the model whose file is `bytes`.
///
/// # Errors
/// As loading the model, apart from its weights.
pub fn count_tokens(bytes: &[u8], text: &str) -> Result<usize> {
    let (_, _, tokenizer, template) = model::read(bytes, "a file in memory", None)?;
    let message = Message { role: Role::User, content: text.to_owned() };
    let prompt = template.render(&[message]).unwrap_or_else(|_| text.to_owned());
    Ok(tokenizer.encode(&prompt).len())
}

/// Logits of the token after `tokens`, computed `chunk` tokens at a time.
///
/// # Errors
/// As loading the model.
pub fn logits(name: &str, tokens: &[u32], chunk: usize) -> Result<Vec<f32>> {
    let mut model = Model::load(&Source::open(name)?, name, None)?;
    let mut logits = Vec::new();
    for (index, part) in tokens.chunks(chunk).enumerate() {
        logits = model.forward(part, index * chunk)?;
    }
    Ok(logits)
}
