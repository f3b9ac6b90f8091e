//! Constant folding, by the interpreter itself.

use super::{Batch, Field, RowError, RowExpr, RowValue, exact};
use crate::Binary;

impl RowExpr {
    /// The same expression with every part that reads no column evaluated, every `if` on a constant decided, and `and`
    /// and `or` with a constant side decided: `null and false` is false, so either side may.
    ///
    /// A part that is null, not finite, or an integer that no f64 equals (it could not stand among numbers) is left as
    /// it stands, so the result is valid and has the same value in every row.
    ///
    /// Errors: see [`RowExpr::verify`].
    pub fn fold(&self, fields: &[Field]) -> Result<RowExpr, RowError> {
        self.verify(fields)?;
        Ok(self.folded(fields))
    }

    fn folded(&self, fields: &[Field]) -> RowExpr {
        let boxed = |e: &RowExpr| Box::new(e.folded(fields));
        let expr = match self {
            RowExpr::Int(_)
            | RowExpr::Float(_)
            | RowExpr::Truth(_)
            | RowExpr::Text(_)
            | RowExpr::Column(_) => return self.clone(),
            RowExpr::Unary(op, x) => RowExpr::Unary(*op, boxed(x)),
            RowExpr::Binary(op @ (Binary::And | Binary::Or), a, b) => {
                // The constant that decides, and the one that changes nothing.
                let decides = *op == Binary::Or;
                match (a.folded(fields), b.folded(fields)) {
                    (RowExpr::Truth(value), other) | (other, RowExpr::Truth(value)) => {
                        return if value == decides { RowExpr::Truth(value) } else { other };
                    }
                    (a, b) => RowExpr::Binary(*op, Box::new(a), Box::new(b)),
                }
            }
            RowExpr::Binary(op, a, b) => RowExpr::Binary(*op, boxed(a), boxed(b)),
            RowExpr::Select(c, a, b) => {
                let (c, a, b) = (c.folded(fields), a.folded(fields), b.folded(fields));
                if let RowExpr::Truth(value) = c {
                    // An integer beside a number is a number too: taken alone it would be another kind.
                    let same = matches!((a.verify(fields), b.verify(fields)), (Ok(x), Ok(y)) if x == y);
                    let taken = if value { &a } else { &b };
                    let rounds = matches!(taken, RowExpr::Int(value) if exact::float(*value).is_none());
                    if same && !rounds {
                        return if value { a } else { b };
                    }
                }
                RowExpr::Select(Box::new(c), Box::new(a), Box::new(b))
            }
            RowExpr::Call(builtin, args) => {
                RowExpr::Call(*builtin, args.iter().map(|arg| arg.folded(fields)).collect())
            }
            RowExpr::Length(x) => RowExpr::Length(boxed(x)),
            RowExpr::Match(test, a, b) => RowExpr::Match(*test, boxed(a), boxed(b)),
            RowExpr::IsNull(x) => RowExpr::IsNull(boxed(x)),
        };
        // What reads a column does not bind to none.
        let value = expr.bind(&[]).ok().and_then(|bound| {
            let batch = Batch::new(1, Vec::new()).ok()?;
            match bound.on(&batch).ok()?.value(0) {
                RowValue::Int(value) if exact::float(value).is_some() => Some(RowExpr::Int(value)),
                RowValue::Float(value) if value.is_finite() => Some(RowExpr::Float(value)),
                RowValue::Truth(value) => Some(RowExpr::Truth(value)),
                RowValue::Text(value) => Some(RowExpr::Text(value.to_owned())),
                RowValue::Null | RowValue::Int(_) | RowValue::Float(_) => None,
            }
        });
        value.unwrap_or(expr)
    }
}

#[cfg(test)]
mod tests {
    use super::super::DataType;
    use super::*;
    use crate::Unary;

    fn bin(op: Binary, a: RowExpr, b: RowExpr) -> RowExpr {
        RowExpr::Binary(op, Box::new(a), Box::new(b))
    }

    #[test]
    fn constants_fold_and_columns_stay() {
        use RowExpr::{Column, Float, Int, Text, Truth};
        let fields = [Field::new("x", DataType::I64), Field::new("k", DataType::Truth)];
        let (x, k) = (|| Column("x".into()), || Column("k".into()));
        let big = bin(Binary::Add, Int(1 << 53), Int(1));
        let overflow = bin(Binary::Mul, Int(i64::MAX), Int(2));
        let select = |a, b| RowExpr::Select(Box::new(Truth(true)), Box::new(a), Box::new(b));
        let cases = [
            (bin(Binary::Lt, x(), bin(Binary::Mul, Int(2), Int(3))), bin(Binary::Lt, x(), Int(6))),
            (bin(Binary::Div, Int(1), Int(4)), Float(0.25)),
            (bin(Binary::And, k(), Truth(true)), k()),
            (bin(Binary::And, k(), bin(Binary::Lt, Int(2), Float(1.5))), Truth(false)),
            (bin(Binary::Or, bin(Binary::Eq, Text("a".into()), Text("a".into())), k()), Truth(true)),
            (RowExpr::Length(Box::new(Text("né€".into()))), Int(3)),
            (RowExpr::Unary(Unary::Not, Box::new(Truth(false))), Truth(true)),
            // Stay: no f64 equals it, null, infinite, another kind alone.
            (big.clone(), big),
            (overflow.clone(), overflow.clone()),
            (RowExpr::IsNull(Box::new(overflow)), Truth(true)),
            (bin(Binary::Div, Int(1), Int(0)), bin(Binary::Div, Int(1), Int(0))),
            (select(x(), Int(2)), x()),
            (select(x(), Float(2.0)), select(x(), Float(2.0))),
        ];
        for (expr, folded) in cases {
            assert_eq!(expr.fold(&fields), Ok(folded), "{expr}");
        }
    }
}
