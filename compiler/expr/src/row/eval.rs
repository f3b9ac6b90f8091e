//! The reference interpreter: the meaning of a row expression, one row at a time. `None` is null.

use super::typed::{Compare, Float, FloatOp, Int, IntOp, Node, Slot, TextNode, Truth};
use super::{Batch, BatchError, BoundRow, Column, TextMatch, Values, exact};
use crate::builtins::Eval;

/// The value of a row expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RowValue<'a> {
    /// Nothing is there.
    Null,
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// A truth value.
    Truth(bool),
    /// A text.
    Text(&'a str),
}

/// A bound expression on a batch that fits it.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    root: &'a Node,
    batch: &'a Batch<'a>,
}

impl BoundRow {
    /// Pairs the expression with a batch.
    ///
    /// Errors: [`BatchError::Columns`], [`BatchError::Type`].
    pub fn on<'a>(&'a self, batch: &'a Batch<'a>) -> Result<Rows<'a>, BatchError> {
        batch.check(&self.fields)?;
        Ok(Rows { root: &self.root, batch })
    }
}

impl<'a> Rows<'a> {
    /// The value of a row; null beyond the last.
    pub fn value(&self, row: usize) -> RowValue<'a> {
        let at = Row { columns: self.batch.columns(), row };
        let value = match self.root {
            Node::Int(x) => at.int(x).map(RowValue::Int),
            Node::Float(x) => at.float(x).map(RowValue::Float),
            Node::Truth(x) => at.truth(x).map(RowValue::Truth),
            Node::Text(x) => at.text(x).map(RowValue::Text),
        };
        value.unwrap_or(RowValue::Null)
    }
}

/// One row of the columns.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) columns: &'a [Column<'a>],
    pub(super) row: usize,
}

impl<'a> Row<'a> {
    /// The values of a column, if this row is not null there.
    fn column(&self, slot: &Slot) -> Option<&'a Values<'a>> {
        let column = self.columns.get(slot.index)?;
        column.is_valid(self.row).then(|| column.values())
    }

    fn int(&self, node: &'a Int) -> Option<i64> {
        match node {
            Int::Const(value) => Some(*value),
            Int::Column(slot) => self.column(slot)?.int(self.row),
            Int::Two { op, a, b, .. } => {
                let (a, b) = (self.int(a)?, self.int(b)?);
                match op {
                    IntOp::Add => a.checked_add(b),
                    IntOp::Sub => a.checked_sub(b),
                    IntOp::Mul => a.checked_mul(b),
                    IntOp::Min => Some(a.min(b)),
                    IntOp::Max => Some(a.max(b)),
                }
            }
            Int::Abs { x, .. } => self.int(x)?.checked_abs(),
            Int::Length(text) => i64::try_from(self.text(text)?.chars().count()).ok(),
            Int::Select(c, a, b) => self.int(if self.truth(c)? { a } else { b }),
        }
    }

    fn float(&self, node: &'a Float) -> Option<f64> {
        Some(match node {
            Float::Const(value) => *value,
            Float::Column(slot) => self.column(slot)?.float(self.row)?,
            Float::Int(x) => self.int(x)? as f64,
            Float::Neg(x) => -self.float(x)?,
            Float::Two(op, a, b) => {
                let (a, b) = (self.float(a)?, self.float(b)?);
                match op {
                    FloatOp::Add => a + b,
                    FloatOp::Sub => a - b,
                    FloatOp::Mul => a * b,
                    FloatOp::Div => a / b,
                }
            }
            Float::CallOne(eval, x) => match eval {
                Eval::One { call, .. } => call(self.float(x)?),
                Eval::HostOne { call, .. } => call(self.float(x)?),
                // `bind` builds no such node.
                Eval::Two { .. } | Eval::HostTwo { .. } => return None,
            },
            Float::CallTwo(eval, a, b) => match eval {
                Eval::Two { call, .. } => call(self.float(a)?, self.float(b)?),
                Eval::HostTwo { call, .. } => call(self.float(a)?, self.float(b)?),
                Eval::One { .. } | Eval::HostOne { .. } => return None,
            },
            Float::Select(c, a, b) => self.float(if self.truth(c)? { a } else { b })?,
        })
    }

    fn text(&self, node: &'a TextNode) -> Option<&'a str> {
        match node {
            TextNode::Const(text) => Some(text),
            TextNode::Column(slot) => match self.column(slot)? {
                Values::Text(text) => text.get(self.row),
                // `Batch::check` lets no such column through.
                Values::F64(_)
                | Values::F32(_)
                | Values::I64(_)
                | Values::I32(_)
                | Values::I16(_)
                | Values::I8(_)
                | Values::U32(_)
                | Values::U16(_)
                | Values::U8(_)
                | Values::Truth(_) => None,
            },
        }
    }

    pub(super) fn truth(&self, node: &'a Truth) -> Option<bool> {
        match node {
            Truth::Const(value) => Some(*value),
            Truth::Column(slot) => match self.column(slot)? {
                Values::Truth(bits) => Some(bits.get(self.row)),
                Values::F64(_)
                | Values::F32(_)
                | Values::I64(_)
                | Values::I32(_)
                | Values::I16(_)
                | Values::I8(_)
                | Values::U32(_)
                | Values::U16(_)
                | Values::U8(_)
                | Values::Text(_) => None,
            },
            Truth::Not(x) => self.truth(x).map(|x| !x),
            Truth::And(a, b) => match self.truth(a) {
                Some(false) => Some(false),
                Some(true) => self.truth(b),
                None => self.truth(b).filter(|b| !b),
            },
            Truth::Or(a, b) => match self.truth(a) {
                Some(true) => Some(true),
                Some(false) => self.truth(b),
                None => self.truth(b).filter(|b| *b),
            },
            Truth::Ints(op, a, b) => {
                let (a, b) = (self.int(a)?, self.int(b)?);
                Some(op.holds(Some(a.cmp(&b))))
            }
            Truth::Floats(op, a, b) => {
                let (a, b) = (self.float(a)?, self.float(b)?);
                Some(match op {
                    Compare::Lt => a < b,
                    Compare::Le => a <= b,
                    Compare::Gt => a > b,
                    Compare::Ge => a >= b,
                    Compare::Eq => a == b,
                    Compare::Ne => a != b,
                })
            }
            Truth::Mixed(op, a, b) => {
                let (a, b) = (self.int(a)?, self.float(b)?);
                Some(op.holds(exact::compare(a, b)))
            }
            Truth::Texts { unequal, a, b } => Some((self.text(a)? == self.text(b)?) != *unequal),
            Truth::Truths { unequal, a, b } => Some((self.truth(a)? == self.truth(b)?) != *unequal),
            Truth::Match(test, a, b) => {
                let (a, b) = (self.text(a)?, self.text(b)?);
                Some(match test {
                    TextMatch::StartsWith => a.starts_with(b),
                    TextMatch::EndsWith => a.ends_with(b),
                    TextMatch::Contains => a.contains(b),
                })
            }
            Truth::IsNull(x) => Some(match &**x {
                Node::Int(x) => self.int(x).is_none(),
                Node::Float(x) => self.float(x).is_none(),
                Node::Truth(x) => self.truth(x).is_none(),
                Node::Text(x) => self.text(x).is_none(),
            }),
            Truth::Select(c, a, b) => self.truth(if self.truth(c)? { a } else { b }),
        }
    }
}
