//! Messages of Ollama's API. Every field is optional: servers leave out what is zero.

use std::collections::BTreeMap;

use llmbench_api::{GenerateOptions, GenerateRequest, Json};
use serde::Deserialize;
use serde_json::json;

/// Seeds at or above this limit stand for “random” somewhere in the server.
const SEED_LIMIT: u64 = i32::MAX as u64;

/// One line of an answer to `/api/chat`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ChatLine {
    pub(crate) error: Option<Json>,
    pub(crate) message: Option<ChatMessage>,
    pub(crate) done: Option<bool>,
    pub(crate) done_reason: Option<String>,
    pub(crate) total_duration: Option<u64>,
    pub(crate) load_duration: Option<u64>,
    pub(crate) prompt_eval_count: Option<u64>,
    pub(crate) prompt_eval_duration: Option<u64>,
    pub(crate) eval_count: Option<u64>,
    pub(crate) eval_duration: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ChatMessage {
    pub(crate) content: Option<String>,
    pub(crate) thinking: Option<String>,
    pub(crate) tool_calls: Option<Vec<Json>>,
}

/// Answer of `/api/version`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Version {
    pub(crate) version: Option<String>,
}

/// Answer of `/api/tags` and of `/api/ps`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Models {
    pub(crate) models: Option<Vec<ModelEntry>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ModelEntry {
    pub(crate) name: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) size_vram: Option<u64>,
    pub(crate) digest: Option<String>,
    pub(crate) details: Details,
}

impl ModelEntry {
    /// The name to use in a request.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().or(self.model.as_deref()).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Details {
    pub(crate) family: Option<String>,
    pub(crate) parameter_size: Option<String>,
    pub(crate) quantization_level: Option<String>,
}

/// Answer of `/api/show`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Show {
    pub(crate) details: Details,
    pub(crate) model_info: Option<BTreeMap<String, Json>>,
    pub(crate) tensors: Option<Vec<Tensor>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
}

impl Tensor {
    /// The number of its weights.
    pub(crate) fn len(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// Body of a request to `/api/chat` that answers `request`.
pub(crate) fn chat_body(request: &GenerateRequest, keep_alive: &Json) -> Json {
    let mut body = json!({
        "model": request.model,
        "messages": request.messages,
        "stream": true,
        "options": options(&request.options),
        "keep_alive": keep_alive,
    });
    if let Some(format) = &request.format {
        body["format"] = format.clone();
    }
    body
}

/// Body of a request to `/api/chat` that only loads `model`: it says nothing.
///
/// The options are those of later requests, since another context size would
/// make the server load the model again.
pub(crate) fn load_body(model: &str, options_of_run: &GenerateOptions, keep_alive: &Json) -> Json {
    json!({
        "model": model,
        "messages": [],
        "stream": false,
        "options": options(options_of_run),
        "keep_alive": keep_alive,
    })
}

/// The seed that is sent: the server keeps 32 bits and reads -1 as “random”.
pub(crate) fn seed(seed: u64) -> u64 {
    seed % SEED_LIMIT
}

/// The server's own text of an error answer, whichever of its two shapes it has.
pub(crate) fn error_text(error: &Json) -> String {
    match error {
        Json::String(text) => text.clone(),
        other => match other.get("message").and_then(Json::as_str) {
            Some(text) => text.to_owned(),
            None => other.to_string(),
        },
    }
}

fn options(options: &GenerateOptions) -> Json {
    json!({
        "num_ctx": options.num_ctx,
        "num_predict": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "top_k": options.top_k,
        "repeat_penalty": options.repeat_penalty,
        "seed": seed(options.seed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_sent() {
        let mut request = GenerateRequest::user("hi");
        request.model = "tiny".into();
        request.options.temperature = 0.0;
        request.options.max_tokens = 2048;
        assert_eq!(
            chat_body(&request, &json!("5m")),
            json!({
                "model": "tiny",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": true,
                "options": {
                    "num_ctx": 8192, "num_predict": 2048, "temperature": 0.0, "top_p": 0.9,
                    "top_k": 40, "repeat_penalty": 1.0, "seed": 42,
                },
                "keep_alive": "5m",
            })
        );
    }

    #[test]
    fn no_seed_means_random_to_the_server() {
        for (given, sent) in [(0, 0), (42, 42), (SEED_LIMIT - 1, SEED_LIMIT - 1), (SEED_LIMIT, 0)] {
            assert_eq!(seed(given), sent);
        }
        // Kept in 32 bits this one would be -1.
        assert!(seed(u64::from(u32::MAX)) < SEED_LIMIT);
        assert!(seed(u64::MAX) < SEED_LIMIT);
    }
}
