//! Ranges: what an expression can yield while `t` runs over a span of steps.
//!
//! The meaning of an expression is its evaluation in f64. Addition, multiplication, division, roots, minimum, maximum and
//! rounding to whole numbers are monotone in each operand there, rounding included, so that a range's ends are computed by
//! the very operation and hold for every value between, exactly. The transcendental functions of `libm` are within one unit
//! in the last place; their ranges are three wider on either side (Moore, Kearfott and Cloud, 2009, chapters 2 and 4).

use smolc_expr::{Binary, Builtin, Expr, Unary};
use std::f64::consts::PI;

/// All values from `low` to `high`, and NaN if `nan`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
    pub nan: bool,
}

const ANY: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY, nan: true };
const TRUE: Range = Range { low: 1.0, high: 1.0, nan: false };
const FALSE: Range = Range { low: 0.0, high: 0.0, nan: false };
const EITHER: Range = Range { low: 0.0, high: 1.0, nan: false };

/// The values of an expression over `t` and `end`, for `t` in a range and one `end`.
pub(super) fn range(expr: &Expr, t: Range, end: f64) -> Range {
    let of = |e: &Expr| range(e, t, end);
    match expr {
        Expr::Const(c) => Range::one(*c),
        Expr::Var(name) if name == "t" => t,
        Expr::Var(name) if name == "end" => Range::one(end),
        // The checker binds no other name.
        Expr::Var(_) => ANY,
        Expr::Unary(Unary::Neg, a) => {
            let a = of(a);
            Range { low: -a.high, high: -a.low, nan: a.nan }
        }
        Expr::Unary(Unary::Not, a) => of(a).holds().map_or(EITHER, |h| truth(!h)),
        Expr::Binary(op, a, b) => binary(*op, of(a), of(b)),
        Expr::Select(c, a, b) => match of(c).holds() {
            Some(true) => of(a),
            Some(false) => of(b),
            None => of(a).or(of(b)),
        },
        Expr::Call(f, arguments) => match arguments.as_slice() {
            [a] => one(*f, of(a)),
            [a, b] => two(*f, of(a), of(b)),
            _ => ANY,
        },
    }
}

impl Range {
    /// From the first to the last step of a span.
    pub fn steps(first: u64, last: u64) -> Range {
        Range { low: first as f64, high: last as f64, nan: false }
    }

    fn one(value: f64) -> Range {
        Range { low: value, high: value, nan: value.is_nan() }
    }

    fn or(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high), nan: self.nan || other.nan }
    }

    /// Whether it holds as a condition: everywhere, nowhere, or neither. NaN holds.
    fn holds(self) -> Option<bool> {
        match () {
            () if self.low > 0.0 || self.high < 0.0 => Some(true),
            () if self.low == 0.0 && self.high == 0.0 && !self.nan => Some(false),
            () => None,
        }
    }

    fn has_zero(self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }

    fn has_infinity(self) -> bool {
        self.low.is_infinite() || self.high.is_infinite()
    }

    /// The least range around values, which are those at the corners of an operation that is monotone in each operand.
    fn around(corners: &[f64], nan: bool) -> Range {
        if corners.iter().any(|c| c.is_nan()) {
            return ANY;
        }
        let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
        let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Range { low, high, nan }
    }

    /// Wider by three units in the last place, but not beyond what the function can yield.
    fn wider(self, least: f64, most: f64) -> Range {
        let low = self.low.next_down().next_down().next_down().max(least);
        let high = self.high.next_up().next_up().next_up().min(most);
        Range { low, high, nan: self.nan }
    }
}

fn truth(value: bool) -> Range {
    if value { TRUE } else { FALSE }
}

