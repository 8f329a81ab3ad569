//! A comparison as text, Markdown, HTML or JSON.

mod html;
mod markdown;
mod text;
mod words;

use crate::compare::Comparison;

pub use html::html as comparison_html;
pub use markdown::markdown as comparison_markdown;
pub use text::text as comparison_text;

/// The comparison as indented JSON, ending with a line end.
///
/// # Panics
/// Never for a comparison made by this crate: its keys are strings and its numbers finite.
pub fn comparison_json(comparison: &Comparison) -> String {
    let mut text = serde_json::to_string_pretty(comparison).expect("every key is a string");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
