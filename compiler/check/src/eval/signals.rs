//! Guards: conditions on what is known only while training.
//!
//! `loss`, `loss.ema(200 steps)`, `grad_norm`, `eval.NAME` and `plateau(eval.NAME, over: 4 evals)` become inputs of an
//! expression; the rest is folded as everywhere.

use super::Eval;
use super::call::Formal;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{Locals, Node, Num, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_expr::Expr as Code;
use smolc_syntax::ast::{Argument, Expr};
use std::rc::Rc;

/// What a guard reads, collected while it is evaluated.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Its signals, none twice.
    pub signals: Vec<Reading>,
}

/// A signal and where it is first read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its name in the expression.
    pub name: String,
    /// What it is.
    pub of: ReadingKind,
    /// Where.
    pub span: Span,
}

/// Kinds of signal; evaluations by name.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadingKind {
    /// Loss of the last step.
    Loss,
    /// Exponential mean over so many steps.
    LossMean(u64),
    /// Norm of the gradient.
    GradientNorm,
    /// Newest score.
    Score(String),
    /// Whether scores have stopped improving: evaluation, how many scores, tolerance.
    Plateau(String, u64, f64),
}

/// Names a guard sees besides those of the file.
pub const NAMES: &[&str] = &["loss", "grad_norm", "eval", "plateau"];

impl Eval<'_> {
    /// Evaluates a guard; yields the condition and what it reads.
    pub fn guard(&mut self, e: &Expr, locals: &Locals) -> Option<(Code, Guard)> {
        let mut names = (**locals).clone();
        for name in NAMES {
            names.insert((*name).to_string(), Node::new(Value::Signal((*name).to_string()), e.span));
        }
        let before = self.guard.replace(Guard::default());
        let node = self.expr(e, &Rc::new(names));
        let guard = std::mem::replace(&mut self.guard, before)?;
        match &node.value {
            Value::Error => None,
            Value::Test(code) => Some(((**code).clone(), guard)),
            Value::Bool(b) => {
                let when = if *b { "at once" } else { "never" };
                let d = Diagnostic::error(
                    "smol::stage::guard",
                    e.span,
                    format!("this guard ends the stage {when}"),
                )
                .help("it reads nothing of the training: `until loss.ema(200 steps) < 2.4` does");
                self.diagnostics.push(d);
                None
            }
            other => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    e.span,
                    format!("a guard is a condition, found {}", other.phrase()),
                )
                .help("write `until loss.ema(200 steps) < 2.4` or `until plateau(eval.NAME, over: 4 evals)`");
                self.diagnostics.push(d);
                None
            }
        }
    }

    fn reading(&mut self, name: String, of: ReadingKind, span: Span) -> Option<Rc<Code>> {
        let guard = self.guard.as_mut()?;
        if !guard.signals.iter().any(|s| s.name == name) {
            guard.signals.push(Reading { name: name.clone(), of, span });
        }
        Some(Rc::new(Code::Var(name)))
    }

    /// A signal used as a number.
    pub(super) fn signal(&mut self, path: &str, span: Span) -> Option<Rc<Code>> {
        let of = match (path, path.strip_prefix("eval.")) {
            ("loss", _) => ReadingKind::Loss,
            ("grad_norm", _) => ReadingKind::GradientNorm,
            (_, Some(name)) if !name.contains('.') => ReadingKind::Score(name.to_string()),
            _ => {
                self.no_signal(path, span);
                return None;
            }
        };
        self.reading(path.to_string(), of, span)
    }

    fn no_signal(&mut self, path: &str, span: Span) {
        let d = Diagnostic::error("smol::stage::signal", span, format!("a guard cannot read `{path}`")).help(
            "it reads `loss`, `loss.ema(200 steps)`, `grad_norm`, `eval.NAME` and `plateau(eval.NAME, over: 4 evals)`",
        );
        self.diagnostics.push(d);
    }

    /// `loss.ema(200 steps)` and `plateau(eval.NAME, over: 4 evals)`
    pub(super) fn signal_call(
        &mut self,
        path: &str,
        arguments: &[Argument],
        span: Span,
        locals: &Locals,
    ) -> Node {
        const MEAN: [Formal<'static>; 1] = [Formal::builtin("over", Type::Span, false)];
        const PLATEAU: [Formal<'static>; 3] = [
            Formal::builtin("of", Type::Any, false),
            Formal::builtin("over", Type::Quantity(Dim::Evals), false),
            Formal::builtin("tolerance", Type::Rate, true),
        ];
        match path {
            "loss.ema" => {
                let Some(bound) = self.bind("loss.ema", &MEAN, arguments, span, locals) else {
                    return Node::error(span);
                };
                let steps = match bound.get("over").map(|n| &n.value) {
                    Some(Value::Number(Num::Exact(f), dim)) => {
                        self.time.and_then(|t| t.to_steps(*f, *dim)).map(|s| s.round())
                    }
                    _ => None,
                };
                let Some(steps) = steps.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0) else {
                    // Without a batch, spans do not convert; that was reported.
                    return Node::error(span);
                };
                let name = format!("loss.ema({steps} steps)");
                match self.reading(name, ReadingKind::LossMean(steps), span) {
                    Some(code) => Node::new(Value::Code(code, Dim::Number), span),
                    None => Node::error(span),
                }
            }
            "plateau" => {
                let Some(bound) = self.bind("plateau", &PLATEAU, arguments, span, locals) else {
                    return Node::error(span);
                };
                let of = match bound.get("of").map(|n| (&n.value, n.span)) {
                    Some((Value::Signal(p), at)) => match p.strip_prefix("eval.") {
                        Some(name) if !name.contains('.') => name.to_string(),
                        _ => {
                            let (p, at) = (p.clone(), at);
                            self.no_signal(&p, at);
                            return Node::error(span);
                        }
                    },
                    Some((other, at)) => {
                        let message = format!(
                            "`of` of `plateau` takes a score (`eval.NAME`), found {}",
                            other.phrase()
                        );
                        let d = Diagnostic::error("smol::type::mismatch", at, message)
                            .help("write `plateau(of: eval.NAME, …)` with an evaluation of the run");
                        return self.fail(span, d);
                    }
                    None => return Node::error(span),
                };
                let evals = match bound.get("over").map(|n| &n.value) {
                    Some(Value::Number(Num::Exact(f), _)) => f.to_u64().unwrap_or(0),
                    _ => 0,
                };
                if evals == 0 {
                    let at = bound.get("over").map_or(span, |n| n.span);
                    let d = Diagnostic::error(
                        "smol::stage::guard",
                        at,
                        "a plateau of no evaluation is always one",
                    );
                    return self.fail(span, d);
                }
                let tolerance = match bound.get("tolerance").map(|n| &n.value) {
                    Some(Value::Number(n, _)) => n.to_f64(),
                    _ => 0.0,
                };
                let name = format!("plateau(eval.{of}, over: {evals} evals, tolerance: {tolerance})");
                match self.reading(name, ReadingKind::Plateau(of, evals, tolerance), span) {
                    Some(code) => Node::new(Value::Test(code), span),
                    None => Node::error(span),
                }
            }
            other => {
                self.no_signal(other, span);
                Node::error(span)
            }
        }
    }
}
