//! The learning rate: from a schedule's closure to an expression over `t`.

use crate::eval::{Eval, Time};
use crate::rational::Fraction;
use crate::spec::Schedule;
use crate::units::Dim;
use crate::value::{Closure, Node, Num, Value};
use smolc_diag::{Diagnostic, Span};

/// The schedule of a run.
pub(super) fn schedule(eval: &mut Eval<'_>, node: &Node, time: Time) -> Option<Schedule> {
    let source = eval.written(node.span);
    match &node.value {
        Value::Number(n, _) => Some(Schedule {
            expr: smolc_expr::Expr::Const(n.to_f64()),
            source,
            span: node.span,
            peak: None,
            warmup: None,
        }),
        Value::Schedule(closure) => {
            let expr = eval.schedule(closure, time, node.span)?;
            if let Err(error) = expr.verify(&["t", "end"]) {
                let message = format!("the schedule cannot be compiled: {error}");
                eval.diagnostics.push(Diagnostic::error("smol::eval::limit", node.span, message));
                return None;
            }
            Some(Schedule {
                expr,
                source,
                span: node.span,
                peak: peak(closure, node.span),
                warmup: warmup(closure, time, node.span),
            })
        }
        _ => None,
    }
}

/// The arguments that rules know by name. A default stands in the function, so the schedule is the place then.
fn peak(closure: &Closure, at: Span) -> Option<(f64, Span)> {
    let node = closure.locals.get("peak")?;
    match node.value {
        Value::Number(n, dim) if dim.is_scalar() => Some((n.to_f64(), place(node.span, at))),
        _ => None,
    }
}

fn warmup(closure: &Closure, time: Time, at: Span) -> Option<(Fraction, Span)> {
    let node = closure.locals.get("warmup")?;
    let Value::Number(Num::Exact(f), dim) = node.value else { return None };
    let steps = if dim == Dim::Ratio { time.end.mul(f) } else { time.to_steps(f, dim) };
    Some((steps?, place(node.span, at)))
}

fn place(argument: Span, schedule: Span) -> Span {
    if argument.file == schedule.file { argument } else { schedule }
}
