//! `smol::stage::enter`: a blend has something to blend from and ends before its stage does.

use crate::rational::Fraction;
use crate::units::{decimal, grouped};
use smolc_diag::{Diagnostic, Span};

/// The blend in whole steps; `None` after a report.
pub fn check(
    stage: &str,
    over: Fraction,
    at: Span,
    steps: u64,
    before: bool,
    out: &mut Vec<Diagnostic>,
) -> Option<u64> {
    if !before {
        out.push(
            Diagnostic::error(
                "smol::stage::enter",
                at,
                format!("stage `{stage}` has no mixture to blend from"),
            )
            .help(
                "a blend passes from the stage before, or from the run this one begins from, into this one",
            ),
        );
        return None;
    }
    let whole = u64::try_from(over.round()).ok().filter(|n| *n > 0);
    match whole {
        Some(n) if n <= steps => Some(n),
        _ => {
            let asked = decimal(over);
            let message = match whole {
                None => format!("the blend into stage `{stage}` comes to no step"),
                Some(_) => format!(
                    "the blend into stage `{stage}` takes {asked} steps, the stage only {}",
                    grouped(i128::from(steps))
                ),
            };
            out.push(
                Diagnostic::error("smol::stage::enter", at, message)
                    .help("shorten the blend; a share is one of the stage: `blend over 10%`"),
            );
            None
        }
    }
}
