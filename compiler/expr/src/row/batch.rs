//! A record batch: columns of one number of rows.

use super::{BatchError, Column, Field};

/// Columns of the same number of rows.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    rows: usize,
    columns: Vec<Column<'a>>,
}

impl<'a> Batch<'a> {
    /// A batch of `rows` rows.
    ///
    /// Errors: [`BatchError::Rows`] at the first column of another length.
    pub fn new(rows: usize, columns: Vec<Column<'a>>) -> Result<Batch<'a>, BatchError> {
        for (column, found) in columns.iter().map(|c| c.values().len()).enumerate() {
            if found != rows {
                return Err(BatchError::Rows { column, expected: rows, found });
            }
        }
        Ok(Batch { rows, columns })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns.
    pub fn columns(&self) -> &[Column<'a>] {
        &self.columns
    }

    /// Whether the columns are those that `fields` promised, in that order.
    ///
    /// Errors: [`BatchError::Columns`], [`BatchError::Type`].
    pub fn check(&self, fields: &[Field]) -> Result<(), BatchError> {
        if self.columns.len() != fields.len() {
            return Err(BatchError::Columns { expected: fields.len(), found: self.columns.len() });
        }
        for (column, field) in self.columns.iter().zip(fields) {
            let found = column.values().data_type();
            if found != field.data_type {
                let name = field.name.clone();
                return Err(BatchError::Type { name, expected: field.data_type, found });
            }
        }
        Ok(())
    }
}
