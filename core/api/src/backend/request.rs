//! What is asked of a model, and when.

use serde::{Deserialize, Serialize};

use crate::Json;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions that hold for the whole conversation.
    System,
    /// The person who asks.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Sampling and limits. Every field is sent to the server, so that none of its
/// defaults enters a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct GenerateOptions {
    /// Context window in tokens, prompt and answer together.
    pub num_ctx: u32,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Sampling temperature; 0 is greedy.
    pub temperature: f64,
    /// Nucleus sampling.
    pub top_p: f64,
    /// Candidates kept before sampling.
    pub top_k: u32,
    /// Penalty on repeated tokens; 1 is none.
    pub repeat_penalty: f64,
    /// Seed of this request.
    pub seed: u64,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            num_ctx: 8192,
            max_tokens: 1536,
            temperature: 0.2,
            top_p: 0.9,
            top_k: 40,
            repeat_penalty: 1.0,
            seed: 42,
        }
    }
}

/// What an answer is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// Calibrates, or puts the server into a known state; its figures are no part of the attempt's.
    Preparation,
    /// The attempt's figures (tokens, times, hardware) are those of this answer.
    #[default]
    #[serde(other)]
    Measured,
}

/// Options that hold whatever the run's settings say, also where they equal a default.
///
/// The options of a request itself give way to the run's settings wherever they
/// are left at their defaults; a test whose meaning hangs on an option sets it here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overrides {
    /// Context window in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_ctx: Option<u32>,
    /// Most tokens of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Added to the attempt's seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed_offset: Option<u64>,
}

impl Overrides {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One request to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// Model name; the engine fills it in.
    #[serde(default)]
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Sampling and limits; the engine fills in the run's settings.
    #[serde(default)]
    pub options: GenerateOptions,
    /// A JSON Schema or `"json"` that the answer has to follow, where the backend can enforce it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Json>,
    /// Most milliseconds for this request within a batch, counted from its intended
    /// send time; the engine fills in the run's request timeout. A backend that
    /// drives a schedule gives up on each request at its own limit; without one
    /// only the deadline of the whole call counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// What the answer is for.
    #[serde(default, skip_serializing_if = "is_measured")]
    pub purpose: Purpose,
    /// Options that the engine must not replace by the run's.
    #[serde(default, skip_serializing_if = "Overrides::is_empty")]
    pub overrides: Overrides,
}

fn is_measured(purpose: &Purpose) -> bool {
    *purpose == Purpose::Measured
}

impl GenerateRequest {
    /// A request of one user message.
    pub fn user(prompt: impl Into<String>) -> Self {
        Self::conversation(vec![Message { role: Role::User, content: prompt.into() }])
    }

    /// A request that continues a conversation.
    pub fn conversation(messages: Vec<Message>) -> Self {
        Self {
            model: String::new(),
            messages,
            options: GenerateOptions::default(),
            format: None,
            limit_ms: None,
            purpose: Purpose::default(),
            overrides: Overrides::default(),
        }
    }

    /// The same request as a preparation: its figures are no part of the attempt's.
    #[must_use]
    pub fn as_preparation(self) -> Self {
        Self { purpose: Purpose::Preparation, ..self }
    }
}

/// When the requests of a batch are sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Arrival {
    /// The next one after the answer to the one before.
    #[default]
    Sequential,
    /// A fixed number under way at any time.
    Closed {
        /// Requests under way.
        concurrency: u32,
    },
    /// At fixed times, whether or not earlier ones were answered.
    Open {
        /// Mean requests in a second.
        rate_per_second: f64,
        /// Exponential gaps instead of equal ones, drawn from the seed in the
        /// first request's options: the same seed gives the same instants.
        poisson: bool,
    },
}
