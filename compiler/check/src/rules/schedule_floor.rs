//! `smol::schedule::floor`: the learning rate is zero for a part of the run.
//!
//! The published SmolLM1-135M configuration of November 2024 decayed over steps 250,000 to 300,000 of 600,000: with the
//! 1-sqrt decay the last 314.6B of its 629B tokens would have been trained at a rate of zero.

use crate::run_time::Curve;
use crate::spec::{Run, Schedule};
use crate::units::grouped;
use smolc_diag::Diagnostic;

/// Share of the run that may pass at a rate of zero.
const LIMIT: f64 = 0.01;

/// Reports a rate of zero over more than [`LIMIT`] of the run.
pub fn check(run: &Run, lr: &Schedule, curve: &Curve, end: u64, out: &mut Vec<Diagnostic>) {
    // The tail is what happens; t = 0 is zero in every warm-up.
    let Some(start) = curve.zero_from else { return };
    let idle = end.saturating_sub(start);
    let share = idle as f64 / end as f64;
    if share <= LIMIT {
        return;
    }
    let mut d = Diagnostic::warning(
        "smol::schedule::floor",
        lr.span,
        format!(
            "the learning rate of run `{}` is zero for its last {} of {} steps",
            run.name,
            grouped(i128::from(idle)),
            grouped(i128::from(end))
        ),
    )
    .label(format!(
        "zero from t = {} steps on, {:.1}% of the run",
        grouped(i128::from(start)),
        share * 100.0
    ));
    if let Some(batch) = &run.batch {
        let lost = crate::units::tokens(idle as f64 * batch.tokens() as f64);
        d = d.help(format!("{lost} would be read without learning anything"));
    }
    out.push(d.help("let the decay end with the run: `end` is its length"));
}
