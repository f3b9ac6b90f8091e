//! The course of a schedule over a whole run, every step of it.
//!
//! A run of millions of steps would take longer to run through than a check may. Spans of steps are therefore taken whole
//! where the range of the expression proves what is asked of it, halved where it does not, and run through step by step
//! where they are short. Nothing is sampled: what is found is what running every step would find. Where that takes too
//! long, the span is named ([`Curve::unproven`]).

use super::range::{Range, range};
use smolc_expr::{Bound, Expr};
use std::rc::Rc;

/// Spans that are proved or halved at most for one schedule.
const MOST: u32 = 1 << 16;
/// Steps of a span that is run through.
const SHORT: u64 = 8;
/// Share of the highest value that may lie between the highest that was seen and the highest there is.
const SLACK: f64 = 0.005;

/// What a schedule does over the steps 0 … `end` - 1.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// The first step whose value is negative, infinite or not a number; then nothing behind it was looked at.
    pub bad: Option<(u64, f64)>,
    /// The highest value, within half a percent.
    pub highest: f64,
    /// Every step from which the value changes by more than [`Curve::STEEP`] of the highest until the next one.
    pub steep: Vec<Steep>,
    /// Values of the last two steps.
    pub last: Option<[f64; 2]>,
    /// The first step from which on the value stays zero, if it ends at zero.
    pub zero_from: Option<u64>,
    /// First and last of the steps that were neither proved nor run through.
    pub unproven: Option<(u64, u64)>,
}

/// A change between two steps, and the two around them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steep {
    /// The step before the change.
    pub step: u64,
    /// Values of the two steps.
    pub values: [f64; 2],
    /// The greater of the changes before and after; `None` at an end of the run.
    pub around: Option<f64>,
}

impl Curve {
    /// Share of the highest value from which on a change is steep.
    pub const STEEP: f64 = 0.1;

    /// Follows an expression over `t` and `end` through a run of `end` steps.
    pub fn of(expr: &Expr, end: u64) -> Curve {
        let Some(final_step) = end.checked_sub(1) else { return Curve::default() };
        let Ok(bound) = expr.bind(&["t", "end"]) else {
            // The evaluator makes no expression that does not verify.
            return Curve { bad: Some((0, f64::NAN)), ..Curve::default() };
        };
        let mut search = Search { expr, bound, end, curve: Curve::default(), nonzero: None };
        search.run(final_step);
        let Search { mut curve, nonzero, .. } = search;
        let least = Curve::STEEP * curve.highest;
        curve.steep.retain(|s| change(s.values) > least);
        if curve.bad.is_none() && curve.unproven.is_none() {
            curve.zero_from = Some(nonzero.map_or(0, |n| n + 1)).filter(|z| *z < end);
        }
        curve
    }
}

/// Curves that were followed already: runs of one spec mostly share their schedule and their length.
#[derive(Default)]
pub struct Curves<'e> {
    known: Vec<(&'e Expr, u64, Rc<Curve>)>,
}

impl<'e> Curves<'e> {
    /// [`Curve::of`], followed once for all runs that have it.
    pub fn of(&mut self, expr: &'e Expr, end: u64) -> Rc<Curve> {
        if let Some((.., curve)) = self.known.iter().find(|(e, n, _)| *n == end && *e == expr) {
            return curve.clone();
        }
        let curve = Rc::new(Curve::of(expr, end));
        self.known.push((expr, end, curve.clone()));
        curve
    }
}

fn change([a, b]: [f64; 2]) -> f64 {
    (b - a).abs()
}

struct Search<'e> {
    expr: &'e Expr,
    bound: Bound<2>,
    end: u64,
    curve: Curve,
    /// The last step that is not zero.
    nonzero: Option<u64>,
}

