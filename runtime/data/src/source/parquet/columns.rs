//! Columns as filters read them.

use super::{ParquetError, Table, TextColumn, is_text};
use crate::pipeline::{Column, Kind};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

impl Table {
    /// Index of a column that can be read as such.
    pub(crate) fn check_kind(&self, name: &str, kind: Kind) -> Result<usize, ParquetError> {
        let (index, found) = self.column(name)?;
        match kind {
            Kind::Number if is_number(found) => Ok(index),
            Kind::Text if is_text(found) => Ok(index),
            Kind::Number => Err(self.wrong_type(name, found, "numbers")),
            Kind::Text => Err(self.wrong_type(name, found, "text")),
        }
    }
}

fn is_number(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Float32
            | DataType::Float64
    )
}

/// The values of a column, held for filters to borrow.
pub(crate) enum Cells {
    Numbers(Vec<f64>),
    Texts(TextColumn),
}

impl Cells {
    /// `None` if the array cannot be read as the kind.
    pub(crate) fn new(array: &ArrayRef, kind: Kind) -> Option<Cells> {
        match kind {
            Kind::Number => numbers(array).map(Cells::Numbers),
            Kind::Text => TextColumn::new(array).map(Cells::Texts),
        }
    }

    pub(crate) fn column(&self) -> Column<'_> {
        match self {
            Cells::Numbers(numbers) => Column::Numbers(numbers.clone()),
            Cells::Texts(texts) => Column::Texts((0..texts.len()).map(|i| texts.get(i)).collect()),
        }
    }
}

/// Values as f64, NaN for nulls.
fn numbers(array: &ArrayRef) -> Option<Vec<f64>> {
    fn of<T: ArrowPrimitiveType>(array: &dyn Array, convert: fn(T::Native) -> f64) -> Option<Vec<f64>> {
        let array = array.as_primitive_opt::<T>()?;
        Some(array.iter().map(|v| v.map_or(f64::NAN, convert)).collect())
    }
    let array = array.as_ref();
    of::<Float64Type>(array, |v| v)
        .or_else(|| of::<Float32Type>(array, f64::from))
        .or_else(|| of::<Int64Type>(array, |v| v as f64))
        .or_else(|| of::<Int32Type>(array, f64::from))
        .or_else(|| of::<Int16Type>(array, f64::from))
        .or_else(|| of::<Int8Type>(array, f64::from))
        .or_else(|| of::<UInt64Type>(array, |v| v as f64))
        .or_else(|| of::<UInt32Type>(array, f64::from))
        .or_else(|| of::<UInt16Type>(array, f64::from))
        .or_else(|| of::<UInt8Type>(array, f64::from))
        .or_else(|| {
            let array = array.as_boolean_opt()?;
            Some(array.iter().map(|v| v.map_or(f64::NAN, |b| f64::from(u8::from(b)))).collect())
        })
}
