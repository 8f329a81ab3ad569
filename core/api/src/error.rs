//! The one error type that crosses the border.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Result of every plugin call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as the host's reaction depends on it.
///
/// Unknown kinds of a newer plugin are read as [`ErrorKind::Internal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The plugin's settings are wrong; the user can correct them.
    Settings,
    /// A server, tool or device that is needed is not there.
    Unavailable,
    /// The named model is not installed.
    ModelNotFound,
    /// The model exists but cannot do what was asked (for example chat).
    Unsupported,
    /// The machine or server has too little memory.
    OutOfMemory,
    /// The server is busy; trying later may succeed.
    Busy,
    /// A limit of time passed; [`Error::phase`] says which.
    Timeout,
    /// The host asked to stop.
    Cancelled,
    /// The other side broke its protocol: ended early, sent garbage, failed midway.
    Protocol,
    /// A fixture or another input file is wrong.
    InvalidInput,
    /// The plugin panicked.
    Panicked,
    /// Anything else.
    #[serde(other)]
    Internal,
}

impl ErrorKind {
    /// True when the same call may succeed if it is repeated after a pause.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Busy | Self::Protocol | Self::Unavailable)
    }
}

/// An error with everything a user needs to act on it.
///
/// `message` is a lower-case fragment that completes “failed to …”; `hint` is
/// the next thing to do, with the command to type where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub struct Error {
    /// What the host reacts to.
    pub kind: ErrorKind,
    /// What was wrong and where.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Which part of the work was under way (`connect`, `first_token`, `answer` …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// How long the other side asks to be left alone before the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Causes, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The plugin it came from; filled in by the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Backtrace of a panic, when `RUST_BACKTRACE` asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
}

impl Error {
    /// An error of `kind` with a message and nothing else.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            phase: None,
            retry_after_ms: None,
            causes: Vec::new(),
            plugin: None,
            backtrace: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds which part of the work was under way.
    #[must_use]
    pub fn with_phase(mut self, phase: impl Into<String>) -> Self {
        self.phase = Some(phase.into());
        self
    }

    /// Adds how long the other side asks to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Adds `cause` and everything it was caused by.
    #[must_use]
    pub fn with_cause(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            if !self.message.contains(cause.as_str()) {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_of_a_newer_plugin_is_read_as_internal() {
        let error: Error =
            serde_json::from_str(r#"{"kind":"quantum_flux","message":"x","new_field":1}"#).unwrap();
        assert_eq!(error.kind, ErrorKind::Internal);
    }

    #[test]
    fn the_message_is_followed_by_causes_it_does_not_repeat() {
        let io = std::io::Error::other("connection refused");
        let error = Error::new(ErrorKind::Unavailable, "cannot reach the server").with_cause(&io);
        assert_eq!(error.to_string(), "cannot reach the server: connection refused");
    }
}
