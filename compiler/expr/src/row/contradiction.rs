//! Conditions that no document can pass, told from the conditions alone.
//!
//! Each is taken apart by Kleene's `and`, `or` and `not` into facts about terms (`length(.text)`, `.score`); a comparison with a
//! constant bounds its term. Facts about one term that leave no value contradict each other. What is not seen through (two
//! columns compared, arithmetic) counts as a truth value of its own: an answer is right whenever there is one.

use super::{RowExpr, exact};
use crate::{Binary, Builtin, Unary};
use std::fmt;

/// Alternatives of `or` that are followed; beyond, there is no answer.
const ALTERNATIVES: usize = 64;

/// Conditions that are never true together, or one that never is, as people read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction(Vec<String>);

/// `` `length(.text) > 100` and `length(.text) < 50` ``
impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|part| format!("`{part}`")).collect();
        f.write_str(&parts.join(" and "))
    }
}

impl Contradiction {
    /// Why no row makes all of `conditions` true, whatever the columns hold; `None` where some row may, or nobody can tell.
    pub fn of<'a>(conditions: impl IntoIterator<Item = &'a RowExpr>) -> Option<Contradiction> {
        search(conditions.into_iter().map(|c| (c, true)).collect(), &mut 0)
    }

    /// Why no row makes `condition` false. It may be null.
    pub fn of_not(condition: &RowExpr) -> Option<Contradiction> {
        search(vec![(condition, false)], &mut 0)
    }

    fn new(facts: &[Fact<'_>]) -> Contradiction {
        let mut texts: Vec<String> = Vec::new();
        for (expr, truth) in facts {
            let text = match truth {
                true => expr.to_string(),
                false => RowExpr::Unary(Unary::Not, Box::new((*expr).clone())).to_string(),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        Contradiction(texts)
    }
}

/// An expression, and whether it is true or false.
type Fact<'a> = (&'a RowExpr, bool);

/// A contradiction among `facts`, in every alternative that they leave.
fn search<'a>(facts: Vec<Fact<'a>>, followed: &mut usize) -> Option<Contradiction> {
    let mut open: Vec<Fact<'a>> = facts.into_iter().rev().collect();
    let mut known = Vec::new();
    let mut alternatives = Vec::new();
    while let Some((expr, truth)) = open.pop() {
        match (expr, truth) {
            (RowExpr::Unary(Unary::Not, x), _) => open.push((x, !truth)),
            (RowExpr::Binary(Binary::And, a, b), true) | (RowExpr::Binary(Binary::Or, a, b), false) => {
                open.extend([(&**b, truth), (&**a, truth)]);
            }
            (RowExpr::Binary(Binary::Or | Binary::And, a, b), _) => {
                alternatives.push(((expr, truth), [(&**a, truth), (&**b, truth)]));
            }
            _ => known.push((expr, truth)),
        }
    }
    if let Some(found) = among(&known) {
        return Some(found);
    }
    let (_, chosen) = alternatives.pop()?;
    *followed += 1;
    if *followed > ALTERNATIVES {
        return None;
    }
    let rest: Vec<Fact<'a>> =
        known.into_iter().chain(alternatives.into_iter().map(|(fact, _)| fact)).collect();
    let [a, b] = chosen.map(|fact| rest.iter().copied().chain([fact]).collect::<Vec<_>>());
    let found = search(a, followed)?;
    search(b, followed).map(|_| found)
}

