//! Writes the columns into a Parquet file.

use std::io::Write;
use std::sync::Arc;

use llmbench_api::record::{AttemptRecord, RunManifest};
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::columns::{EXPORT_COLUMNS, Row, Take};
use crate::{ReadError, Run};

/// Attempts that are held in memory at a time, with their answers.
const ROWS_OF_GROUP: usize = 4096;

/// An export could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file, the disk or the pipe refused it.
    #[error("{0}")]
    Write(#[from] ParquetError),
    /// A run changed while it was read.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// A time in a run is none.
    #[error("attempt `{id}` of run `{run}`: `{text}` is no time by RFC 3339")]
    Time {
        /// The run.
        run: String,
        /// The attempt.
        id: String,
        /// What stands there.
        text: String,
    },
}

/// A Parquet file under construction: one row for each attempt, row groups of one run each.
///
/// Compressed with Snappy. Every column is nullable; null is what was not
/// measured, with its reason in `missing`.
///
/// # Example
/// ```
/// use llmbench_report::export::ParquetExport;
/// let empty = ParquetExport::new(Vec::new()).unwrap().finish().unwrap();
/// assert!(empty.starts_with(b"PAR1") && empty.ends_with(b"PAR1"));
/// ```
pub struct ParquetExport<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> ParquetExport<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`ExportError::Write`]
    pub fn new(sink: W) -> Result<Self, ExportError> {
        let schema = Arc::new(parse_message_type(&schema())?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("llmbench {}", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { writer: SerializedFileWriter::new(sink, schema, Arc::new(properties))? })
    }

    /// Appends the attempts of a run, in the order of its file; nothing for a run without any.
    ///
    /// Whole records are read from the run's folder, a few thousand at a time.
    ///
    /// # Errors
    /// [`ExportError`]; the file is then of no use.
    pub fn add_run(&mut self, run: &Run) -> Result<(), ExportError> {
        for attempts in run.records.chunks(ROWS_OF_GROUP) {
            let records: Result<Vec<_>, _> =
                attempts.iter().map(|attempt| run.details(attempt)).collect();
            self.add(&run.manifest, &records?)?;
        }
        Ok(())
    }

    /// Appends records of a run as one row group; nothing when there are none.
    ///
    /// # Errors
    /// [`ExportError`]; the file is then of no use.
    pub fn add(&mut self, run: &RunManifest, records: &[AttemptRecord]) -> Result<(), ExportError> {
        if records.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = records.iter().map(|record| Row { run, record }).collect();
        let mut group = self.writer.next_row_group()?;
        for column in &EXPORT_COLUMNS {
            let writer = group.next_column()?.expect("the schema is made from these columns");
            match column.take {
                Take::Number(take) => write::<DoubleType>(writer, rows.iter().map(take))?,
                Take::Flag(take) => write::<BoolType>(writer, rows.iter().map(take))?,
                // The bits of an unsigned number, as the format wants it.
                Take::Whole(take) => write::<Int64Type>(
                    writer,
                    rows.iter().map(|row| take(row).map(|value| value as i64)),
                )?,
                Take::Text(take) => write::<ByteArrayType>(
                    writer,
                    rows.iter().map(|row| take(row).map(|text| ByteArray::from(text.into_bytes()))),
                )?,
                Take::Time(take) => {
                    let times: Vec<_> =
                        rows.iter().map(|row| micros(row, take(row))).collect::<Result<_, _>>()?;
                    write::<Int64Type>(writer, times.into_iter())?;
                }
            }
        }
        group.close()?;
        Ok(())
    }

    /// Ends the file and gives the sink back, flushed.
    ///
    /// # Errors
    /// [`ExportError::Write`]
    pub fn finish(self) -> Result<W, ExportError> {
        Ok(self.writer.into_inner()?)
    }
}

fn schema() -> String {
    let fields = EXPORT_COLUMNS.iter().map(|column| {
        let (physical, logical) = match column.take {
            Take::Text(_) => ("binary", " (STRING)"),
            Take::Number(_) => ("double", ""),
            Take::Whole(_) => ("int64", " (INTEGER(64,false))"),
            Take::Flag(_) => ("boolean", ""),
            Take::Time(_) => ("int64", " (TIMESTAMP(MICROS,true))"),
        };
        format!("  optional {physical} {}{logical};\n", column.name)
    });
    format!("message attempts {{\n{}}}", fields.collect::<String>())
}

fn write<T: DataType>(
    mut writer: SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ExportError> {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    writer.typed::<T>().write_batch(&present, Some(&levels), None)?;
    writer.close()?;
    Ok(())
}

fn micros(row: &Row<'_>, text: Option<String>) -> Result<Option<i64>, ExportError> {
    let Some(text) = text else { return Ok(None) };
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(Some(time.as_microsecond())),
        Err(_) => {
            Err(ExportError::Time { run: row.run.run_id.clone(), id: row.record.id.clone(), text })
        }
    }
}
