//! The run's folder: `run.json`, `samples.jsonl`, `artifacts/`.
//!
//! What is guaranteed: when [`Journal::append`] returns, the record and every
//! artifact that belongs to it are on disk, with the folders that name them
//! (`fsync` on each). A record is one line, written by one call; what a crash
//! or a full disk leaves of it is cut off before anything else is written.
//! `run.json` is replaced as a whole. One process at a time writes into a
//! folder: it holds a lock that the kernel releases when the process ends,
//! however it ends.
//!
//! Rendering and older format versions are not this module's business: it
//! reads back only what it needs to go on with a run.

mod artifacts;
mod error;
mod files;
mod lock;
mod samples;
mod writer;

pub use artifacts::Artifacts;
pub use error::JournalError;
pub use files::{sync_dir, write_atomically};
pub use lock::RunLock;
pub use samples::{Samples, StoredRecord};
pub use writer::{Journal, Recovered};
