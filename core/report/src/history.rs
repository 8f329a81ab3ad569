//! Many runs beside each other: one entry for each, and the trend of a model.
//!
//! Pure functions of what the runs left behind. Which folders there are, and an
//! index that spares reading them again, are the program's business; nothing
//! here looks at a clock or at a folder.

mod entry;
mod trend;

#[cfg(test)]
mod tests;

pub(crate) use entry::machine;
pub use entry::{EntryFixture, FixtureScore, ModelEntry, RunEntry};
pub use trend::{Change, Point, Trend, trend};
