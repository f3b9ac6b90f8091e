//! `smol::schedule::unfinished`: a decay that is under way when the run ends.
//!
//! nanotron fills a missing decay length with one that ignores where the decay starts; a configuration of SmolLM2's form
//! then ends at 90% of the peak, without a word.

use crate::run_time::Curve;
use crate::spec::{Run, Schedule};
use smolc_diag::Diagnostic;

/// Share of the highest rate below which a decay counts as done.
const DONE: f64 = 0.1;

/// Reports a rate that is still falling, and far from its floor, at the last step.
pub fn check(run: &Run, lr: &Schedule, curve: &Curve, end: u64, out: &mut Vec<Diagnostic>) {
    if run.parent.as_ref().is_some_and(|p| p.continues) {
        return;
    }
    let highest = curve.highest;
    let Some([before, last]) = curve.last else { return };
    let floor = lr.floor.map_or(0.0, |(f, _)| f);
    let slope = before - last;
    // As much as is left would take more steps than the run's last percent, and more than the one that the run would take
    // next: a decay of eight steps that ends with the run has an eighth left at its last.
    let left = last - floor;
    if slope <= 0.0 || left <= DONE * highest || left / slope < (end as f64 / 100.0).max(1.5) {
        return;
    }
    out.push(
        Diagnostic::warning(
            "smol::schedule::unfinished",
            lr.span,
            format!("run `{}` ends in the middle of its decay", run.name),
        )
        .label(format!("ends at {last:.4e}, {:.0}% of the highest rate, and falling", last / highest * 100.0))
        .help("let the decay end with the run: `end` is its length"),
    );
}
