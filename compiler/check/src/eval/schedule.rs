//! `at t => …`, partially evaluated: everything known is folded exactly, what is left reads `t`.

use super::Eval;
use super::arithmetic::Operand;
use crate::rational::Fraction;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{Closure, Map, Node, Num, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_expr::Expr as Code;
use std::rc::Rc;

/// How spans of a run convert to steps.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// Tokens in a step.
    pub tokens: Fraction,
    /// Sequences in a step.
    pub sequences: Fraction,
    /// Steps of the run.
    pub end: Fraction,
}

impl Time {
    /// A span in steps, exactly; `None` for what is not a span of the run.
    pub fn to_steps(&self, f: Fraction, dim: Dim) -> Option<Fraction> {
        match dim {
            Dim::Steps => Some(f),
            Dim::Tokens => f.div(self.tokens),
            Dim::Sequences => f.div(self.sequences),
            Dim::Number
            | Dim::Ratio
            | Dim::Epochs
            | Dim::Documents
            | Dim::Evals
            | Dim::Bytes
            | Dim::Seconds => None,
        }
    }

    /// Tokens and sequences as steps; anything else as it is.
    pub(super) fn steps(&self, operand: (Operand, Dim)) -> (Operand, Dim) {
        match operand {
            (Operand::Known(Num::Exact(f)), dim) => match self.to_steps(f, dim) {
                Some(steps) => (Operand::Known(Num::Exact(steps)), Dim::Steps),
                None => (Operand::Known(Num::Exact(f)), dim),
            },
            other => other,
        }
    }
}

impl Eval<'_> {
    /// The expression a schedule computes at every step, over `t` in steps. `end` is known and folded in.
    pub fn schedule(&mut self, closure: &Closure, time: Time, at: Span) -> Option<Code> {
        let mut locals: Map<Node> = (*closure.locals).clone();
        let t = Value::Code(Rc::new(Code::Var("t".into())), Dim::Steps);
        locals.insert(closure.parameter.clone(), Node::new(t, at));
        locals.insert("end".into(), Node::new(Value::exact(time.end, Dim::Steps), at));
        let before = self.time.replace(time);
        let node = self.expr(&closure.body, &Rc::new(locals));
        self.time = before;
        match (&node.value, Operand::of(&node.value)) {
            (Value::Error, _) => None,
            (_, Some((operand, dim))) if dim.is_scalar() => Some(operand.code()),
            (other, _) => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    closure.body.span,
                    format!("a schedule yields a plain number, found {}", other.phrase()),
                )
                .also(at, "used here")
                .help("a span of the run divided by another one is a plain number: `t / end`");
                self.diagnostics.push(d);
                None
            }
        }
    }

    /// `part(portion, of: whole)`: a share of a span, or a span as it is.
    pub(super) fn part(&mut self, portion: &Node, whole: &Node, span: Span) -> Node {
        if portion.is_error() || whole.is_error() {
            return Node::error(span);
        }
        match &portion.value {
            Value::Number(_, Dim::Ratio) => {
                let value = self.numeric(smolc_syntax::ast::BinaryOp::Mul, span, whole, portion);
                Node::new(value, span)
            }
            _ => {
                if !self.expect(portion, &Type::Portion, "the argument `portion` of `part`", None) {
                    return Node::error(span);
                }
                Node::new(portion.value.clone(), span)
            }
        }
    }

    /// A builtin function of numbers. Roots and the like take scalars; the rest keeps the unit.
    pub(super) fn math(&mut self, f: smolc_expr::Builtin, arguments: &[Node], span: Span) -> Node {
        use smolc_expr::Builtin as B;
        let mut operands = Vec::new();
        for node in arguments {
            match (&node.value, self.operand_of(node)) {
                (Value::Error, _) => return Node::error(span),
                (_, Some(o)) => operands.push(match &self.time {
                    Some(time) => time.steps(o),
                    None => o,
                }),
                (other, None) => {
                    let message = format!("this function takes numbers, found {}", other.phrase());
                    let mut d = Diagnostic::error("smol::type::mismatch", node.span, message);
                    if let Some(help) = self.remedy(node, &Type::Float) {
                        d = d.help(help);
                    }
                    return self.fail(span, d);
                }
            }
        }
        let keeps = matches!(f, B::Min | B::Max | B::Abs | B::Floor | B::Ceil);
        let first = operands.first().map_or(Dim::Number, |(_, dim)| *dim);
        let dim = if keeps { first } else { Dim::Number };
        for ((_, d), node) in operands.iter().zip(arguments) {
            let fits =
                if keeps { *d == first || (d.is_scalar() && first.is_scalar()) } else { d.is_scalar() };
            if !fits {
                let takes = if keeps { first.phrase() } else { "a plain number" };
                let message = format!("this argument takes {takes}, found {}", d.phrase());
                let help = match keeps {
                    true => "give all arguments the same unit",
                    false => "divide it by one of its unit: `t / end`, `2B tokens / 1B tokens`",
                };
                return self.fail(span, Diagnostic::error("smol::type::unit", node.span, message).help(help));
            }
        }
        let known: Option<Vec<Num>> = operands
            .iter()
            .map(|(o, _)| match o {
                Operand::Known(n) => Some(*n),
                Operand::Later(_) => None,
            })
            .collect();
        let code = Code::Call(f, operands.iter().map(|(o, _)| o.code()).collect());
        let value = match known.as_deref() {
            None => Value::Code(Rc::new(code), dim),
            Some([Num::Exact(a), Num::Exact(b)]) if f == B::Min => Value::exact(*a.min(b), dim),
            Some([Num::Exact(a), Num::Exact(b)]) if f == B::Max => Value::exact(*a.max(b), dim),
            Some([Num::Exact(a)]) if f == B::Abs => Value::exact(*a.max(&a.neg()), dim),
            Some([Num::Exact(a)]) if f == B::Floor => whole(a.floor(), dim),
            Some([Num::Exact(a)]) if f == B::Ceil => whole(-a.neg().floor(), dim),
            Some(_) => match crate::run_time::constant(&code) {
                Some(x) => Value::Number(Num::Float(x), dim),
                None => {
                    let d = Diagnostic::error(
                        "smol::eval::arithmetic",
                        span,
                        "the result is not a finite number",
                    );
                    return self.fail(span, d);
                }
            },
        };
        Node::new(value, span)
    }
}

fn whole(n: i128, dim: Dim) -> Value {
    Fraction::new(n, 1).map_or(Value::Error, |f| Value::exact(f, dim))
}
