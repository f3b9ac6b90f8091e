//! The typed form as text, an operator a line, operands indented: what a back end is given.

use super::text::quoted;
use super::typed::{Float, FloatOp, Int, IntOp, Node, Slot, TextNode, Truth};
use super::{BoundRow, TextMatch};
use crate::builtins::Eval;
use crate::{Builtin, row};
use std::fmt::{self, Write as _};

/// One operator a line with the kind it works on: `ge.f64` compares numbers, `ge.exact` an integer with a number, and
/// `add.checked` is null where it would leave 64 bits.
impl fmt::Display for BoundRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Listing { fields: &self.fields, f }.node(&self.root, 0)
    }
}

struct Listing<'a, 'f> {
    fields: &'a [row::Field],
    f: &'a mut fmt::Formatter<'f>,
}

impl Listing<'_, '_> {
    fn line(&mut self, depth: usize, text: fmt::Arguments<'_>) -> fmt::Result {
        writeln!(self.f, "{:1$}{text}", "", depth * 2)
    }

    fn column(&mut self, slot: &Slot, depth: usize) -> fmt::Result {
        let name = self.fields.get(slot.index).map_or("", |field| field.name.as_str());
        self.line(depth, format_args!("column .{name}: {}", slot.data_type))
    }

    fn node(&mut self, node: &Node, depth: usize) -> fmt::Result {
        match node {
            Node::Int(x) => self.int(x, depth),
            Node::Float(x) => self.float(x, depth),
            Node::Truth(x) => self.truth(x, depth),
            Node::Text(x) => self.text(x, depth),
        }
    }

    fn int(&mut self, node: &Int, depth: usize) -> fmt::Result {
        match node {
            Int::Const(value) => self.line(depth, format_args!("i64 {value}")),
            Int::Column(slot) => self.column(slot, depth),
            Int::Two { op, a, b, checked } => {
                let name = match op {
                    IntOp::Add => "add",
                    IntOp::Sub => "sub",
                    IntOp::Mul => "mul",
                    IntOp::Min => "min",
                    IntOp::Max => "max",
                };
                self.line(depth, format_args!("{name}.{}", if *checked { "checked" } else { "i64" }))?;
                self.int(a, depth + 1)?;
                self.int(b, depth + 1)
            }
            Int::Abs { x, checked } => {
                self.line(depth, format_args!("abs.{}", if *checked { "checked" } else { "i64" }))?;
                self.int(x, depth + 1)
            }
            Int::Length(x) => {
                self.line(depth, format_args!("length"))?;
                self.text(x, depth + 1)
            }
            Int::Select(c, a, b) => {
                self.line(depth, format_args!("if.i64"))?;
                self.truth(c, depth + 1)?;
                self.int(a, depth + 1)?;
                self.int(b, depth + 1)
            }
        }
    }

    fn float(&mut self, node: &Float, depth: usize) -> fmt::Result {
        match node {
            Float::Const(value) => self.line(depth, format_args!("f64 {value:?}")),
            Float::Column(slot) => self.column(slot, depth),
            Float::Int(x) => {
                self.line(depth, format_args!("nearest.f64"))?;
                self.int(x, depth + 1)
            }
            Float::Neg(x) => {
                self.line(depth, format_args!("neg.f64"))?;
                self.float(x, depth + 1)
            }
            Float::Two(op, a, b) => {
                let name = match op {
                    FloatOp::Add => "add",
                    FloatOp::Sub => "sub",
                    FloatOp::Mul => "mul",
                    FloatOp::Div => "div",
                };
                self.line(depth, format_args!("{name}.f64"))?;
                self.float(a, depth + 1)?;
                self.float(b, depth + 1)
            }
            Float::CallOne(eval, x) => {
                self.line(depth, format_args!("{}.f64", builtin(eval)))?;
                self.float(x, depth + 1)
            }
            Float::CallTwo(eval, a, b) => {
                self.line(depth, format_args!("{}.f64", builtin(eval)))?;
                self.float(a, depth + 1)?;
                self.float(b, depth + 1)
            }
            Float::Select(c, a, b) => {
                self.line(depth, format_args!("if.f64"))?;
                self.truth(c, depth + 1)?;
                self.float(a, depth + 1)?;
                self.float(b, depth + 1)
            }
        }
    }

