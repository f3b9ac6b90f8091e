//! What the checker asks of run-time expressions: their value at a step, and their course over a run.

mod curve;
mod range;

pub use curve::{Curve, Curves, Steep};

use smolc_expr::Expr;

/// The value of an expression without variables, if it is finite.
pub fn constant(expr: &Expr) -> Option<f64> {
    let bound = expr.bind::<0>(&[]).ok()?;
    Some(bound.eval(&[])).filter(|x| x.is_finite())
}

/// The value at update `t` of a run of `end` steps, by the reference interpreter. NaN if the expression does not verify,
/// which the evaluator never makes.
pub fn at(expr: &Expr, t: u64, end: u64) -> f64 {
    expr.bind(&["t", "end"]).map_or(f64::NAN, |b| b.eval(&[t as f64, end as f64]))
}
