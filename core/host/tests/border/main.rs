//! The plugin border, tested with real libraries that are really loaded.
#![allow(missing_docs, reason = "a test program")]

mod context;
mod good;
mod guide;
mod log;
mod panics;
mod refusals;
mod search;
mod versions;
mod workshop;

use std::path::Path;

use llmbench_api::{Backend, GenerateRequest, Generation, Result};
use llmbench_host::{Host, Origin, SearchDir, SearchPath};

/// A host that sees nothing but `dir`.
fn host_of(dir: &Path) -> Host {
    let path = dir.to_owned();
    Host::new(SearchPath::only(vec![SearchDir { path, origin: Origin::Flag }]))
}

/// A folder of its own that holds a copy of one test plugin, and a host that sees only that.
fn host_with(name: &str) -> (tempfile::TempDir, Host) {
    log::collect();
    let dir = tempfile::tempdir().unwrap();
    let built = workshop::library(workshop::Variant::Current, name);
    std::fs::hard_link(&built, dir.path().join(workshop::file_name(name)))
        .or_else(|_| std::fs::copy(&built, dir.path().join(workshop::file_name(name))).map(drop))
        .unwrap();
    let host = host_of(dir.path());
    (dir, host)
}

/// What `backend` answers to a request of one word, with a sink that is not looked at.
fn ask(backend: &dyn Backend, word: &str) -> Result<Generation> {
    let sink = context::Events::new(usize::MAX);
    backend.generate(&GenerateRequest::user(word), &sink, &context::quiet())
}
