//! Long texts that occur many times (prompts, solutions, messages), each once in the page.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// Texts from this length on are kept apart.
const LONG: usize = 48;
/// Key of the object that stands for a text.
const REFERENCE: &str = "$";

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Texts {
    known: HashMap<String, usize>,
    list: Vec<String>,
    bytes: usize,
}

impl Texts {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let number = self.list.len();
        self.known.insert(text.to_owned(), number);
        self.list.push(text.to_owned());
        self.bytes += text.len();
        number
    }

    /// The number of a text that is known or still fits into `budget` bytes of texts.
    pub(super) fn number_within(&mut self, text: &str, budget: usize) -> Option<usize> {
        let fits = self.known.contains_key(text) || self.bytes + text.len() <= budget;
        fits.then(|| self.number(text))
    }

    /// Bytes of all texts.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value with each long text replaced by `{"$": number}`.
    pub(super) fn shorten(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) if text.len() >= LONG => json!({ REFERENCE: self.number(&text) }),
            Value::Array(items) => items.into_iter().map(|item| self.shorten(item)).collect(),
            Value::Object(fields) => {
                let shorten = |(name, field)| (name, self.shorten(field));
                Value::Object(fields.into_iter().map(shorten).collect::<Map<_, _>>())
            }
            other => other,
        }
    }

    /// The texts in the order of their numbers.
    pub(super) fn into_list(self) -> Vec<String> {
        self.list
    }
}
