//! Expressions over the columns of rows, and how a pipeline asks them.

use thiserror::Error;

/// What a column is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Numbers as f64 (integers beyond 2^53 are rounded), truth values as 0 and 1.
    Number,
    /// Text.
    Text,
}

/// A column that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnUse {
    /// Its name.
    pub name: String,
    /// What it is read as.
    pub kind: Kind,
}

/// The values of a column for some rows.
#[derive(Clone, Debug)]
pub enum Column<'a> {
    /// NaN where a row has none.
    Numbers(Vec<f64>),
    /// `None` where a row has none.
    Texts(Vec<Option<&'a str>>),
}

/// What is known of a column without reading it.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounds {
    /// Nothing.
    Unknown,
    /// Every value lies in `min..=max`.
    Numbers {
        /// Least value, or less.
        min: f64,
        /// Greatest value, or more.
        max: f64,
        /// Some row may have no value, or NaN.
        missing: bool,
    },
    /// Every text lies in `min..=max` by bytes.
    Texts {
        /// Least text, or less.
        min: Vec<u8>,
        /// Greatest text, or more.
        max: Vec<u8>,
        /// Some row may have no value.
        missing: bool,
    },
    /// No row has a value.
    Missing,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RowError(pub String);

/// A number for each row, from the row's columns alone: a compiled filter, say.
pub trait RowExpression: Send + Sync {
    /// The columns it reads.
    fn columns(&self) -> &[ColumnUse];

    /// Fills `out`, one number a row; `columns` are those of [`RowExpression::columns`], in that order, each as long as
    /// `out`. Truth is any number but 0 and NaN.
    fn eval(&self, columns: &[&Column<'_>], out: &mut [f64]) -> Result<(), RowError>;

    /// `false` only if no row within the bounds can be true: such rows are not read at all. `bounds` are those of
    /// [`RowExpression::columns`], in that order.
    fn may_be_true(&self, bounds: &[&Bounds]) -> bool {
        let _ = bounds;
        true
    }
}
