//! Guards: signals by index.

use super::Builder;
use crate::eval::{self, Eval, ReadingKind};
use crate::load::Target;
use crate::spec::Guard;
use crate::value::Value;
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, Span};
use smolc_expr::Expr;
use smolc_plan::{Signal, SignalKind};

impl Builder {
    /// A guard with its evaluations found; `None` after a report.
    pub(super) fn guard(
        &mut self,
        eval: &mut Eval<'_>,
        expr: Expr,
        read: eval::Guard,
        source: String,
        span: Span,
    ) -> Option<Guard> {
        let mut signals = Vec::new();
        for reading in read.signals {
            let of = match &reading.of {
                ReadingKind::Loss => SignalKind::Loss,
                ReadingKind::LossMean(steps) => SignalKind::LossMean { steps: *steps },
                ReadingKind::GradientNorm => SignalKind::GradientNorm,
                ReadingKind::Score(name) => {
                    SignalKind::Score { evaluation: self.named(eval, name, reading.span)? }
                }
                ReadingKind::Plateau(name, evals, tolerance) => SignalKind::Plateau {
                    evaluation: self.named(eval, name, reading.span)?,
                    evals: *evals,
                    tolerance: *tolerance,
                },
            };
            signals.push((Signal { name: reading.name, of }, reading.span));
        }
        let names: Vec<&str> = signals.iter().map(|(s, _)| s.name.as_str()).collect();
        if let Err(error) = expr.verify(&names) {
            let message = format!("the guard cannot be compiled: {error}");
            eval.diagnostics.push(Diagnostic::error("smol::eval::limit", span, message));
            return None;
        }
        Some(Guard { expr, source, span, signals })
    }

    /// An evaluation by its name: one that some run is evaluated by, or an item of the file.
    fn named(&mut self, eval: &mut Eval<'_>, name: &str, span: Span) -> Option<usize> {
        let known = self.spec.evaluations.iter().position(|e| e.plan.name == name);
        if known.is_some() {
            return known;
        }
        let target = eval.program.module_of(span).and_then(|m| m.scope.get(name)).map(|b| b.target);
        if let Some(Target::Item(id)) = target
            && let Value::Eval(e) = eval.item(id).value
        {
            return self.evaluation(&e);
        }
        let names: Vec<&str> = self.spec.evaluations.iter().map(|e| e.plan.name.as_str()).collect();
        let mut d = Diagnostic::error(
            "smol::stage::guard",
            span,
            format!("there is no evaluation `{name}` for this guard to read"),
        );
        d = match nearest(name, names.iter().copied()) {
            Some(near) => {
                let whole = eval.written(span).replace(name, near);
                d.help(format!("did you mean `eval.{near}`?")).fix(span, whole, Applicability::Unsafe)
            }
            None if names.is_empty() => d.help("the run has no `eval:` yet: `eval: suite every 10B tokens`"),
            None => d.help(format!(
                "evaluations of this spec are {}",
                crate::load::list(names.iter().map(|n| format!("`{n}`")))
            )),
        };
        eval.diagnostics.push(d);
        None
    }
}
