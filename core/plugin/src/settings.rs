//! Settings of a component: JSON in, typed value or a good error out.

use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, Json, Result};

/// Settings of component `name` as `T`.
///
/// `T` should derive `Deserialize` with `#[serde(default, deny_unknown_fields)]`.
/// A missing object counts as an empty one, and where `T` has a list, a single value
/// or a text such as `1,4` counts as one: `--set` passes them so.
///
/// # Errors
/// [`ErrorKind::Settings`] naming the component and the offending key.
pub fn settings<T: DeserializeOwned>(name: &str, json: Json) -> Result<T> {
    let json = if json.is_null() { Json::Object(Default::default()) } else { json };
    serde_json::from_value(with_lists::<T>(json.clone())).map_err(|error| {
        let mut problem = error.to_string();
        let mut key = "KEY";
        if let Some(wrong) = wrong_key::<T>(&json, &problem) {
            key = wrong;
            problem = format!("`{key}`: {problem}");
        }
        Error::new(ErrorKind::Settings, format!("settings of plugin `{name}`: {problem}"))
            .with_hint(format!(
                "correct `[plugin.{name}]` in llmbench.toml or `--set {name}.{key}=VALUE`"
            ))
    })
}

/// `json` with lists in place of texts and single values that `T` takes only as lists.
fn with_lists<T: DeserializeOwned>(mut json: Json) -> Json {
    let Json::Object(object) = &mut json else { return json };
    for (key, value) in object.iter_mut() {
        if problem::<T>(key, value).is_none_or(|problem| !problem.contains("expected a sequence")) {
            continue;
        }
        let items: Vec<Json> = match &*value {
            Json::String(text) => text.split(',').map(|item| scalar(item.trim())).collect(),
            Json::Number(_) => vec![value.clone()],
            _ => continue,
        };
        let list = Json::from(items);
        if problem::<T>(key, &list).is_none() {
            *value = list;
        }
    }
    json
}

/// A number or truth where the text is one, else the text.
fn scalar(text: &str) -> Json {
    let value = serde_json::from_str(text).ok();
    value.filter(|value: &Json| value.is_number() || value.is_boolean()).unwrap_or(text.into())
}

/// The key whose value alone leads to `problem`, unless that names it already.
fn wrong_key<'a, T: DeserializeOwned>(json: &'a Json, problem: &str) -> Option<&'a str> {
    let is_wrong = |(key, value): &(&String, &Json)| {
        self::problem::<T>(key, value).is_some_and(|alone| alone == problem)
    };
    let (key, _) = json.as_object()?.iter().find(is_wrong)?;
    let says_it = problem.contains(&format!("`{key}`")) || problem.starts_with("missing field");
    (!says_it).then_some(key)
}

/// What `T` has against one setting alone.
fn problem<T: DeserializeOwned>(key: &str, value: &Json) -> Option<String> {
    let alone = Json::Object([(key.to_owned(), value.clone())].into_iter().collect());
    serde_json::from_value::<T>(alone).err().map(|error| error.to_string())
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
        lengths: Vec<u32>,
        names: Option<Vec<String>>,
    }

    #[test]
    fn an_unknown_key_is_named_with_the_known_ones() {
        let error = settings::<Example>("demo", serde_json::json!({"limit": 3})).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Settings);
        assert!(error.message.contains("`limit`") && error.message.contains("`limit_ms`"));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_key() {
        let json = serde_json::json!({"lengths": [1], "limit_ms": "3"});
        let error = settings::<Example>("demo", json).unwrap_err();
        assert!(error.message.contains("`limit_ms`: invalid type: string"), "{error}");
        assert!(error.hint.unwrap().contains("--set demo.limit_ms=VALUE"));
    }

    #[test]
    fn a_list_may_be_a_text_or_a_single_value() {
        let check = |json: Json, lengths: &[u32], names: &[&str]| {
            let read = settings::<Example>("demo", json).unwrap();
            assert_eq!(
                (read.lengths.as_slice(), read.names.unwrap_or_default()),
                (lengths, names.iter().map(|name| (*name).to_owned()).collect())
            );
        };
        check(serde_json::json!({"lengths": "512, 1024"}), &[512, 1024], &[]);
        check(serde_json::json!({"lengths": 512, "names": "a,b"}), &[512], &["a", "b"]);
        let error = settings::<Example>("demo", serde_json::json!({"lengths": "512,x"}));
        assert!(error.unwrap_err().message.contains("`lengths`: "));
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
