//! The JSON that is sent and received.

use std::borrow::Cow;
use std::fmt;

use llmbench_api::{GenerateRequest, Json, Role};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::settings::Settings;

/// Text that points into what was received where it can.
#[derive(Debug, Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Which text a piece adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    Answer,
    Thinking,
}

/// One event of a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(crate) choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    /// llama.cpp's own figures.
    #[serde(default)]
    pub(crate) timings: Option<Timings>,
    #[serde(default)]
    pub(crate) error: Option<Json>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(borrow, default)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow, default)]
    pub(crate) content: Option<Text<'a>>,
    /// vLLM since 0.12, Ollama and OpenRouter call it `reasoning`.
    #[serde(borrow, default)]
    pub(crate) reasoning: Option<Text<'a>>,
    /// llama.cpp, LM Studio, DeepSeek and older vLLM.
    #[serde(borrow, default)]
    pub(crate) reasoning_content: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) tool_calls: Option<Vec<Json>>,
}

impl Delta<'_> {
    /// The reasoning under either name; servers that send both send the same twice.
    pub(crate) fn thinking(&self) -> Option<&str> {
        let text = |text: &Option<Text<'_>>| text.as_ref().is_some_and(|text| !text.0.is_empty());
        let found = if text(&self.reasoning) { &self.reasoning } else { &self.reasoning_content };
        found.as_ref().map(|text| text.0.as_ref()).filter(|text| !text.is_empty())
    }

    pub(crate) fn answer(&self) -> Option<&str> {
        self.content.as_ref().map(|text| text.0.as_ref()).filter(|text| !text.is_empty())
    }
}

impl Chunk<'_> {
    /// The text of a chunk that holds one piece and nothing else that counts.
    pub(crate) fn only_piece(&self) -> Option<(Piece, &str)> {
        let [choice] = self.choices.as_deref()? else { return None };
        let delta = choice.delta.as_ref()?;
        let is_plain = self.usage.is_none()
            && self.timings.is_none()
            && self.error.is_none()
            && choice.finish_reason.is_none()
            && delta.tool_calls.is_none();
        match (delta.answer(), delta.thinking()) {
            (Some(text), None) if is_plain => Some((Piece::Answer, text)),
            (None, Some(text)) if is_plain => Some((Piece::Thinking, text)),
            _ => None,
        }
    }
}

/// Counts of the server, whatever numbers they are: a wrong one must not cost the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub(crate) prompt_tokens: Option<f64>,
    #[serde(default)]
    pub(crate) completion_tokens: Option<f64>,
    #[serde(default)]
    pub(crate) prompt_tokens_details: Option<PromptTokens>,
}

/// Where the tokens of a prompt came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(crate) struct PromptTokens {
    #[serde(default)]
    pub(crate) cached_tokens: Option<f64>,
}

/// Durations of llama.cpp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(crate) struct Timings {
    #[serde(default)]
    pub(crate) prompt_n: Option<f64>,
    #[serde(default)]
    pub(crate) prompt_ms: Option<f64>,
    #[serde(default)]
    pub(crate) predicted_n: Option<f64>,
    #[serde(default)]
    pub(crate) predicted_ms: Option<f64>,
    #[serde(default)]
    pub(crate) predicted_per_second: Option<f64>,
}

/// The text of an error, which some servers wrap in an object.
pub(crate) fn error_text(error: &Json) -> String {
    match error {
        Json::String(text) => text.clone(),
        Json::Object(fields) => match fields.get("message").or_else(|| fields.get("detail")) {
            Some(Json::String(text)) => text.clone(),
            _ => error.to_string(),
        },
        other => other.to_string(),
    }
}

/// The body of a chat request.
///
/// `max_tokens` is sent although OpenAI itself calls it deprecated: every local
/// server knows it, and Ollama ignores `max_completion_tokens`.
pub(crate) fn chat_body(request: &GenerateRequest, settings: &Settings) -> Vec<u8> {
    let role = |role| match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let messages: Vec<_> = request
        .messages
        .iter()
        .map(|message| json!({"role": role(message.role), "content": message.content}))
        .collect();
    let options = &request.options;
    let mut body = json!({
        "model": request.model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "seed": options.seed,
    });
    if settings.extensions {
        // One penalty, by the names that llama.cpp and LM Studio, and vLLM and TGI know.
        body["top_k"] = json!(options.top_k);
        body["min_p"] = json!(0.0);
        body["repeat_penalty"] = json!(options.repeat_penalty);
        body["repetition_penalty"] = json!(options.repeat_penalty);
    }
    match &request.format {
        None => {}
        Some(Json::String(word)) if word == "json" => {
            body["response_format"] = json!({"type": "json_object"});
        }
        Some(schema) => {
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": true, "schema": schema},
            });
        }
    }
    for (name, value) in &settings.extra_body {
        body[name] = value.clone();
    }
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(settings: Json) -> Json {
        let mut request = GenerateRequest::user("hi");
        request.model = "tiny".into();
        request.options.max_tokens = 64;
        let settings = Settings::read(settings).unwrap();
        serde_json::from_slice(&chat_body(&request, &settings)).unwrap()
    }

    #[test]
    fn every_option_is_sent_and_the_cap_by_the_name_that_all_servers_know() {
        assert_eq!(
            body(json!({})),
            json!({
                "model": "tiny", "messages": [{"role": "user", "content": "hi"}],
                "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 64,
                "temperature": 0.2, "top_p": 0.9, "seed": 42, "top_k": 40, "min_p": 0.0,
                "repeat_penalty": 1.0, "repetition_penalty": 1.0,
            })
        );
    }

    #[test]
    fn settings_take_fields_out_and_add_others() {
        let body = body(json!({"extensions": false, "extra_body": {"ignore_eos": true}}));
        assert!(body.get("top_k").is_none() && body["ignore_eos"] == true);
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        let line = r#"{"choices":[{"delta":{"content":"plain","reasoning":"b\u0061"}}]}"#;
        let chunk: Chunk<'_> = serde_json::from_str(line).unwrap();
        let choices = chunk.choices.unwrap();
        let delta = choices[0].delta.as_ref().unwrap();
        assert!(matches!(delta.content, Some(Text(Cow::Borrowed("plain")))));
        assert_eq!(delta.thinking(), Some("ba"));
    }
}
