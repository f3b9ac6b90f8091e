//! From names to slots, and from operators to typed ones.

use super::typed::{Compare, Float, FloatOp, Int, IntOp, Node, Slot, TextNode, Truth};
use super::{Field, RowError, RowExpr, RowKind, exact, range, verify};
use crate::{Binary, Builtin, Unary};

/// A verified row expression, its columns resolved to places in a batch.
#[derive(Clone, Debug)]
pub struct BoundRow {
    pub(super) fields: Vec<Field>,
    pub(super) root: Node,
}

impl BoundRow {
    /// What it yields.
    pub fn kind(&self) -> RowKind {
        self.root.kind()
    }

    /// The columns a batch must have, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl RowExpr {
    /// Verifies the expression and resolves its columns: column `i` of a batch is the field `fields[i]`.
    ///
    /// Errors: every variant of [`RowError`]; the first one met from left to right.
    pub fn bind(&self, fields: &[Field]) -> Result<BoundRow, RowError> {
        verify::fields_are_unique(fields)?;
        // Size first: what follows recurses, and may print an operand.
        self.size(1, &mut 0)?;
        Ok(BoundRow { fields: fields.to_vec(), root: self.typed(fields)? })
    }

    fn typed(&self, fields: &[Field]) -> Result<Node, RowError> {
        Ok(match self {
            RowExpr::Int(value) => Node::Int(Int::Const(*value)),
            RowExpr::Float(value) if !value.is_finite() => {
                return Err(RowError::NotFinite { value: *value });
            }
            RowExpr::Float(value) => Node::Float(Float::Const(*value)),
            RowExpr::Truth(value) => Node::Truth(Truth::Const(*value)),
            RowExpr::Text(value) => Node::Text(TextNode::Const(value.as_str().into())),
            RowExpr::Column(name) => column(name, fields)?,
            RowExpr::Unary(Unary::Not, x) => Node::Truth(Truth::Not(Box::new(x.truth("`not`", fields)?))),
            RowExpr::Unary(Unary::Neg, x) => match x.number("`-`", fields)? {
                Number::Int(x) => Node::Int(int_two(IntOp::Sub, Int::Const(0), x)),
                Number::Float(x) => Node::Float(Float::Neg(Box::new(x))),
            },
            RowExpr::Binary(op, a, b) => match op {
                Binary::Add => self.arithmetic(Some(IntOp::Add), FloatOp::Add, a, b, fields)?,
                Binary::Sub => self.arithmetic(Some(IntOp::Sub), FloatOp::Sub, a, b, fields)?,
                Binary::Mul => self.arithmetic(Some(IntOp::Mul), FloatOp::Mul, a, b, fields)?,
                Binary::Div => self.arithmetic(None, FloatOp::Div, a, b, fields)?,
                Binary::Lt => Node::Truth(ordered(Compare::Lt, a, b, fields)?),
                Binary::Le => Node::Truth(ordered(Compare::Le, a, b, fields)?),
                Binary::Gt => Node::Truth(ordered(Compare::Gt, a, b, fields)?),
                Binary::Ge => Node::Truth(ordered(Compare::Ge, a, b, fields)?),
                Binary::Eq => Node::Truth(equality(false, a, b, fields)?),
                Binary::Ne => Node::Truth(equality(true, a, b, fields)?),
                Binary::And | Binary::Or => {
                    let (x, y) = (a.truth("`and` or `or`", fields)?, b.truth("`and` or `or`", fields)?);
                    let (x, y) = (Box::new(x), Box::new(y));
                    Node::Truth(if *op == Binary::And { Truth::And(x, y) } else { Truth::Or(x, y) })
                }
            },
            RowExpr::Select(c, a, b) => {
                let c = Box::new(c.truth("a condition", fields)?);
                let other = "`else`, like its `then`,";
                match (a.typed(fields)?, b.typed(fields)?) {
                    (Node::Truth(x), Node::Truth(y)) => {
                        Node::Truth(Truth::Select(c, Box::new(x), Box::new(y)))
                    }
                    (Node::Truth(_), y) => return Err(b.mismatch(other, "a truth value", &y)),
                    (x, y) => match (a.as_number(x, "`if`")?, b.as_number(y, other)?) {
                        (Number::Int(x), Number::Int(y)) => {
                            Node::Int(Int::Select(c, Box::new(x), Box::new(y)))
                        }
                        (x, y) => {
                            let (x, y) = (x.float(self)?, y.float(self)?);
                            Node::Float(Float::Select(c, Box::new(x), Box::new(y)))
                        }
                    },
                }
            }
            RowExpr::Call(builtin, args) => self.call(*builtin, args, fields)?,
            RowExpr::Length(x) => Node::Int(Int::Length(x.text("`length`", fields)?)),
            RowExpr::Match(test, a, b) => {
                Node::Truth(Truth::Match(*test, a.text(test.name(), fields)?, b.text(test.name(), fields)?))
            }
            RowExpr::IsNull(x) => Node::Truth(Truth::IsNull(Box::new(x.typed(fields)?))),
        })
    }

