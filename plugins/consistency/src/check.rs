//! How good a single answer is, where its fixture can tell.

use llmbench_api::Json;
use serde::{Deserialize, Serialize};

use crate::normalise::code_of;

const MAX_SCORE: f64 = 10.0;

/// `check.json`: each entry that is there counts the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Check {
    /// Texts that the answer must hold, each for itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) contains: Vec<String>,
    /// What the answer must be, spaces and a full stop at its ends apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) equals: Option<String>,
    /// What the answer's JSON must be; of an object, each key counts for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<Json>,
}

impl Check {
    /// Why it can judge nothing.
    pub(crate) fn usable(&self) -> Result<(), String> {
        let is_empty = self.contains.is_empty() && self.equals.is_none() && self.json.is_none();
        if is_empty { Err("names nothing: `contains`, `equals` or `json`".into()) } else { Ok(()) }
    }

    /// 0–10: the share of what is asked for that the answer has.
    pub(crate) fn score(&self, answer: &str) -> f64 {
        let mut held: Vec<bool> = Vec::new();
        held.extend(self.contains.iter().map(|part| answer.contains(part.as_str())));
        if let Some(expected) = &self.equals {
            held.push(answer.trim().trim_end_matches('.').trim() == expected.trim());
        }
        if let Some(expected) = &self.json {
            let found: Option<Json> = serde_json::from_str(code_of(answer).trim()).ok();
            match expected.as_object() {
                Some(fields) => held.extend(fields.iter().map(|(name, value)| {
                    found
                        .as_ref()
                        .and_then(|found| found.get(name))
                        .is_some_and(|own| same(own, value))
                })),
                None => held.push(found.is_some_and(|found| same(&found, expected))),
            }
        }
        let count = held.iter().filter(|is_held| **is_held).count();
        MAX_SCORE * count as f64 / held.len().max(1) as f64
    }
}

/// Equal JSON; numbers by value, so that 4.50 is 4.5 and 3.0 is 3.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(rule: Json, answer: &str, expected: f64) {
        let rule: Check = serde_json::from_value(rule).unwrap();
        assert!((rule.score(answer) - expected).abs() < 1e-9, "{answer}: {}", rule.score(answer));
    }

    #[test]
    fn each_part_counts_the_same() {
        check(json!({ "contains": ["a", "b", "c", "d"] }), "a b", 5.0);
        check(json!({ "equals": "369" }), " 369.\n", 10.0);
        check(json!({ "equals": "369" }), "It is 369", 0.0);
        let order = json!({ "json": { "city": "Lisbon", "price": 4.5 } });
        check(order.clone(), "```json\n{\"price\": 4.50, \"city\": \"Lisbon\"}\n```", 10.0);
        check(order.clone(), "{\"price\": 4, \"city\": \"Lisbon\"}", 5.0);
        check(order, "no JSON", 0.0);
    }
}
