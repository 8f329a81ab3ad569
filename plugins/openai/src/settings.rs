//! What a user can set: `[plugin.openai]` in llmbench.toml, `--set openai.KEY=VALUE`, `--url`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use llmbench_api::{Error, ErrorKind, Json, Result};
use llmbench_plugin::whole_number;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Parts of words by which headers with secrets are known: settings are stored in every run,
/// so they must not hold these.
const SECRET_WORDS: [&str; 11] = [
    "auth",
    "bearer",
    "cookie",
    "credential",
    "jwt",
    "key",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
];
/// Whole words that only look like one of those.
const HARMLESS_WORDS: [&str; 10] = [
    "author",
    "authored",
    "authority",
    "authors",
    "authorship",
    "keyboard",
    "keyword",
    "keywords",
    "tokenizer",
    "tokenization",
];
/// Headers that this plugin writes itself.
const OWN_HEADERS: [&str; 8] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
];

/// The plugin's settings, with their defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where the server is.
    pub(crate) url: Option<String>,
    /// File whose first line is the key.
    pub(crate) api_key_file: Option<PathBuf>,
    /// Header for the key instead of `Authorization: Bearer`.
    pub(crate) api_key_header: Option<String>,
    /// More headers for every request.
    #[serde(deserialize_with = "headers")]
    pub(crate) headers: BTreeMap<String, String>,
    /// More headers, each with the file whose first line is its value; for secrets.
    #[serde(deserialize_with = "headers")]
    pub(crate) header_files: BTreeMap<String, String>,
    /// File with certificates (PEM) that are trusted besides the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// `auto`, `none`, or the URL of a proxy.
    pub(crate) proxy: String,
    /// How long a connection may take.
    #[serde(deserialize_with = "positive")]
    pub(crate) connect_timeout_ms: u64,
    /// Threads that drive a load; half the processors, at most 4, when absent.
    #[serde(deserialize_with = "optional_positive")]
    pub(crate) threads: Option<u64>,
    /// Connections at one time in an open schedule; later requests wait for one.
    #[serde(deserialize_with = "positive")]
    pub(crate) max_connections: u64,
    /// Whether options beyond OpenAI's own are sent (`top_k`, `min_p`, `repeat_penalty` …).
    #[serde(deserialize_with = "yes_or_no")]
    pub(crate) extensions: bool,
    /// More fields for the body of every request.
    #[serde(deserialize_with = "object")]
    pub(crate) extra_body: serde_json::Map<String, Json>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: None,
            api_key_file: None,
            api_key_header: None,
            headers: BTreeMap::new(),
            header_files: BTreeMap::new(),
            ca_file: None,
            proxy: "auto".into(),
            connect_timeout_ms: 5000,
            threads: None,
            max_connections: 512,
            extensions: true,
            extra_body: serde_json::Map::new(),
        }
    }
}

impl Settings {
    /// The settings, with every header name and value found fit to be sent and stored.
    pub(crate) fn read(json: Json) -> Result<Self> {
        let settings: Self = llmbench_plugin::settings("openai", json)?;
        for (name, value) in &settings.headers {
            check_header(name, value)?;
        }
        for name in settings.header_files.keys().chain(&settings.api_key_header) {
            check_name(name)?;
        }
        let mut names: Vec<_> =
            settings.headers.keys().chain(settings.header_files.keys()).collect();
        names.sort_by_key(|name| name.to_lowercase());
        if let Some(pair) = names.windows(2).find(|pair| pair[0].eq_ignore_ascii_case(pair[1])) {
            return Err(refuse(
                format!("the header `{}` is named twice", pair[0]),
                "name it once, in `openai.headers` or in `openai.header_files`",
            ));
        }
        Ok(settings)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// Threads that drive a load of many requests.
    ///
    /// The rest of the processors is for the server, which on most machines is the
    /// same one: a client that takes its time changes what it measures.
    pub(crate) fn threads(&self) -> usize {
        let half = std::thread::available_parallelism().map_or(1, |count| count.get() / 2);
        self.threads.map_or(half.clamp(1, 4), |threads| threads.min(256) as usize)
    }
}

fn refuse(message: String, hint: &str) -> Error {
    Error::new(ErrorKind::Settings, format!("settings of plugin `openai`: {message}"))
        .with_hint(hint)
}

fn check_name(name: &str) -> Result<()> {
    if http::HeaderName::try_from(name).is_ok()
        && !OWN_HEADERS.contains(&name.to_lowercase().as_str())
    {
        return Ok(());
    }
    Err(refuse(
        format!("`{name}` cannot be the name of a header here"),
        "leave it out; this plugin writes the usual headers itself",
    ))
}

fn check_header(name: &str, value: &str) -> Result<()> {
    check_name(name)?;
    if may_be_secret(name) {
        // The value is not shown: it is a secret in the wrong place.
        return Err(refuse(
            format!("the header `{name}` may hold a secret, and settings are stored in results"),
            "write the value into a file and name that instead: `--set \
             'openai.header_files={\"NAME\": \"FILE\"}'`; the API key belongs into \
             LLMBENCH_OPENAI_API_KEY or `openai.api_key_file`, and `openai.api_key_header` sends it \
             under another name",
        ));
    }
    match http::HeaderValue::try_from(value) {
        Ok(_) => Ok(()),
        Err(_) => Err(refuse(
            format!("the value of header `{name}` holds what no header may"),
            "write it in one line of printable ASCII",
        )),
    }
}

/// Whether a header's name tells of a secret, judged by its words: those between other characters
/// than letters and digits, and those that begin with a capital behind a small letter.
fn may_be_secret(name: &str) -> bool {
    let mut spaced = String::new();
    let mut was_small = false;
    for letter in name.chars() {
        if was_small && letter.is_ascii_uppercase() {
            spaced.push(' ');
        }
        was_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        spaced.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { ' ' });
    }
    spaced.split(' ').any(|word| {
        !HARMLESS_WORDS.contains(&word) && SECRET_WORDS.iter().any(|secret| word.contains(secret))
    })
}

