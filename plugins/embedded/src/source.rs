//! Where a model's bytes come from.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use llmbench_api::{CallContext, Error, ErrorKind, Result};
use llmbench_plugin::MappedFile;
use sha2::{Digest, Sha256};

/// Bytes between two looks at the clock.
const HASHED_AT_ONCE: usize = 16 << 20;
/// Name of the model that comes with the plugin.
pub(crate) const SAMPLE: &str = "sample";
static SAMPLE_BYTES: &[u8] = include_bytes!("../sample-model/vue-ts-sample.gguf");

/// The bytes of one model.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The sample model, part of this library.
    Sample,
    /// A file.
    File(Arc<MappedFile>),
}

impl Source {
    /// Opens the model called `name`.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`] when no such file can be opened.
    pub(crate) fn open(name: &str) -> Result<Self> {
        if name == SAMPLE {
            return Ok(Self::Sample);
        }
        match MappedFile::open(Path::new(name)) {
            Ok(file) => Ok(Self::File(Arc::new(file))),
            Err(error) => Err(not_found(name, &error)),
        }
    }
}

/// Digests of the files that were asked for, each computed once.
#[derive(Debug, Default)]
pub(crate) struct Digests(Mutex<HashMap<(String, Option<SystemTime>), String>>);

impl Digests {
    /// SHA-256 of the bytes of the model called `name`, in hexadecimal.
    ///
    /// # Errors
    /// When the call is cancelled or its deadline passes: a large file takes a while.
    pub(crate) fn of(&self, name: &str, source: &Source, cx: &CallContext) -> Result<String> {
        let changed = std::fs::metadata(name).and_then(|metadata| metadata.modified()).ok();
        let key = (name.to_owned(), changed);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = known.get(&key) {
            return Ok(digest.clone());
        }
        let mut hasher = Sha256::new();
        for chunk in source.chunks(HASHED_AT_ONCE) {
            cx.check()?;
            hasher.update(chunk);
        }
        let mut digest = "sha256:".to_owned();
        for byte in hasher.finalize() {
            let _ = write!(digest, "{byte:02x}");
        }
        known.insert(key, digest.clone());
        Ok(digest)
    }
}

impl Deref for Source {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Sample => SAMPLE_BYTES,
            Self::File(file) => file,
        }
    }
}

/// Models beside each other: `sample`, and the GGUF files in the working directory.
pub(crate) fn list() -> Vec<(String, u64)> {
    let mut files: Vec<(String, u64)> = std::fs::read_dir(".")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?)))
        .filter(|(name, metadata)| metadata.is_file() && is_gguf(name))
        .map(|(name, metadata)| (name, metadata.len()))
        .collect();
    files.sort();
    files.insert(0, (SAMPLE.to_owned(), SAMPLE_BYTES.len() as u64));
    files
}

/// Absolute path of a model's file, for the record.
pub(crate) fn location(name: &str) -> PathBuf {
    std::path::absolute(name).unwrap_or_else(|_| name.into())
}

fn is_gguf(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}

fn not_found(name: &str, error: &io::Error) -> Error {
    let known: Vec<_> = list().into_iter().map(|(name, _)| format!("`{name}`")).collect();
    Error::new(ErrorKind::ModelNotFound, format!("open model `{name}`: {error}")).with_hint(
        format!("the embedded engine takes the path of a GGUF file; here: {}", known.join(", ")),
    )
}
