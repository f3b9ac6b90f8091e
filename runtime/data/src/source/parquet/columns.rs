//! Columns as filters read them.

use super::{ParquetError, Table};
use crate::pipeline::row_type;
use arrow_schema::DataType;
use smolc_expr::row::Need;

impl Table {
    /// Names and types of the top-level columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, &DataType)> {
        self.metadata.schema().fields().iter().map(|f| (f.name().as_str(), f.data_type()))
    }

    /// Index of a column that filters can read, and what they read it as.
    ///
    /// Errors: there is no such column, or no filter reads its type.
    pub(crate) fn filter_column(
        &self,
        name: &str,
        need: Need,
    ) -> Result<(usize, smolc_expr::row::DataType), ParquetError> {
        let (index, found) = self.column(name)?;
        let row = row_type(found, need);
        let row = row.ok_or_else(|| self.wrong_type(name, found, "numbers, truth values or text"))?;
        Ok((index, row))
    }
}
