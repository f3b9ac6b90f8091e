//! `smol::schedule::warmup`: a warm-up ends before the run does.

use crate::rational::Fraction;
use crate::spec::{Run, Schedule};
use crate::units::{decimal, grouped};
use smolc_diag::Diagnostic;

/// True if the warm-up, if there is one, fits into the run.
pub fn check(run: &Run, lr: &Schedule, end: u64, out: &mut Vec<Diagnostic>) -> bool {
    let Some((warmup, at)) = lr.warmup else { return true };
    if warmup < Fraction::integer(end) {
        return true;
    }
    let steps = grouped(i128::from(end));
    out.push(
        Diagnostic::error(
            "smol::schedule::warmup",
            at,
            format!("the warm-up is {} steps, run `{}` only {steps}", decimal(warmup), run.name),
        )
        .also(run.span, format!("{steps} steps"))
        .help("shorten the warm-up, or lengthen the run"),
    );
    false
}
