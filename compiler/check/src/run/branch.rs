//! Where a run begins: another run, one of its checkpoints, and what of its schedule goes on.

use super::Builder;
use crate::eval::{Base, Derived, Eval};
use crate::rational::Fraction;
use crate::rules::run_branch;
use crate::spec::{Parent, Run, Schedule};
use crate::value::{Num, Object, Value};
use smolc_expr::{Binary, Expr};
use smolc_plan::Carry;
use smolc_syntax::ast::MemberKind;

impl Builder {
    /// The beginning of a run; `Err(())` after a report (of this run or of the other).
    pub(super) fn parent(
        &mut self,
        eval: &mut Eval<'_>,
        derived: &Derived<'_>,
        block: &Object,
    ) -> Result<Option<Parent>, ()> {
        let Some(branch) = &derived.branch else { return Ok(None) };
        let index = match branch.base {
            Base::Built(index) => index,
            Base::Item(id) => self.item(eval, id).ok_or(())?,
        };
        let own = derived.layers.get(branch.own..).unwrap_or_default();
        let sets_lr = own.iter().flat_map(|l| &l.body).any(|m| match &m.kind {
            MemberKind::Field { name, .. } | MemberKind::Error { name: Some(name) } => name.text == "lr",
            _ => false,
        });
        let base = self.spec.runs.get(index).ok_or(())?.clone();
        let step = match &branch.at {
            None => base.steps,
            Some((at, locals)) => {
                let node = eval.expr(at, locals);
                let what = format_args!("where the run begins from `{}`", base.name);
                if node.is_error() || !eval.expect(&node, &crate::types::Type::Span, what, None) {
                    None
                } else if let (Value::Number(Num::Exact(f), dim), Some(batch)) = (&node.value, &base.batch) {
                    let asked = super::time(batch, 0).to_steps(*f, *dim);
                    asked.and_then(|asked| run_branch::check(&base, asked, node.span, &mut eval.diagnostics))
                } else {
                    None
                }
            }
        };
        let carry = match block.text("carry") {
            Some("weights") => Carry::Weights,
            Some(_) => Carry::Everything,
            None if sets_lr => Carry::Weights,
            None => Carry::Everything,
        };
        if let (Some(step), Some(steps), Some(parent)) = (step, base.steps, self.spec.runs.get_mut(index))
            && step < steps
            && let Some(checkpoints) = &mut parent.checkpoints
            && let Err(place) = checkpoints.pinned.binary_search(&step)
        {
            checkpoints.pinned.insert(place, step);
        }
        Ok(Some(Parent { run: index, step, carry, span: branch.base_span, continues: !sets_lr }))
    }

    /// The schedule of the run it begins from, from there on: `t` there is this run's, in tokens, plus the beginning.
    pub(super) fn continued(&self, run: &Run, parent: &Parent) -> Option<Schedule> {
        let base = self.spec.runs.get(parent.run)?;
        let (lr, step) = (base.lr.as_ref()?, parent.step?);
        let ratio = Fraction::integer(run.batch.as_ref()?.tokens())
            .div(Fraction::integer(base.batch.as_ref()?.tokens()))?;
        let t = Expr::Var("t".into());
        let t = match ratio == Fraction::ONE {
            true => t,
            false => Expr::Binary(Binary::Mul, Box::new(t), Box::new(Expr::Const(ratio.to_f64()))),
        };
        let t = Expr::Binary(Binary::Add, Box::new(t), Box::new(Expr::Const(step as f64)));
        Some(Schedule {
            expr: replaced(&lr.expr, &t),
            source: format!("{}, continued from step {step} of `{}`", lr.source, base.name),
            span: parent.span,
            peak: None,
            warmup: None,
            decay: None,
            floor: None,
        })
    }
}

/// The expression with another `t`.
fn replaced(expr: &Expr, t: &Expr) -> Expr {
    let again = |e: &Expr| Box::new(replaced(e, t));
    match expr {
        Expr::Var(name) if name == "t" => t.clone(),
        Expr::Const(_) | Expr::Var(_) => expr.clone(),
        Expr::Unary(op, a) => Expr::Unary(*op, again(a)),
        Expr::Binary(op, a, b) => Expr::Binary(*op, again(a), again(b)),
        Expr::Select(a, b, c) => Expr::Select(again(a), again(b), again(c)),
        Expr::Call(f, list) => Expr::Call(*f, list.iter().map(|e| replaced(e, t)).collect()),
    }
}
