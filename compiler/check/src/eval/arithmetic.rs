//! Operators, by the table of dimensions: `+ -` and comparisons take one dimension; `*` and `/` take a scalar on one
//! side, and `/` two of one dimension. Inside `at t => …`, tokens and sequences become steps, exactly, through the
//! run's batch.

use super::Eval;
use crate::rational::Fraction;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{Locals, Node, Num, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_expr::{Binary, Expr as Code};
use smolc_syntax::ast::{BinaryOp, Expr};
use std::rc::Rc;

/// A number, known or not.
#[derive(Clone)]
pub(super) enum Operand {
    Known(Num),
    Later(Rc<Code>),
}

impl Operand {
    pub(super) fn of(value: &Value) -> Option<(Operand, Dim)> {
        match value {
            Value::Number(n, dim) => Some((Operand::Known(*n), *dim)),
            Value::Code(code, dim) => Some((Operand::Later(code.clone()), *dim)),
            _ => None,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Operand::Known(n) => Code::Const(n.to_f64()),
            Operand::Later(code) => (**code).clone(),
        }
    }
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}

fn code_op(op: BinaryOp) -> Binary {
    match op {
        BinaryOp::Add => Binary::Add,
        BinaryOp::Sub => Binary::Sub,
        BinaryOp::Mul => Binary::Mul,
        BinaryOp::Div => Binary::Div,
        BinaryOp::Lt => Binary::Lt,
        BinaryOp::Le => Binary::Le,
        BinaryOp::Gt => Binary::Gt,
        BinaryOp::Ge => Binary::Ge,
        BinaryOp::Eq => Binary::Eq,
        BinaryOp::Ne => Binary::Ne,
        BinaryOp::And => Binary::And,
        BinaryOp::Or => Binary::Or,
    }
}

/// What arithmetic takes.
const NUMBERS: &str = "numbers";

impl Eval<'_> {
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        a: &Expr,
        b: &Expr,
        span: Span,
        locals: &Locals,
    ) -> Node {
        if op == BinaryOp::Add && super::mix::is_mix(a, b) {
            let whole = Expr {
                kind: smolc_syntax::ast::ExprKind::Binary(
                    op,
                    op_span,
                    Box::new(a.clone()),
                    Box::new(b.clone()),
                ),
                span,
            };
            return self.mix(&whole, locals);
        }
        let (a, b) = (self.expr(a, locals), self.expr(b, locals));
        if a.is_error() || b.is_error() {
            return Node::error(span);
        }
        let value = match op {
            BinaryOp::And | BinaryOp::Or => self.logic(op, &a, &b),
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::Eq
            | BinaryOp::Ne => self.numeric(op, op_span, &a, &b),
        };
        Node::new(value, span)
    }

    fn logic(&mut self, op: BinaryOp, a: &Node, b: &Node) -> Value {
        let and = op == BinaryOp::And;
        match (&a.value, &b.value) {
            (Value::Bool(x), Value::Bool(y)) => Value::Bool(if and { *x && *y } else { *x || *y }),
            (Value::Bool(x), Value::Test(y)) | (Value::Test(y), Value::Bool(x)) => match (and, x) {
                (true, false) => Value::Bool(false),
                (false, true) => Value::Bool(true),
                _ => Value::Test(y.clone()),
            },
            (Value::Test(x), Value::Test(y)) => Value::Test(Rc::new(Code::Binary(
                code_op(op),
                Box::new((**x).clone()),
                Box::new((**y).clone()),
            ))),
            // A column of truth values by itself.
            (Value::Column(_), _) if self.rows.is_some() => self.logic_of_column(op, a, b, true),
            (_, Value::Column(_)) if self.rows.is_some() => self.logic_of_column(op, b, a, false),
            (Value::Bool(_) | Value::Test(_), _) => self.operand(op, b, "`true` or `false`"),
            _ => self.operand(op, a, "`true` or `false`"),
        }
    }

    fn logic_of_column(&mut self, op: BinaryOp, column: &Node, other: &Node, first: bool) -> Value {
        match self.column(&column.value, column.span) {
            Some(code) => {
                let column = Node::new(Value::Test(code), column.span);
                if first { self.logic(op, &column, other) } else { self.logic(op, other, &column) }
            }
            None => Value::Error,
        }
    }

    /// A number, known or not; columns and signals become run-time inputs.
    pub(super) fn operand_of(&mut self, node: &Node) -> Option<(Operand, Dim)> {
        match &node.value {
            Value::Column(_) if self.rows.is_some() => {
                Some((Operand::Later(self.column(&node.value, node.span)?), Dim::Number))
            }
            Value::Signal(name) => Some((Operand::Later(self.signal(name, node.span)?), Dim::Number)),
            other => Operand::of(other),
        }
    }

    fn operand(&mut self, op: BinaryOp, node: &Node, takes: &str) -> Value {
        let message = format!("`{}` takes {takes}, found {}", sign(op), node.value.phrase());
        let mut d = Diagnostic::error("smol::type::mismatch", node.span, message);
        if let Some(help) = self.remedy(node, if takes == NUMBERS { &Type::Float } else { &Type::Bool }) {
            d = d.help(help);
        } else if let (Value::Text(_), BinaryOp::Add) = (&node.value, op) {
            d = d.help("text is put together in place: `\"{a}/{b}\"`");
        } else if takes == NUMBERS {
            d = d.help("only numbers and what is known of them later have arithmetic");
        }
        self.diagnostics.push(d);
        Value::Error
    }

    /// [`Self::operand`], unless the operand has said itself what is wrong with it.
    fn operand_once(&mut self, op: BinaryOp, node: &Node, before: usize) -> Value {
        if self.diagnostics.len() > before { Value::Error } else { self.operand(op, node, NUMBERS) }
    }

    /// `a op b` on numbers.
    pub(super) fn numeric(&mut self, op: BinaryOp, op_span: Span, a: &Node, b: &Node) -> Value {
        if let (BinaryOp::Eq | BinaryOp::Ne, Value::Text(x), Value::Text(y)) = (op, &a.value, &b.value) {
            return Value::Bool((x == y) == (op == BinaryOp::Eq));
        }
        if let Some(value) = self.column_text(op, a, b) {
            return value;
        }
        let before = self.diagnostics.len();
        let Some(x) = self.operand_of(a) else { return self.operand_once(op, a, before) };
        let Some(y) = self.operand_of(b) else { return self.operand_once(op, b, before) };
        let (x, y) = self.same_time(x, y);
        let ((x, dx), (y, dy)) = (x, y);
        let compares = !matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div);
        let dim = match op {
            BinaryOp::Mul if dx.is_scalar() && dy.is_scalar() => {
                Some(if dx == dy { dx } else { Dim::Number })
            }
            BinaryOp::Mul if dx.is_scalar() => Some(dy),
            BinaryOp::Mul if dy.is_scalar() => Some(dx),
            BinaryOp::Mul => None,
            BinaryOp::Div if dy.is_scalar() => Some(dx),
            BinaryOp::Div if dx == dy => Some(Dim::Number),
            BinaryOp::Div => None,
            _ if dx == dy => Some(dx),
            _ if dx.is_scalar() && dy.is_scalar() => Some(Dim::Ratio),
            _ => None,
        };
        let Some(dim) = dim else { return self.dims(op, op_span, a, b, dx, dy) };
        match (&x, &y) {
            (Operand::Known(m), Operand::Known(n)) => self.fold(op, op_span, *m, *n, dim, b.span),
            _ if compares => match self.decided(op, &x, &y) {
                Some(known) => Value::Bool(known),
                None => {
                    let (x, y) = (self.code_of(&x), self.code_of(&y));
                    Value::Test(Rc::new(Code::Binary(code_op(op), Box::new(x), Box::new(y))))
                }
            },
            _ => {
                let (x, y) = (self.code_of(&x), self.code_of(&y));
                Value::Code(Rc::new(Code::Binary(code_op(op), Box::new(x), Box::new(y))), dim)
            }
        }
    }

    /// An operand as run-time code; in a filter, whole numbers stay what they are.
    fn code_of(&mut self, operand: &Operand) -> Code {
        match operand {
            Operand::Known(n) => self.row_constant(*n).unwrap_or_else(|| operand.code()),
            Operand::Later(_) => operand.code(),
        }
    }

    /// Inside a schedule, spans of the run are all steps.
    fn same_time(&self, a: (Operand, Dim), b: (Operand, Dim)) -> ((Operand, Dim), (Operand, Dim)) {
        match &self.time {
            Some(time) => (time.steps(a), time.steps(b)),
            None => (a, b),
        }
    }

    /// A comparison of `t` that the bounds 0 ≤ t < end decide.
    fn decided(&self, op: BinaryOp, x: &Operand, y: &Operand) -> Option<bool> {
        let (Operand::Later(code), Operand::Known(Num::Exact(c))) = (x, y) else { return None };
        let time = self.time.as_ref()?;
        if !matches!(&**code, Code::Var(name) if name == "t") {
            return None;
        }
        let last = time.end.sub(Fraction::ONE)?;
        match op {
            BinaryOp::Lt if *c <= Fraction::ZERO => Some(false),
            BinaryOp::Lt if *c > last => Some(true),
            BinaryOp::Ge if *c <= Fraction::ZERO => Some(true),
            BinaryOp::Ge if *c > last => Some(false),
            BinaryOp::Le if *c < Fraction::ZERO => Some(false),
            BinaryOp::Le if *c >= last => Some(true),
            BinaryOp::Gt if *c < Fraction::ZERO => Some(true),
            BinaryOp::Gt if *c >= last => Some(false),
            _ => None,
        }
    }

    fn fold(&mut self, op: BinaryOp, op_span: Span, m: Num, n: Num, dim: Dim, divisor: Span) -> Value {
        let ordering = match (m, n) {
            (Num::Exact(a), Num::Exact(b)) => Some(a.cmp(&b)),
            _ => m.to_f64().partial_cmp(&n.to_f64()),
        };
        let holds = |f: fn(std::cmp::Ordering) -> bool| Value::Bool(ordering.is_some_and(f));
        let exact = match (m, n) {
            (Num::Exact(a), Num::Exact(b)) => Some((a, b)),
            _ => None,
        };
        let (a, b) = (m.to_f64(), n.to_f64());
        let (fraction, float) = match op {
            BinaryOp::Lt => return holds(std::cmp::Ordering::is_lt),
            BinaryOp::Le => return holds(std::cmp::Ordering::is_le),
            BinaryOp::Gt => return holds(std::cmp::Ordering::is_gt),
            BinaryOp::Ge => return holds(std::cmp::Ordering::is_ge),
            BinaryOp::Eq => return holds(std::cmp::Ordering::is_eq),
            BinaryOp::Ne => return holds(std::cmp::Ordering::is_ne),
            BinaryOp::Add => (exact.map(|(a, b)| a.add(b)), a + b),
            BinaryOp::Sub => (exact.map(|(a, b)| a.sub(b)), a - b),
            BinaryOp::Mul => (exact.map(|(a, b)| a.mul(b)), a * b),
            BinaryOp::Div if b == 0.0 => {
                self.diagnostics.push(
                    Diagnostic::error("smol::eval::arithmetic", divisor, "division by zero")
                        .label("this is 0"),
                );
                return Value::Error;
            }
            BinaryOp::Div => (exact.map(|(a, b)| a.div(b)), a / b),
            BinaryOp::And | BinaryOp::Or => return Value::Error,
        };
        match fraction {
            Some(Some(f)) => Value::exact(f, dim),
            Some(None) => {
                self.diagnostics.push(
                    Diagnostic::error("smol::eval::arithmetic", op_span, "the result is out of range")
                        .help("numbers are exact fractions with at most 38 digits above and below"),
                );
                Value::Error
            }
            None => Value::Number(Num::Float(float), dim),
        }
    }

    fn dims(&mut self, op: BinaryOp, op_span: Span, a: &Node, b: &Node, dx: Dim, dy: Dim) -> Value {
        let (message, help) = match op {
            BinaryOp::Mul => (
                format!("{} times {} has no meaning here", dx.phrase(), dy.phrase()),
                "multiply by a plain number or a share",
            ),
            BinaryOp::Div => (
                format!("{} divided by {} has no meaning here", dx.phrase(), dy.phrase()),
                "divide by the same unit, a plain number or a share",
            ),
            _ => (
                format!("`{}` takes two of one unit, found {} and {}", sign(op), dx.phrase(), dy.phrase()),
                "steps, tokens and sequences convert through a run's batch, inside `at t => …` only",
            ),
        };
        let d = Diagnostic::error("smol::type::unit", op_span, message)
            .also(a.span, dx.phrase())
            .also(b.span, dy.phrase())
            .help(help);
        self.diagnostics.push(d);
        Value::Error
    }

    pub(super) fn conditional(&mut self, c: &Expr, a: &Expr, b: &Expr, span: Span, locals: &Locals) -> Node {
        let condition = self.expr(c, locals);
        let test = match &condition.value {
            Value::Error => return Node::error(span),
            Value::Bool(true) => return self.expr(a, locals),
            Value::Bool(false) => return self.expr(b, locals),
            Value::Test(code) => code.clone(),
            Value::Column(_) if self.rows.is_some() => match self.column(&condition.value, condition.span) {
                Some(code) => code,
                None => return Node::error(span),
            },
            other => {
                let message = format!("a condition is `true` or `false`, found {}", other.phrase());
                let d = Diagnostic::error("smol::type::mismatch", condition.span, message)
                    .help("compare it with something: `if vocab >= 50_000 then a else b`");
                return self.fail(span, d);
            }
        };
        let (a, b) = (self.expr(a, locals), self.expr(b, locals));
        if a.is_error() || b.is_error() {
            return Node::error(span);
        }
        let (Some(x), Some(y)) = (self.operand_of(&a), self.operand_of(&b)) else {
            let d = Diagnostic::error(
                "smol::type::mismatch",
                span,
                "both branches must be numbers, as the condition depends on the step",
            )
            .also(a.span, a.value.phrase())
            .also(b.span, b.value.phrase())
            .help("decide on what is known before the run, or between two numbers");
            return self.fail(span, d);
        };
        let ((x, dx), (y, dy)) = self.same_time(x, y);
        if dx != dy && !(dx.is_scalar() && dy.is_scalar()) {
            let d = Diagnostic::error("smol::type::unit", span, "the branches differ in their unit")
                .also(a.span, dx.phrase())
                .also(b.span, dy.phrase())
                .help("give both the same unit");
            return self.fail(span, d);
        }
        let (x, y) = (self.code_of(&x), self.code_of(&y));
        let code = Code::Select(Box::new((*test).clone()), Box::new(x), Box::new(y));
        Node::new(Value::Code(Rc::new(code), dx), span)
    }
}