impl Search<'_> {
    fn at(&self, step: u64) -> f64 {
        self.bound.eval(&[step as f64, self.end as f64])
    }

    fn run(&mut self, final_step: u64) {
        let cuts = self.cuts(final_step);
        // Values at the cuts first: what is high is known before what is steep is asked for.
        for cut in &cuts {
            self.seen(self.at(*cut));
        }
        self.curve.last = final_step.checked_sub(1).map(|before| [self.at(before), self.at(final_step)]);
        // Spans share their ends, so that every change between two steps lies in one of them. The first is on top.
        let mut open: Vec<(u64, u64)> =
            cuts.windows(2).rev().filter_map(|w| Some((*w.first()?, *w.last()?))).collect();
        if open.is_empty() {
            open.push((0, final_step));
        }
        let mut left = MOST;
        while let Some((first, last)) = open.pop() {
            if last - first <= SHORT {
                self.through(first, last);
                if self.curve.bad.is_some() {
                    return;
                }
                continue;
            }
            if left == 0 {
                self.curve.unproven = Some((first, final_step));
                return;
            }
            left -= 1;
            if !self.proved(first, last) {
                let middle = first + (last - first) / 2;
                open.push((middle, last));
                open.push((first, middle));
            }
        }
    }

    /// Where to cut first: at the constants of the expression, where `if` may change branch, and evenly.
    fn cuts(&self, final_step: u64) -> Vec<u64> {
        let mut cuts = vec![0, final_step];
        cuts.extend((1..8).map(|k| (u128::from(final_step) * k / 8) as u64));
        constants(self.expr, &mut |c| {
            if c >= 0.0 && c <= final_step as f64 {
                cuts.extend([c.floor() as u64, (c.ceil() as u64).min(final_step)]);
            }
        });
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }

    fn seen(&mut self, value: f64) {
        if value.is_finite() {
            self.curve.highest = self.curve.highest.max(value);
        }
    }

    /// Whether all that is asked is known of every step of a span.
    fn proved(&mut self, first: u64, last: u64) -> bool {
        let Range { low, high, nan } = range(self.expr, Range::steps(first, last), self.end as f64);
        let sound = !nan && low >= 0.0 && high.is_finite();
        let even = high - low <= Curve::STEEP * self.curve.highest;
        let known = high <= self.curve.highest * (1.0 + SLACK);
        if !(sound && even && known && (low > 0.0 || high == 0.0)) {
            return false;
        }
        if high > 0.0 {
            self.nonzero = Some(last);
        }
        true
    }

    /// Runs through the steps of a span.
    fn through(&mut self, first: u64, last: u64) {
        let mut before: Option<f64> = None;
        for step in first..=last {
            let value = self.at(step);
            if !value.is_finite() || value < 0.0 {
                self.curve.bad = Some((step, value));
                return;
            }
            self.seen(value);
            if value != 0.0 {
                self.nonzero = Some(step);
            }
            if let Some(b) = before
                && change([b, value]) > Curve::STEEP * self.curve.highest
            {
                let (start, next) = ((step - 1).checked_sub(1), step + 1);
                let around = start
                    .filter(|_| next < self.end)
                    .map(|s| change([self.at(s), b]).max(change([value, self.at(next)])));
                self.curve.steep.push(Steep { step: step - 1, values: [b, value], around });
            }
            before = Some(value);
        }
    }
}