    fn arithmetic(
        &self,
        int: Option<IntOp>,
        float: FloatOp,
        a: &RowExpr,
        b: &RowExpr,
        fields: &[Field],
    ) -> Result<Node, RowError> {
        match (int, a.number("arithmetic", fields)?, b.number("arithmetic", fields)?) {
            (Some(op), Number::Int(a), Number::Int(b)) => Ok(Node::Int(int_two(op, a, b))),
            (_, a, b) => {
                Ok(Node::Float(Float::Two(float, Box::new(a.float(self)?), Box::new(b.float(self)?))))
            }
        }
    }

    fn call(&self, builtin: Builtin, args: &[RowExpr], fields: &[Field]) -> Result<Node, RowError> {
        let numbers =
            args.iter().map(|arg| arg.number(builtin.name(), fields)).collect::<Result<Vec<_>, _>>()?;
        let eval = builtin.definition().eval;
        let mut numbers = numbers.into_iter();
        match (builtin.arity(), numbers.next(), numbers.next(), numbers.next()) {
            (1, Some(Number::Int(x)), None, None) if builtin == Builtin::Abs => {
                let checked = range::abs_may_overflow(&x);
                Ok(Node::Int(Int::Abs { x: Box::new(x), checked }))
            }
            (1, Some(Number::Int(x)), None, None) if matches!(builtin, Builtin::Floor | Builtin::Ceil) => {
                Ok(Node::Int(x))
            }
            (2, Some(Number::Int(a)), Some(Number::Int(b)), None) if builtin == Builtin::Min => {
                Ok(Node::Int(int_two(IntOp::Min, a, b)))
            }
            (2, Some(Number::Int(a)), Some(Number::Int(b)), None) if builtin == Builtin::Max => {
                Ok(Node::Int(int_two(IntOp::Max, a, b)))
            }
            (1, Some(x), None, None) => Ok(Node::Float(Float::CallOne(eval, Box::new(x.float(self)?)))),
            (2, Some(a), Some(b), None) => {
                Ok(Node::Float(Float::CallTwo(eval, Box::new(a.float(self)?), Box::new(b.float(self)?))))
            }
            (expected, ..) => Err(RowError::Arity {
                builtin: builtin.name(),
                expected,
                found: args.len(),
                text: self.to_string(),
            }),
        }
    }

    fn number(&self, place: &'static str, fields: &[Field]) -> Result<Number, RowError> {
        self.as_number(self.typed(fields)?, place)
    }

    /// The number that `self` became.
    fn as_number(&self, node: Node, place: &'static str) -> Result<Number, RowError> {
        match node {
            Node::Int(x) => Ok(Number::Int(x)),
            Node::Float(x) => Ok(Number::Float(x)),
            other @ (Node::Truth(_) | Node::Text(_)) => Err(self.mismatch(place, "a number", &other)),
        }
    }

    fn truth(&self, place: &'static str, fields: &[Field]) -> Result<Truth, RowError> {
        match self.typed(fields)? {
            Node::Truth(x) => Ok(x),
            other @ (Node::Int(_) | Node::Float(_) | Node::Text(_)) => {
                Err(self.mismatch(place, "a truth value", &other))
            }
        }
    }

    fn text(&self, place: &'static str, fields: &[Field]) -> Result<TextNode, RowError> {
        match self.typed(fields)? {
            Node::Text(x) => Ok(x),
            other @ (Node::Int(_) | Node::Float(_) | Node::Truth(_)) => {
                Err(self.mismatch(place, "a text", &other))
            }
        }
    }

    pub(super) fn mismatch(&self, place: &'static str, expected: &'static str, found: &Node) -> RowError {
        RowError::Mismatch { place, expected, found: found.kind(), text: self.to_string() }
    }
}

fn column(name: &str, fields: &[Field]) -> Result<Node, RowError> {
    let Some(index) = fields.iter().position(|field| field.name == name) else {
        let known: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(RowError::UnknownColumn { name: name.to_owned(), known });
    };
    let data_type = fields.get(index).map_or(super::DataType::F64, |field| field.data_type);
    let slot = Slot { index, data_type };
    Ok(match data_type.kind() {
        RowKind::Int => Node::Int(Int::Column(slot)),
        RowKind::Float => Node::Float(Float::Column(slot)),
        RowKind::Truth => Node::Truth(Truth::Column(slot)),
        RowKind::Text => Node::Text(TextNode::Column(slot)),
    })
}

fn int_two(op: IntOp, a: Int, b: Int) -> Int {
    let checked = range::may_overflow(op, &a, &b);
    Int::Two { op, a: Box::new(a), b: Box::new(b), checked }
}

fn ordered(op: Compare, a: &RowExpr, b: &RowExpr, fields: &[Field]) -> Result<Truth, RowError> {
    Ok(compare(op, a.number("a comparison", fields)?, b.number("a comparison", fields)?))
}

