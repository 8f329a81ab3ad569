//! What a user can set: `[plugin.ollama]` in llmbench.toml, `--set ollama.KEY=VALUE`, `--url`.

use std::time::Duration;

use llmbench_api::Json;
use llmbench_plugin::whole_number;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The plugin's settings, with their defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where the server is.
    pub(crate) url: Option<String>,
    /// How long a connection may take.
    #[serde(deserialize_with = "milliseconds")]
    pub(crate) connect_timeout_ms: u64,
    /// How long the first token may take; without it only the deadline of the call counts.
    #[serde(deserialize_with = "optional_milliseconds")]
    pub(crate) first_token_timeout_ms: Option<u64>,
    /// How long the server keeps the model after an answer: seconds, or text such as `5m`.
    #[serde(deserialize_with = "keep_alive")]
    pub(crate) keep_alive: Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: None,
            connect_timeout_ms: 5000,
            first_token_timeout_ms: None,
            keep_alive: Json::from("5m"),
        }
    }
}

impl Settings {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn first_token_timeout(&self) -> Option<Duration> {
        self.first_token_timeout_ms.map(Duration::from_millis)
    }
}

/// A positive number, also as text: `--set` passes either.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Json::deserialize(deserializer)?;
    whole_number(&value).filter(|number| *number > 0).ok_or_else(|| {
        D::Error::custom(format!("`{value}` is not a whole number of milliseconds above 0"))
    })
}

fn optional_milliseconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    milliseconds(deserializer).map(Some)
}

/// A bare number counts as seconds, as in Ollama's own API; the server checks the rest.
fn keep_alive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::String(text) => Ok(match text.trim().parse::<i64>() {
            Ok(seconds) => Json::from(seconds),
            Err(_) => Json::from(text.trim()),
        }),
        value @ Json::Number(_) => Ok(value),
        other => Err(D::Error::custom(format!(
            "`{other}` is not a time to keep the model, such as \"5m\" or a number of seconds"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use llmbench_api::ErrorKind;
    use serde_json::json;

    use super::*;

    fn read(json: Json) -> llmbench_api::Result<Settings> {
        llmbench_plugin::settings("ollama", json)
    }

    #[test]
    fn numbers_may_come_as_text() {
        let settings = read(json!({
            "connect_timeout_ms": "250", "first_token_timeout_ms": 90, "keep_alive": "-1",
        }))
        .unwrap();
        assert_eq!(settings.connect_timeout(), Duration::from_millis(250));
        assert_eq!(settings.first_token_timeout(), Some(Duration::from_millis(90)));
        assert_eq!(settings.keep_alive, json!(-1));
        assert_eq!(read(json!({})).unwrap().keep_alive, json!("5m"));
    }

    #[test]
    fn wrong_values_and_keys_are_named() {
        for (json, expected) in [
            (json!({"connect_timeout_ms": 0}), "milliseconds above 0"),
            (json!({"connect_timeout_ms": "soon"}), "soon"),
            (json!({"first_token_timeout_ms": -5}), "-5"),
            (json!({"keep_alive": true}), "true"),
            (json!({"ulr": "x"}), "`ulr`"),
        ] {
            let error = read(json).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Settings);
            assert!(error.message.contains(expected), "{error}");
        }
    }
}
