//! Constant folding, by the interpreter itself.

use crate::{Expr, ExprError};

impl Expr {
    /// The same expression with every part that reads no variable evaluated, and every `if` on a constant decided.
    ///
    /// A part whose value is not finite is left as it stands (a constant is finite), so the result is valid if `self`
    /// was, and has the same bits for every input. Nothing is simplified algebraically: `x * 0` is not 0 for NaN.
    ///
    /// Errors: [`ExprError::TooDeep`] and [`ExprError::TooLarge`].
    pub fn fold(&self) -> Result<Expr, ExprError> {
        self.size(1, &mut 0)?;
        Ok(self.folded())
    }

    fn folded(&self) -> Expr {
        let boxed = |e: &Expr| Box::new(e.folded());
        let expr = match self {
            Expr::Const(_) | Expr::Var(_) => return self.clone(),
            Expr::Unary(op, x) => Expr::Unary(*op, boxed(x)),
            Expr::Binary(op, a, b) => Expr::Binary(*op, boxed(a), boxed(b)),
            Expr::Select(c, a, b) => {
                let c = c.folded();
                if let Expr::Const(c) = c {
                    return if c != 0.0 { a.folded() } else { b.folded() };
                }
                Expr::Select(Box::new(c), boxed(a), boxed(b))
            }
            Expr::Call(builtin, args) => Expr::Call(*builtin, args.iter().map(Expr::folded).collect()),
        };
        // Children are folded: what reads no variable has constants only, or a part that is not finite.
        match expr.resolve(&[]) {
            Ok(node) => match node.eval(&[]) {
                value if value.is_finite() => Expr::Const(value),
                _ => expr,
            },
            Err(_) => expr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binary, Builtin};

    fn c(value: f64) -> Box<Expr> {
        Box::new(Expr::Const(value))
    }

    #[test]
    fn constants_fold_and_variables_stay() {
        let t = Box::new(Expr::Var("t".into()));
        let six = Expr::Binary(Binary::Mul, c(2.0), c(3.0));
        let e = Expr::Binary(Binary::Add, t.clone(), Box::new(six));
        assert_eq!(e.fold().unwrap(), Expr::Binary(Binary::Add, t.clone(), c(6.0)));
        let decided = Expr::Select(Box::new(Expr::Binary(Binary::Lt, c(1.0), c(2.0))), t.clone(), c(9.0));
        assert_eq!(decided.fold().unwrap(), *t);
        assert_eq!(Expr::Call(Builtin::Sqrt, vec![Expr::Const(9.0)]).fold().unwrap(), *c(3.0));
    }

    #[test]
    fn what_is_not_finite_stays() {
        let e = Expr::Binary(Binary::Div, c(1.0), c(0.0));
        assert_eq!(e.fold().unwrap(), e);
        let one = Expr::Binary(Binary::Div, c(2.0), Box::new(e));
        assert_eq!(one.fold().unwrap(), *c(0.0));
    }
}
