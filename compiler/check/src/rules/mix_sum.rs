//! `smol::mix::sum`: the weights of a mixture add up to exactly 100%.
//!
//! Other systems normalize in silence: SmolLM3's published third stage sums to 1.00565, so that every share in it is not
//! what its file says.

use crate::eval::Part;
use crate::rational::Fraction;
use crate::share::Share;
use crate::units::percent;
use smolc_diag::{Applicability, Diagnostic};

/// Reports a sum other than one.
pub fn check(owner: &str, parts: &[Part], out: &mut Vec<Diagnostic>) {
    let Some(sum) = sum(parts) else { return };
    if sum == Share::one() {
        return;
    }
    let Some(first) = parts.first() else { return };
    let label = |p: &Part| p.weight.as_ref().map(written).unwrap_or_default();
    let total = match sum.same() {
        Some(total) => format!("{}, not 100%", percent(total)),
        None => format!(
            "{} at its beginning and {} at its end, not 100%",
            percent(sum.start()),
            percent(sum.end())
        ),
    };
    let mut d = Diagnostic::error(
        "smol::mix::sum",
        first.weight_span,
        format!("the weights of {owner} add up to {total}"),
    )
    .label(label(first));
    for part in parts.iter().skip(1) {
        d = d.also(part.weight_span, label(part));
    }
    let Some(sum) = sum.same() else {
        let steady = parts.iter().find(|p| p.weight.as_ref().is_some_and(|w| w.same().is_some()));
        let name = steady.map_or("…", |p| p.what.as_str());
        out.push(
            d.help(format!("a weight that rises takes its share from another one: write `rest {name}`")),
        );
        return;
    };
    // The largest part absorbs the difference with the least change of proportion.
    let size = |p: &&Part| p.weight.as_ref().and_then(Share::same);
    let largest = parts.iter().max_by(|a, b| size(a).cmp(&size(b)).then(b.span.start.cmp(&a.span.start)));
    if let (Some(part), Some(gap)) = (largest, Fraction::ONE.sub(sum)) {
        let (Some(old), Some(new)) = (size(&part), size(&part).and_then(|w| w.add(gap))) else {
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
pub fn sum(parts: &[Part]) -> Option<Share> {
    parts.iter().filter_map(|p| p.weight.as_ref()).try_fold(Share::zero(), |sum, w| sum.add(w))
}

/// A share as a spec writes it: `60%`, `5% -> 14%`.
pub fn written(share: &Share) -> String {
    match share.same() {
        Some(f) => percent(f),
        None => format!("{} -> {}", percent(share.start()), percent(share.end())),
    }
}
