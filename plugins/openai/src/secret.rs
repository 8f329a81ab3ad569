//! The key for a server and other secrets, kept out of everything that is written.

use std::fmt;
use std::path::Path;

use llmbench_api::{Error, ErrorKind, Result};

const VARIABLES: [&str; 2] = ["LLMBENCH_OPENAI_API_KEY", "OPENAI_API_KEY"];
/// Shorter ones are parts of texts that have nothing to do with them: they count as words alone.
const SHORTEST_PART: usize = 6;
/// The fewest letters of a secret that a text, cut there, is kept from ending with.
const SHORTEST_CUT: usize = 4;

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
                let text = read(path, "the API key", "correct the setting `openai.api_key_file`")?;
                (text, path.display().to_string())
            }
            None => {
                // An empty variable is how a shell unsets it for one command.
                let found = VARIABLES.into_iter().find_map(|name| {
                    Some((env(name).filter(|text| !text.trim().is_empty())?, name))
                });
                let Some((text, name)) = found else { return Ok(None) };
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
}

/// The value of the header `name`: the first line of a file.
///
/// # Errors
/// [`ErrorKind::Settings`] when the file cannot be read or its line cannot be sent.
pub(crate) fn header_value(name: &str, file: &Path) -> Result<String> {
    let what = format!("the header `{name}`");
    let text = read(file, &what, "correct the setting `openai.header_files`")?;
    let value = text.lines().next().unwrap_or_default().trim();
    if value.is_empty() || !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(Error::new(
            ErrorKind::Settings,
            format!(
                "use {what} from {}: its first line is empty or holds what no header may",
                file.display()
            ),
        )
        .with_hint("put the value alone into the file's first line, in printable ASCII"));
    }
    Ok(value.to_owned())
}

fn read(file: &Path, what: &str, hint: &str) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        Error::new(ErrorKind::Settings, format!("read {what} from {}", file.display()))
            .with_hint(hint)
            .with_cause(&error)
    })
}

/// What a server may repeat and nobody may read, each with what stands in its place.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<(String, String)>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} hidden)", self.0.len())
    }
}

impl Secrets {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a secret that is shown as `[label]`.
    pub(crate) fn add(&mut self, secret: &str, label: &str) {
        let label = format!("[{label}]");
        // As JSON writes it, should the text that repeats it be no JSON in the end.
        let quoted = serde_json::Value::from(secret).to_string();
        let quoted = quoted.trim_matches('"');
        for form in [secret, quoted, &quoted.replace('/', "\\/")] {
            if !form.is_empty() && self.0.iter().all(|(known, _)| known != form) {
                self.0.push((form.to_owned(), label.clone()));
            }
        }
        // The longest first: one may be a part of another.
        self.0.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
    }

    /// Adds the value of a header; behind a word such as `Bearer` it is the last one that counts.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) {
        let label = format!("header `{name}`");
        self.add(value, &label);
        self.add(value.rsplit(' ').next().unwrap_or(value), &label);
    }

    pub(crate) fn add_key(&mut self, key: &ApiKey) {
        self.add(&key.0, "API key");
    }

    /// `text` of a server without the secrets; to be called before the text is cut.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (secret, label) in &self.0 {
            text = if secret.len() < SHORTEST_PART {
                replace_words(&text, secret, label)
            } else {
                text.replace(secret, label)
            };
            let lengths = (SHORTEST_CUT..secret.len()).rev();
            let cut = lengths
                .filter_map(|length| secret.get(..length))
                .find(|begin| secret.len() >= SHORTEST_PART && text.ends_with(begin));
            if let Some(begin) = cut {
                text.truncate(text.len() - begin.len());
                text += label;
            }
        }
        text
    }

    /// `text` of our own, with words of the server in it that were redacted before they were cut.
    pub(crate) fn redact_again(&self, text: &str) -> String {
        let long = self.0.iter().filter(|(secret, _)| secret.len() >= SHORTEST_PART);
        long.fold(text.to_owned(), |text, (secret, label)| text.replace(secret, label))
    }
}

/// `text` with `label` for each `word` that is no part of a longer one.
fn replace_words(text: &str, word: &str, label: &str) -> String {
    let (mut replaced, mut end) = (String::new(), 0);
    for (start, _) in text.match_indices(word) {
        let after = start + word.len();
        let is_part = text[..start].ends_with(char::is_alphanumeric)
            || text[after..].starts_with(char::is_alphanumeric);
        if !is_part {
            replaced += &text[end..start];
            replaced += label;
            end = after;
        }
    }
    replaced + &text[end..]
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

    #[test]
    fn an_empty_variable_hides_no_other_one() {
        let env =
            |name: &str| Some(if name == "OPENAI_API_KEY" { "second-key" } else { " " }.into());
        assert!(ApiKey::find(None, env).unwrap().unwrap().header(None).contains("second-key"));
    }

    #[test]
    fn secrets_of_any_length_are_taken_out_of_a_servers_text() {
        let mut secrets = Secrets::none();
        secrets.add_key(&ApiKey("sk-a/very\"long-key".into()));
        secrets.add("pin7", "header `X-Pin`");
        for (text, expected) in [
            ("bad sk-a/very\"long-key!", "bad [API key]!"),
            (r#"{bad: "sk-a\/very\"long-key"}"#, r#"{bad: "[API key]"}"#),
            ("it was cut: sk-a/ver", "it was cut: [API key]"),
            (
                "pin7=pin7, but spin7 and pin77",
                "[header `X-Pin`]=[header `X-Pin`], but spin7 and pin77",
            ),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(secrets.redact(text), expected);
        }
        assert_eq!(format!("{secrets:?}"), "Secrets(4 hidden)");
    }
}
