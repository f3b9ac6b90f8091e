//! `smol::mix::sum`: the weights of a mixture add up to exactly 100%.
//!
//! Other systems normalize in silence: SmolLM3's published third stage sums to 1.00565, so that every share in it is not
//! what its file says.

use crate::eval::Part;
use crate::rational::Fraction;
use crate::units::percent;
use smolc_diag::{Applicability, Diagnostic};

/// Reports a sum other than one.
pub fn check(owner: &str, parts: &[Part], out: &mut Vec<Diagnostic>) {
    let Some(sum) = sum(parts) else { return };
    if sum == Fraction::ONE {
        return;
    }
    let Some(first) = parts.first() else { return };
    let label = |p: &Part| p.weight.map(percent).unwrap_or_default();
    let mut d = Diagnostic::error(
        "smol::mix::sum",
        first.weight_span,
        format!("the weights of {owner} add up to {}, not 100%", percent(sum)),
    )
    .label(label(first));
    for part in parts.iter().skip(1) {
        d = d.also(part.weight_span, label(part));
    }
    // The largest part absorbs the difference with the least change of proportion.
    let largest = parts.iter().max_by(|a, b| a.weight.cmp(&b.weight).then(b.span.start.cmp(&a.span.start)));
    if let (Some(part), Some(gap)) = (largest, Fraction::ONE.sub(sum)) {
        let (Some(old), Some(new)) = (part.weight, part.weight.and_then(|w| w.add(gap))) else {
            out.push(d);
            return;
        };
        let what = &part.what;
        if new > Fraction::ZERO {
            let change = format!("`{what}` ({} → {})", percent(old), percent(new));
            d = if gap > Fraction::ZERO {
                d.help(format!("{} is missing; give it to {change}, or write `rest {what}`", percent(gap)))
            } else {
                d.help(format!(
                    "{} is too much; take it from {change}, or write `rest {what}`",
                    percent(gap.neg())
                ))
            };
            d = d.fix(part.weight_span, percent(new), Applicability::Unsafe);
        } else {
            d = d.help(format!("{} is too much", percent(gap.neg())));
        }
    }
    out.push(d);
}

/// Sum of the weights that are stated.
pub fn sum(parts: &[Part]) -> Option<Fraction> {
    parts.iter().filter_map(|p| p.weight).try_fold(Fraction::ZERO, Fraction::add)
}
