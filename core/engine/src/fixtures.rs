//! Reads fixtures from folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use llmbench_api::{Error, ErrorKind, Fixture, Result};
use sha2::{Digest, Sha256};

use crate::words::Words;

/// Largest text file of a fixture; larger ones are data of a project, such as images are.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// Folders that belong to tools, not to the fixture.
const VARIANTS: &str = "variants/";
const RENAME: &str = "rename.json";
const IGNORED: [&str; 3] = ["node_modules", ".git", "dist"];

/// Reads every text file below `dir`. Binary files, files above 4 MiB and tool folders are left out.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] naming the file.
pub fn read(dir: &Path) -> Result<Fixture> {
    let unusable = |path: &Path, reason: String| {
        Error::new(ErrorKind::InvalidInput, format!("fixture file {}: {reason}", path.display()))
    };
    let name = dir
        .canonicalize()
        .ok()
        .as_deref()
        .unwrap_or(dir)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name else {
        return Err(unusable(dir, "the folder has no name".into()));
    };
    let mut files = BTreeMap::new();
    let mut pending: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(folder) = pending.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|error| unusable(&folder, error.to_string()))?;
        for entry in entries {
            let path = entry.map_err(|error| unusable(&folder, error.to_string()))?.path();
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            if IGNORED.contains(&&*file_name) {
                continue;
            }
            let metadata =
                std::fs::metadata(&path).map_err(|error| unusable(&path, error.to_string()))?;
            if metadata.is_dir() {
                pending.push(path);
                continue;
            }
            if metadata.len() > MAX_FILE_BYTES {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| unusable(&path, error.to_string()))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.insert(relative(dir, &path), text);
            }
        }
    }
    Ok(Fixture { name, dir: Some(dir.to_owned()), files })
}

/// Names of the fixture folders in `dir`, sorted; empty when there is no such folder.
pub fn list(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// Names of the variants that `fixture` has: the folders below `variants/`, sorted.
pub fn variants(fixture: &Fixture) -> Vec<String> {
    let paths = fixture.files.keys().filter_map(|path| path.strip_prefix(VARIANTS));
    let mut names: Vec<_> =
        paths.filter_map(|path| path.split_once('/')).map(|(name, _)| name.to_owned()).collect();
    names.dedup();
    names
}

/// The variant `name` of `fixture`, a fixture of its own called `fixture@name`.
///
/// The files below `variants/NAME/` replace those of the fixture. With a
/// `rename.json` there (old name → new name), whole words are then replaced in
/// every file: the same task in other words, for models that may have seen it.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when there is no such variant, when
/// `rename.json` is not such a map, or when it names a word that does not occur
/// or a new one that occurs already.
pub fn variant(fixture: &Fixture, name: &str) -> Result<Fixture> {
    let wrong = |problem: String| {
        Error::new(ErrorKind::InvalidInput, format!("fixture `{}`: {problem}", fixture.name))
    };
    let known = variants(fixture);
    if !known.iter().any(|variant| variant == name) {
        let list = if known.is_empty() { "it has none".into() } else { known.join(", ") };
        return Err(wrong(format!("there is no variant `{name}`"))
            .with_hint(format!("variants of `{}`: {list}", fixture.name)));
    }
    let prefix = format!("{VARIANTS}{name}/");
    let mut files: BTreeMap<String, String> = fixture
        .files
        .iter()
        .filter(|(path, _)| !path.starts_with(VARIANTS))
        .map(|(path, text)| (path.clone(), text.clone()))
        .collect();
    let overlay = fixture
        .files
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix(&prefix)?.to_owned(), text.clone())));
    files.extend(overlay);
    if let Some(text) = files.remove(RENAME) {
        let place = format!("{prefix}{RENAME}");
        let names: BTreeMap<String, String> =
            serde_json::from_str(&text).map_err(|error| wrong(format!("{place}: {error}")))?;
        let words = Words::new(&names).map_err(|problem| wrong(format!("{place}: {problem}")))?;
        words.check(&files).map_err(|problem| wrong(format!("{place}: {problem}")))?;
        for text in files.values_mut() {
            *text = words.replace(text);
        }
    }
    let name = format!("{}@{name}", fixture.name);
    Ok(Fixture { name, dir: fixture.dir.clone(), files })
}

/// SHA-256 over names and contents of the fixture's files, as hex.
pub fn hash(fixture: &Fixture) -> String {
    let mut hasher = Sha256::new();
    for (path, content) in &fixture.files {
        hasher.update((path.len() as u64).to_le_bytes());
        hasher.update(path);
        hasher.update((content.len() as u64).to_le_bytes());
        hasher.update(content);
    }
    hex(&hasher.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn relative(dir: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(dir).unwrap_or(path);
    relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_files_are_read_with_relative_names_and_binary_ones_left_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("mutants")).unwrap();
        std::fs::create_dir_all(dir.path().join("node_modules/x")).unwrap();
        std::fs::write(dir.path().join("input.vue"), "<template/>").unwrap();
        std::fs::write(dir.path().join("mutants/a.vue"), "a").unwrap();
        std::fs::write(dir.path().join("logo.png"), [0xff, 0xfe, 0x00]).unwrap();
        std::fs::write(dir.path().join("node_modules/x/index.js"), "x").unwrap();
        let fixture = read(dir.path()).unwrap();
        assert_eq!(fixture.files.keys().collect::<Vec<_>>(), ["input.vue", "mutants/a.vue"]);
    }

    #[test]
    fn a_variant_is_the_fixture_with_files_and_words_replaced() {
        let files = [
            ("input.vue", "let user"),
            ("spec.ts", "user"),
            ("variants/renamed/rename.json", r#"{"user": "member"}"#),
            ("variants/reordered/input.vue", "var user"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let fixture = Fixture { name: "list".into(), dir: None, files: files.into() };
        assert_eq!(variants(&fixture), ["renamed", "reordered"]);
        let check = |name: &str, input: &str, spec: &str| {
            let found = variant(&fixture, name).unwrap();
            assert_eq!(found.name, format!("list@{name}"));
            assert_eq!(found.files.len(), 2);
            assert_eq!(
                (found.files["input.vue"].as_str(), found.files["spec.ts"].as_str()),
                (input, spec)
            );
        };
        check("renamed", "let member", "member");
        check("reordered", "var user", "user");
        let error = variant(&fixture, "other").unwrap_err();
        assert!(error.hint.unwrap().contains("renamed, reordered"));
    }

    #[test]
    fn the_hash_depends_on_names_and_contents() {
        let fixture = |path: &str, content: &str| Fixture {
            files: BTreeMap::from([(path.to_owned(), content.to_owned())]),
            ..Fixture::default()
        };
        let hashes =
            [hash(&fixture("a", "bc")), hash(&fixture("ab", "c")), hash(&fixture("a", "bd"))];
        assert_ne!(hashes[0], hashes[1]);
        assert_ne!(hashes[0], hashes[2]);
        assert_eq!(hashes[0], hash(&fixture("a", "bc")));
    }
}
