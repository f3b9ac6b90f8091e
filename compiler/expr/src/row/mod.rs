//! Expressions over the rows of a record batch: what `where(.score >= 3 and .language == "en")` keeps.
//!
//! A [`RowExpr`] reads columns by name. [`RowExpr::bind`] verifies it against the columns there are and gives it types;
//! [`BoundRow::on`] pairs it with a [`Batch`] and evaluates it row by row: that is the meaning. A [`Filter`] evaluates a
//! condition over a whole batch, with machine code where the `jit` feature is on and the host lets it, and yields the
//! same [`Selection`].
//!
//! # Meaning
//!
//! - There are four kinds: integer (64 bits, signed), number (f64), truth value and text. A column of a narrower type
//!   widens exactly; `u64` columns are not read, because no kind holds their values.
//! - **Null.** Arithmetic, comparisons, text tests and functions of a null are null; so is `if` on a null condition.
//!   `and`, `or` and `not` are Kleene's: `null and false` is false, `null or true` is true. `is_null(x)` is never null.
//!   A filter keeps a row whose condition is true, not one whose condition is null.
//! - **Integers are exact.** A sum, difference, product, negation or `abs` that leaves 64 bits is null. `/` and every
//!   other function but `min`, `max`, `abs`, `floor` and `ceil` take numbers: an integer there, and one next to a number
//!   in arithmetic, becomes the nearest f64. An integer *constant* that no f64 equals is refused in such a place.
//! - **Comparisons are exact** between integers and numbers: `x >= 9007199254740993` is decided on the values, however
//!   `x` is stored. NaN compares as in IEEE 754: only `!=` is true of it. -0 equals 0.
//! - **Text** is UTF-8 and compares byte by byte. `length` counts Unicode scalar values, as Rust's `chars` and Python's
//!   `len` do: not bytes, not what a reader calls a letter. `contains`, `starts_with` and `ends_with` hold for the empty
//!   text. `length` of text in a null row is null.
//!
//! Nothing can fail and nothing has an effect, so both sides of an operator may be evaluated, in any order, or not.
//!
//! What does not live here: Arrow. A [`Column`] is a view of slices in Arrow's layout, checked once when it is made.

mod batch;
mod bind;
mod bits;
mod column;
mod contradiction;
mod error;
mod eval;
mod exact;
mod filter;
mod fold;
#[cfg(feature = "jit")]
mod jit;
mod listing;
mod needs;
mod range;
mod selection;
mod text;
mod text_column;
mod typed;
mod utf8;
mod verify;

pub use batch::Batch;
pub use bind::BoundRow;
pub use bits::Bits;
pub use column::{Column, DataType, Field, Values};
pub use contradiction::Contradiction;
pub use error::{BatchError, RowError};
pub use eval::{RowValue, Rows};
pub use filter::Filter;
pub use needs::Need;
pub use selection::Selection;
pub use text_column::{Offsets, Text};
pub use typed::RowKind;

use crate::{Binary, Builtin, Unary};
use serde::{Deserialize, Serialize};

/// An expression over the columns of one row. See the [module](self) for what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowExpr {
    /// An integer constant.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// A truth value.
    Truth(bool),
    /// A text.
    Text(String),
    /// A column by name.
    Column(String),
    /// An operator of one operand.
    Unary(Unary, Box<RowExpr>),
    /// An operator of two operands. `==` and `!=` also compare texts and truth values.
    Binary(Binary, Box<RowExpr>, Box<RowExpr>),
    /// `if .0 then .1 else .2`, of numbers, integers or truth values.
    Select(Box<RowExpr>, Box<RowExpr>, Box<RowExpr>),
    /// A builtin function of numbers.
    Call(Builtin, Vec<RowExpr>),
    /// Unicode scalar values in a text.
    Length(Box<RowExpr>),
    /// A test of the first text for the second.
    Match(TextMatch, Box<RowExpr>, Box<RowExpr>),
    /// Whether the operand is null.
    IsNull(Box<RowExpr>),
}

/// Tests of one text for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextMatch {
    /// Begins with it.
    StartsWith,
    /// Ends with it.
    EndsWith,
    /// Holds it anywhere.
    Contains,
}

impl TextMatch {
    /// Every test.
    pub const ALL: [TextMatch; 3] = [TextMatch::StartsWith, TextMatch::EndsWith, TextMatch::Contains];

    /// The name it is called by.
    pub fn name(self) -> &'static str {
        match self {
            TextMatch::StartsWith => "starts_with",
            TextMatch::EndsWith => "ends_with",
            TextMatch::Contains => "contains",
        }
    }
}