fn constants(expr: &Expr, visit: &mut impl FnMut(f64)) {
    match expr {
        Expr::Const(c) => visit(*c),
        Expr::Var(_) => {}
        Expr::Unary(_, a) => constants(a, visit),
        Expr::Binary(_, a, b) => {
            constants(a, visit);
            constants(b, visit);
        }
        Expr::Select(a, b, c) => {
            constants(a, visit);
            constants(b, visit);
            constants(c, visit);
        }
        Expr::Call(_, list) => list.iter().for_each(|e| constants(e, visit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smolc_expr::{Binary, Builtin};

    fn t() -> Expr {
        Expr::Var("t".into())
    }

    fn c(value: f64) -> Expr {
        Expr::Const(value)
    }

    fn op(op: Binary, a: Expr, b: Expr) -> Expr {
        Expr::Binary(op, Box::new(a), Box::new(b))
    }

    fn below(at: f64, yes: Expr, no: Expr) -> Expr {
        Expr::Select(Box::new(op(Binary::Lt, t(), c(at))), Box::new(yes), Box::new(no))
    }

    /// The same by running every step.
    fn by_every_step(expr: &Expr, end: u64) -> Curve {
        let bound = expr.bind(&["t", "end"]).unwrap();
        let values: Vec<f64> = (0..end).map(|s| bound.eval(&[s as f64, end as f64])).collect();
        let bad = values.iter().position(|v| !v.is_finite() || *v < 0.0);
        let highest = values.iter().copied().fold(0.0, f64::max);
        let steep =
            (1..values.len()).filter(|&i| change([values[i - 1], values[i]]) > Curve::STEEP * highest);
        Curve {
            bad: bad.map(|i| (i as u64, values[i])),
            highest,
            steep: steep
                .map(|i| Steep {
                    step: i as u64 - 1,
                    values: [values[i - 1], values[i]],
                    around: (i >= 2 && i + 1 < values.len()).then(|| {
                        change([values[i - 2], values[i - 1]]).max(change([values[i], values[i + 1]]))
                    }),
                })
                .collect(),
            last: (end > 1).then(|| [values[values.len() - 2], values[values.len() - 1]]),
            zero_from: values
                .iter()
                .rposition(|v| *v != 0.0)
                .map_or(Some(0), |i| Some(i as u64 + 1))
                .filter(|z| *z < end),
            unproven: None,
        }
    }

    fn compare(expr: &Expr, end: u64) {
        let (found, all) = (Curve::of(expr, end), by_every_step(expr, end));
        assert!(found.unproven.is_none(), "{expr}");
        let text = |bad: Option<(u64, f64)>| bad.map(|(t, v)| format!("{t} {v}"));
        assert_eq!(text(found.bad), text(all.bad), "{expr}, {end} steps");
        if all.bad.is_some() {
            return;
        }
        assert!(found.highest <= all.highest && found.highest * (1.0 + SLACK) >= all.highest, "{expr}");
        // What is steep against the highest there is; the search may list a little more.
        let steep = |curve: &Curve| -> Vec<Steep> {
            let wanted =
                curve.steep.iter().filter(|s| change(s.values) > Curve::STEEP * (1.0 + SLACK) * all.highest);
            wanted.copied().collect()
        };
        assert_eq!(steep(&found), steep(&all), "{expr}, {end} steps");
        assert_eq!((found.last, found.zero_from), (all.last, all.zero_from), "{expr}, {end} steps");
    }

    #[test]
    fn what_is_found_is_what_running_every_step_finds() {
        let line = |from: f64, over: f64| op(Binary::Div, op(Binary::Sub, t(), c(from)), c(over));
        let wave = |x: Expr| Expr::Call(Builtin::Cos, vec![x]);
        let down = |from: f64, end: f64| op(Binary::Div, op(Binary::Sub, c(end), t()), c(end - from));
        let half = |e: Expr| op(Binary::Div, op(Binary::Add, c(1.0), e), c(2.0));
        let pi = std::f64::consts::PI;
        for end in [1u64, 2, 3, 9, 10, 100, 1_000, 20_011] {
            let e = end as f64;
            for expr in [
                c(0.0),
                c(3e-4),
                t(),
                below(e * 0.1, line(0.0, e * 0.1), below(e * 0.9, c(1.0), down(e * 0.9, e))),
                below(e * 0.1, line(0.0, e * 0.1), below(e * 0.5, c(1.0), c(0.0))),
                // Below zero behind the middle, at one step only, at the last step only.
                down(0.0, e * 0.5),
                below(e * 0.7, c(1.0), below(e * 0.7 + 1.0, c(-1.0), c(1.0))),
                below(e - 1.0, c(1.0), c(-1.0)),
                // Not a number at the last step, infinite at one.
                op(Binary::Div, op(Binary::Sub, t(), c(e - 1.0)), op(Binary::Sub, t(), c(e - 1.0))),
                op(Binary::Div, c(1.0), Expr::Call(Builtin::Abs, vec![op(Binary::Sub, t(), c(5.0))])),
                half(wave(op(Binary::Mul, c(pi), op(Binary::Div, t(), c(e))))),
                half(wave(op(Binary::Mul, c(pi / 7.0), t()))),
                op(Binary::Sub, c(1.0), Expr::Call(Builtin::Sqrt, vec![op(Binary::Div, t(), c(e))])),
                // Stairs, a saw, a parabola whose operands are not independent.
                Expr::Call(Builtin::Floor, vec![op(Binary::Div, t(), c(7.0))]),
                op(
                    Binary::Sub,
                    op(Binary::Div, t(), c(7.0)),
                    Expr::Call(Builtin::Floor, vec![op(Binary::Div, t(), c(7.0))]),
                ),
                op(Binary::Mul, t(), op(Binary::Sub, c(e), t())),
                Expr::Call(Builtin::Max, vec![op(Binary::Sub, c(e / 2.0), t()), c(0.0)]),
                Expr::Call(Builtin::Exp, vec![Expr::Unary(smolc_expr::Unary::Neg, Box::new(t()))]),
            ] {
                compare(&expr, end);
            }
        }
    }

    /// Millions of steps in a few hundred spans: nothing is said of time, but of how many.
    #[test]
    fn a_single_bad_step_among_millions_is_seen() {
        let spike = below(777_778.0, c(-1.0), c(1.0));
        let curve = Curve::of(&below(777_777.0, c(1.0), spike), 5_240_000);
        assert_eq!(curve.bad, Some((777_777, -1.0)));
        // No constant of the expression is near the step.
        let dip = Expr::Call(
            Builtin::Abs,
            vec![op(Binary::Sub, t(), op(Binary::Add, c(1_000_000.0), c(234_567.0)))],
        );
        let curve = Curve::of(&op(Binary::Sub, dip, c(0.5)), 5_240_000);
        assert_eq!(curve.bad, Some((1_234_567, -0.5)));
    }

    #[test]
    fn the_first_zero_of_a_tail_is_exact() {
        assert_eq!(Curve::of(&below(300_000.5, c(1.0), c(0.0)), 600_000).zero_from, Some(300_001));
        assert_eq!(Curve::of(&c(1.0), 10).zero_from, None);
    }

    #[test]
    fn what_cannot_be_proved_is_named() {
        let wild = op(Binary::Add, c(2.0), Expr::Call(Builtin::Sin, vec![op(Binary::Mul, t(), t())]));
        let curve = Curve::of(&wild, 5_000_000);
        assert_eq!(curve.bad, None);
        let (first, last) = curve.unproven.unwrap();
        assert!(first > 100_000 && last == 4_999_999, "{first} {last}");
    }
}
