//! `report.html`: one or several runs as one page that needs nothing else.
//!
//! The page is one file: style, scripts, the charting library and the data are
//! in it, and its content security policy forbids everything else. What models
//! wrote is data in a block that no browser executes; the scripts put it into
//! the page as text. The page works out nothing but positions and counts: all
//! statistics come from the [summary](crate::summary).
//!
//! What is not in the page when a run is large: see [`Budget`].

mod artifacts;
mod data;
mod detail;
mod page;
mod rows;
mod series;
mod setup;
mod texts;

#[cfg(test)]
mod tests;

use std::path::Path;

use serde_json::Value;

use crate::Report;

pub use data::Budget;
pub use page::{content_security_policy, served_page};

/// A run for the page.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What the run adds up to.
    pub report: &'a Report<'a>,
    /// The run's folder, for prompts, raw answers and monitors; without it the page says that they are absent.
    pub dir: Option<&'a Path>,
}

/// The page as a file of its own.
pub fn html(sources: &[Source<'_>]) -> String {
    page::file(&data::page_data(sources, Some(&Budget::default())))
}

/// The data of a page that is served and asks for attempts one by one.
pub fn served_data(sources: &[Source<'_>]) -> Value {
    data::page_data(sources, None)
}

/// Everything about one attempt of a run; `None` when it has no such attempt.
pub fn attempt_data(source: Source<'_>, id: &str) -> Option<Value> {
    let attempt = source.report.attempts().iter().find(|attempt| attempt.id == id)?;
    Some(detail::detail(source, attempt))
}
