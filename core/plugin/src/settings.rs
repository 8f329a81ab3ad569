//! Settings of a component: JSON in, typed value or a good error out.

use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, Json, Result};

/// Settings of component `name` as `T`.
///
/// `T` should derive `Deserialize` with `#[serde(default, deny_unknown_fields)]`.
/// A missing object counts as an empty one.
///
/// # Errors
/// [`ErrorKind::Settings`] naming the component and the offending key.
pub fn settings<T: DeserializeOwned>(name: &str, json: Json) -> Result<T> {
    let json = if json.is_null() { Json::Object(Default::default()) } else { json };
    serde_json::from_value(json).map_err(|error| {
        Error::new(ErrorKind::Settings, format!("settings of plugin `{name}`: {error}")).with_hint(
            format!("correct `[plugin.{name}]` in llmbench.toml or `--set {name}.KEY=VALUE`"),
        )
    })
}

/// The whole number that a setting holds, also as text: `--set` passes either.
pub fn whole_number(value: &Json) -> Option<u64> {
    match value {
        Json::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Example {
        limit_ms: u64,
    }

    #[test]
    fn an_unknown_key_is_named_with_the_known_ones() {
        let error = settings::<Example>("demo", serde_json::json!({"limit": 3})).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Settings);
        assert!(error.message.contains("`limit`") && error.message.contains("`limit_ms`"));
    }

    #[test]
    fn a_whole_number_may_be_text() {
        for (json, number) in [("3", Some(3)), ("\" 3 \"", Some(3)), ("-3", None), ("\"x\"", None)]
        {
            assert_eq!(whole_number(&serde_json::from_str(json).unwrap()), number, "{json}");
        }
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(settings::<Example>("demo", Json::Null).unwrap(), Example::default());
    }
}
