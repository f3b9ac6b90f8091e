//! `smol::mix::duplicate`: one sum names a dataset once. Reached a second time through a nested mixture, its shares add
//! up: a blend of two mixtures that share a source is a thing people mean.

use super::mix_sum::written;
use crate::eval::Part;
use smolc_diag::Diagnostic;

/// Reports a dataset or mixture that stands in a sum twice.
pub fn check(owner: &str, parts: &[Part], out: &mut Vec<Diagnostic>) {
    for (i, part) in parts.iter().enumerate() {
        let Some(first) = parts.iter().take(i).find(|p| p.what == part.what) else { continue };
        let mut d = Diagnostic::error(
            "smol::mix::duplicate",
            part.span,
            format!("`{}` stands in {owner} twice", part.what),
        )
        .label("again here")
        .also(first.span, "first here");
        if let Some(both) = first.weight.as_ref().zip(part.weight.as_ref()).and_then(|(a, b)| a.add(b)) {
            d = d.help(format!("write `{} {}` once", written(&both), part.what));
        }
        out.push(d);
    }
}
