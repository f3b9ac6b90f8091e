//! What can be wrong with a Parquet file.

use crate::suggest::similar;
use std::path::PathBuf;
use thiserror::Error;

/// Why a Parquet file could not be read. Row groups and rows count from 0; rows are those of the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParquetError {
    /// A file without readable metadata.
    #[error("{} is not a readable Parquet file: {reason}", path.display())]
    NotParquet {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// A column that is not there.
    #[error("{} has no column `{column}`{}; it has {}", path.display(), match similar(column, found) {
        Some(name) => format!(", did you mean `{name}`?"),
        None => String::new(),
    }, found.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// Columns it has.
        found: Vec<String>,
    },
    /// A column of another type.
    #[error("{}: the column `{column}` holds {found}, not {expected}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What is needed.
        expected: &'static str,
    },
    /// A row without a text.
    #[error(
        "{}: the column `{column}` is null in row {row} (row group {row_group}); every document needs a text: leave such \
         rows out of the file", path.display()
    )]
    Null {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Row group.
        row_group: usize,
        /// Row of the file.
        row: u64,
    },
    /// A label that is no number to learn.
    #[error("{}: the column `{column}` is {found} in row {row}; give it a finite number, or null", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Row of the file.
        row: u64,
        /// What it is.
        found: f64,
    },
    /// A row group that does not decode.
    #[error("{} is damaged: row group {row_group}, at row {row} of the file: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Row group.
        row_group: usize,
        /// First row that could not be read.
        row: u64,
        /// What the decoder said.
        reason: String,
    },
}
