//! Expressions as people read them, in the notation of the language.

use crate::{Binary, Expr, Unary};
use std::fmt;

/// Binding strength; a part is put in parentheses where its own is below the one its place asks for.
pub(crate) mod strength {
    pub(crate) const IF: u8 = 0;
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    pub(crate) const COMPARISON: u8 = 4;
    pub(crate) const SUM: u8 = 5;
    pub(crate) const PRODUCT: u8 = 6;
    pub(crate) const NEGATION: u8 = 7;
    pub(crate) const ATOM: u8 = 8;
}

/// Sign, own strength, strength asked of the left and of the right operand. Operators group to the left, and sums are
/// not regrouped: floating-point addition is not associative. Comparisons do not chain.
pub(crate) fn notation(op: Binary) -> (&'static str, u8, u8, u8) {
    use strength::{AND, COMPARISON, NEGATION, NOT, OR, PRODUCT, SUM};
    match op {
        Binary::Add => ("+", SUM, SUM, PRODUCT),
        Binary::Sub => ("-", SUM, SUM, PRODUCT),
        Binary::Mul => ("*", PRODUCT, PRODUCT, NEGATION),
        Binary::Div => ("/", PRODUCT, PRODUCT, NEGATION),
        Binary::Lt => ("<", COMPARISON, SUM, SUM),
        Binary::Le => ("<=", COMPARISON, SUM, SUM),
        Binary::Gt => (">", COMPARISON, SUM, SUM),
        Binary::Ge => (">=", COMPARISON, SUM, SUM),
        Binary::Eq => ("==", COMPARISON, SUM, SUM),
        Binary::Ne => ("!=", COMPARISON, SUM, SUM),
        Binary::And => ("and", AND, AND, NOT),
        Binary::Or => ("or", OR, OR, AND),
    }
}

/// `peak * (t / warmup)`: as short as it can be and still be read back as the same tree.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, strength::IF, f)
    }
}

fn write(expr: &Expr, asked: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let own = match expr {
        Expr::Const(value) if value.is_sign_negative() => strength::NEGATION,
        Expr::Const(_) | Expr::Var(_) | Expr::Call(..) => strength::ATOM,
        Expr::Unary(Unary::Neg, _) => strength::NEGATION,
        Expr::Unary(Unary::Not, _) => strength::NOT,
        Expr::Binary(op, ..) => notation(*op).1,
        Expr::Select(..) => strength::IF,
    };
    if own < asked {
        f.write_str("(")?;
        write(expr, strength::IF, f)?;
        return f.write_str(")");
    }
    match expr {
        Expr::Const(value) => number(*value, f),
        Expr::Var(name) => f.write_str(name),
        Expr::Unary(Unary::Neg, x) => {
            f.write_str("-")?;
            write(x, strength::ATOM, f)
        }
        Expr::Unary(Unary::Not, x) => {
            f.write_str("not ")?;
            write(x, strength::NOT, f)
        }
        Expr::Binary(op, a, b) => {
            let (sign, _, left, right) = notation(*op);
            write(a, left, f)?;
            write!(f, " {sign} ")?;
            write(b, right, f)
        }
        Expr::Select(c, a, b) => {
            f.write_str("if ")?;
            write(c, strength::OR, f)?;
            f.write_str(" then ")?;
            write(a, strength::OR, f)?;
            f.write_str(" else ")?;
            write(b, strength::IF, f)
        }
        Expr::Call(builtin, args) => {
            write!(f, "{}(", builtin.name())?;
            for (i, arg) in args.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write(arg, strength::IF, f)?;
            }
            f.write_str(")")
        }
    }
}

/// The shortest decimal that reads back as the same f64; whole numbers without a point.
fn number(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if value.abs() < 1e15 && libm::trunc(value) == value {
        write!(f, "{value}")
    } else {
        write!(f, "{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builtin;

    fn v(name: &str) -> Box<Expr> {
        Box::new(Expr::Var(name.into()))
    }
    fn c(value: f64) -> Box<Expr> {
        Box::new(Expr::Const(value))
    }
    fn bin(op: Binary, a: Box<Expr>, b: Box<Expr>) -> Box<Expr> {
        Box::new(Expr::Binary(op, a, b))
    }

    #[test]
    fn parentheses_stand_where_the_tree_needs_them() {
        use Binary::{Add, And, Div, Lt, Mul, Or, Sub};
        let (a, b, d) = (|| v("a"), || v("b"), || v("d"));
        let cases: [(Expr, &str); 13] = [
            (*bin(Add, bin(Add, a(), b()), d()), "a + b + d"),
            (*bin(Add, a(), bin(Add, b(), d())), "a + (b + d)"),
            (*bin(Mul, bin(Sub, a(), b()), d()), "(a - b) * d"),
            (*bin(Div, a(), bin(Mul, b(), d())), "a / (b * d)"),
            (*bin(Lt, a(), bin(Add, b(), d())), "a < b + d"),
            (*bin(And, bin(Or, a(), b()), bin(Lt, a(), b())), "(a or b) and a < b"),
            (Expr::Unary(Unary::Not, bin(And, a(), b())), "not (a and b)"),
            (Expr::Unary(Unary::Neg, bin(Mul, a(), b())), "-(a * b)"),
            (Expr::Unary(Unary::Neg, c(-3.0)), "-(-3)"),
            (*bin(Add, Box::new(Expr::Select(a(), b(), d())), c(1.0)), "(if a then b else d) + 1"),
            (
                Expr::Select(a(), b(), Box::new(Expr::Select(d(), a(), b()))),
                "if a then b else if d then a else b",
            ),
            (Expr::Call(Builtin::Pow, vec![*a(), *c(0.5)]), "pow(a, 0.5)"),
            (*bin(Mul, c(5e-4), bin(Div, a(), c(2000.0))), "0.0005 * (a / 2000)"),
        ];
        for (expr, text) in cases {
            assert_eq!(expr.to_string(), text);
        }
    }

    #[test]
    fn numbers_read_back() {
        for value in [0.0, -0.0, 5e-4, 1e300, 1e-310, 123456789.0, 0.1 + 0.2, 9.007e15, f64::MAX] {
            let text = Expr::Const(value).to_string();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
        }
    }
}
