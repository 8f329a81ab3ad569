//! A run as text, Markdown, CSV or JSON: pure functions of a [`crate::Report`].
//!
//! Names, errors and answers come from models, servers and tools and are not
//! trusted: each format escapes them, so that none can forge a table, a tag, a
//! link, a formula or a terminal's control sequence.
//!
//! HTML and the comparison of runs belong into modules beside these.

mod csv;
mod escape;
mod figures;
mod json;
mod markdown;
mod remarks;
mod text;

pub use csv::{COLUMNS as CSV_COLUMNS, csv};
pub use json::json;
pub use markdown::markdown;
pub use text::{TextOptions, text};

#[cfg(test)]
mod tests;
