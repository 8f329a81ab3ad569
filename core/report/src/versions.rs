//! Readers of the format versions that a run may have been written in.
//!
//! Version 1 is the current one and is read straight into the types of
//! [`llmbench_api::record`]. When the format changes, the number in
//! [`FORMAT_VERSION`] rises, [`Version`] gets a variant for the old one, and a
//! module `versions/v1.rs` holds the old types with a conversion into today's.
//! Nothing else in this crate knows that there were older versions.
//!
//! Fields that a minor release adds need no new version: unknown fields are
//! accepted, and a field that may be absent is an `Option` or has a default.

use llmbench_api::record::{AttemptRecord, FORMAT_VERSION, RunManifest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// A format version that this build can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// The first and current one.
    V1,
}

/// Why `format_version` names nothing that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionProblem {
    /// There is no such field, or no whole number in it.
    Absent,
    /// Written by a newer llmbench.
    Newer(u64),
    /// Never existed.
    Unknown(u64),
}

/// Why a piece of JSON is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonProblem {
    /// Path of the field, such as `plan.runs`; empty when there is no field to name.
    pub(crate) field: String,
    /// What is wrong, with the column.
    pub(crate) message: String,
    /// Line in the text, from 1.
    pub(crate) line: usize,
    /// True when the text is not JSON at all: cut off or garbled.
    pub(crate) malformed: bool,
}

impl Version {
    /// The version that `format_version` names.
    pub(crate) fn of(number: Option<u64>) -> Result<Self, VersionProblem> {
        match number {
            None => Err(VersionProblem::Absent),
            Some(1) => Ok(Self::V1),
            Some(number) if number > u64::from(FORMAT_VERSION) => {
                Err(VersionProblem::Newer(number))
            }
            Some(number) => Err(VersionProblem::Unknown(number)),
        }
    }

    /// Reads `run.json`.
    pub(crate) fn manifest(self, text: &[u8]) -> Result<RunManifest, JsonProblem> {
        match self {
            Self::V1 => parse(text),
        }
    }

    /// Reads one line of `samples.jsonl`.
    pub(crate) fn record(self, line: &[u8]) -> Result<AttemptRecord, JsonProblem> {
        match self {
            Self::V1 => parse(line),
        }
    }
}

/// The number in `format_version`, without looking at anything else.
pub(crate) fn number_in(text: &[u8]) -> Result<Option<u64>, JsonProblem> {
    #[derive(Deserialize)]
    struct Versioned {
        #[serde(default)]
        format_version: Option<serde_json::Value>,
    }
    let versioned: Versioned = parse(text)?;
    Ok(versioned.format_version.as_ref().and_then(serde_json::Value::as_u64))
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonProblem> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| problem(error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| problem(String::new(), &error))?;
    Ok(value)
}

fn problem(path: String, error: &serde_json::Error) -> JsonProblem {
    let malformed = error.classify() != Category::Data;
    // Where the text breaks off, the path is only how far the reader came.
    let field = if malformed || path == "." { String::new() } else { path };
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&position).unwrap_or(&message);
    JsonProblem {
        field,
        message: format!("{message} (column {})", error.column()),
        line: error.line(),
        malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_exist_are_read() {
        assert_eq!(Version::of(Some(1)), Ok(Version::V1));
        assert_eq!(Version::of(Some(0)), Err(VersionProblem::Unknown(0)));
        assert_eq!(Version::of(None), Err(VersionProblem::Absent));
        let next = u64::from(FORMAT_VERSION) + 1;
        assert_eq!(Version::of(Some(next)), Err(VersionProblem::Newer(next)));
    }

    /// Fails when [`FORMAT_VERSION`] rises and no reader was added here.
    #[test]
    fn the_current_version_has_a_reader() {
        assert!(Version::of(Some(u64::from(FORMAT_VERSION))).is_ok());
    }

    #[test]
    fn the_version_is_found_whatever_else_changed() {
        assert_eq!(number_in(br#"{"format_version": 7, "plan": "new shape"}"#), Ok(Some(7)));
        assert_eq!(number_in(br#"{"format_version": "1"}"#), Ok(None));
        assert_eq!(number_in(br#"{"name": "x"}"#), Ok(None));
        assert!(number_in(br#"{"format_version": 1"#).unwrap_err().malformed);
    }
}
