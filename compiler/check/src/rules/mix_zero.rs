//! `smol::mix::zero`: a weight is positive. A term of no share would look like part of the training and be none.

use super::mix_sum;
use crate::eval::Part;
use crate::share::Share;
use smolc_diag::Diagnostic;

/// Reports weights of zero and below.
pub fn check(owner: &str, parts: &[Part], out: &mut Vec<Diagnostic>) {
    for part in parts {
        // A ramp may begin or end at zero; it may not stay there, nor pass below.
        let bad = |w: &&Share| {
            let (a, b) = (w.start(), w.end());
            a.is_negative() || b.is_negative() || (a.is_zero() && b.is_zero())
        };
        if let Some(weight) = part.weight.as_ref().filter(bad) {
            out.push(
                Diagnostic::error(
                    "smol::mix::zero",
                    part.weight_span,
                    format!("`{}` has a weight of {} in {owner}", part.what, mix_sum::written(weight)),
                )
                .help("drop the term, or give it a positive share"),
            );
        }
    }
}
