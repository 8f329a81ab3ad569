//! Reads what a run keeps beside its records: requests, answers, monitors, expected solutions.

use std::fs;
use std::path::{Component, Path};

use llmbench_api::{Answer, GenerateRequest, Series};
use serde::de::DeserializeOwned;

/// Largest artifact that is read; what is larger is no answer of a model.
const MAX_BYTES: u64 = 32 << 20;

/// What was sent and what came back, step by step.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    pub(super) requests: Vec<GenerateRequest>,
    pub(super) answers: Vec<Answer>,
    /// Why there is nothing.
    pub(super) reason: Option<String>,
}

/// Requests and answers of an attempt, in order.
pub(super) fn exchanges(dir: Option<&Path>, id: &str) -> Exchanges {
    let mut found = Exchanges::default();
    let Some(folder) = folder(dir, "artifacts", id) else {
        found.reason = Some("the report was made without the run's folder".to_owned());
        return found;
    };
    // Steps of judging stand between those of asking.
    for name in names(&folder).iter().filter(|name| name.ends_with("-request.json")) {
        found.requests.extend(json::<Vec<GenerateRequest>>(&folder.join(name)).unwrap_or_default());
        let answer = name.replace("-request", "-response");
        found.answers.extend(json::<Vec<Answer>>(&folder.join(answer)).unwrap_or_default());
    }
    if found.requests.is_empty() {
        found.reason = Some(format!("`artifacts/{id}` holds no request"));
    }
    found
}

/// Everything that the monitors sampled, each under its file's name.
pub(super) fn monitors(dir: Option<&Path>, id: &str) -> Vec<(String, Series)> {
    let Some(folder) = folder(dir, "artifacts", id) else { return Vec::new() };
    let files = names(&folder).into_iter().filter(|name| name.starts_with("monitor-"));
    files
        .filter_map(|name| {
            let series = json(&folder.join(&name))?;
            let name = name.trim_start_matches("monitor-").trim_end_matches(".json");
            let name = name.split_once('-').map_or(name, |(_, name)| name);
            Some((name.to_owned(), series))
        })
        .collect()
}

/// The expected solution of a fixture as a model would have answered it.
pub(super) fn expected(dir: Option<&Path>, fixture: &str) -> Option<String> {
    text(&folder(dir, "fixtures", fixture)?.join("expected.md"))
}

/// A folder below the run's; a name that would lead out of it is none.
fn folder(dir: Option<&Path>, kind: &str, name: &str) -> Option<std::path::PathBuf> {
    let inside = |part| matches!(part, Component::Normal(_));
    let safe = !name.is_empty() && Path::new(name).components().all(inside);
    safe.then(|| dir.map(|dir| dir.join(kind).join(name)))?
}

/// Names of the files, those that start with a number in its order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let number = |name: &str| name.split('-').next().and_then(|number| number.parse::<u32>().ok());
    names.sort_by_key(|name| (number(name), name.clone()));
    names
}

fn json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_str(&text(path)?).ok()
}

fn text(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.len() <= MAX_BYTES).then(|| fs::read_to_string(path).ok())?
}
