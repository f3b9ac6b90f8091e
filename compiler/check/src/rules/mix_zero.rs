//! `smol::mix::zero`: a weight is positive. A term of no share would look like part of the training and be none.

use crate::eval::Part;
use crate::units::percent;
use smolc_diag::Diagnostic;

/// Reports weights of zero and below.
pub fn check(owner: &str, parts: &[Part], out: &mut Vec<Diagnostic>) {
    for part in parts {
        if let Some(weight) = part.weight.filter(|w| w.is_zero() || w.is_negative()) {
            out.push(
                Diagnostic::error(
                    "smol::mix::zero",
                    part.weight_span,
                    format!("`{}` has a weight of {} in {owner}", part.what, percent(weight)),
                )
                .help("drop the term, or give it a positive share"),
            );
        }
    }
}
