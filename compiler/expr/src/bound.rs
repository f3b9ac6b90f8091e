//! The reference interpreter: the meaning of an expression.

use crate::builtins::Eval;
use crate::{Binary, Expr, ExprError, Unary};

/// A verified expression whose variables are resolved to the `N` input slots.
///
/// Every input, NaN and infinities included, has a value: division by zero is IEEE 754's, a condition holds unless it
/// is 0 or -0 (NaN holds), comparisons with NaN are false but for `!=`.
#[derive(Clone, Debug)]
pub struct Bound<const N: usize> {
    pub(crate) root: Node,
}

/// [`Expr`] with slots for names.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Const(f64),
    /// Below `N`.
    Slot(usize),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    Select(Box<Node>, Box<Node>, Box<Node>),
    One(Eval, Box<Node>),
    Two(Eval, Box<Node>, Box<Node>),
}

impl Expr {
    /// Verifies the expression and resolves its variables: input `i` of [`Bound::eval`] is the variable `inputs[i]`.
    ///
    /// Errors: see [`Expr::verify`].
    pub fn bind<const N: usize>(&self, inputs: &[&str; N]) -> Result<Bound<N>, ExprError> {
        self.verify(inputs)?;
        Ok(Bound { root: self.resolve(inputs)? })
    }

    /// Evaluates the expression once, with its variables by name. [`Expr::bind`] is for evaluating it often.
    ///
    /// Errors: see [`Expr::verify`].
    pub fn eval(&self, inputs: &[(&str, f64)]) -> Result<f64, ExprError> {
        let names: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
        let values: Vec<f64> = inputs.iter().map(|(_, value)| *value).collect();
        self.verify(&names)?;
        Ok(self.resolve(&names)?.eval(&values))
    }

    pub(crate) fn resolve(&self, inputs: &[&str]) -> Result<Node, ExprError> {
        let boxed = |e: &Expr| e.resolve(inputs).map(Box::new);
        Ok(match self {
            Expr::Const(value) => Node::Const(*value),
            Expr::Var(name) => match inputs.iter().position(|input| input == name) {
                Some(slot) => Node::Slot(slot),
                None => {
                    return Err(ExprError::UnknownVariable { name: name.clone(), known: inputs.join(", ") });
                }
            },
            Expr::Unary(op, x) => Node::Unary(*op, boxed(x)?),
            Expr::Binary(op, a, b) => Node::Binary(*op, boxed(a)?, boxed(b)?),
            Expr::Select(c, a, b) => Node::Select(boxed(c)?, boxed(a)?, boxed(b)?),
            Expr::Call(builtin, args) => match (builtin.arity(), args.as_slice()) {
                (1, [x]) => Node::One(builtin.definition().eval, boxed(x)?),
                (2, [a, b]) => Node::Two(builtin.definition().eval, boxed(a)?, boxed(b)?),
                (expected, _) => {
                    return Err(ExprError::Arity {
                        builtin: builtin.name(),
                        expected,
                        found: args.len(),
                        text: self.to_string(),
                    });
                }
            },
        })
    }
}

impl<const N: usize> Bound<N> {
    /// The value for these inputs.
    pub fn eval(&self, inputs: &[f64; N]) -> f64 {
        self.root.eval(inputs)
    }
}

impl Node {
    pub(crate) fn eval(&self, inputs: &[f64]) -> f64 {
        match self {
            Node::Const(value) => *value,
            Node::Slot(slot) => inputs.get(*slot).copied().unwrap_or(f64::NAN),
            Node::Unary(Unary::Neg, x) => -x.eval(inputs),
            Node::Unary(Unary::Not, x) => truth(!holds(x.eval(inputs))),
            Node::Binary(op, a, b) => binary(*op, a.eval(inputs), b.eval(inputs)),
            Node::Select(c, a, b) => if holds(c.eval(inputs)) { a } else { b }.eval(inputs),
            Node::One(eval, x) => match eval {
                Eval::One { call, .. } => call(x.eval(inputs)),
                Eval::HostOne { call, .. } => call(x.eval(inputs)),
                // `resolve` builds no such node.
                Eval::Two { .. } | Eval::HostTwo { .. } => f64::NAN,
            },
            Node::Two(eval, a, b) => match eval {
                Eval::Two { call, .. } => call(a.eval(inputs), b.eval(inputs)),
                Eval::HostTwo { call, .. } => call(a.eval(inputs), b.eval(inputs)),
                Eval::One { .. } | Eval::HostOne { .. } => f64::NAN,
            },
        }
    }
}

fn binary(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Lt => truth(a < b),
        Binary::Le => truth(a <= b),
        Binary::Gt => truth(a > b),
        Binary::Ge => truth(a >= b),
        Binary::Eq => truth(a == b),
        Binary::Ne => truth(a != b),
        Binary::And => truth(holds(a) && holds(b)),
        Binary::Or => truth(holds(a) || holds(b)),
    }
}

fn holds(condition: f64) -> bool {
    condition != 0.0
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_unless_zero() {
        let select = Expr::Select(
            Box::new(Expr::Var("c".into())),
            Box::new(Expr::Const(2.0)),
            Box::new(Expr::Const(3.0)),
        );
        let bound = select.bind(&["c"]).unwrap();
        let cases = [(0.0, 3.0), (-0.0, 3.0), (1.0, 2.0), (f64::NAN, 2.0), (f64::MIN_POSITIVE / 2.0, 2.0)];
        for (c, value) in cases {
            assert_eq!(bound.eval(&[c]), value, "{c}");
        }
    }

    #[test]
    fn inputs_are_found_by_name() {
        let sub =
            Expr::Binary(Binary::Sub, Box::new(Expr::Var("end".into())), Box::new(Expr::Var("t".into())));
        assert_eq!(sub.bind(&["t", "end"]).unwrap().eval(&[1.0, 5.0]), 4.0);
        assert_eq!(sub.bind(&["end", "t"]).unwrap().eval(&[1.0, 5.0]), -4.0);
        assert_eq!(sub.eval(&[("t", 1.0), ("end", 5.0)]), Ok(4.0));
        assert!(sub.eval(&[("t", 1.0)]).is_err());
    }
}
