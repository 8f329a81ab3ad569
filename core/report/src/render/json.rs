//! `summary.json`.

use llmbench_api::record::Summary;

/// The summary as indented JSON, ending with a line end.
///
/// # Panics
/// Never for a summary made by this crate: its keys are strings and its numbers finite.
pub fn json(summary: &Summary) -> String {
    let mut text = serde_json::to_string_pretty(summary).expect("every key is a string");
    text.push('\n');
    text
}
