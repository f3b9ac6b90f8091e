//! `smol::schedule::jump`: the learning rate changes at once, between two steps that are smooth on either side.
//!
//! Most often warm-up and decay overlap, so that the rate falls from the warm-up's line to the decay's. A warm-up of a few
//! steps is steep but even, and no jump.

use crate::run_time::{Curve, Steep};
use crate::spec::{Run, Schedule};
use crate::units::grouped;
use smolc_diag::Diagnostic;

/// Reports the first jump: a steep change, with changes around it that are less than a quarter of it.
pub fn check(run: &Run, lr: &Schedule, curve: &Curve, out: &mut Vec<Diagnostic>) {
    let jump = curve.steep.iter().find(|s| {
        let [from, to] = s.values;
        s.around.is_some_and(|around| (to - from).abs() > 4.0 * around)
    });
    let Some(Steep { step, values: [from, to], .. }) = jump else { return };
    out.push(
        Diagnostic::warning(
            "smol::schedule::jump",
            lr.span,
            format!(
                "the learning rate of run `{}` jumps from {from:.4e} to {to:.4e} between t = {} and {} steps",
                run.name,
                grouped(i128::from(*step)),
                grouped(i128::from(step + 1))
            ),
        )
        .help("if warm-up and decay overlap, shorten one; a step that is meant can be allowed with a reason"),
    );
}
