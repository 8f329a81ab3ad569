//! Speeds in records.

use serde::{Deserialize, Serialize};

/// Whose clock a speed is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MeasuredBy {
    /// The server tells how long it decoded.
    Server,
    /// The server tells no time: the arrival of the pieces of content. Network and all work
    /// of the server between two tokens are in it.
    Client,
}

impl MeasuredBy {
    /// The word as it stands in the files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}
