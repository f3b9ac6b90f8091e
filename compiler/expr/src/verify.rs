//! Checks of an expression that comes from outside: size, constants, variables, arguments, numbers against truth values.

use crate::{Binary, Expr, ExprError, Unary};
use std::fmt;

/// Deepest nesting; every pass over an expression recurses, and none deeper than this.
pub const MAX_DEPTH: usize = 64;

/// Most nodes of an expression.
pub const MAX_NODES: usize = 16_384;

/// What an expression yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A truth value, 0 or 1.
    Truth,
    /// Either: a variable, or the constants 0 and 1.
    Either,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Number => "number",
            Kind::Truth => "truth value",
            Kind::Either => "number or truth value",
        })
    }
}

impl Expr {
    /// Checks the expression against its inputs and says what it yields.
    ///
    /// Errors: every variant of [`ExprError`]; the first one met from left to right.
    pub fn verify(&self, inputs: &[&str]) -> Result<Kind, ExprError> {
        for (i, name) in inputs.iter().enumerate() {
            if inputs.iter().take(i).any(|other| other == name) {
                return Err(ExprError::DuplicateInput { name: (*name).to_owned() });
            }
        }
        // Size first: what follows may print an operand.
        self.size(1, &mut 0)?;
        self.kind(inputs)
    }

    /// Counts nodes and refuses what is too deep or too large.
    pub(crate) fn size(&self, depth: usize, nodes: &mut usize) -> Result<(), ExprError> {
        if depth > MAX_DEPTH {
            return Err(ExprError::TooDeep);
        }
        *nodes += 1;
        if *nodes > MAX_NODES {
            return Err(ExprError::TooLarge);
        }
        match self {
            Expr::Const(_) | Expr::Var(_) => Ok(()),
            Expr::Unary(_, x) => x.size(depth + 1, nodes),
            Expr::Binary(_, a, b) => {
                a.size(depth + 1, nodes)?;
                b.size(depth + 1, nodes)
            }
            Expr::Select(c, a, b) => {
                c.size(depth + 1, nodes)?;
                a.size(depth + 1, nodes)?;
                b.size(depth + 1, nodes)
            }
            Expr::Call(_, args) => args.iter().try_for_each(|arg| arg.size(depth + 1, nodes)),
        }
    }

    fn kind(&self, inputs: &[&str]) -> Result<Kind, ExprError> {
        match self {
            Expr::Const(value) if !value.is_finite() => Err(ExprError::NotFinite { value: *value }),
            Expr::Const(value) if *value == 0.0 || *value == 1.0 => Ok(Kind::Either),
            Expr::Const(_) => Ok(Kind::Number),
            Expr::Var(name) if inputs.contains(&name.as_str()) => Ok(Kind::Either),
            Expr::Var(name) => {
                let known = match inputs {
                    [] => "none".to_owned(),
                    _ => inputs.iter().map(|i| format!("`{i}`")).collect::<Vec<_>>().join(", "),
                };
                Err(ExprError::UnknownVariable { name: name.clone(), known })
            }
            Expr::Unary(Unary::Neg, x) => x.expect(Kind::Number, "`-`", inputs),
            Expr::Unary(Unary::Not, x) => x.expect(Kind::Truth, "`not`", inputs),
            Expr::Binary(op, a, b) => match op {
                Binary::Add | Binary::Sub | Binary::Mul | Binary::Div => {
                    a.expect(Kind::Number, "arithmetic", inputs)?;
                    b.expect(Kind::Number, "arithmetic", inputs)
                }
                Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => {
                    a.expect(Kind::Number, "a comparison", inputs)?;
                    b.expect(Kind::Number, "a comparison", inputs)?;
                    Ok(Kind::Truth)
                }
                Binary::Eq | Binary::Ne => {
                    b.agree(a.kind(inputs)?, "the other side of a comparison", inputs)?;
                    Ok(Kind::Truth)
                }
                Binary::And | Binary::Or => {
                    a.expect(Kind::Truth, "`and` or `or`", inputs)?;
                    b.expect(Kind::Truth, "`and` or `or`", inputs)
                }
            },
            Expr::Select(c, a, b) => {
                c.expect(Kind::Truth, "a condition", inputs)?;
                b.agree(a.kind(inputs)?, "`else`, like its `then`,", inputs)
            }
            Expr::Call(builtin, args) => {
                if args.len() != builtin.arity() {
                    return Err(ExprError::Arity {
                        builtin: builtin.name(),
                        expected: builtin.arity(),
                        found: args.len(),
                        text: self.to_string(),
                    });
                }
                for arg in args {
                    arg.expect(Kind::Number, builtin.name(), inputs)?;
                }
                Ok(Kind::Number)
            }
        }
    }

    fn expect(&self, expected: Kind, place: &'static str, inputs: &[&str]) -> Result<Kind, ExprError> {
        self.agree(expected, place, inputs)?;
        Ok(expected)
    }

    /// The kind both agree on.
    fn agree(&self, expected: Kind, place: &'static str, inputs: &[&str]) -> Result<Kind, ExprError> {
        match (self.kind(inputs)?, expected) {
            (found, Kind::Either) => Ok(found),
            (Kind::Either, expected) => Ok(expected),
            (found, expected) if found == expected => Ok(found),
            (found, expected) => Err(ExprError::Mismatch { place, expected, found, text: self.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builtin;

    fn var(name: &str) -> Box<Expr> {
        Box::new(Expr::Var(name.into()))
    }

    #[test]
    fn each_mistake_has_its_error() {
        let less = Expr::Binary(Binary::Lt, var("t"), var("end"));
        assert_eq!(less.verify(&["t", "end"]), Ok(Kind::Truth));
        assert!(matches!(less.verify(&["t"]), Err(ExprError::UnknownVariable { name, .. }) if name == "end"));
        assert!(matches!(less.verify(&["t", "t"]), Err(ExprError::DuplicateInput { .. })));
        assert!(matches!(Expr::Const(f64::NAN).verify(&[]), Err(ExprError::NotFinite { .. })));
        let call = Expr::Call(Builtin::Min, vec![Expr::Const(2.0)]);
        assert_eq!(call.verify(&[]).unwrap_err().to_string(), "`min` takes 2 argument(s), not 1: min(2)");
        let sum = Expr::Binary(Binary::Add, Box::new(less.clone()), Box::new(Expr::Const(2.0)));
        assert_eq!(
            sum.verify(&["t", "end"]).unwrap_err().to_string(),
            "`t < end` is a truth value, but arithmetic needs a number"
        );
        let select = Expr::Select(Box::new(Expr::Const(2.0)), var("t"), var("t"));
        assert!(matches!(select.verify(&["t"]), Err(ExprError::Mismatch { place: "a condition", .. })));
        let branches = Expr::Select(Box::new(less.clone()), Box::new(Expr::Const(3.0)), Box::new(less));
        assert!(matches!(branches.verify(&["t", "end"]), Err(ExprError::Mismatch { .. })));
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nest = |n: usize| (1..n).fold(Expr::Const(1.5), |e, _| Expr::Unary(Unary::Neg, Box::new(e)));
        assert_eq!(nest(MAX_DEPTH).verify(&[]), Ok(Kind::Number));
        assert_eq!(nest(MAX_DEPTH + 1).verify(&[]), Err(ExprError::TooDeep));
        let wide = (0..14)
            .fold(Expr::Const(1.5), |e, _| Expr::Binary(Binary::Add, Box::new(e.clone()), Box::new(e)));
        assert_eq!(wide.verify(&[]), Err(ExprError::TooLarge));
    }
}
