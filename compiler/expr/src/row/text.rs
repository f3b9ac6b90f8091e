//! Row expressions as people read them, in the notation of the language.

use super::RowExpr;
use crate::Unary;
use crate::text::{notation, strength};
use std::fmt;

/// `.score >= 3 and length(.text) < 8000`: as short as it can be and still be read back as the same tree.
impl fmt::Display for RowExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, strength::IF, f)
    }
}

fn write(expr: &RowExpr, asked: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let own = match expr {
        RowExpr::Int(value) if *value < 0 => strength::NEGATION,
        RowExpr::Float(value) if value.is_sign_negative() => strength::NEGATION,
        RowExpr::Int(_)
        | RowExpr::Float(_)
        | RowExpr::Truth(_)
        | RowExpr::Text(_)
        | RowExpr::Column(_)
        | RowExpr::Call(..)
        | RowExpr::Length(_)
        | RowExpr::Match(..) => strength::ATOM,
        RowExpr::Unary(Unary::Not, x) if matches!(**x, RowExpr::IsNull(_)) => strength::ATOM,
        RowExpr::IsNull(_) => strength::NOT,
        RowExpr::Unary(Unary::Neg, _) => strength::NEGATION,
        RowExpr::Unary(Unary::Not, _) => strength::NOT,
        RowExpr::Binary(op, ..) => notation(*op).1,
        RowExpr::Select(..) => strength::IF,
    };
    if own < asked {
        f.write_str("(")?;
        write(expr, strength::IF, f)?;
        return f.write_str(")");
    }
    match expr {
        RowExpr::Int(value) => write!(f, "{value}"),
        // With a point or an exponent: `3.0` is another constant than `3`.
        RowExpr::Float(value) => write!(f, "{value:?}"),
        RowExpr::Truth(value) => write!(f, "{value}"),
        RowExpr::Text(text) => quoted(text, f),
        RowExpr::Column(name) => write!(f, ".{name}"),
        RowExpr::Unary(Unary::Neg, x) => {
            f.write_str("-")?;
            write(x, strength::ATOM, f)
        }
        // The language asks whether a value is there.
        RowExpr::IsNull(x) => {
            f.write_str("not ")?;
            call("present", [&**x].into_iter(), f)
        }
        RowExpr::Unary(Unary::Not, x) => {
            if let RowExpr::IsNull(x) = &**x {
                return call("present", [&**x].into_iter(), f);
            }
            f.write_str("not ")?;
            write(x, strength::NOT, f)
        }
        RowExpr::Binary(op, a, b) => {
            let (sign, _, left, right) = notation(*op);
            write(a, left, f)?;
            write!(f, " {sign} ")?;
            write(b, right, f)
        }
        RowExpr::Select(c, a, b) => {
            f.write_str("if ")?;
            write(c, strength::OR, f)?;
            f.write_str(" then ")?;
            write(a, strength::OR, f)?;
            f.write_str(" else ")?;
            write(b, strength::IF, f)
        }
        RowExpr::Call(builtin, args) => call(builtin.name(), args.iter(), f),
        RowExpr::Length(x) => call("length", [&**x].into_iter(), f),
        RowExpr::Match(test, a, b) => call(test.name(), [&**a, &**b].into_iter(), f),
    }
}

fn call<'a>(name: &str, args: impl Iterator<Item = &'a RowExpr>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{name}(")?;
    for (i, arg) in args.enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write(arg, strength::IF, f)?;
    }
    f.write_str(")")
}

/// A text literal of the language, which reads `{name}` as a place to fill in.
pub(super) fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            '"' | '\\' | '{' | '}' => write!(f, "\\{c}")?,
            _ => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::super::TextMatch;
    use super::*;
    use crate::{Binary, Builtin};

    #[test]
    fn reads_as_the_language_writes_it() {
        let c = |name: &str| Box::new(RowExpr::Column(name.into()));
        let bin = |op, a, b| RowExpr::Binary(op, a, Box::new(b));
        let score = || bin(Binary::Ge, c("score"), RowExpr::Int(3));
        let language = || bin(Binary::Eq, c("language"), RowExpr::Text("en".into()));
        let length = bin(Binary::Lt, Box::new(RowExpr::Length(c("text"))), RowExpr::Int(8000));
        let filter = bin(Binary::And, Box::new(bin(Binary::And, Box::new(score()), language())), length);
        let cases = [
            (filter, ".score >= 3 and .language == \"en\" and length(.text) < 8000"),
            (
                bin(Binary::And, Box::new(bin(Binary::Or, Box::new(score()), language())), score()),
                "(.score >= 3 or .language == \"en\") and .score >= 3",
            ),
            (bin(Binary::Mul, c("x"), RowExpr::Float(3.0)), ".x * 3.0"),
            (RowExpr::Unary(Unary::Neg, Box::new(RowExpr::Int(-3))), "-(-3)"),
            (RowExpr::Text("a\"{b}\\\n".into()), "\"a\\\"\\{b\\}\\\\\\n\""),
            (RowExpr::Unary(Unary::Not, Box::new(RowExpr::IsNull(c("x")))), "present(.x)"),
            (bin(Binary::And, Box::new(RowExpr::IsNull(c("x"))), score()), "not present(.x) and .score >= 3"),
            (
                RowExpr::Match(TextMatch::Contains, c("text"), Box::new(RowExpr::Text("x".into()))),
                "contains(.text, \"x\")",
            ),
            (RowExpr::Call(Builtin::Max, vec![RowExpr::Int(1), *c("x")]), "max(1, .x)"),
        ];
        for (expr, text) in cases {
            assert_eq!(expr.to_string(), text);
        }
    }
}