/// A contradiction among facts that are neither `and`, `or` nor `not`.
fn among(facts: &[Fact<'_>]) -> Option<Contradiction> {
    let mut terms: Vec<Term<'_>> = Vec::new();
    for fact in facts {
        if let (RowExpr::Truth(value), truth) = fact {
            if *value != *truth {
                return Some(Contradiction::new(&[*fact]));
            }
            continue;
        }
        let (term, claim) = claim(*fact);
        let at = terms.iter().position(|t| t.expr == term).unwrap_or_else(|| {
            terms.push(Term::new(term));
            terms.len() - 1
        });
        if let Some(found) = terms.get_mut(at)?.learn(*fact, claim) {
            return Some(found);
        }
    }
    // What is null is neither above nor below anything.
    let null = facts.iter().find_map(|fact| match fact {
        (RowExpr::IsNull(x), true) => terms.iter().find(|t| *t.expr == **x).map(|t| (*fact, t)),
        _ => None,
    });
    null.and_then(|(fact, term)| Some(Contradiction::new(&[fact, *term.facts.first()?])))
}

/// What a fact says of its term.
enum Claim<'a> {
    /// How it compares with a number; NaN passes or not.
    Number { op: Binary, value: f64, nan: bool },
    /// It is this text or truth value.
    Is(Constant<'a>),
    /// It is not.
    IsNot(Constant<'a>),
}

#[derive(Clone, Copy, PartialEq)]
enum Constant<'a> {
    Truth(bool),
    Text(&'a str),
}

/// The term of a fact, and what is said of it.
fn claim<'a>((expr, truth): Fact<'a>) -> (&'a RowExpr, Claim<'a>) {
    comparison(expr, truth).unwrap_or((expr, Claim::Is(Constant::Truth(truth))))
}

/// A comparison with a constant, turned so that the constant stands on the right.
fn comparison(expr: &RowExpr, truth: bool) -> Option<(&RowExpr, Claim<'_>)> {
    let RowExpr::Binary(op, a, b) = expr else { return None };
    let constant =
        |e: &RowExpr| matches!(e, RowExpr::Int(_) | RowExpr::Float(_) | RowExpr::Text(_) | RowExpr::Truth(_));
    let (term, op, constant) = if constant(a) { (b, flipped(*op), a) } else { (a, *op, b) };
    let equal = match op {
        Binary::Eq => truth,
        Binary::Ne => !truth,
        Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => {
            let number = number(constant)?;
            let claimed = if truth { op } else { negated(op) };
            return Some((term, Claim::Number { op: claimed, value: number, nan: !truth }));
        }
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::And | Binary::Or => return None,
    };
    let claim = if let RowExpr::Truth(value) = &**constant {
        Claim::Is(Constant::Truth(*value == equal))
    } else if let RowExpr::Text(text) = &**constant {
        if equal { Claim::Is(Constant::Text(text)) } else { Claim::IsNot(Constant::Text(text)) }
    } else {
        let op = if equal { Binary::Eq } else { Binary::Ne };
        Claim::Number { op, value: number(constant)?, nan: !equal }
    };
    Some((term, claim))
}

/// A constant as an f64 that equals it.
fn number(expr: &RowExpr) -> Option<f64> {
    if let RowExpr::Float(value) = expr {
        return Some(*value);
    }
    if let RowExpr::Int(value) = expr { exact::float(*value) } else { None }
}

/// The operator with its operands exchanged.
fn flipped(op: Binary) -> Binary {
    match op {
        Binary::Lt => Binary::Gt,
        Binary::Le => Binary::Ge,
        Binary::Gt => Binary::Lt,
        Binary::Ge => Binary::Le,
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Div
        | Binary::Eq
        | Binary::Ne
        | Binary::And
        | Binary::Or => op,
    }
}

/// The comparison that holds of two numbers where `op` does not.
fn negated(op: Binary) -> Binary {
    match op {
        Binary::Lt => Binary::Ge,
        Binary::Le => Binary::Gt,
        Binary::Gt => Binary::Le,
        Binary::Ge => Binary::Lt,
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Div
        | Binary::Eq
        | Binary::Ne
        | Binary::And
        | Binary::Or => op,
    }
}

/// What is known of a term that is not null.
struct Term<'a> {
    expr: &'a RowExpr,
    /// The facts it was learned from.
    facts: Vec<Fact<'a>>,
    low: Bound<'a>,
    high: Bound<'a>,
    /// It may be NaN.
    nan: bool,
    /// Its values are integers.
    whole: bool,
    /// Numbers that it is not.
    holes: Vec<(f64, Fact<'a>)>,
    is: Option<(Constant<'a>, Fact<'a>)>,
    is_not: Vec<(Constant<'a>, Fact<'a>)>,
}

/// An end of an interval, and what set it.
#[derive(Clone, Copy)]
struct Bound<'a> {
    value: f64,
    /// The value itself is outside.
    open: bool,
    fact: Option<Fact<'a>>,
}

