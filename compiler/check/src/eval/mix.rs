//! Mixtures: sums of weighted datasets and mixtures, exact.
//!
//! Every mixture that is written sums to 100% by itself, nested ones too, so that a share of a share is what it says.
//! A weight may change over the stage (`5% -> 14%`); the others then change too, most often through `rest`, and the sum
//! holds at every moment. A dataset may be reached twice through nested mixtures (its shares add up); twice in one sum is an error.

use super::Eval;
use crate::rules::{mix_duplicate, mix_rest, mix_sum, mix_zero};
use crate::share::Share;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{Locals, Mix, MixTerm, Node, Num, Value};
use smolc_diag::Span;
use smolc_syntax::ast::{BinaryOp, Expr, ExprKind};
use std::rc::Rc;

/// One term of a sum, as evaluated.
pub struct Part {
    /// Its weight; `None` for `rest`.
    pub weight: Option<Share>,
    /// Where the weight (or `rest`) stands.
    pub weight_span: Span,
    /// What is weighted.
    pub inner: Mix,
    /// Its name, if it is one dataset.
    pub what: String,
    /// The whole term.
    pub span: Span,
}

/// Whether `a + b` adds mixtures, seen from its form.
pub(super) fn is_mix(a: &Expr, b: &Expr) -> bool {
    fn term(e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Weighted(..) | ExprKind::Rest(_) => true,
            ExprKind::Binary(BinaryOp::Add, _, a, b) => term(a) || term(b),
            _ => false,
        }
    }
    term(a) || term(b)
}

fn terms<'e>(expr: &'e Expr, out: &mut Vec<&'e Expr>) {
    match &expr.kind {
        ExprKind::Binary(BinaryOp::Add, _, a, b) => {
            terms(a, out);
            terms(b, out);
        }
        _ => out.push(expr),
    }
}

impl Eval<'_> {
    /// Evaluates a whole sum and checks it.
    pub(super) fn mix(&mut self, expr: &Expr, locals: &Locals) -> Node {
        let mut list = Vec::new();
        terms(expr, &mut list);
        let parts: Option<Vec<Part>> = {
            let each: Vec<Option<Part>> = list.iter().map(|e| self.part_of_mix(e, locals)).collect();
            each.into_iter().collect()
        };
        let Some(mut parts) = parts else { return Node::error(expr.span) };
        let owner = if self.owner.is_empty() { "the mix".to_string() } else { self.owner.clone() };
        let before = self.diagnostics.len();
        mix_zero::check(&owner, &parts, &mut self.diagnostics);
        mix_duplicate::check(&owner, &parts, &mut self.diagnostics);
        if self.diagnostics.len() == before {
            match mix_rest::resolve(&owner, &mut parts, &mut self.diagnostics) {
                Some(true) => {}
                Some(false) => mix_sum::check(&owner, &parts, &mut self.diagnostics),
                None => return Node::error(expr.span),
            }
        }
        if self.diagnostics.len() > before {
            return Node::error(expr.span);
        }
        match flatten(&parts) {
            Some(mix) => Node::new(Value::Mix(Rc::new(mix)), expr.span),
            None => {
                let d = smolc_diag::Diagnostic::error(
                    "smol::eval::arithmetic",
                    expr.span,
                    "the shares of this mix are out of range as exact fractions, or ramps within ramps",
                );
                self.fail(expr.span, d)
            }
        }
    }

    fn part_of_mix(&mut self, term: &Expr, locals: &Locals) -> Option<Part> {
        let (weight, weight_span, inner) = match &term.kind {
            ExprKind::Weighted(weight, inner) => {
                let node = self.expr(weight, locals);
                // Negative shares are the business of their own rule.
                let weight = match &node.value {
                    Value::Error => None,
                    Value::Number(Num::Exact(f), Dim::Ratio) => Some(Share::constant(*f)),
                    Value::Ramp(a, b, Dim::Ratio) => Share::ramp(*a, *b),
                    _ => {
                        self.expect(&node, &Type::Ratio, "a weight", None);
                        None
                    }
                };
                (weight.map(Some), node.span, inner)
            }
            ExprKind::Rest(inner) => {
                let word = Span { end: term.span.start + 4, ..term.span };
                (Some(None), word, inner)
            }
            ExprKind::Paren(inner) => return self.part_of_mix(inner, locals),
            // Reported when it was parsed.
            ExprKind::Error => return None,
            _ => {
                let d = smolc_diag::Diagnostic::error(
                    "smol::type::mismatch",
                    term.span,
                    "a term of a mix is a share and what it is a share of",
                )
                .label("no share in front")
                .help("write `40% web + 60% code`, or `rest web` for what the others leave");
                self.diagnostics.push(d);
                return None;
            }
        };
        let node = self.expr(inner, locals);
        let (mix, what) = match &node.value {
            Value::Mix(mix) => ((**mix).clone(), self.written(inner.span)),
            Value::Dataset(d) if d.id.is_some() => {
                let only = MixTerm { dataset: d.clone(), weight: Share::one(), span: inner.span };
                (Mix { terms: vec![only] }, d.name.clone())
            }
            Value::Error => return None,
            _ => {
                self.expect(&node, &Type::Mix, "a term of a mix", None);
                return None;
            }
        };
        Some(Part { weight: weight?, weight_span, inner: mix, what, span: term.span })
    }

    /// What stands at a span.
    pub fn written(&self, span: Span) -> String {
        self.sources.text(span.file).get(span.start as usize..span.end as usize).unwrap_or("").to_string()
    }
}

fn flatten(parts: &[Part]) -> Option<Mix> {
    let mut terms: Vec<MixTerm> = Vec::new();
    for part in parts {
        for term in &part.inner.terms {
            let weight = part.weight.as_ref()?.mul(&term.weight)?;
            match terms.iter_mut().find(|t| t.dataset.id == term.dataset.id) {
                Some(seen) => seen.weight = seen.weight.add(&weight)?,
                None => terms.push(MixTerm { dataset: term.dataset.clone(), weight, span: part.span }),
            }
        }
    }
    Some(Mix { terms })
}
