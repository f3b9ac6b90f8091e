//! What an expression takes each column for, told from the expression alone: for files whose values have a type each
//! (JSON lines), and to find a contradiction where no file can be looked at.

use super::{RowError, RowExpr, RowKind};
use crate::{Binary, Unary};
use std::fmt;

/// What a column is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A number, whole or not.
    Number,
    /// A truth value.
    Truth,
    /// A text.
    Text,
    /// A value that is compared with another one, and nothing tells of which kind.
    Either,
    /// Anything: only whether it is null is asked.
    Any,
}

impl Need {
    fn is_kind(self) -> bool {
        matches!(self, Need::Number | Need::Truth | Need::Text)
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Number => "a number",
            Need::Truth => "a truth value",
            Need::Text => "a text",
            Need::Either => "a value",
            Need::Any => "anything",
        })
    }
}

impl RowExpr {
    /// Every column it reads, in the order they are met, with what it is taken for. `yields` is what the whole must be.
    ///
    /// Errors: those of [`RowExpr::verify`] that do not depend on the columns, [`RowError::Mismatch`] among them, and
    /// [`RowError::TwoKinds`].
    pub fn needs(&self, yields: Need) -> Result<Vec<(String, Need)>, RowError> {
        self.size(1, &mut 0)?;
        let names = self.columns();
        let mut needs = Needs { known: names.iter().map(|n| ((*n).to_owned(), Need::Any)).collect() };
        // A column compared with another takes its kind, which may be learned further right: at most once for each.
        for _ in 0..=names.len() {
            let before = needs.known.clone();
            needs.want(self, yields, "the whole")?;
            if needs.known == before {
                break;
            }
        }
        Ok(needs.known)
    }
}

struct Needs {
    known: Vec<(String, Need)>,
}

impl Needs {
    fn kind(&self, expr: &RowExpr) -> Need {
        match expr {
            RowExpr::Int(_) | RowExpr::Float(_) | RowExpr::Call(..) | RowExpr::Length(_) => Need::Number,
            RowExpr::Unary(Unary::Neg, _) => Need::Number,
            RowExpr::Unary(Unary::Not, _) => Need::Truth,
            RowExpr::Truth(_) | RowExpr::Match(..) | RowExpr::IsNull(_) => Need::Truth,
            RowExpr::Text(_) => Need::Text,
            RowExpr::Column(name) => {
                self.known.iter().find(|(n, _)| n == name).map_or(Need::Any, |(_, k)| *k)
            }
            RowExpr::Binary(op, ..) => match op {
                Binary::Add | Binary::Sub | Binary::Mul | Binary::Div => Need::Number,
                Binary::Lt
                | Binary::Le
                | Binary::Gt
                | Binary::Ge
                | Binary::Eq
                | Binary::Ne
                | Binary::And
                | Binary::Or => Need::Truth,
            },
            RowExpr::Select(_, a, b) => self.either(a, b),
        }
    }

    fn either(&self, a: &RowExpr, b: &RowExpr) -> Need {
        let (known, other) = (self.kind(a), self.kind(b));
        // What is no column is what it is; a column may have been taken for something else before.
        let prefer_other = !known.is_kind() || (matches!(a, RowExpr::Column(_)) && other.is_kind());
        if prefer_other { other } else { known }
    }

