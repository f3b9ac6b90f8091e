//! Parquet files: one document a row.
//!
//! Only the columns asked for are read. A row group is read in batches of few rows, so memory holds some pages of those
//! columns, not the row group.

mod bounds;
mod columns;
mod error;

pub use error::ParquetError;

use crate::guard;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows decoded at a time: few, because one row may be a whole book.
const BATCH_ROWS: usize = 64;

/// A file whose metadata was read.
pub(crate) struct Table {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

impl Table {
    /// Reads the metadata.
    pub(crate) fn open(path: &Path) -> Result<Table, crate::DataError> {
        let io = |e| crate::DataError::io("read", path, e);
        let file = File::open(path).map_err(io)?;
        let read = guard::catch(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()));
        let metadata =
            read.map_err(|reason| ParquetError::NotParquet { path: path.to_path_buf(), reason })?;
        Ok(Table { path: path.to_path_buf(), metadata })
    }

    /// Number of row groups.
    pub(crate) fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// Rows of a row group; 0 beyond the last.
    pub(crate) fn rows(&self, row_group: usize) -> u64 {
        let groups = self.metadata.metadata().row_groups();
        groups.get(row_group).map_or(0, |g| u64::try_from(g.num_rows()).unwrap_or(0))
    }

    /// Bytes of a row group in the file, all columns.
    pub(crate) fn bytes(&self, row_group: usize) -> u64 {
        let groups = self.metadata.metadata().row_groups();
        groups.get(row_group).map_or(0, |g| u64::try_from(g.compressed_size()).unwrap_or(0))
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Index of a top-level column and its type.
    pub(crate) fn column(&self, name: &str) -> Result<(usize, &DataType), ParquetError> {
        let fields = self.metadata.schema().fields();
        match fields.iter().position(|f| f.name() == name).and_then(|i| Some((i, fields.get(i)?))) {
            Some((i, field)) => Ok((i, field.data_type())),
            None => Err(ParquetError::MissingColumn {
                path: self.path.clone(),
                column: name.to_string(),
                found: fields.iter().map(|f| f.name().clone()).collect(),
            }),
        }
    }

    /// Checks that a column holds texts.
    pub(crate) fn check_text(&self, name: &str) -> Result<(), ParquetError> {
        match self.column(name)?.1 {
            t if is_text(t) => Ok(()),
            other => Err(self.wrong_type(name, other, "text")),
        }
    }

    pub(crate) fn wrong_type(&self, column: &str, found: &DataType, expected: &'static str) -> ParquetError {
        let found = if matches!(found, DataType::Binary | DataType::LargeBinary | DataType::BinaryView) {
            "bytes without a text annotation (BYTE_ARRAY that is not STRING)".to_string()
        } else {
            found.to_string()
        };
        ParquetError::ColumnType { path: self.path.clone(), column: column.to_string(), found, expected }
    }

    /// The columns of a row group, a few rows at a time.
    pub(crate) fn read(&self, row_group: usize, columns: &[usize]) -> Result<Batches, crate::DataError> {
        // Opened anew: clones of a file share one position, and row groups are read in parallel.
        let file = File::open(&self.path).map_err(|e| crate::DataError::io("read", &self.path, e))?;
        let first = (0..row_group).map(|g| self.rows(g)).sum();
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied());
        let metadata = self.metadata.clone();
        let built = guard::catch(move || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                .with_row_groups(vec![row_group])
                .with_projection(mask)
                .with_batch_size(BATCH_ROWS)
                .build()
        });
        let mut batches = Batches {
            path: self.path.clone(),
            reader: None,
            columns: columns.to_vec(),
            row_group,
            next: first,
            end: first + self.rows(row_group),
        };
        batches.reader = Some(built.map_err(|reason| batches.corrupt(reason))?);
        Ok(batches)
    }
}

