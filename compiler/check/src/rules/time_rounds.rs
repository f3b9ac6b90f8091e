//! `smol::time::rounds`: a span that is not a whole number of steps is rounded. From 1% on that is a lint; below, the plan
//! shows both numbers and nobody needs to be told.

use crate::rational::Fraction;
use crate::units::{decimal, grouped, percent};
use smolc_diag::{Diagnostic, Span};

/// Reports the difference between what was asked and what it became, both in steps.
pub fn check(
    what: impl std::fmt::Display,
    at: Span,
    asked: Fraction,
    steps: u64,
    batch_tokens: u64,
    out: &mut Vec<Diagnostic>,
) {
    let Some(share) = Fraction::integer(steps).sub(asked).and_then(|d| d.div(asked)) else { return };
    let size = share.max(share.neg());
    if Fraction::new(1, 100).is_none_or(|limit| size < limit) {
        return;
    }
    let sign = if share.is_negative() { "shorter" } else { "longer" };
    out.push(
        Diagnostic::warning(
            "smol::time::rounds",
            at,
            format!(
                "{what} is {} steps of {} tokens; it becomes {}, {} {sign}",
                decimal(asked),
                grouped(i128::from(batch_tokens)),
                grouped(i128::from(steps)),
                percent(size)
            ),
        )
        .help(format!("`{steps} steps` says exactly what happens")),
    );
}