fn binary(op: Binary, a: Range, b: Range) -> Range {
    let nan = a.nan || b.nan;
    match op {
        Binary::Add => Range::around(&[a.low + b.low, a.high + b.high, a.low + b.high, a.high + b.low], nan),
        Binary::Sub => Range::around(&[a.low - b.high, a.high - b.low, a.low - b.low, a.high - b.high], nan),
        // Zero times infinity may lie between the corners.
        Binary::Mul if a.has_zero() && b.has_infinity() || b.has_zero() && a.has_infinity() => ANY,
        Binary::Mul => Range::around(&[a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high], nan),
        Binary::Div if b.has_zero() => ANY,
        Binary::Div => Range::around(&[a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high], nan),
        // A comparison with NaN is false, but for `!=`.
        Binary::Lt => compare(a.high < b.low, a.low >= b.high, nan),
        Binary::Le => compare(a.high <= b.low, a.low > b.high, nan),
        Binary::Gt => compare(a.low > b.high, a.high <= b.low, nan),
        Binary::Ge => compare(a.low >= b.high, a.high < b.low, nan),
        Binary::Eq | Binary::Ne => {
            let apart = a.high < b.low || b.high < a.low;
            let equal = a.low == a.high && b.low == b.high && a.low == b.low;
            let decided = compare(equal, apart, nan);
            match op {
                Binary::Ne => decided.holds().map_or(EITHER, |h| truth(!h)),
                _ => decided,
            }
        }
        Binary::And | Binary::Or => match (op, a.holds(), b.holds()) {
            (Binary::And, Some(true), Some(true))
            | (Binary::Or, Some(true), _)
            | (Binary::Or, _, Some(true)) => TRUE,
            (Binary::Or, Some(false), Some(false))
            | (Binary::And, Some(false), _)
            | (Binary::And, _, Some(false)) => FALSE,
            _ => EITHER,
        },
    }
}

fn compare(yes: bool, no: bool, nan: bool) -> Range {
    match (yes, no) {
        (true, _) if !nan => TRUE,
        (_, true) => FALSE,
        _ => EITHER,
    }
}

fn one(f: Builtin, a: Range) -> Range {
    let map = |f: fn(f64) -> f64| Range { low: f(a.low), high: f(a.high), nan: a.nan };
    let call = |x: f64| Expr::Call(f, vec![Expr::Const(x)]).eval(&[]).unwrap_or(f64::NAN);
    match f {
        Builtin::Abs if a.has_zero() => Range { low: 0.0, high: a.high.max(-a.low), nan: a.nan },
        Builtin::Abs => Range::around(&[a.low.abs(), a.high.abs()], a.nan),
        Builtin::Floor => map(f64::floor),
        Builtin::Ceil => map(f64::ceil),
        Builtin::Sqrt | Builtin::Ln if a.high < 0.0 || a.low.is_nan() => ANY,
        Builtin::Sqrt => Range { low: a.low.max(0.0).sqrt(), high: a.high.sqrt(), nan: a.nan || a.low < 0.0 },
        Builtin::Exp if a.has_infinity() => Range { low: 0.0, high: f64::INFINITY, nan: a.nan },
        Builtin::Exp => Range::around(&[call(a.low), call(a.high)], a.nan).wider(0.0, f64::INFINITY),
        Builtin::Ln if a.low <= 0.0 || a.has_infinity() => ANY,
        Builtin::Ln => {
            Range::around(&[call(a.low), call(a.high)], a.nan).wider(f64::NEG_INFINITY, f64::INFINITY)
        }
        Builtin::Cos => wave(a, 0.0, call),
        Builtin::Sin => wave(a, PI / 2.0, call),
        Builtin::Min | Builtin::Max | Builtin::Pow => ANY,
    }
}

/// A cosine that begins at `shift`: it is monotone between multiples of π, where it is 1 and -1.
fn wave(a: Range, shift: f64, call: impl Fn(f64) -> f64) -> Range {
    if a.has_infinity() {
        return Range { low: -1.0, high: 1.0, nan: true };
    }
    // Far wider than the rounding of the division.
    let turn = |x: f64, side: f64| (x - shift) / PI + side * 1e-12 * (1.0 + x.abs());
    let (first, last) = (turn(a.low, -1.0).ceil(), turn(a.high, 1.0).floor());
    let ends = Range::around(&[call(a.low), call(a.high)], a.nan).wider(-1.0, 1.0);
    match last - first {
        n if n < 0.0 => ends,
        0.0 if first % 2.0 == 0.0 => Range { high: 1.0, ..ends },
        0.0 => Range { low: -1.0, ..ends },
        _ => Range { low: -1.0, high: 1.0, nan: a.nan },
    }
}

