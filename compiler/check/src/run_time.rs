//! What the checker asks of run-time expressions: their value at a step, and their course over a run.

use smolc_expr::{Bound, Expr};

/// The value of an expression without variables, if it is finite.
pub fn constant(expr: &Expr) -> Option<f64> {
    let bound = expr.bind::<0>(&[]).ok()?;
    Some(bound.eval(&[])).filter(|x| x.is_finite())
}

/// An expression over `t` and `end`, evaluated by the reference interpreter. NaN if it does not verify, which the
/// evaluator never makes.
struct At(Option<Bound<2>>, f64);

impl At {
    fn new(expr: &Expr, end: u64) -> At {
        At(expr.bind(&["t", "end"]).ok(), end as f64)
    }

    fn step(&self, t: u64) -> f64 {
        self.0.as_ref().map_or(f64::NAN, |b| b.eval(&[t as f64, self.1]))
    }
}

/// The value at update `t` of a run of `end` steps.
pub fn at(expr: &Expr, t: u64, end: u64) -> f64 {
    At::new(expr, end).step(t)
}

/// A schedule at chosen steps.
///
/// A run of up to [`EVERY`] steps is run through, each step. One of millions would take longer than a check may, so not
/// every step of it is looked at: all constants
/// of the expression that are steps of the run (where `if` may change branch) with the steps on either side, the first
/// and last steps, and a grid of 1,024. A schedule of the standard library is exact on these; one that misbehaves between
/// two grid points without a constant there is caught by the runtime, which checks every rate it uses.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Steps in order and the value there.
    pub points: Vec<(u64, f64)>,
    zero_from: Option<u64>,
}

const GRID: u64 = 1024;

/// Steps up to which a schedule is evaluated at each.
pub const EVERY: u64 = 1 << 16;

impl Curve {
    /// Samples an expression over steps 0 … `end` - 1.
    pub fn sample(expr: &Expr, end: u64) -> Curve {
        if end <= EVERY {
            let course = At::new(expr, end);
            let points: Vec<(u64, f64)> = (0..end).map(|s| (s, course.step(s))).collect();
            let zero_from = zero_tail(&course, &points);
            return Curve { points, zero_from };
        }
        let mut steps: Vec<u64> = vec![0, 1];
        steps.extend((0..=2).map(|k| end.saturating_sub(k + 1)));
        steps.extend((0..=GRID).map(|i| (u128::from(i) * u128::from(end) / u128::from(GRID)) as u64));
        constants(expr, &mut |c| {
            if c >= 0.0 && c <= end as f64 {
                let whole = c.floor() as u64;
                // Two on either side: what happens at a step shows against the steps around it.
                steps.extend((0..5).map(|k| (whole + k).saturating_sub(2)));
            }
        });
        steps.retain(|s| *s < end);
        steps.sort_unstable();
        steps.dedup();
        let course = At::new(expr, end);
        let points: Vec<(u64, f64)> = steps.into_iter().map(|s| (s, course.step(s))).collect();
        let zero_from = zero_tail(&course, &points);
        Curve { points, zero_from }
    }

    /// The first step from which on the value stays zero, if it ends at zero.
    pub fn zero_from(&self) -> Option<u64> {
        self.zero_from
    }
}

fn zero_tail(course: &At, points: &[(u64, f64)]) -> Option<u64> {
    let tail = points.iter().rev().take_while(|(_, v)| *v == 0.0).last()?;
    // Between the last positive point and the first zero one, by bisection.
    let mut low = points.iter().rev().find(|(_, v)| *v != 0.0).map(|p| p.0)?;
    let mut high = tail.0;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if course.step(middle) == 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
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
    use smolc_expr::Binary;

    fn below(c: f64, yes: Expr, no: Expr) -> Expr {
        let test = Expr::Binary(Binary::Lt, Box::new(Expr::Var("t".into())), Box::new(Expr::Const(c)));
        Expr::Select(Box::new(test), Box::new(yes), Box::new(no))
    }

    #[test]
    fn a_single_bad_step_at_a_breakpoint_is_seen() {
        // Negative at step 777,777 only.
        let spike = below(777_778.0, Expr::Const(-1.0), Expr::Const(1.0));
        let curve = Curve::sample(&below(777_777.0, Expr::Const(1.0), spike), 5_240_000);
        assert!(curve.points.contains(&(777_777, -1.0)));
        assert!(curve.points.len() < 2_000);
    }

    #[test]
    fn the_first_zero_of_a_tail_is_exact() {
        let curve = Curve::sample(&below(300_000.5, Expr::Const(1.0), Expr::Const(0.0)), 600_000);
        assert_eq!(curve.zero_from(), Some(300_001));
        assert_eq!(Curve::sample(&Expr::Const(1.0), 10).zero_from(), None);
    }
}
