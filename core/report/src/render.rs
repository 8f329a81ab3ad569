//! A run as text, Markdown, CSV or JSON: pure functions of a [`crate::Report`].
//!
//! Names, errors and answers come from models, servers and tools and are not
//! trusted: each format escapes them, so that none can forge a table, a tag, a
//! link, a formula or a terminal's control sequence.
//!
//! The comparison of runs has the same formats and a small HTML page.

mod comparison;
mod csv;
pub(crate) mod escape;
pub(crate) mod figures;
mod json;
mod markdown;
pub(crate) mod remarks;
mod text;

pub use comparison::{comparison_html, comparison_json, comparison_markdown, comparison_text};
pub use csv::{COLUMNS as CSV_COLUMNS, csv};
pub use json::json;
pub use markdown::markdown;
pub use text::{TextOptions, text};

#[cfg(test)]
mod tests;
