//! Fixtures: the files that a test turns into a case.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Json;

/// The files of one fixture, read by the host (or shipped inside a plugin).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fixture {
    /// Name, as in `--fixture NAME`; the folder's name.
    pub name: String,
    /// Folder on disk; `None` when it is shipped inside a plugin.
    pub dir: Option<PathBuf>,
    /// Path relative to the folder, with `/` → content. Text files only.
    pub files: BTreeMap<String, String>,
}

impl Fixture {
    /// The fixtures, by name, of files that lie as `NAME/PATH` → content, as a plugin embeds them.
    ///
    /// Left out: files in no folder, and those that are not text.
    ///
    /// # Example
    /// ```
    /// use llmbench_api::Fixture;
    ///
    /// let files = [("a/prompt.md", "Say hi"), ("README.md", "about all")];
    /// let files = files.map(|(path, text)| (path, text.as_bytes().to_vec()));
    /// let fixtures = Fixture::in_folders(files);
    /// assert_eq!((fixtures.len(), fixtures[0].name.as_str()), (1, "a"));
    /// assert_eq!(fixtures[0].file("prompt.md").unwrap(), "Say hi");
    /// ```
    pub fn in_folders<P: AsRef<str>>(files: impl IntoIterator<Item = (P, Vec<u8>)>) -> Vec<Self> {
        let mut fixtures: BTreeMap<String, Self> = BTreeMap::new();
        for (path, content) in files {
            let Some((name, inner)) = path.as_ref().split_once('/') else { continue };
            let Ok(text) = String::from_utf8(content) else { continue };
            let fixture = fixtures
                .entry(name.to_owned())
                .or_insert_with(|| Self { name: name.to_owned(), ..Self::default() });
            fixture.files.insert(inner.to_owned(), text);
        }
        fixtures.into_values().collect()
    }

    /// The content of a file.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidInput`] naming the fixture and the file.
    pub fn file(&self, path: &str) -> crate::Result<&str> {
        self.files.get(path).map(String::as_str).ok_or_else(|| {
            let place = match &self.dir {
                Some(dir) => dir.join(path).display().to_string(),
                None => path.to_owned(),
            };
            crate::Error::new(
                crate::ErrorKind::InvalidInput,
                format!("fixture `{}` has no file `{place}`", self.name),
            )
            .with_hint("docs/writing-a-fixture.md lists what a fixture must hold")
        })
    }
}

/// What is judged: a set of files, one of which is the answer proper.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Artifact {
    /// Path of the answer proper among `files`.
    pub entry: String,
    /// Relative path → content.
    pub files: BTreeMap<String, String>,
}

impl Artifact {
    /// An artifact of one file.
    pub fn single(path: impl Into<String>, content: impl Into<String>) -> Self {
        let entry = path.into();
        let files = BTreeMap::from([(entry.clone(), content.into())]);
        Self { entry, files }
    }

    /// The content of the answer proper; empty when it is not among the files.
    pub fn entry_text(&self) -> &str {
        self.files.get(&self.entry).map_or("", String::as_str)
    }
}

/// What an artifact is judged against: the fixture's files, by the role's needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Project {
    /// Changes whenever a file changes; validators key their warm state by it.
    pub id: String,
    /// Folder on disk, where the fixture has one.
    pub dir: Option<PathBuf>,
    /// Relative path → content.
    pub files: BTreeMap<String, String>,
    /// What the test wants from the validator beyond the files.
    pub options: Json,
}
