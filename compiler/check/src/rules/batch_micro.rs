//! `smol::batch::micro`: micro-batches divide the batch, so that a step is a whole number of equal passes.

use crate::units::grouped;
use smolc_diag::{Diagnostic, Span};

/// True if `micro` divides `batch` (both in sequences).
pub fn check(micro: u64, micro_at: Span, batch: u64, batch_at: Span, out: &mut Vec<Diagnostic>) -> bool {
    if micro > 0 && batch.is_multiple_of(micro) {
        return true;
    }
    let below = (1..=micro.min(batch)).rev().find(|n| batch.is_multiple_of(*n));
    let above = (micro.max(1)..=batch).find(|n| batch.is_multiple_of(*n));
    let nearest =
        [below, above].into_iter().flatten().map(|n| format!("{} sequences", grouped(i128::from(n))));
    out.push(
        Diagnostic::error(
            "smol::batch::micro",
            micro_at,
            format!(
                "a batch of {} sequences does not divide into micro-batches of {}",
                grouped(i128::from(batch)),
                grouped(i128::from(micro))
            ),
        )
        .also(batch_at, format!("{} sequences", grouped(i128::from(batch))))
        .help(format!("the nearest divisors are {}", crate::load::list(nearest))),
    );
    false
}
