//! `smol::schedule::value`: a learning rate is finite and not negative at every step.

use crate::run_time::Curve;
use crate::spec::{Run, Schedule};
use crate::units::grouped;
use smolc_diag::Diagnostic;

/// True if every value can be used.
pub fn check(run: &Run, lr: &Schedule, curve: &Curve, out: &mut Vec<Diagnostic>) -> bool {
    let Some((t, value)) = curve.bad else { return true };
    let what = if value.is_nan() {
        "not a number".to_string()
    } else if value.is_infinite() {
        "infinite".to_string()
    } else {
        format!("negative ({value:e})")
    };
    let step = grouped(i128::from(t));
    out.push(
        Diagnostic::error(
            "smol::schedule::value",
            lr.span,
            format!("the learning rate of run `{}` is {what} at t = {step} steps", run.name),
        )
        .help("a division by a span of zero length, or a line that goes on below zero, are the usual causes"),
    );
    false
}
