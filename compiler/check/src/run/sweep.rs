//! Sweeps: the same runs for each of several values.

use super::Builder;
use crate::eval::Eval;
use crate::rules::name_twice;
use crate::spec::{Event, Sweep};
use crate::types::Type;
use crate::units::Dim;
use crate::value::{Map, Node, Num, Value};
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic};
use smolc_plan::SweepValue;
use smolc_syntax::ast::{Expr, ExprKind, Ident, Member, MemberKind, Run};
use std::rc::Rc;

impl Builder {
    /// `sweep name over variable in [ … ] { run … }`
    pub fn sweep<'p>(
        &mut self,
        eval: &mut Eval<'p>,
        name: &Ident,
        variable: &Ident,
        values: &Expr,
        body: &'p [Member],
    ) {
        let node = eval.expr(values, &Rc::default());
        let list = match &node.value {
            Value::Error => return,
            Value::List(items) if !items.is_empty() => items.clone(),
            other => {
                let message = match other {
                    Value::List(_) => "a sweep over no value makes no run".to_string(),
                    other => format!("a sweep goes over a list, found {}", other.phrase()),
                };
                eval.diagnostics.push(Diagnostic::error("smol::run::sweep", values.span, message));
                return;
            }
        };
        let name_of = |n: &Node| match &n.value {
            Value::Text(text) => Some(format!("\"{text}\"")),
            Value::Number(..) | Value::Bool(_) | Value::Word(_) => Some(n.value.phrase().replace('`', "")),
            _ => None,
        };
        name_twice::check(&list, name_of, "the sweep goes over", &mut eval.diagnostics);
        let mut runs: Vec<&'p Run> = Vec::new();
        let mut compare: Option<&Expr> = None;
        for member in body {
            match &member.kind {
                MemberKind::Run(run) => runs.push(run),
                MemberKind::Field { name: key, value } if key.text == "compare" => compare = Some(value),
                MemberKind::Field { name: key, .. } => {
                    let mut d = Diagnostic::error(
                        "smol::record::unknown",
                        key.span,
                        format!("sweep `{}` has no field `{}`", name.text, key.text),
                    );
                    d = match nearest(&key.text, ["compare"]) {
                        Some(near) => {
                            d.help("did you mean `compare`?").fix(key.span, near, Applicability::Unsafe)
                        }
                        None => d.help("it has runs and `compare`; what changes belongs into its runs"),
                    };
                    eval.diagnostics.push(d);
                }
                MemberKind::Stage(stage) => {
                    let d = Diagnostic::error(
                        "smol::record::unknown",
                        stage.name.span,
                        format!("sweep `{}` has no stages; its runs have", name.text),
                    );
                    eval.diagnostics.push(d);
                }
                MemberKind::Drop { name: what } => {
                    let d = Diagnostic::error(
                        "smol::record::drop",
                        what.span,
                        format!("nothing to drop: sweep `{}` takes nothing over", name.text),
                    );
                    eval.diagnostics.push(d);
                }
                MemberKind::Error { .. } => {}
            }
        }
        if runs.is_empty() {
            let d =
                Diagnostic::error("smol::run::sweep", name.span, format!("sweep `{}` has no run", name.text))
                    .help("write `run BASE with { … }` or `run NAME from BASE at … { … }` in it");
            eval.diagnostics.push(d);
            return;
        }
        let compare_span = compare.map_or(name.span, |e| e.span);
        let compare = self.compared(eval, compare);
        let mut plan = smolc_plan::Sweep {
            name: name.text.clone(),
            variable: variable.text.clone(),
            values: Vec::new(),
            compare: compare.clone(),
        };
        let mut used: Vec<String> = Vec::new();
        for (i, value) in list.iter().enumerate() {
            let mut locals = Map::default();
            locals.insert(variable.text.clone(), value.clone());
            let locals = Rc::new(locals);
            let mut slug = slug(value, &eval.written(value.span)).unwrap_or_else(|| (i + 1).to_string());
            if used.contains(&slug) {
                slug = format!("{slug}_{}", i + 1);
            }
            used.push(slug.clone());
            let mut indices = Vec::new();
            for run in &runs {
                let whole = match runs.as_slice() {
                    [_] => format!("{}.{}_{slug}", name.text, variable.text),
                    _ => format!("{}.{}_{slug}.{}", name.text, variable.text, run.name.text),
                };
                let derived = eval.derive(run, base(run).as_ref(), &locals, 0);
                let index = self.build(eval, &derived, &whole, run.name.span);
                if let Some(built) = self.spec.runs.get_mut(index)
                    && !compare.is_empty()
                {
                    let event = Event {
                        evaluations: compare.clone(),
                        every: None,
                        stage_end: false,
                        end: true,
                        span: compare_span,
                    };
                    built.events.push(event);
                }
                if !run.with {
                    eval.siblings.insert(run.name.text.clone(), (derived, index));
                }
                indices.push(index);
            }
            eval.siblings.clear();
            plan.values.push(SweepValue { value: eval.written(value.span), runs: indices });
        }
        self.spec.sweeps.push(Sweep { plan, span: name.span });
    }

    fn compared(&mut self, eval: &mut Eval<'_>, value: Option<&Expr>) -> Vec<usize> {
        let Some(value) = value else { return Vec::new() };
        let node = eval.expr(value, &Rc::default());
        if node.is_error() || !eval.expect(&node, &Type::Suite, "`compare`", None) {
            return Vec::new();
        }
        self.indices(&node)
    }
}

/// `run pretrain with { … }` is derived from the run of that name.
fn base(run: &Run) -> Option<(Expr, Option<Expr>)> {
    let own = || Expr { kind: ExprKind::Name(run.name.clone()), span: run.name.span };
    run.from.clone().or_else(|| run.with.then(|| (own(), None)))
}

/// A value as part of a run's name, which is a directory's too.
fn slug(value: &Node, written: &str) -> Option<String> {
    let clean = |text: String| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
    };
    match &value.value {
        Value::Number(Num::Exact(f), Dim::Ratio) => {
            Some(clean(crate::units::percent(*f).trim_end_matches('%').to_string()))
        }
        Value::Number(Num::Exact(f), dim) => Some(clean(crate::units::quantity(*f, *dim).replace(',', ""))),
        Value::Dataset(d) if d.id.is_some() => Some(clean(d.name.clone())),
        Value::Word(text) | Value::Text(text) if text.len() <= 40 && !text.is_empty() => {
            Some(clean(text.clone()))
        }
        Value::Bool(b) => Some(b.to_string()),
        _ if written.len() <= 40 && !written.is_empty() => Some(clean(written.to_string())),
        _ => None,
    }
}
