//! The key for a server, kept out of everything that is written.

use std::fmt;
use std::path::Path;

use llmbench_api::{Error, ErrorKind, Result};

const VARIABLES: [&str; 2] = ["LLMBENCH_OPENAI_API_KEY", "OPENAI_API_KEY"];
/// Shorter ones would be found in texts that have nothing to do with them.
const SHORTEST_REDACTED: usize = 6;

/// A key; its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiKey(String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}

impl ApiKey {
    /// The key from the first place that has one: `file`, then the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] when the file cannot be read or the key cannot be sent.
    pub(crate) fn find(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        let (text, source) = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::new(
                        ErrorKind::Settings,
                        format!("read the API key from {}", path.display()),
                    )
                    .with_hint("correct the setting `openai.api_key_file`")
                    .with_cause(&error)
                })?;
                (text, path.display().to_string())
            }
            None => {
                let found = VARIABLES.into_iter().find_map(|name| Some((env(name)?, name)));
                let Some((text, name)) = found.filter(|(text, _)| !text.trim().is_empty()) else {
                    return Ok(None);
                };
                (text, name.to_owned())
            }
        };
        let key = text.lines().next().unwrap_or_default().trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(
                ErrorKind::Settings,
                format!("use the API key from {source}: it is empty or holds what no header may"),
            )
            .with_hint("put the key alone, without quotes or spaces, into its first line"));
        }
        Ok(Some(Self(key.to_owned())))
    }

    /// The header that carries it, with its line end.
    pub(crate) fn header(&self, name: Option<&str>) -> String {
        match name {
            Some(name) => format!("{name}: {}\r\n", self.0),
            None => format!("Authorization: Bearer {}\r\n", self.0),
        }
    }

    /// `text` without the key, should a server have repeated it.
    pub(crate) fn redact(&self, text: &str) -> String {
        if self.0.len() < SHORTEST_REDACTED {
            return text.to_owned();
        }
        text.replace(&self.0, "[API key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_with_a_key_wins_and_nothing_shows_it() {
        let env = |name: &str| Some(format!(" key-of-{name}\n"));
        let key = ApiKey::find(None, env).unwrap().unwrap();
        assert_eq!(key.header(None), "Authorization: Bearer key-of-LLMBENCH_OPENAI_API_KEY\r\n");
        assert_eq!(key.header(Some("api-key")), "api-key: key-of-LLMBENCH_OPENAI_API_KEY\r\n");
        assert!(!format!("{key:?}").contains("key-of"));
        assert_eq!(key.redact("bad key key-of-LLMBENCH_OPENAI_API_KEY!"), "bad key [API key]!");
        let env = |name: &str| (name == "OPENAI_API_KEY").then(|| "second-key".to_owned());
        assert!(ApiKey::find(None, env).unwrap().unwrap().header(None).contains("second-key"));
        assert_eq!(ApiKey::find(None, |_| None).unwrap(), None);
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_refused_without_being_shown() {
        let error = ApiKey::find(None, |_| Some("two words".into())).unwrap_err();
        assert!(!error.to_string().contains("two words"), "{error}");
        let error = ApiKey::find(Some(Path::new("no/such/file")), |_| None).unwrap_err();
        assert!(error.to_string().contains("no/such/file"), "{error}");
    }
}
