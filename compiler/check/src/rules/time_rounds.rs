//! `smol::time::rounds`: a span that is not a whole number of steps is rounded; from 0.1% on it is said, from 1% on it is
//! a lint. The plan shows both numbers in any case.

use crate::rational::Fraction;
use crate::units::{decimal, grouped, percent};
use smolc_diag::{Diagnostic, Severity, Span};

/// Reports the difference between what was asked and what it became, both in steps.
pub fn check(
    what: &str,
    at: Span,
    asked: Fraction,
    steps: u64,
    batch_tokens: u64,
    out: &mut Vec<Diagnostic>,
) {
    let Some(share) = Fraction::integer(steps).sub(asked).and_then(|d| d.div(asked)) else { return };
    let size = share.max(share.neg());
    let per_mille = Fraction::new(1, 1000).unwrap_or(Fraction::ONE);
    let per_cent = Fraction::new(1, 100).unwrap_or(Fraction::ONE);
    if size < per_mille {
        return;
    }
    let sign = if share.is_negative() { "shorter" } else { "longer" };
    let mut d = Diagnostic::warning(
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
    .help(format!("`{steps} steps` says exactly what happens"));
    if size < per_cent {
        d.severity = Severity::Info;
    }
    out.push(d);
}
