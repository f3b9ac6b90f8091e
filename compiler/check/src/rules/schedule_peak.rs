//! `smol::schedule::peak`: a schedule reaches the peak it was given. It does not when the run ends before the warm-up's top.

use crate::run_time::Curve;
use crate::spec::{Run, Schedule};
use smolc_diag::Diagnostic;

/// Reports a peak that no step sees (within 1%: a warm-up without a plateau may end between two steps).
pub fn check(run: &Run, lr: &Schedule, curve: &Curve, out: &mut Vec<Diagnostic>) {
    let Some((peak, at)) = lr.peak else { return };
    let highest = curve.highest;
    if highest < peak * 0.99 {
        out.push(
            Diagnostic::warning(
                "smol::schedule::peak",
                at,
                format!("the learning rate of run `{}` never reaches its peak of {peak}", run.name),
            )
            .label(format!("the highest is {highest:.4e}"))
            .help("warm-up and decay overlap, or the run is too short for both"),
        );
    }
}
