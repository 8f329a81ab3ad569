//! Statistics and reports of a run: pure functions of what the run left behind.
//!
//! - [`read`] reads the folder of a run, in any format version that ever was.
//! - [`stats`] describes a slice of numbers.
//! - [`summary`] holds the rules by which attempts become figures.
//!
//! Nothing here asks a model, a server or the clock.

pub mod read;
pub mod stats;
pub mod summary;
mod versions;

#[cfg(test)]
mod testing;

pub use read::{ReadError, ReadWarning, Run};
pub use summary::summarise;

/// Name of the file with a run's manifest.
pub const MANIFEST_FILE: &str = "run.json";
/// Name of the file with a run's attempts, one a line.
pub const SAMPLES_FILE: &str = "samples.jsonl";
