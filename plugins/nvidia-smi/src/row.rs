//! Reads one line of `nvidia-smi --format=csv`.
//!
//! The format has no quoting: cells are separated by commas, and a cell never
//! holds one. What the driver does not report is printed as a token such as
//! `[N/A]`; it is absent here, never 0.

use std::fmt;

/// What nvidia-smi prints instead of a value, in lower case.
const ABSENT: &[&str] = &[
    "",
    "n/a",
    "[n/a]",
    "[not supported]",
    "[not found]",
    "[unknown error]",
    "[insufficient permissions]",
    "[gpu requires reset]",
    "err!",
];

/// Units that follow a number when the query was made without `nounits`.
const UNITS: &[&str] = &["%", "MiB", "W", "MHz"];

/// One line, split into the cells of its columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row<'a> {
    cells: Vec<(&'a str, &'a str)>,
}

/// Why a line is not a row of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowError {
    /// The line has another number of cells than the query has columns.
    FieldCount {
        /// Columns asked for.
        expected: usize,
        /// Cells found.
        found: usize,
        /// Beginning of the line.
        line: String,
    },
    /// The cell that says which device the row is about is not a number.
    NoIndex {
        /// Beginning of the line.
        line: String,
    },
}

/// A cell that is neither a value nor one of the known tokens for “absent”.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadCell {
    /// Name of the column.
    pub column: String,
    /// Beginning of the cell.
    pub text: String,
}

impl<'a> Row<'a> {
    /// The cells of `line`, one for each of `columns`.
    ///
    /// # Errors
    /// [`RowError::FieldCount`] when their numbers differ.
    pub(crate) fn parse(columns: &'a [String], line: &'a str) -> Result<Self, RowError> {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.len() != columns.len() {
            return Err(RowError::FieldCount {
                expected: columns.len(),
                found: cells.len(),
                line: beginning(line),
            });
        }
        Ok(Self { cells: columns.iter().map(String::as_str).zip(cells).collect() })
    }

    /// The text of a column; `None` when it was not asked for or is absent.
    pub(crate) fn text(&self, column: &str) -> Option<&'a str> {
        let cell = self.cells.iter().find(|(name, _)| *name == column)?.1;
        (!is_absent(cell)).then_some(cell)
    }

    /// True when the column was asked for and the driver did not report it.
    pub(crate) fn is_absent(&self, column: &str) -> bool {
        self.cells.iter().any(|(name, cell)| *name == column && is_absent(cell))
    }

    /// The number in a column; `None` when it was not asked for or is absent.
    ///
    /// # Errors
    /// [`BadCell`] when the text is not a finite number of at least 0.
    pub(crate) fn number(&self, column: &str) -> Result<Option<f64>, BadCell> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let digits = match text.split_once(' ') {
            Some((digits, unit)) if UNITS.contains(&unit.trim()) => digits,
            _ => text,
        };
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            _ => Err(BadCell::new(column, text)),
        }
    }

    /// The bit mask in a column, printed as `0x…`; `None` when it was not asked
    /// for or is absent.
    ///
    /// # Errors
    /// [`BadCell`] when the text is not a hexadecimal number.
    pub(crate) fn mask(&self, column: &str) -> Result<Option<u64>, BadCell> {
        let Some(text) = self.text(column) else { return Ok(None) };
        text.strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(Some)
            .ok_or_else(|| BadCell::new(column, text))
    }
}

impl BadCell {
    fn new(column: &str, text: &str) -> Self {
        Self { column: column.to_owned(), text: beginning(text) }
    }
}

impl fmt::Display for BadCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in column {} is not a value", self.text, self.column)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FieldCount { expected, found, line } => {
                write!(f, "expected {expected} cells, found {found}: `{line}`")
            }
            Self::NoIndex { line } => write!(f, "the row names no device: `{line}`"),
        }
    }
}

/// The first 120 characters of foreign text, for messages.
pub(crate) fn beginning(text: &str) -> String {
    text.trim().chars().take(120).collect()
}

fn is_absent(cell: &str) -> bool {
    ABSENT.contains(&cell.to_ascii_lowercase().as_str())
}
