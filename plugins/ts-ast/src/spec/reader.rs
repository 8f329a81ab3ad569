//! Reads one JSON object key by key and refuses what nobody asked for.

use llmbench_api::{Json, Result};
use serde_json::Map;

use super::invalid;

/// One object; every key that is read becomes a known one.
pub(super) struct Reader<'j> {
    object: &'j Map<String, Json>,
    path: String,
    known: Vec<&'static str>,
}

impl<'j> Reader<'j> {
    pub(super) fn new(json: &'j Json, path: &str) -> Result<Self> {
        match json {
            Json::Object(object) => Ok(Self { object, path: path.to_owned(), known: Vec::new() }),
            other => Err(invalid(format!("{path} is {}; it must be an object", name_of(other)))),
        }
    }

    /// Where the object stands.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The entries of an object whose keys are free.
    pub(super) fn entries(&mut self, key: &'static str) -> Result<Option<&'j Map<String, Json>>> {
        self.get(key, "an object", Json::as_object)
    }

    /// Makes a key known without looking at it.
    pub(super) fn skip(&mut self, key: &'static str) {
        self.known.push(key);
    }

    pub(super) fn string(&mut self, key: &'static str) -> Result<Option<String>> {
        self.get(key, "a text", |json| json.as_str().map(str::to_owned))
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Result<Option<bool>> {
        self.get(key, "true or false", Json::as_bool)
    }

    pub(super) fn number(&mut self, key: &'static str) -> Result<Option<f64>> {
        self.get(key, "a number", Json::as_f64)
    }

    pub(super) fn count(&mut self, key: &'static str) -> Result<Option<u32>> {
        self.get(key, "a whole number of 0 or more", |json| {
            json.as_u64().and_then(|count| u32::try_from(count).ok())
        })
    }

    /// A share above 0 and up to 1; 1 when it is not given.
    pub(super) fn share(&mut self, key: &'static str) -> Result<f64> {
        let in_range = |share: &f64| *share > 0.0 && *share <= 1.0;
        let share =
            self.get(key, "a number above 0 and up to 1", |json| json.as_f64().filter(in_range))?;
        Ok(share.unwrap_or(1.0))
    }

    pub(super) fn list(&mut self, key: &'static str) -> Result<Option<&'j Vec<Json>>> {
        self.get(key, "a list", Json::as_array)
    }

    pub(super) fn strings(&mut self, key: &'static str) -> Result<Option<Vec<String>>> {
        self.get(key, "a list of texts", |json| {
            json.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    pub(super) fn object(&mut self, key: &'static str) -> Result<Option<Self>> {
        self.known.push(key);
        let path = format!("{}.{key}", self.path);
        self.object.get(key).map(|json| Self::new(json, &path)).transpose()
    }

    /// Refuses keys that were not read.
    pub(super) fn finish(self) -> Result<()> {
        match self.object.keys().find(|key| !self.known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(invalid(format!(
                "{}.{key}: there is no such key here; keys are {}",
                self.path,
                listed(self.known)
            ))),
        }
    }

    fn get<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&'j Json) -> Option<T>,
    ) -> Result<Option<T>> {
        self.known.push(key);
        let Some(json) = self.object.get(key) else { return Ok(None) };
        match read(json) {
            Some(value) => Ok(Some(value)),
            None => Err(invalid(format!(
                "{}.{key} is {}; it must be {wanted}",
                self.path,
                name_of(json)
            ))),
        }
    }
}

/// Names in back quotes, with commas.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn name_of(json: &Json) -> String {
    match json {
        Json::Object(_) => "an object".into(),
        Json::Array(list) if list.is_empty() => "an empty list".into(),
        Json::Array(_) => "a list".into(),
        other => other.to_string(),
    }
}
