//! Columns as views of slices in Arrow's layout.

use super::{BatchError, Bits, Offsets, RowKind, Text};
use std::fmt;

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DataType {
    F64,
    F32,
    I64,
    I32,
    I16,
    I8,
    U32,
    U16,
    U8,
    /// A bit a row.
    Truth,
    /// UTF-8 with 32-bit offsets.
    Text32,
    /// UTF-8 with 64-bit offsets.
    Text64,
}

impl DataType {
    /// Every type, in the order of the documentation.
    pub const ALL: [DataType; 12] = [
        DataType::F64,
        DataType::F32,
        DataType::I64,
        DataType::I32,
        DataType::I16,
        DataType::I8,
        DataType::U32,
        DataType::U16,
        DataType::U8,
        DataType::Truth,
        DataType::Text32,
        DataType::Text64,
    ];

    /// What an expression sees of a column of this type.
    pub fn kind(self) -> RowKind {
        match self {
            DataType::F64 | DataType::F32 => RowKind::Float,
            DataType::I64
            | DataType::I32
            | DataType::I16
            | DataType::I8
            | DataType::U32
            | DataType::U16
            | DataType::U8 => RowKind::Int,
            DataType::Truth => RowKind::Truth,
            DataType::Text32 | DataType::Text64 => RowKind::Text,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DataType::F64 => "f64",
            DataType::F32 => "f32",
            DataType::I64 => "i64",
            DataType::I32 => "i32",
            DataType::I16 => "i16",
            DataType::I8 => "i8",
            DataType::U32 => "u32",
            DataType::U16 => "u16",
            DataType::U8 => "u8",
            DataType::Truth => "bool",
            DataType::Text32 => "text32",
            DataType::Text64 => "text64",
        })
    }
}

/// A column that batches have: its name and how it is stored. Any column may hold nulls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, as an expression reads it.
    pub name: String,
    /// How it is stored.
    pub data_type: DataType,
}

impl Field {
    /// A field.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Field {
        Field { name: name.into(), data_type }
    }
}

/// The values of a column, a row each. What stands in a null row is not looked at.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Values<'a> {
    F64(&'a [f64]),
    F32(&'a [f32]),
    I64(&'a [i64]),
    I32(&'a [i32]),
    I16(&'a [i16]),
    I8(&'a [i8]),
    U32(&'a [u32]),
    U16(&'a [u16]),
    U8(&'a [u8]),
    Truth(Bits<'a>),
    Text(Text<'a>),
}

impl Values<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::F64(values) => values.len(),
            Values::F32(values) => values.len(),
            Values::I64(values) => values.len(),
            Values::I32(values) => values.len(),
            Values::I16(values) => values.len(),
            Values::I8(values) => values.len(),
            Values::U32(values) => values.len(),
            Values::U16(values) => values.len(),
            Values::U8(values) => values.len(),
            Values::Truth(bits) => bits.len(),
            Values::Text(text) => text.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How they are stored.
    pub fn data_type(&self) -> DataType {
        match self {
            Values::F64(_) => DataType::F64,
            Values::F32(_) => DataType::F32,
            Values::I64(_) => DataType::I64,
            Values::I32(_) => DataType::I32,
            Values::I16(_) => DataType::I16,
            Values::I8(_) => DataType::I8,
            Values::U32(_) => DataType::U32,
            Values::U16(_) => DataType::U16,
            Values::U8(_) => DataType::U8,
            Values::Truth(_) => DataType::Truth,
            Values::Text(text) => match text.offsets() {
                Offsets::I32(_) => DataType::Text32,
                Offsets::I64(_) => DataType::Text64,
            },
        }
    }

    /// The integer of a row, of an integer column.
    pub(super) fn int(&self, row: usize) -> Option<i64> {
        match self {
            Values::I64(values) => values.get(row).copied(),
            Values::I32(values) => values.get(row).copied().map(i64::from),
            Values::I16(values) => values.get(row).copied().map(i64::from),
            Values::I8(values) => values.get(row).copied().map(i64::from),
            Values::U32(values) => values.get(row).copied().map(i64::from),
            Values::U16(values) => values.get(row).copied().map(i64::from),
            Values::U8(values) => values.get(row).copied().map(i64::from),
            Values::F64(_) | Values::F32(_) | Values::Truth(_) | Values::Text(_) => None,
        }
    }

    /// The number of a row, of a floating-point column.
    pub(super) fn float(&self, row: usize) -> Option<f64> {
        match self {
            Values::F64(values) => values.get(row).copied(),
            Values::F32(values) => values.get(row).copied().map(f64::from),
            Values::I64(_)
            | Values::I32(_)
            | Values::I16(_)
            | Values::I8(_)
            | Values::U32(_)
            | Values::U16(_)
            | Values::U8(_)
            | Values::Truth(_)
            | Values::Text(_) => None,
        }
    }
}

/// Values and which of them are there.
#[derive(Clone, Debug)]
pub struct Column<'a> {
    values: Values<'a>,
    validity: Option<Bits<'a>>,
}

impl<'a> Column<'a> {
    /// A column; bit i of `validity` is 1 where row i is not null, and without it no row is.
    ///
    /// Errors: [`BatchError::Validity`] if the bitmap has another number of rows.
    pub fn new(values: Values<'a>, validity: Option<Bits<'a>>) -> Result<Column<'a>, BatchError> {
        match validity {
            Some(bits) if bits.len() != values.len() => {
                Err(BatchError::Validity { rows: values.len(), bits: bits.len() })
            }
            _ => Ok(Column { values, validity }),
        }
    }

    /// The values.
    pub fn values(&self) -> &Values<'a> {
        &self.values
    }

    /// Which rows are not null; `None` if all are there.
    pub fn validity(&self) -> Option<&Bits<'a>> {
        self.validity.as_ref()
    }

    pub(super) fn is_valid(&self, row: usize) -> bool {
        self.validity.is_none_or(|bits| bits.get(row))
    }
}
