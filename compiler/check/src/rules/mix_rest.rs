//! `smol::mix::rest`: `rest` stands once, and the others leave something.

use super::mix_sum;
use crate::eval::Part;
use crate::rational::Fraction;
use crate::share::Share;
use smolc_diag::Diagnostic;

/// Gives `rest` its weight. `Some(true)`: done; `Some(false)`: there is no `rest`; `None`: reported.
pub fn resolve(owner: &str, parts: &mut [Part], out: &mut Vec<Diagnostic>) -> Option<bool> {
    let rests: Vec<usize> =
        (0..parts.len()).filter(|i| parts.get(*i).is_some_and(|p| p.weight.is_none())).collect();
    match rests.as_slice() {
        [] => return Some(false),
        [_] => {}
        [first, second, ..] => {
            let span = |i: &usize| parts.get(*i).map(|p| p.weight_span).unwrap_or_default();
            out.push(
                Diagnostic::error(
                    "smol::mix::rest",
                    span(second),
                    format!("{owner} has more than one `rest`"),
                )
                .also(span(first), "the first")
                .help("give all but one a share"),
            );
            return None;
        }
    }
    let sum = mix_sum::sum(parts)?;
    let left = Share::one().sub(&sum)?;
    let rest = rests.first().and_then(|i| parts.get_mut(*i))?;
    let (start, end) = (left.start(), left.end());
    if start < Fraction::ZERO || end < Fraction::ZERO || (start.is_zero() && end.is_zero()) {
        out.push(
            Diagnostic::error(
                "smol::mix::rest",
                rest.weight_span,
                format!(
                    "nothing is left for `rest` in {owner}: the others add up to {}",
                    mix_sum::written(&sum)
                ),
            )
            .help("lower the other shares, or drop the term"),
        );
        return None;
    }
    rest.weight = Some(left);
    Some(true)
}
