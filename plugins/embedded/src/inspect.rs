//! What the tests see of a file without loading its weights.

use llmbench_api::{Message, Result, Role};

use crate::model;

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
