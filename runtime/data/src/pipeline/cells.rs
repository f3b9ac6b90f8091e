//! Arrow arrays as columns of row expressions.
//!
//! Whatever a source is, what its filters read comes as Arrow arrays: a Parquet file has them, JSON lines are gathered into
//! them. Numbers and texts in Arrow's own layouts are viewed where they lie; the rest is copied.

use crate::source::parquet::{TextColumn, is_text};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, StringArray};
use arrow_schema::DataType as ArrowType;
use smolc_expr::row::{Bits, Column, DataType, Need, Offsets, Text, Values};
use std::sync::Arc;

/// What filters read a column of an Arrow type as, if they can: a column of which only nulls matter may be anything.
pub(crate) fn row_type(found: &ArrowType, need: Need) -> Option<DataType> {
    let plain = [
        (ArrowType::Float64, DataType::F64),
        (ArrowType::Float32, DataType::F32),
        (ArrowType::Int64, DataType::I64),
        (ArrowType::Int32, DataType::I32),
        (ArrowType::Int16, DataType::I16),
        (ArrowType::Int8, DataType::I8),
        // No kind holds all its values; those beyond 63 bits are refused when they are met.
        (ArrowType::UInt64, DataType::I64),
        (ArrowType::UInt32, DataType::U32),
        (ArrowType::UInt16, DataType::U16),
        (ArrowType::UInt8, DataType::U8),
        (ArrowType::Boolean, DataType::Truth),
        (ArrowType::LargeUtf8, DataType::Text64),
    ];
    match plain.iter().find(|(arrow, _)| arrow == found) {
        Some((_, row)) => Some(*row),
        None if is_text(found) => Some(DataType::Text32),
        None if need == Need::Any => Some(DataType::Truth),
        None => None,
    }
}

/// The array in a layout that [`column`] takes.
///
/// Errors: a number beyond 63 bits, by its row in the array.
pub(crate) fn readable(array: &ArrayRef) -> Result<ArrayRef, (usize, u64)> {
    if let Some(numbers) = array.as_primitive_opt::<UInt64Type>() {
        let mut signed = Vec::with_capacity(numbers.len());
        for (row, number) in numbers.iter().enumerate() {
            let beyond = |n| i64::try_from(n).map_err(|_| (row, n));
            signed.push(number.map(beyond).transpose()?);
        }
        return Ok(Arc::new(Int64Array::from(signed)));
    }
    let view_or_dictionary = !matches!(array.data_type(), ArrowType::Utf8 | ArrowType::LargeUtf8);
    if view_or_dictionary && let Some(texts) = TextColumn::new(array) {
        return Ok(Arc::new((0..texts.len()).map(|i| texts.get(i)).collect::<StringArray>()));
    }
    if row_type(array.data_type(), Need::Number).is_some() {
        return Ok(array.clone());
    }
    Ok(Arc::new((0..array.len()).map(|i| array.is_valid(i).then_some(true)).collect::<BooleanArray>()))
}

/// A view of an array that went through [`readable`]; in words what is wrong with it otherwise.
pub(crate) fn column(array: &ArrayRef) -> Result<Column<'_>, String> {
    macro_rules! numbers {
        ($($arrow:ty => $values:ident),*) => {
            $(if let Some(a) = array.as_primitive_opt::<$arrow>() {
                return new(array, Values::$values(a.values()));
            })*
        };
    }
    numbers!(
        Float64Type => F64, Float32Type => F32, Int64Type => I64, Int32Type => I32, Int16Type => I16,
        Int8Type => I8, UInt32Type => U32, UInt16Type => U16, UInt8Type => U8
    );
    let wrong = |e: smolc_expr::row::BatchError| e.to_string();
    if let Some(a) = array.as_boolean_opt() {
        let bits = a.values();
        return new(
            array,
            Values::Truth(Bits::new(bits.values(), bits.offset(), bits.len()).map_err(wrong)?),
        );
    }
    if let Some(a) = array.as_string_opt::<i32>() {
        let text = Text::new(Offsets::I32(a.value_offsets()), a.value_data()).map_err(wrong)?;
        return new(array, Values::Text(text));
    }
    if let Some(a) = array.as_string_opt::<i64>() {
        let text = Text::new(Offsets::I64(a.value_offsets()), a.value_data()).map_err(wrong)?;
        return new(array, Values::Text(text));
    }
    Err(format!("no filter reads {}", array.data_type()))
}