/// The record batches of one row group.
pub(crate) struct Batches {
    path: PathBuf,
    reader: Option<ParquetRecordBatchReader>,
    /// As they were asked for.
    columns: Vec<usize>,
    row_group: usize,
    /// Row of the file that the next batch begins with, and the one behind the row group.
    next: u64,
    end: u64,
}

impl Batches {
    /// The next rows: the first one's number in the file, and the columns. `None` at the end; a row group that ends before
    /// its metadata says is an error.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, RecordBatch)>, ParquetError> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let next = guard::catch(|| reader.next().transpose());
        match next {
            Ok(Some(batch)) => {
                let first = self.next;
                self.next += batch.num_rows() as u64;
                Ok(Some((first, batch)))
            }
            Ok(None) if self.next < self.end => {
                Err(self.corrupt(format!("it ends {} rows early", self.end - self.next)))
            }
            Ok(None) => Ok(None),
            Err(reason) => {
                // A decoder that failed is in no state to go on.
                self.reader = None;
                Err(self.corrupt(reason))
            }
        }
    }

    /// Where the column asked for in a place stands in the batches, which keep the file's order.
    pub(crate) fn place(&self, place: usize) -> Option<usize> {
        let column = self.columns.get(place)?;
        Some(self.columns.iter().filter(|c| *c < column).count())
    }

    pub(crate) fn corrupt(&self, reason: String) -> ParquetError {
        ParquetError::Corrupt { path: self.path.clone(), row_group: self.row_group, row: self.next, reason }
    }
}

/// The texts of one column of a row group.
pub(crate) struct Texts {
    batches: Batches,
    column: String,
}

impl Texts {
    pub(crate) fn open(table: &Table, row_group: usize, column: &str) -> Result<Texts, crate::DataError> {
        let (index, _) = table.column(column)?;
        Ok(Texts { batches: table.read(row_group, &[index])?, column: column.to_string() })
    }

    /// The next rows: the first one's number in the file, and the texts.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, TextColumn)>, ParquetError> {
        let Some((first, batch)) = self.batches.next()? else { return Ok(None) };
        match batch.columns().first().and_then(TextColumn::new) {
            Some(column) => Ok(Some((first, column))),
            None => {
                let reason = format!("the column `{}` does not decode as text", self.column);
                Err(self.batches.corrupt(reason))
            }
        }
    }
}

/// A column of texts in any of the layouts that Arrow has for them.
pub(crate) struct TextColumn {
    array: ArrayRef,
    /// For a dictionary: where each row's text lies in it.
    keys: Option<(Vec<usize>, ArrayRef)>,
}

impl TextColumn {
    /// `None` if the column does not hold texts.
    pub(crate) fn new(array: &ArrayRef) -> Option<TextColumn> {
        if !is_text(array.data_type()) {
            return None;
        }
        let keys = array.as_any_dictionary_opt().map(|d| (d.normalized_keys(), d.values().clone()));
        Some(TextColumn { array: array.clone(), keys })
    }

    pub(crate) fn len(&self) -> usize {
        self.array.len()
    }

    /// The text in a place; `None` for a null, or beyond the end.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        if index >= self.array.len() || self.array.is_null(index) {
            return None;
        }
        match &self.keys {
            None => plain(self.array.as_ref(), index),
            Some((keys, values)) => plain(values.as_ref(), *keys.get(index)?),
        }
    }
}

/// The text in a place of an array that is no dictionary.
fn plain(array: &dyn Array, index: usize) -> Option<&str> {
    if index >= array.len() || array.is_null(index) {
        return None;
    }
    if let Some(texts) = array.as_string_opt::<i32>() {
        return Some(texts.value(index));
    }
    if let Some(texts) = array.as_string_opt::<i64>() {
        return Some(texts.value(index));
    }
    array.as_string_view_opt().map(|texts| texts.value(index))
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    let text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    text(data_type) || matches!(data_type, DataType::Dictionary(_, values) if text(values))
}
