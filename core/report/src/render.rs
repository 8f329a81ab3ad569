//! A run as text, Markdown, CSV or JSON: pure functions of a [`crate::Report`].
//!
//! Names, errors and answers come from models, servers and tools and are not
//! trusted: each format escapes them, so that none can forge a table, a tag, a
//! link, a formula or a terminal's control sequence.
//!
//! The comparison of runs has the same formats and a small HTML page.

mod agreement;
mod columns;
mod comparison;
mod context;
mod csv;
pub(crate) mod escape;
pub(crate) mod figures;
mod history;
mod json;
pub(crate) mod load;
mod markdown;
mod relative;
pub(crate) mod remarks;
mod sparkline;
mod text;
mod trend;

pub use comparison::{comparison_html, comparison_json, comparison_markdown, comparison_text};
pub use csv::{COLUMNS as CSV_COLUMNS, csv};
pub use escape::visible;
pub use history::{HISTORY_COLUMNS, ListOptions, history, history_csv};
pub use json::json;
pub use markdown::markdown;
pub use relative::relative;
pub use sparkline::sparkline;
pub use text::{TextOptions, text};
pub use trend::trend;

#[cfg(test)]
mod tests;
