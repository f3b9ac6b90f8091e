//! What is wrong with a row expression, or with a batch.

use super::{DataType, Need, RowKind};
use crate::{MAX_DEPTH, MAX_NODES};

/// Why a row expression was refused. They come from plans on disk, so none of these is a programming error only.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RowError {
    /// A column that is not among the fields.
    #[error("the expression reads the column `{name}`, but the columns are {known}; read one of those")]
    UnknownColumn {
        /// The column.
        name: String,
        /// The columns there are, for people.
        known: String,
    },
    /// Two columns of one name.
    #[error("the column `{name}` is declared twice")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// A builtin called with the wrong number of arguments.
    #[error("`{builtin}` takes {expected} argument(s), not {found}: {text}")]
    Arity {
        /// The builtin.
        builtin: &'static str,
        /// Arguments it takes.
        expected: usize,
        /// Arguments given.
        found: usize,
        /// The call.
        text: String,
    },
    /// A constant that is infinite or not a number.
    #[error("{value} stands as a constant; constants must be finite")]
    NotFinite {
        /// The value.
        value: f64,
    },
    /// An integer constant that would have to be rounded.
    #[error(
        "{value} stands among floating-point numbers in `{text}`, and no f64 equals it; the nearest is {nearest}: write \
         that if it is meant"
    )]
    Inexact {
        /// The constant.
        value: i64,
        /// What rounding would make of it.
        nearest: f64,
        /// Where it stands.
        text: String,
    },
    /// An operand of the wrong kind.
    #[error("`{text}` is {found}, but {place} needs {expected}")]
    Mismatch {
        /// What the operand is part of.
        place: &'static str,
        /// What it must be, for people.
        expected: &'static str,
        /// What it is.
        found: RowKind,
        /// The operand.
        text: String,
    },
    /// A column that is used in two ways.
    #[error("the column `{name}` is taken for {one} and for {other}")]
    TwoKinds {
        /// The column.
        name: String,
        /// What it is taken for.
        one: Need,
        /// And what else.
        other: Need,
    },
    /// Nested too deeply.
    #[error("the expression is nested more than {MAX_DEPTH} levels deep; split it or simplify it")]
    TooDeep,
    /// Too many operators.
    #[error("the expression has more than {MAX_NODES} parts; simplify it")]
    TooLarge,
}

/// Why columns do not make a batch, or not the batch an expression was bound to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A bitmap that is too short.
    #[error("a bitmap of {held} bits cannot hold {len} bits from bit {offset} on")]
    Bitmap {
        /// First bit.
        offset: usize,
        /// Bits asked for.
        len: usize,
        /// Bits there are.
        held: usize,
    },
    /// A validity bitmap of another number of rows than the values.
    #[error("{rows} values have a validity bitmap of {bits} bits; give it a bit a value")]
    Validity {
        /// Values.
        rows: usize,
        /// Bits.
        bits: usize,
    },
    /// An offset that does not fit.
    #[error("offset {index} of a text column is {offset}, which {problem}")]
    Offset {
        /// Which offset.
        index: usize,
        /// Its value.
        offset: i64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Text that is not UTF-8.
    #[error("a text column is not UTF-8 at byte {byte}")]
    Utf8 {
        /// The first byte that cannot be read.
        byte: usize,
    },
    /// Columns of different lengths.
    #[error("column {column} has {found} rows in a batch of {expected}")]
    Rows {
        /// Which column.
        column: usize,
        /// Rows of the batch.
        expected: usize,
        /// Rows of the column.
        found: usize,
    },
    /// Another number of columns than the expression was bound to.
    #[error("a batch of {found} columns, but the expression was bound to {expected}")]
    Columns {
        /// Fields bound to.
        expected: usize,
        /// Columns of the batch.
        found: usize,
    },
    /// A column stored in another way than the expression was bound to.
    #[error("column `{name}` is {found}, but the expression was bound to {expected}")]
    Type {
        /// The column.
        name: String,
        /// Type bound to.
        expected: DataType,
        /// Type of the batch.
        found: DataType,
    },
}
