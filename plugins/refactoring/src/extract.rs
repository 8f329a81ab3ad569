//! Finds the files of an answer in what a model said.
//!
//! Takes the code as it stands: nothing is completed, corrected or unescaped,
//! because that would be the benchmark's work and not the model's. A fence that
//! names a file is taken for it, whatever it holds; [`component`] looks for one
//! component that nothing names.

mod component;
mod named;

use std::collections::BTreeMap;

pub use component::same_code;
pub(crate) use named::resolve;

use crate::fences;

/// The files of an answer, or why there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extraction {
    /// Target → text as the model wrote it, with `\n` line ends.
    pub files: BTreeMap<String, String>,
    /// Targets that the answer lacks, in order.
    pub missing: Vec<String>,
    /// Where they were found: `fence vue`, `raw text`, `joined fences`, `2 named blocks` …
    pub found: String,
    /// A file ends before it is complete.
    pub truncated: bool,
    /// What was unusual, for the user.
    pub notes: Vec<String>,
    /// Why there is no file at all.
    pub reason: Option<String>,
}

/// The files `targets` in `answer`.
///
/// `inputs` holds what the model was asked about, by target, so that a quote of
/// it is not taken for the answer.
pub fn extract(answer: &str, targets: &[String], inputs: &BTreeMap<String, String>) -> Extraction {
    let spoken = fences::without_reasoning(&answer.replace("\r\n", "\n"));
    let mut extraction = match nothing_said(&spoken) {
        Some(reason) => none(reason),
        None => found(&spoken.text, targets, inputs),
    };
    if spoken.removed {
        extraction.notes.insert(0, "a reasoning block was left out".to_owned());
    }
    if extraction.files.is_empty() {
        extraction.missing = targets.to_vec();
    }
    extraction
}

fn found(text: &str, targets: &[String], inputs: &BTreeMap<String, String>) -> Extraction {
    let [target] = targets else { return named::find(text, targets, inputs) };
    if let Some(named) = named::verbatim(text, target) {
        return named;
    }
    let input = inputs.get(target).map_or("", String::as_str);
    if target.ends_with(".vue") {
        component::find(text, input, target)
    } else {
        named::find_module(text, target, inputs)
    }
}

fn nothing_said(spoken: &fences::Spoken) -> Option<&'static str> {
    if !spoken.text.trim().is_empty() {
        None
    } else if spoken.unfinished {
        Some("the answer is a reasoning block that never ends")
    } else if spoken.removed {
        Some("the answer is nothing but a reasoning block")
    } else {
        Some("the answer is empty")
    }
}

fn none(reason: &str) -> Extraction {
    Extraction { reason: Some(reason.to_owned()), ..Extraction::default() }
}
