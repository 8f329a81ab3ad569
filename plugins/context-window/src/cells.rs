//! The cells of the map: one fixture for each length and depth.

use std::collections::BTreeMap;

use llmbench_api::{Case, Error, ErrorKind, Fixture, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::settings::Settings;

const FILE: &str = "cell.json";

/// What a case asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cell {
    /// The context that the server is asked for, prompt and answer together.
    pub(crate) length_tokens: u32,
    /// Where the needles are, in percent of the text.
    pub(crate) depth_percent: u8,
    /// Needles that count.
    pub(crate) keys: u32,
    /// Most tokens of the answer.
    pub(crate) answer_tokens: u32,
    /// True when the length was not named by the user.
    #[serde(default)]
    pub(crate) by_default: bool,
}

impl Cell {
    /// Sorts by length, then depth.
    fn name(&self) -> String {
        format!("tokens-{:07}-depth-{:03}", self.length_tokens, self.depth_percent)
    }
}

/// One fixture for each cell, by length and then depth.
pub(crate) fn fixtures(settings: &Settings) -> Vec<Fixture> {
    let cell = |length_tokens: u32, depth_percent: u8| Cell {
        length_tokens,
        depth_percent,
        keys: settings.keys,
        answer_tokens: settings.answer_tokens,
        by_default: settings.default_lengths,
    };
    let cells = settings
        .lengths
        .iter()
        .flat_map(|length| settings.depths.iter().map(move |depth| cell(*length, *depth)));
    cells
        .map(|cell| Fixture {
            name: cell.name(),
            dir: None,
            files: BTreeMap::from([(FILE.to_owned(), json!(cell).to_string())]),
        })
        .collect()
}

/// The case of a fixture.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] naming file and field.
pub(crate) fn load(fixture: &Fixture) -> Result<Case> {
    let cell: Cell = serde_json::from_str(fixture.file(FILE)?).map_err(|error| {
        let message = format!("`{FILE}` of fixture `{}` is wrong", fixture.name);
        Error::new(ErrorKind::InvalidInput, message)
            .with_cause(&error)
            .with_hint("cells come from the settings: name `lengths` and `depths` instead")
    })?;
    let Cell { length_tokens, depth_percent, by_default, .. } = cell;
    Ok(Case {
        title: Some(format!("{length_tokens} tokens, needles at {depth_percent} %")),
        record_fields: BTreeMap::from([
            ("context_tokens".to_owned(), json!(length_tokens)),
            ("needle_depth_percent".to_owned(), json!(depth_percent)),
        ]),
        needs_context_tokens: by_default.then(|| u64::from(length_tokens)),
        ..Case::new(fixture, json!(cell))
    })
}

/// The cell of a case.
///
/// # Errors
/// [`ErrorKind::Internal`] for a case of another test.
pub(crate) fn of(case: &Case) -> Result<Cell> {
    Cell::deserialize(&case.data).map_err(|error| {
        let message = format!("case `{}` was not made by this test type", case.name);
        Error::new(ErrorKind::Internal, message).with_cause(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_and_depth_is_a_case_that_says_where_it_stands() {
        let settings = json!({ "lengths": [512, 32768], "depths": [0, 100], "keys": 1 });
        let fixtures = fixtures(&Settings::new(settings).unwrap());
        let names: Vec<_> = fixtures.iter().map(|fixture| fixture.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "tokens-0000512-depth-000",
                "tokens-0000512-depth-100",
                "tokens-0032768-depth-000",
                "tokens-0032768-depth-100"
            ]
        );
        let case = load(&fixtures[3]).unwrap();
        assert_eq!(case.record_fields["context_tokens"], 32768);
        assert_eq!(case.record_fields["needle_depth_percent"], 100);
        assert_eq!(case.needs_context_tokens, None);
        assert_eq!(of(&case).unwrap().keys, 1);
    }

    #[test]
    fn a_length_that_nobody_named_may_be_left_out() {
        let fixtures = fixtures(&Settings::new(json!({})).unwrap());
        assert_eq!(fixtures.len(), 12);
        assert_eq!(load(&fixtures[0]).unwrap().needs_context_tokens, Some(1024));
    }
}
