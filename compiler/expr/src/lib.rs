//! The scalar expression IR, its reference interpreter and its Cranelift back end.
//!
//! What a spec leaves to run time (a learning rate at step t, a filter over a document's columns) is an [`Expr`]. The
//! interpreter [`eval`](Expr::eval) is the meaning; machine code must agree with it bit for bit, NaN folded.
//!
//! The way of an expression: [`Expr::bind`] verifies it and resolves its variables to slots once, [`Bound::eval`] runs
//! it, [`Expr::fold`] evaluates what reads no variable. An [`Evaluator`] does the same with machine code where the
//! `jit` feature is on and the host lets it, and says why where it does not.
//!
//! [`row`] is the same for a whole row of a record batch: texts, integers and nulls, and a filter over all rows at once.
//!
//! What does not live here: names of the language, types, units. All of that is gone when an expression arrives here.

mod bound;
mod builtins;
mod error;
mod evaluator;
mod fold;
#[cfg(feature = "jit")]
mod jit;
pub mod row;
mod text;
mod verify;

pub use bound::Bound;
pub use error::ExprError;
pub use evaluator::Evaluator;
#[cfg(feature = "jit")]
pub use jit::{Compiled, JitError, Listing, Optimization};
pub use verify::{Kind, MAX_DEPTH, MAX_NODES};

use serde::{Deserialize, Serialize};

/// A scalar expression over f64 and truth values. Truth values are the f64s 0 and 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    /// A finite constant.
    Const(f64),
    /// A run-time input by name.
    Var(String),
    /// An operator of one operand.
    Unary(Unary, Box<Expr>),
    /// An operator of two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `if .0 then .1 else .2`
    Select(Box<Expr>, Box<Expr>, Box<Expr>),
    /// A builtin function.
    Call(Builtin, Vec<Expr>),
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unary {
    /// Arithmetic negation.
    Neg,
    /// Logical negation.
    Not,
}

/// Operators of two operands. Comparisons and logic yield 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}

/// Builtin functions; each has a file in `builtins/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Builtin {
    Min,
    Max,
    Abs,
    Floor,
    Ceil,
    Sqrt,
    Exp,
    Ln,
    Pow,
    Cos,
    Sin,
}
