//! Reports values that are not what a place takes.

use super::Eval;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{Node, Num, Value};
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, Span};
use std::fmt::Display;

impl Eval<'_> {
    /// Reports `node` unless it is of type `ty`. `what` is the place, ``the field `batch` ``; `declared` is where the
    /// place got its type, if that is in a file.
    pub fn expect(&mut self, node: &Node, ty: &Type, what: impl Display, declared: Option<Span>) -> bool {
        let accepted = ty.accepts(&node.value);
        if !accepted {
            self.mismatch(node, ty, &what.to_string(), declared);
        }
        accepted
    }

    fn mismatch(&mut self, node: &Node, ty: &Type, what: &str, declared: Option<Span>) {
        let mut d = match (&node.value, ty) {
            (Value::Number(n, dim), ty) if !ty.dims().is_empty() => {
                self.number_mismatch(node, *n, *dim, ty, what)
            }
            (Value::Code(..) | Value::Test(_), _) => Diagnostic::error(
                "smol::type::mismatch",
                node.span,
                format!("{what} must be known before the run, but this depends on the step"),
            )
            .help("what changes over a run is a schedule: `lr`, `weight_decay` or a ramp in a mix"),
            (other, ty) => Diagnostic::error(
                "smol::type::mismatch",
                node.span,
                format!("{what} takes {}, found {}", ty.phrase(), other.phrase()),
            ),
        };
        if let Some(at) = declared {
            d = d.also(at, format!("takes {}", ty.phrase()));
        }
        let late = matches!(node.value, Value::Code(..) | Value::Test(_));
        if let Some(help) = self.remedy(node, ty).filter(|_| d.help.is_empty() && !late) {
            d = d.help(help);
        }
        self.diagnostics.push(d);
    }

    fn number_mismatch(&self, node: &Node, n: Num, dim: Dim, ty: &Type, what: &str) -> Diagnostic {
        let found = node.value.phrase();
        if ty.dims().contains(&dim) {
            let (message, help) = if n.to_f64() < 0.0 {
                (format!("{what} cannot be negative, found {found}"), "leave the sign out")
            } else {
                (format!("{what} takes a whole number, found {found}"), "round it: `floor(x)` or `ceil(x)`")
            };
            return Diagnostic::error("smol::type::mismatch", node.span, message).help(help);
        }
        let mut d = Diagnostic::error(
            "smol::type::unit",
            node.span,
            format!("{what} takes {}, found {found}", ty.phrase()),
        )
        .label(format!("{}, not {}", ty.phrase(), dim.phrase()));
        let written = self.sources.text(node.span.file);
        let written = written.get(node.span.start as usize..node.span.end as usize).unwrap_or("");
        let literal = written.starts_with(|c: char| c.is_ascii_digit())
            && written.chars().all(|c| c.is_alphanumeric() || "._%- ".contains(c));
        match (dim, ty.dims().first()) {
            (Dim::Number, Some(Dim::Ratio)) if literal => {
                if let Num::Exact(f) = n {
                    let text = crate::units::percent(f).replace(',', "_");
                    d = d.help(format!("write `{text}`")).fix(node.span, text, Applicability::Unsafe);
                }
            }
            (Dim::Number, Some(first)) if literal && !first.is_scalar() => {
                let text = format!("{written} {}", first.word());
                d = d.help(format!("write `{text}`")).fix(node.span, text, Applicability::Unsafe);
            }
            (_, Some(Dim::Number)) if literal && !dim.is_scalar() => {
                let bare = written.trim_end_matches(|c: char| c.is_alphabetic()).trim_end();
                d = d.help(format!("write `{bare}`")).fix(node.span, bare, Applicability::Unsafe);
            }
            _ => {}
        }
        d
    }

    /// Reports a bare word that is not one of a closed set.
    pub(super) fn wrong_word(&mut self, word: &str, span: Span, words: &[&str], what: impl Display) -> Node {
        let quoted = words.iter().map(|w| format!("`{w}`"));
        let mut d = Diagnostic::error(
            "smol::type::mismatch",
            span,
            format!("{what} takes one of {}, found `{word}`", quoted.collect::<Vec<_>>().join(", ")),
        );
        if let Some(near) = nearest(word, words.iter().copied()) {
            d = d.help(format!("did you mean `{near}`?")).fix(span, near, Applicability::Unsafe);
        }
        self.fail(span, d)
    }
}