/// A positive number, also as text: `--set` passes either.
fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Json::deserialize(deserializer)?;
    whole_number(&value)
        .filter(|number| *number > 0)
        .ok_or_else(|| D::Error::custom(format!("`{value}` is not a whole number above 0")))
}

fn optional_positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    positive(deserializer).map(Some)
}

fn yes_or_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::Bool(value) => Ok(value),
        Json::String(text) if text == "true" => Ok(true),
        Json::String(text) if text == "false" => Ok(false),
        other => Err(D::Error::custom(format!("`{other}` is neither true nor false"))),
    }
}

/// An object, also as the text of one.
fn object<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<serde_json::Map<String, Json>, D::Error> {
    let value = Json::deserialize(deserializer)?;
    let parsed = match &value {
        Json::String(text) => serde_json::from_str(text).ok(),
        other => Some(other.clone()),
    };
    match parsed {
        Some(Json::Object(fields)) => Ok(fields),
        _ => Err(D::Error::custom(format!("`{value}` is not a JSON object such as {{\"a\": 1}}"))),
    }
}

fn headers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    object(deserializer)?
        .into_iter()
        .map(|(name, value)| match value {
            Json::String(text) => Ok((name, text)),
            Json::Number(number) => Ok((name, number.to_string())),
            other => Err(D::Error::custom(format!("`{other}` is not the text of a header"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_may_come_as_text() {
        let settings = Settings::read(json!({
            "connect_timeout_ms": "250", "threads": "2", "extensions": "false",
            "extra_body": "{\"ignore_eos\": true}", "headers": {"X-Team": "a"},
        }))
        .unwrap();
        assert_eq!(settings.connect_timeout(), Duration::from_millis(250));
        assert_eq!((settings.threads(), settings.extensions), (2, false));
        assert_eq!(settings.extra_body["ignore_eos"], true);
        assert_eq!(settings.headers["X-Team"], "a");
        assert!((1..=4).contains(&Settings::read(json!({})).unwrap().threads()));
    }

    #[test]
    fn wrong_values_and_keys_are_named() {
        for (json, expected) in [
            (json!({"connect_timeout_ms": 0}), "above 0"),
            (json!({"threads": "many"}), "many"),
            (json!({"extra_body": [1]}), "JSON object"),
            (json!({"extensions": 3}), "neither true nor false"),
            (json!({"headers": {"a b": "x"}}), "`a b`"),
            (json!({"headers": {"Content-Length": "x"}}), "`Content-Length`"),
            (json!({"headers": {"x": "a\nb"}}), "header `x`"),
            (json!({"api_key": "sk-1"}), "`api_key`"),
        ] {
            let error = Settings::read(json).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Settings);
            assert!(error.message.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_secret_in_a_header_is_refused_and_not_repeated() {
        for name in [
            "Authorization",
            "X-Api-Key",
            "apikey",
            "XApiKey",
            "X-Auth-Token",
            "X-OAuth",
            "Cookie",
            "Ocp-Apim-Subscription-Key",
            "x_client_secret",
            "X-DB-PASSWORD",
            "Aws-Credentials",
            "X-Id-Token",
        ] {
            let error = Settings::read(json!({"headers": {name: "Bearer sk-1"}})).unwrap_err();
            assert!(error.message.contains(name), "{error}");
            assert!(!format!("{error:?}").contains("sk-1"), "{error:?}");
            let hint = error.hint.unwrap();
            assert!(hint.contains("LLMBENCH_OPENAI_API_KEY") && hint.contains("header_files"));
            Settings::read(json!({"header_files": {name: "file"}})).unwrap();
        }
        for name in ["X-Author", "x-authors", "X-Authority", "X-Team", "X-Keyboard", "xAuthor-Id"] {
            Settings::read(json!({"headers": {name: "blue"}})).unwrap();
        }
    }

    #[test]
    fn a_header_is_named_once() {
        let twice = json!({"headers": {"X-Team": "a"}, "header_files": {"x-team": "file"}});
        let error = Settings::read(twice).unwrap_err();
        assert!(error.message.contains("named twice"), "{error}");
        let error = Settings::read(json!({"header_files": {"host": "file"}})).unwrap_err();
        assert!(error.message.contains("`host`"), "{error}");
    }
}
