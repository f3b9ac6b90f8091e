//! `smol::schedule::jump`: the learning rate changes at once, between two steps that are smooth on either side.
//!
//! Most often warm-up and decay overlap, so that the rate falls from the warm-up's line to the decay's. A warm-up of a few
//! steps is steep but even, and no jump.

use crate::run_time::Curve;
use crate::spec::{Run, Schedule};
use crate::units::grouped;
use smolc_diag::Diagnostic;

/// Share of the highest rate that a single step may change by.
const LIMIT: f64 = 0.1;

/// Reports the first jump. It is seen where its two steps and their neighbors are sampled, as they are around every
/// constant of the expression.
pub fn check(run: &Run, lr: &Schedule, curve: &Curve, out: &mut Vec<Diagnostic>) {
    let highest = curve.points.iter().fold(0.0f64, |m, (_, v)| m.max(*v));
    for window in curve.points.windows(4) {
        let [(a, va), (b, vb), (c, vc), (d, vd)] = window else { continue };
        if *d != a + 3 {
            continue;
        }
        let (before, here, after) = (vb - va, vc - vb, vd - vc);
        let even = before.abs().max(after.abs());
        if here.abs() > LIMIT * highest && here.abs() > 4.0 * even {
            out.push(
                Diagnostic::warning(
                    "smol::schedule::jump",
                    lr.span,
                    format!(
                        "the learning rate of run `{}` jumps from {vb:.4e} to {vc:.4e} between t = {} and {} steps",
                        run.name,
                        grouped(i128::from(*b)),
                        grouped(i128::from(*c))
                    ),
                )
                .help("if warm-up and decay overlap, shorten one; a step that is meant can be allowed with a reason"),
            );
            return;
        }
    }
}
