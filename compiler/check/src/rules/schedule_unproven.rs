//! `smol::schedule::unproven`: steps at which nothing is known of the learning rate.
//!
//! A schedule is judged at every step of its run, by proof where it is smooth and by running it where it is not. One that
//! swings faster than steps pass, over millions of them, takes longer than a check may; then the steps are named, and the
//! runtime, which checks every rate before it uses it, is the first to see them.

use crate::run_time::Curve;
use crate::spec::{Run, Schedule};
use crate::units::grouped;
use smolc_diag::Diagnostic;

/// Reports the steps that were neither proved nor run; true if there are none.
pub fn check(run: &Run, lr: &Schedule, curve: &Curve, out: &mut Vec<Diagnostic>) -> bool {
    let Some((first, last)) = curve.unproven else { return true };
    let (first, last) = (grouped(i128::from(first)), grouped(i128::from(last)));
    out.push(
        Diagnostic::warning(
            "smol::schedule::unproven",
            lr.span,
            format!(
                "the learning rate of run `{}` is not known to be finite and positive at t = {first} to {last} steps",
                run.name
            ),
        )
        .label("swings faster than a check can follow")
        .help("write it with functions that change slowly from step to step; the run stops at the first rate it cannot use"),
    );
    false
}
