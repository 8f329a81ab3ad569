//! Attempts as a Parquet file, for pandas, DuckDB, Polars and the like.
//!
//! Written with the low-level writer of the `parquet` crate, without Arrow:
//! ADR 0013 has the figures behind that. Arrow IPC is deliberately absent;
//! everything that reads it reads Parquet as well.

mod columns;
mod parquet;

#[cfg(test)]
mod tests;

pub use columns::{EXPORT_COLUMNS, ExportColumn};
pub use parquet::{ExportError, ParquetExport};