impl<'a> Term<'a> {
    fn new(expr: &'a RowExpr) -> Term<'a> {
        let length = matches!(expr, RowExpr::Length(_));
        let low =
            if length || matches!(expr, RowExpr::Call(Builtin::Abs, _)) { 0.0 } else { f64::NEG_INFINITY };
        let bound = |value| Bound { value, open: false, fact: None };
        Term {
            expr,
            facts: Vec::new(),
            low: bound(low),
            high: bound(f64::INFINITY),
            nan: !length,
            whole: length,
            holes: Vec::new(),
            is: None,
            is_not: Vec::new(),
        }
    }

    fn learn(&mut self, fact: Fact<'a>, claim: Claim<'a>) -> Option<Contradiction> {
        self.facts.push(fact);
        match claim {
            Claim::Is(constant) => {
                let other = self.is.filter(|(known, _)| *known != constant).map(|(_, f)| f);
                let other = other.or(self.is_not.iter().find(|(c, _)| *c == constant).map(|(_, f)| *f));
                self.is.get_or_insert((constant, fact));
                return other.map(|other| Contradiction::new(&[other, fact]));
            }
            Claim::IsNot(constant) => {
                self.is_not.push((constant, fact));
                let other = self.is.filter(|(known, _)| *known == constant);
                return other.map(|(_, other)| Contradiction::new(&[other, fact]));
            }
            Claim::Number { op, value, nan } => {
                let fact = Some(fact);
                match op {
                    Binary::Gt => self.raise(Bound { value, open: true, fact }),
                    Binary::Ge => self.raise(Bound { value, open: false, fact }),
                    Binary::Lt => self.lower(Bound { value, open: true, fact }),
                    Binary::Le => self.lower(Bound { value, open: false, fact }),
                    Binary::Ne => self.holes.extend(fact.map(|fact| (value, fact))),
                    Binary::Eq
                    | Binary::Add
                    | Binary::Sub
                    | Binary::Mul
                    | Binary::Div
                    | Binary::And
                    | Binary::Or => {
                        self.raise(Bound { value, open: false, fact });
                        self.lower(Bound { value, open: false, fact });
                    }
                }
                self.nan &= nan;
            }
        }
        self.empty()
    }

    fn raise(&mut self, to: Bound<'a>) {
        let to = match self.whole {
            true if to.open => Bound { value: to.value.floor() + 1.0, open: false, ..to },
            true => Bound { value: to.value.ceil(), ..to },
            false => to,
        };
        if to.value > self.low.value || to.value == self.low.value && to.open {
            self.low = to;
        }
    }

    fn lower(&mut self, to: Bound<'a>) {
        let to = match self.whole {
            true if to.open => Bound { value: to.value.ceil() - 1.0, open: false, ..to },
            true => Bound { value: to.value.floor(), ..to },
            false => to,
        };
        if to.value < self.high.value || to.value == self.high.value && to.open {
            self.high = to;
        }
    }

    /// Nothing is left between the bounds, and it cannot be NaN.
    fn empty(&self) -> Option<Contradiction> {
        let (low, high) = (self.low, self.high);
        let one = low.value == high.value && !low.open && !high.open;
        let hole = self.holes.iter().find(|(value, _)| one && *value == low.value);
        if self.nan || low.value < high.value || one && hole.is_none() {
            return None;
        }
        let facts: Vec<Fact<'_>> =
            [low.fact, high.fact, hole.map(|(_, fact)| *fact)].into_iter().flatten().collect();
        Some(Contradiction::new(&facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RowExpr::{Float, Int, Text, Truth};

    fn bin(op: Binary, a: RowExpr, b: RowExpr) -> RowExpr {
        RowExpr::Binary(op, Box::new(a), Box::new(b))
    }

    fn not(x: RowExpr) -> RowExpr {
        RowExpr::Unary(Unary::Not, Box::new(x))
    }

    fn column(name: &str) -> RowExpr {
        RowExpr::Column(name.into())
    }

    fn length() -> RowExpr {
        RowExpr::Length(Box::new(column("text")))
    }

    fn is_null(x: RowExpr) -> RowExpr {
        RowExpr::IsNull(Box::new(x))
    }

    #[test]
    fn what_is_never_true() {
        use Binary::{And, Eq, Ge, Gt, Le, Lt, Ne, Or};
        let (x, k, en) = (|| column("x"), || column("k"), || bin(Eq, column("language"), Text("en".into())));
        let fr = || bin(Eq, column("language"), Text("fr".into()));
        let cases = [
            (vec![bin(Gt, x(), Int(3)), bin(Lt, x(), Int(3))], "`.x > 3` and `.x < 3`"),
            (vec![bin(Ge, x(), Int(3)), bin(Le, x(), Float(3.0))], ""),
            (vec![bin(Lt, Int(3), x()), bin(Ge, Int(3), x())], "`3 < .x` and `3 >= .x`"),
            // Of two integers there is none between.
            (
                vec![bin(Gt, length(), Int(3)), bin(Lt, length(), Int(4))],
                "`length(.text) > 3` and `length(.text) < 4`",
            ),
            (vec![bin(Gt, x(), Int(3)), bin(Lt, x(), Int(4))], ""),
            (vec![bin(Lt, length(), Int(0))], "`length(.text) < 0`"),
            (vec![bin(Eq, x(), Int(3)), bin(Ne, x(), Float(3.0))], "`.x == 3` and `.x != 3.0`"),
            // NaN is neither below 3 nor above.
            (vec![not(bin(Lt, x(), Int(3))), not(bin(Gt, x(), Int(2)))], ""),
            (vec![not(bin(Lt, x(), Int(3))), bin(Le, x(), Int(2))], "`not .x < 3` and `.x <= 2`"),
            (vec![en(), fr()], "`.language == \"en\"` and `.language == \"fr\"`"),
            (vec![bin(And, en(), not(en()))], "`.language == \"en\"` and `not .language == \"en\"`"),
            (vec![bin(Or, en(), fr())], ""),
            (
                vec![bin(Or, en(), fr()), bin(Eq, column("language"), Text("de".into()))],
                "`.language == \"de\"` and `.language == \"en\"`",
            ),
            (vec![k(), bin(Eq, k(), Truth(false))], "`.k` and `.k == false`"),
            (vec![bin(Lt, x(), column("y")), not(bin(Lt, x(), column("y")))], "`.x < .y` and `not .x < .y`"),
            (vec![is_null(x()), bin(Ge, x(), Int(0))], "`not present(.x)` and `.x >= 0`"),
            (vec![not(is_null(x())), bin(Ge, x(), Int(0))], ""),
        ];
        for (conditions, why) in cases {
            let found = Contradiction::of(&conditions).map(|c| c.to_string()).unwrap_or_default();
            assert_eq!(found, why, "{conditions:?}");
        }
    }

    #[test]
    fn what_is_never_false() {
        use Binary::{Ge, Gt, Or};
        let never = |c: &RowExpr| Contradiction::of_not(c).is_some();
        assert!(never(&bin(Ge, length(), Int(0))));
        assert!(!never(&bin(Gt, length(), Int(0))));
        assert!(never(&bin(Or, is_null(column("x")), not(is_null(column("x"))))));
        // An answer is given up, not wrong, where there are too many alternatives.
        let many = (0..200).fold(Truth(false), |all, i| {
            bin(Or, all, bin(Binary::And, column(&format!("a{i}")), column(&format!("b{i}"))))
        });
        assert!(!never(&many));
    }
}