    fn text(&mut self, node: &TextNode, depth: usize) -> fmt::Result {
        match node {
            TextNode::Const(text) => {
                write!(self.f, "{:1$}text ", "", depth * 2)?;
                quoted(text, self.f)?;
                self.f.write_char('\n')
            }
            TextNode::Column(slot) => self.column(slot, depth),
        }
    }

    fn truth(&mut self, node: &Truth, depth: usize) -> fmt::Result {
        match node {
            Truth::Const(value) => self.line(depth, format_args!("{value}")),
            Truth::Column(slot) => self.column(slot, depth),
            Truth::Not(x) => {
                self.line(depth, format_args!("not"))?;
                self.truth(x, depth + 1)
            }
            Truth::And(a, b) => {
                self.line(depth, format_args!("and"))?;
                self.truth(a, depth + 1)?;
                self.truth(b, depth + 1)
            }
            Truth::Or(a, b) => {
                self.line(depth, format_args!("or"))?;
                self.truth(a, depth + 1)?;
                self.truth(b, depth + 1)
            }
            Truth::Ints(op, a, b) => {
                self.line(depth, format_args!("{}.i64", op.name()))?;
                self.int(a, depth + 1)?;
                self.int(b, depth + 1)
            }
            Truth::Floats(op, a, b) => {
                self.line(depth, format_args!("{}.f64", op.name()))?;
                self.float(a, depth + 1)?;
                self.float(b, depth + 1)
            }
            Truth::Mixed(op, a, b) => {
                self.line(depth, format_args!("{}.exact", op.name()))?;
                self.int(a, depth + 1)?;
                self.float(b, depth + 1)
            }
            Truth::Texts { unequal, a, b } => {
                self.line(depth, format_args!("{}.text", if *unequal { "ne" } else { "eq" }))?;
                self.text(a, depth + 1)?;
                self.text(b, depth + 1)
            }
            Truth::Truths { unequal, a, b } => {
                self.line(depth, format_args!("{}.truth", if *unequal { "ne" } else { "eq" }))?;
                self.truth(a, depth + 1)?;
                self.truth(b, depth + 1)
            }
            Truth::Match(test, a, b) => {
                self.line(depth, format_args!("{}", TextMatch::name(*test)))?;
                self.text(a, depth + 1)?;
                self.text(b, depth + 1)
            }
            Truth::IsNull(x) => {
                self.line(depth, format_args!("is_null"))?;
                self.node(x, depth + 1)
            }
            Truth::Select(c, a, b) => {
                self.line(depth, format_args!("if.truth"))?;
                self.truth(c, depth + 1)?;
                self.truth(a, depth + 1)?;
                self.truth(b, depth + 1)
            }
        }
    }
}

/// The name of the builtin that this is the evaluation of.
fn builtin(eval: &Eval) -> &'static str {
    let address = |eval: &Eval| match eval {
        Eval::One { call, .. } => *call as usize,
        Eval::Two { call, .. } => *call as usize,
        Eval::HostOne { call, .. } => *call as usize,
        Eval::HostTwo { call, .. } => *call as usize,
    };
    let found = Builtin::ALL.into_iter().find(|b| address(&b.definition().eval) == address(eval));
    found.map_or("builtin", Builtin::name)
}

#[cfg(test)]
mod tests {
    use super::super::{DataType, Field, RowExpr};
    use crate::Binary;

    #[test]
    fn types_and_checks_are_shown() {
        let c = |name: &str| Box::new(RowExpr::Column(name.into()));
        let sum = RowExpr::Binary(Binary::Add, c("count"), Box::new(RowExpr::Int(1)));
        let few = RowExpr::Binary(Binary::Lt, Box::new(sum), Box::new(RowExpr::Float(2.5)));
        let english = RowExpr::Binary(Binary::Eq, c("language"), Box::new(RowExpr::Text("en".into())));
        let both = RowExpr::Binary(Binary::And, Box::new(few), Box::new(english));
        let fields = [Field::new("language", DataType::Text32), Field::new("count", DataType::I64)];
        assert_eq!(
            both.bind(&fields).unwrap().to_string(),
            "and\n  lt.exact\n    add.checked\n      column .count: i64\n      i64 1\n    f64 2.5\n  eq.text\n    \
             column .language: text32\n    text \"en\"\n"
        );
    }
}