fn equality(unequal: bool, a: &RowExpr, b: &RowExpr, fields: &[Field]) -> Result<Truth, RowError> {
    let place = "the other side of a comparison";
    Ok(match a.typed(fields)? {
        Node::Text(x) => Truth::Texts { unequal, a: x, b: b.text(place, fields)? },
        Node::Truth(x) => Truth::Truths { unequal, a: Box::new(x), b: Box::new(b.truth(place, fields)?) },
        node @ (Node::Int(_) | Node::Float(_)) => {
            let op = if unequal { Compare::Ne } else { Compare::Eq };
            compare(op, a.as_number(node, place)?, b.number(place, fields)?)
        }
    })
}

/// A comparison of numbers. A constant takes the kind of the other side where it has an equal there.
fn compare(op: Compare, a: Number, b: Number) -> Truth {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Truth::Ints(op, a, b),
        (Number::Float(a), Number::Float(b)) => Truth::Floats(op, a, b),
        (Number::Int(a), Number::Float(b)) => mixed(op, a, b),
        (Number::Float(a), Number::Int(b)) => mixed(op.swapped(), b, a),
    }
}

fn mixed(op: Compare, a: Int, b: Float) -> Truth {
    match (&a, &b) {
        (Int::Const(value), _) => match exact::float(*value) {
            Some(value) => Truth::Floats(op, Float::Const(value), b),
            None => Truth::Mixed(op, a, b),
        },
        (_, Float::Const(value)) => match exact::int(*value) {
            Some(value) => Truth::Ints(op, a, Int::Const(value)),
            None => Truth::Mixed(op, a, b),
        },
        _ => Truth::Mixed(op, a, b),
    }
}

enum Number {
    Int(Int),
    Float(Float),
}

impl Number {
    /// As a number, in the expression `place`.
    fn float(self, place: &RowExpr) -> Result<Float, RowError> {
        match self {
            Number::Float(x) => Ok(x),
            Number::Int(Int::Const(value)) => match exact::float(value) {
                Some(float) => Ok(Float::Const(float)),
                None => Err(RowError::Inexact { value, nearest: value as f64, text: place.to_string() }),
            },
            Number::Int(x) => Ok(Float::Int(Box::new(x))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::DataType;
    use super::*;

    fn c(name: &str) -> Box<RowExpr> {
        Box::new(RowExpr::Column(name.into()))
    }
    fn bin(op: Binary, a: Box<RowExpr>, b: RowExpr) -> RowExpr {
        RowExpr::Binary(op, a, Box::new(b))
    }

    #[test]
    fn each_mistake_has_its_message() {
        let fields = [
            Field::new("score", DataType::F64),
            Field::new("language", DataType::Text32),
            Field::new("kept", DataType::Truth),
        ];
        let cases = [
            (
                *c("scor"),
                "the expression reads the column `scor`, but the columns are `score`, `language`, `kept`; read one of those",
            ),
            (
                bin(Binary::Ge, c("language"), RowExpr::Int(3)),
                "`.language` is a text, but a comparison needs a number",
            ),
            (
                bin(Binary::Eq, c("language"), RowExpr::Int(3)),
                "`3` is an integer, but the other side of a comparison needs a text",
            ),
            (
                bin(Binary::And, c("kept"), *c("score")),
                "`.score` is a number, but `and` or `or` needs a truth value",
            ),
            (
                bin(Binary::Add, c("score"), RowExpr::Int(9_007_199_254_740_993)),
                "9007199254740993 stands among floating-point numbers in `.score + 9007199254740993`, and no f64 equals it; the nearest is 9007199254740992: write that if it is meant",
            ),
            (RowExpr::Float(f64::NAN), "NaN stands as a constant; constants must be finite"),
            (RowExpr::Length(c("score")), "`.score` is a number, but `length` needs a text"),
            (RowExpr::Call(Builtin::Min, vec![RowExpr::Int(2)]), "`min` takes 2 argument(s), not 1: min(2)"),
            (
                RowExpr::Select(c("kept"), c("score"), c("language")),
                "`.language` is a text, but `else`, like its `then`, needs a number",
            ),
        ];
        for (expr, message) in cases {
            assert_eq!(expr.bind(&fields).unwrap_err().to_string(), message);
        }
        let twice = [fields[0].clone(), fields[0].clone()];
        assert!(matches!(c("score").bind(&twice), Err(RowError::DuplicateColumn { .. })));
        // Compared, the same constant is exact.
        let big = bin(Binary::Ge, c("score"), RowExpr::Int(9_007_199_254_740_993));
        assert_eq!(big.verify(&fields), Ok(RowKind::Truth));
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nest =
            |n: usize| (1..n).fold(RowExpr::Truth(true), |e, _| RowExpr::Unary(Unary::Not, Box::new(e)));
        assert_eq!(nest(crate::MAX_DEPTH).verify(&[]), Ok(RowKind::Truth));
        assert_eq!(nest(crate::MAX_DEPTH + 1).verify(&[]), Err(RowError::TooDeep));
        let wide = (0..14).fold(RowExpr::Int(1), |e, _| bin(Binary::Add, Box::new(e.clone()), e));
        assert_eq!(wide.verify(&[]), Err(RowError::TooLarge));
    }
}
