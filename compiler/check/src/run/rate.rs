//! The learning rate: from a schedule's closure to an expression over `t`.

use crate::eval::{Eval, Time};
use crate::rational::Fraction;
use crate::spec::Schedule;
use crate::units::Dim;
use crate::value::{Closure, Node, Num, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_expr::{Binary, Expr};

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
            decay: None,
            floor: None,
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
                peak: rate(closure, "peak", node.span),
                warmup: portion(closure, "warmup", time, node.span),
                decay: portion(closure, "decay", time, node.span),
                floor: rate(closure, "floor", node.span),
            })
        }
        _ => None,
    }
}

/// A number that may change over the run: a constant, a ramp from its beginning to its end, or a schedule.
pub(super) fn course(eval: &mut Eval<'_>, node: &Node, time: Time) -> Option<Schedule> {
    let Value::Ramp(from, to, _) = &node.value else { return schedule(eval, node, time) };
    let (from, to) = (from.to_f64(), to.to_f64());
    // from + (to - from) · t / end; `end` is at least 1.
    let t = Expr::Binary(
        Binary::Div,
        Box::new(Expr::Var("t".into())),
        Box::new(Expr::Const(time.end.to_f64().max(1.0))),
    );
    let rise = Expr::Binary(Binary::Mul, Box::new(Expr::Const(to - from)), Box::new(t));
    let expr = Expr::Binary(Binary::Add, Box::new(Expr::Const(from)), Box::new(rise));
    Some(Schedule { expr, source: eval.written(node.span), ..placeholder(node) })
}

/// What stands for a course before the length of its run is known: its value at the beginning.
pub(super) fn placeholder(node: &Node) -> Schedule {
    let value = match &node.value {
        Value::Number(n, _) => n.to_f64(),
        Value::Ramp(from, ..) => from.to_f64(),
        _ => f64::NAN,
    };
    Schedule {
        expr: Expr::Const(value),
        source: String::new(),
        span: node.span,
        peak: None,
        warmup: None,
        decay: None,
        floor: None,
    }
}

/// The arguments that rules know by name. A default stands in the function, so the schedule is the place then.
fn rate(closure: &Closure, name: &str, at: Span) -> Option<(f64, Span)> {
    let node = closure.locals.get(name)?;
    match node.value {
        Value::Number(n, dim) if dim.is_scalar() => Some((n.to_f64(), place(node.span, at))),
        _ => None,
    }
}

fn portion(closure: &Closure, name: &str, time: Time, at: Span) -> Option<(Fraction, Span)> {
    let node = closure.locals.get(name)?;
    let Value::Number(Num::Exact(f), dim) = node.value else { return None };
    let steps = if dim == Dim::Ratio { time.end.mul(f) } else { time.to_steps(f, dim) };
    Some((steps?, place(node.span, at)))
}

fn place(argument: Span, schedule: Span) -> Span {
    if argument.file == schedule.file { argument } else { schedule }
}
