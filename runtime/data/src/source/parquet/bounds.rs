//! What the statistics of a row group say of its columns.

use super::{Table, is_text};
use crate::pipeline::Bounds;
use arrow_schema::DataType;
use parquet::file::statistics::Statistics;

impl Table {
    /// Bounds of a column in a row group, as far as its statistics give them. Whatever is in doubt is unknown.
    pub(crate) fn bounds(&self, row_group: usize, column: &str) -> Bounds {
        self.bound(row_group, column).unwrap_or(Bounds::Unknown)
    }

    fn bound(&self, row_group: usize, column: &str) -> Option<Bounds> {
        let (_, data_type) = self.column(column).ok()?;
        let schema = self.metadata.parquet_schema();
        // The leaf of a top-level column that has no children.
        let leaf =
            schema.columns().iter().position(|c| matches!(c.path().parts(), [name] if name == column))?;
        let group = self.metadata.metadata().row_groups().get(row_group)?;
        let statistics = group.columns().get(leaf)?.statistics()?;
        let nulls = statistics.null_count_opt();
        if nulls.is_some_and(|n| i64::try_from(n) == Ok(group.num_rows())) {
            return Some(Bounds::Null);
        }
        let null = nulls != Some(0);
        if is_text(data_type) { texts(statistics, null) } else { numbers(statistics, data_type, null) }
    }
}

fn numbers(statistics: &Statistics, data_type: &DataType, null: bool) -> Option<Bounds> {
    // Unsigned integers are stored as signed ones; their statistics are left alone.
    let signed = matches!(data_type, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64);
    let (min, max, nan) = if let (Statistics::Int32(s), true) = (statistics, signed) {
        (f64::from(*s.min_opt()?), f64::from(*s.max_opt()?), false)
    } else if let (Statistics::Int64(s), true) = (statistics, signed) {
        // Rounding to f64 never swaps two numbers, so rounded bounds hold for rounded values.
        (*s.min_opt()? as f64, *s.max_opt()? as f64, false)
    } else if let (Statistics::Boolean(s), DataType::Boolean) = (statistics, data_type) {
        (f64::from(u8::from(*s.min_opt()?)), f64::from(u8::from(*s.max_opt()?)), false)
    } else if let (Statistics::Float(s), DataType::Float32) = (statistics, data_type) {
        // NaN is left out of statistics, so any row may hold one.
        (f64::from(*s.min_opt()?), f64::from(*s.max_opt()?), true)
    } else if let (Statistics::Double(s), DataType::Float64) = (statistics, data_type) {
        (*s.min_opt()?, *s.max_opt()?, true)
    } else {
        return None;
    };
    (min <= max).then_some(Bounds::Numbers { min, max, null, nan })
}

fn texts(statistics: &Statistics, null: bool) -> Option<Bounds> {
    // The old fields were ordered by signed bytes.
    if statistics.is_min_max_deprecated() {
        return None;
    }
    let (min, max) = (statistics.min_bytes_opt()?, statistics.max_bytes_opt()?);
    // Both may be cut, which only widens them.
    (min <= max).then(|| Bounds::Texts { min: min.to_vec(), max: max.to_vec(), null })
}