    /// `expr` stands where `place` needs a value of this kind.
    fn want(&mut self, expr: &RowExpr, need: Need, place: &'static str) -> Result<(), RowError> {
        let found = self.kind(expr);
        if need.is_kind() && found.is_kind() && found != need {
            if let RowExpr::Column(name) = expr {
                return Err(RowError::TwoKinds { name: name.clone(), one: found, other: need });
            }
            return Err(mismatch(expr, need, found, place));
        }
        match expr {
            RowExpr::Float(value) if !value.is_finite() => Err(RowError::NotFinite { value: *value }),
            RowExpr::Int(_) | RowExpr::Float(_) | RowExpr::Truth(_) | RowExpr::Text(_) => Ok(()),
            RowExpr::Column(name) => {
                if let Some((_, known)) = self.known.iter_mut().find(|(n, _)| n == name)
                    && (need.is_kind() || (need == Need::Either && *known == Need::Any))
                {
                    *known = need;
                }
                Ok(())
            }
            RowExpr::Unary(Unary::Neg, x) => self.want(x, Need::Number, "`-`"),
            RowExpr::Unary(Unary::Not, x) => self.want(x, Need::Truth, "`not`"),
            RowExpr::Binary(op, a, b) => {
                let (need, place) = match op {
                    Binary::Add | Binary::Sub | Binary::Mul | Binary::Div => (Need::Number, "arithmetic"),
                    Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => (Need::Number, "a comparison"),
                    Binary::And | Binary::Or => (Need::Truth, "`and` or `or`"),
                    Binary::Eq | Binary::Ne => {
                        let kind = self.either(a, b);
                        let need = if kind.is_kind() { kind } else { Need::Either };
                        (need, "the other side of a comparison")
                    }
                };
                self.want(a, need, place)?;
                self.want(b, need, place)
            }
            RowExpr::Select(c, a, b) => {
                self.want(c, Need::Truth, "a condition")?;
                let need = match self.either(a, b) {
                    kind if kind.is_kind() && !need.is_kind() => kind,
                    _ => need,
                };
                if need == Need::Text {
                    return Err(mismatch(a, Need::Number, need, "`if`"));
                }
                self.want(a, need, "`if`")?;
                self.want(b, need, "`else`, like its `then`,")
            }
            RowExpr::Call(builtin, args) if args.len() != builtin.arity() => Err(RowError::Arity {
                builtin: builtin.name(),
                expected: builtin.arity(),
                found: args.len(),
                text: expr.to_string(),
            }),
            RowExpr::Call(builtin, args) => {
                args.iter().try_for_each(|arg| self.want(arg, Need::Number, builtin.name()))
            }
            RowExpr::Length(x) => self.want(x, Need::Text, "`length`"),
            RowExpr::Match(test, a, b) => {
                self.want(a, Need::Text, test.name())?;
                self.want(b, Need::Text, test.name())
            }
            RowExpr::IsNull(x) => self.want(x, Need::Any, "`is_null`"),
        }
    }
}

fn mismatch(expr: &RowExpr, need: Need, found: Need, place: &'static str) -> RowError {
    let expected = match need {
        Need::Truth => "a truth value",
        Need::Text => "a text",
        Need::Number | Need::Either | Need::Any => "a number",
    };
    let found = match found {
        Need::Truth => RowKind::Truth,
        Need::Text => RowKind::Text,
        Need::Number | Need::Either | Need::Any => RowKind::Float,
    };
    RowError::Mismatch { place, expected, found, text: expr.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::TextMatch;

    fn c(name: &str) -> Box<RowExpr> {
        Box::new(RowExpr::Column(name.into()))
    }
    fn bin(op: Binary, a: Box<RowExpr>, b: RowExpr) -> RowExpr {
        RowExpr::Binary(op, a, Box::new(b))
    }
    fn needs(expr: &RowExpr) -> Result<String, String> {
        let found = expr.needs(Need::Truth).map_err(|e| e.to_string())?;
        Ok(found.iter().map(|(name, need)| format!("{name}: {need}")).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn columns_are_what_they_are_used_for() {
        let three = || RowExpr::Int(3);
        let score = bin(Binary::Ge, c("score"), three());
        let public = bin(Binary::Or, c("public"), score.clone());
        assert_eq!(needs(&public).unwrap(), "public: a truth value, score: a number");
        let url = RowExpr::Unary(Unary::Not, Box::new(RowExpr::IsNull(c("url"))));
        assert_eq!(needs(&url).unwrap(), "url: anything");
        // What `a` is, is said behind `a == b`.
        let chain =
            bin(Binary::And, Box::new(bin(Binary::Eq, c("a"), *c("b"))), bin(Binary::Eq, c("b"), *c("d")));
        let lorem = RowExpr::Match(TextMatch::Contains, c("d"), Box::new(RowExpr::Text("x".into())));
        assert_eq!(needs(&chain).unwrap(), "a: a value, b: a value, d: a value");
        let told = bin(Binary::And, Box::new(chain), lorem);
        assert_eq!(needs(&told).unwrap(), "a: a text, b: a text, d: a text");
    }

    #[test]
    fn contradictions_are_found_without_a_file() {
        let text = || RowExpr::Text("en".into());
        let both = bin(
            Binary::And,
            Box::new(bin(Binary::Eq, c("x"), text())),
            bin(Binary::Ge, c("x"), RowExpr::Int(3)),
        );
        assert_eq!(needs(&both).unwrap_err(), "the column `x` is taken for a text and for a number");
        let length = bin(Binary::Lt, Box::new(RowExpr::Length(c("t"))), text());
        assert_eq!(needs(&length).unwrap_err(), "`\"en\"` is a text, but a comparison needs a number");
        assert!(needs(&RowExpr::Int(1)).unwrap_err().contains("the whole needs a truth value"));
        assert!(needs(&RowExpr::Float(f64::NAN)).is_err());
        let few = RowExpr::Call(crate::Builtin::Min, vec![RowExpr::Int(1)]);
        assert!(needs(&bin(Binary::Lt, Box::new(few), RowExpr::Int(1))).unwrap_err().contains("takes 2"));
    }
}