/// The number in a row of an array whose [`row_type`] is a number; `None` for a null.
pub(crate) fn number_of(array: &ArrayRef, row: usize) -> Option<f64> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    macro_rules! number {
        ($($arrow:ty),*) => {
            $(if let Some(a) = array.as_primitive_opt::<$arrow>() {
                return Some(a.value(row) as f64);
            })*
        };
    }
    number!(
        Float64Type,
        Float32Type,
        Int64Type,
        Int32Type,
        Int16Type,
        Int8Type,
        UInt64Type,
        UInt32Type,
        UInt16Type,
        UInt8Type
    );
    None
}

fn new<'a>(array: &'a ArrayRef, values: Values<'a>) -> Result<Column<'a>, String> {
    let validity = match array.nulls() {
        None => None,
        Some(nulls) => {
            let bits = Bits::new(nulls.buffer().as_slice(), nulls.offset(), nulls.len());
            Some(bits.map_err(|e| e.to_string())?)
        }
    };
    Column::new(values, validity).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::Int8Type as Key;
    use arrow_array::{
        DictionaryArray, Float64Array, LargeStringArray, ListArray, StringViewArray, UInt64Array,
    };
    use smolc_expr::row::{Batch, Field, RowExpr, RowValue};

    /// The values of an array as an expression reads them, from row `from` on.
    fn values(array: &ArrayRef, from: usize) -> Vec<String> {
        let array = readable(&array.slice(from, array.len() - from)).unwrap();
        let column = column(&array).unwrap();
        let field = Field::new("x", column.values().data_type());
        let bound = RowExpr::Column("x".into()).bind(std::slice::from_ref(&field)).unwrap();
        let batch = Batch::new(array.len(), vec![column]).unwrap();
        let rows = bound.on(&batch).unwrap();
        (0..array.len())
            .map(|row| match rows.value(row) {
                RowValue::Null => "null".to_string(),
                RowValue::Int(x) => x.to_string(),
                RowValue::Float(x) => format!("{x:?}"),
                RowValue::Truth(x) => x.to_string(),
                RowValue::Text(x) => format!("{x:?}"),
            })
            .collect()
    }

    #[test]
    fn every_layout_is_read_also_from_the_middle() {
        let texts = [Some("a"), None, Some("böse"), Some("")];
        let keys: DictionaryArray<Key> = texts.into_iter().collect();
        let arrays: [ArrayRef; 4] = [
            Arc::new(StringArray::from_iter(texts)),
            Arc::new(LargeStringArray::from_iter(texts)),
            Arc::new(StringViewArray::from_iter(texts)),
            Arc::new(keys),
        ];
        for array in &arrays {
            assert_eq!(values(array, 0), ["\"a\"", "null", "\"böse\"", "\"\""], "{}", array.data_type());
            assert_eq!(values(array, 1), ["null", "\"böse\"", "\"\""]);
        }
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None, Some(f64::NAN)]));
        assert_eq!(values(&floats, 1), ["null", "NaN"]);
        let truths: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]));
        assert_eq!(values(&truths, 1), ["null", "false", "true"]);
        let whole: ArrayRef = Arc::new(UInt64Array::from(vec![Some(7), None]));
        assert_eq!(values(&whole, 0), ["7", "null"]);
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
        assert_eq!(readable(&large).unwrap_err(), (1, u64::MAX));
        let lists: ArrayRef =
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None]));
        assert_eq!(values(&lists, 0), ["true", "null"]);
        assert_eq!(row_type(lists.data_type(), Need::Any), Some(DataType::Truth));
        assert_eq!(row_type(lists.data_type(), Need::Either), None);
    }
}
