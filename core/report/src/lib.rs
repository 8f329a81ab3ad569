//! Statistics and reports of a run: pure functions of what the run left behind.
//!
//! - [`attempt`] is an attempt without its answer, so that large runs fit into memory.
//! - [`read`] reads the folder of a run, in any format version that ever was.
//! - [`stats`] describes a slice of numbers.
//! - [`summary`] holds the rules by which attempts become figures.
//! - [`compare`] compares runs and models.
//! - [`export`] writes attempts for data frames.
//! - [`history`] puts many runs beside each other.
//! - [`render`] shows a [`Report`] as text, Markdown, CSV or JSON.
//! - [`html`] shows one or several as a page.
//! - [`write_derived`] is the only function here that writes.
//!
//! Nothing here asks a model, a server, the clock or the environment, so that
//! an old run can be summed up again anywhere, with the same result.

mod agreement;
pub mod attempt;
pub mod compare;
mod derived;
pub mod export;
pub mod history;
pub mod html;
pub mod read;
pub mod render;
mod report;
pub mod stats;
pub mod summary;
mod versions;
mod watched;

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod testing;

pub use agreement::{AgreementFields, Compared};
pub use attempt::{Attempt, attempts};
pub use derived::{PAGE_FILE, REPORT_FILE, SUMMARY_FILE, TABLE_FILE, WriteError, write_derived};
pub use read::{ReadError, ReadWarning, Run};
pub use report::Report;
pub use summary::summarise;
pub use watched::CpuUse;

/// Name of the file with a run's manifest.
pub const MANIFEST_FILE: &str = "run.json";
/// Name of the file with a run's attempts, one a line.
pub const SAMPLES_FILE: &str = "samples.jsonl";