fn two(f: Builtin, a: Range, b: Range) -> Range {
    let nan = a.nan || b.nan;
    match f {
        Builtin::Min => Range { low: a.low.min(b.low), high: a.high.min(b.high), nan },
        Builtin::Max => Range { low: a.low.max(b.low), high: a.high.max(b.high), nan },
        // Below zero a power depends on whether the exponent is whole; at zero it may be infinite.
        Builtin::Pow
            if a.low <= 0.0 && (a.low < 0.0 || b.low <= 0.0) || a.has_infinity() || b.has_infinity() =>
        {
            ANY
        }
        Builtin::Pow => {
            let call = |x: f64, y: f64| Expr::Call(f, vec![Expr::Const(x), Expr::Const(y)]).eval(&[]);
            let corner = |x, y| call(x, y).unwrap_or(f64::NAN);
            let corners =
                [corner(a.low, b.low), corner(a.low, b.high), corner(a.high, b.low), corner(a.high, b.high)];
            Range::around(&corners, nan).wider(0.0, f64::INFINITY)
        }
        _ => ANY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear congruential generator with Knuth's MMIX constants.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % n
        }

        fn constant(&mut self) -> f64 {
            const SPECIAL: [f64; 12] =
                [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-300, -1e300, 1e300, 3.0, 0.1, 1000.0];
            match self.below(3) {
                0 => SPECIAL[self.below(12) as usize],
                1 => self.below(2000) as f64 - 1000.0,
                _ => (self.below(20_000) as f64 - 10_000.0) / 997.0,
            }
        }

        fn number(&mut self, depth: u32) -> Expr {
            if depth == 0 || self.below(6) == 0 {
                return if self.below(2) == 0 { Expr::Var("t".into()) } else { Expr::Const(self.constant()) };
            }
            let deeper = depth - 1;
            match self.below(10) {
                0..5 => {
                    let op = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div][self.below(4) as usize];
                    Expr::Binary(op, Box::new(self.number(deeper)), Box::new(self.number(deeper)))
                }
                5 => Expr::Unary(Unary::Neg, Box::new(self.number(deeper))),
                6 => Expr::Select(
                    Box::new(self.truth(deeper)),
                    Box::new(self.number(deeper)),
                    Box::new(self.number(deeper)),
                ),
                _ => {
                    let f = Builtin::ALL[self.below(11) as usize];
                    Expr::Call(f, (0..f.arity()).map(|_| self.number(deeper)).collect())
                }
            }
        }

        fn truth(&mut self, depth: u32) -> Expr {
            let deeper = depth.saturating_sub(1);
            let comparisons = [Binary::Lt, Binary::Le, Binary::Gt, Binary::Ge, Binary::Eq, Binary::Ne];
            match self.below(if depth == 0 { 6 } else { 9 }) {
                n @ 0..6 => {
                    let (a, b) = (self.number(deeper), self.number(deeper));
                    Expr::Binary(comparisons[n as usize], Box::new(a), Box::new(b))
                }
                6 => Expr::Unary(Unary::Not, Box::new(self.truth(deeper))),
                7 => Expr::Binary(Binary::And, Box::new(self.truth(deeper)), Box::new(self.truth(deeper))),
                _ => Expr::Binary(Binary::Or, Box::new(self.truth(deeper)), Box::new(self.truth(deeper))),
            }
        }
    }

    #[test]
    fn every_value_lies_in_its_range() {
        let mut random = Random(4);
        let mut narrow = 0;
        for _ in 0..20_000 {
            let expr = random.number(5);
            let bound = expr.bind(&["t", "end"]).unwrap();
            let first = random.below(2000);
            let last = first + random.below(40);
            let found = range(&expr, Range::steps(first, last), 2000.0);
            narrow += u32::from(found.low.is_finite() && found.high.is_finite() && !found.nan);
            for t in first..=last {
                let value = bound.eval(&[t as f64, 2000.0]);
                let inside =
                    if value.is_nan() { found.nan } else { value >= found.low && value <= found.high };
                assert!(inside, "{value} at {t} is not in {found:?} of {first}..={last}: {expr}");
            }
        }
        // The property would also hold of ranges that say nothing.
        assert!(narrow > 5_000, "{narrow}");
    }
}
