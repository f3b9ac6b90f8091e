//! The typed form: columns are slots, kinds are decided. What both back ends take.

use super::{DataType, TextMatch};
use crate::builtins::Eval;
use std::fmt;

/// What a row expression yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A signed integer of 64 bits.
    Int,
    /// An f64.
    Float,
    /// A truth value.
    Truth,
    /// A text.
    Text,
}

impl fmt::Display for RowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RowKind::Int => "an integer",
            RowKind::Float => "a number",
            RowKind::Truth => "a truth value",
            RowKind::Text => "a text",
        })
    }
}

/// An expression of any kind.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Int(Int),
    Float(Float),
    Truth(Truth),
    Text(TextNode),
}

impl Node {
    pub(crate) fn kind(&self) -> RowKind {
        match self {
            Node::Int(_) => RowKind::Int,
            Node::Float(_) => RowKind::Float,
            Node::Truth(_) => RowKind::Truth,
            Node::Text(_) => RowKind::Text,
        }
    }
}

/// A column: its place in the batch and how it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) index: usize,
    pub(crate) data_type: DataType,
}

#[derive(Clone, Debug)]
pub(crate) enum Int {
    Const(i64),
    Column(Slot),
    /// `checked`: the result may leave 64 bits, and is null then.
    Two {
        op: IntOp,
        a: Box<Int>,
        b: Box<Int>,
        checked: bool,
    },
    Abs {
        x: Box<Int>,
        checked: bool,
    },
    Length(TextNode),
    Select(Box<Truth>, Box<Int>, Box<Int>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntOp {
    Add,
    Sub,
    Mul,
    Min,
    Max,
}

#[derive(Clone, Debug)]
pub(crate) enum Float {
    Const(f64),
    Column(Slot),
    /// The nearest f64.
    Int(Box<Int>),
    Neg(Box<Float>),
    Two(FloatOp, Box<Float>, Box<Float>),
    /// A builtin of one operand.
    CallOne(Eval, Box<Float>),
    /// A builtin of two operands.
    CallTwo(Eval, Box<Float>, Box<Float>),
    Select(Box<Truth>, Box<Float>, Box<Float>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatOp {
    Add,
    Sub,
    Mul,
    Div,
}

#[derive(Clone, Debug)]
pub(crate) enum TextNode {
    Const(Box<str>),
    Column(Slot),
}

#[derive(Clone, Debug)]
pub(crate) enum Truth {
    Const(bool),
    Column(Slot),
    Not(Box<Truth>),
    And(Box<Truth>, Box<Truth>),
    Or(Box<Truth>, Box<Truth>),
    Ints(Compare, Int, Int),
    Floats(Compare, Float, Float),
    /// An integer against a number, exactly.
    Mixed(Compare, Int, Float),
    /// `==`, or `!=` if `unequal`.
    Texts {
        unequal: bool,
        a: TextNode,
        b: TextNode,
    },
    /// `==`, or `!=` if `unequal`.
    Truths {
        unequal: bool,
        a: Box<Truth>,
        b: Box<Truth>,
    },
    Match(TextMatch, TextNode, TextNode),
    IsNull(Box<Node>),
    Select(Box<Truth>, Box<Truth>, Box<Truth>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
}

impl Compare {
    /// `b op a` for `a self b`.
    pub(crate) fn swapped(self) -> Compare {
        match self {
            Compare::Lt => Compare::Gt,
            Compare::Le => Compare::Ge,
            Compare::Gt => Compare::Lt,
            Compare::Ge => Compare::Le,
            Compare::Eq => Compare::Eq,
            Compare::Ne => Compare::Ne,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Compare::Lt => "lt",
            Compare::Le => "le",
            Compare::Gt => "gt",
            Compare::Ge => "ge",
            Compare::Eq => "eq",
            Compare::Ne => "ne",
        }
    }

    /// Whether it holds of operands in this order; `None` is unordered, of which only `!=` holds.
    pub(crate) fn holds(self, ordering: Option<std::cmp::Ordering>) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match self {
            Compare::Lt => ordering == Some(Less),
            Compare::Le => matches!(ordering, Some(Less | Equal)),
            Compare::Gt => ordering == Some(Greater),
            Compare::Ge => matches!(ordering, Some(Greater | Equal)),
            Compare::Eq => ordering == Some(Equal),
            Compare::Ne => ordering != Some(Equal),
        }
    }
}
