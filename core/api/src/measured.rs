//! A value that was measured, or the reason why it was not.

use serde::{Deserialize, Serialize};

/// Either a value or the reason for its absence: never a made-up default.
///
/// In JSON: `{"value": 3}` or `{"value": null, "reason": "the server does not say"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Measured<T> {
    /// The value, when it is known.
    pub value: Option<T>,
    /// Why the value is absent, or how sure it is (“guessed from the name”).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl<T> Measured<T> {
    /// A known value.
    pub fn known(value: T) -> Self {
        Self { value: Some(value), reason: None }
    }

    /// A value with a remark about where it comes from.
    pub fn noted(value: T, remark: impl Into<String>) -> Self {
        Self { value: Some(value), reason: Some(remark.into()) }
    }

    /// No value, and why.
    pub fn absent(reason: impl Into<String>) -> Self {
        Self { value: None, reason: Some(reason.into()) }
    }

    /// `value` if there is one, else absent for `reason`.
    pub fn or_absent(value: Option<T>, reason: impl Into<String>) -> Self {
        match value {
            Some(value) => Self::known(value),
            None => Self::absent(reason),
        }
    }
}

impl<T> Default for Measured<T> {
    fn default() -> Self {
        Self::absent("not reported")
    }
}
