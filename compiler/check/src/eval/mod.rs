//! Compile-time evaluation: pure, total, and silent about what was reported before ([`Value::Error`]).

mod arithmetic;
mod call;
mod check;
mod classifier;
mod dataset;
mod item;
mod mix;
mod record;
mod remedy;
mod rows;
mod runs;
mod schedule;
mod signals;
mod source;
mod tokenizer;

pub(crate) use dataset::evaluations;
pub use mix::Part;
use rows::Rows;
pub use runs::{Base, Branch, Derived, Layer, StageLayers};
pub use schedule::Time;
pub use signals::{Guard, NAMES as SIGNALS, ReadingKind};

use crate::builtin::Builtin;
use crate::load::{Program, Target};
use crate::names::Ring;
use crate::rational::Fraction;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{CadenceValue, Closure, ItemId, Locals, Node, Num, Value};
use crate::world::World;
use rustc_hash::FxHashMap;
use smolc_diag::{Diagnostic, Sources, Span};
use smolc_syntax::ast::{Cadence, Expr, ExprKind, Ident, Number, TextPart, UnaryOp};
use std::rc::Rc;

/// Whether run-time code is small enough to be compiled; looks at no more of it than that takes.
fn fits(code: &smolc_expr::Expr) -> bool {
    use smolc_expr::Expr as E;
    let (mut left, mut stack) = (smolc_expr::MAX_NODES, vec![code]);
    while let Some(code) = stack.pop() {
        if left == 0 {
            return false;
        }
        left -= 1;
        match code {
            E::Const(_) | E::Var(_) => {}
            E::Unary(_, a) => stack.push(a),
            E::Binary(_, a, b) => stack.extend([&**a, &**b]),
            E::Select(a, b, c) => stack.extend([&**a, &**b, &**c]),
            E::Call(_, list) => stack.extend(list),
        }
    }
    true
}

/// The evaluator.
pub struct Eval<'a> {
    /// Environment and files.
    pub world: &'a dyn World,
    /// All modules, names resolved.
    pub program: &'a Program,
    /// Source text, to quote schedules.
    pub sources: &'a Sources,
    /// Items that take part in a ring.
    pub poisoned: Ring,
    /// Values of parameters given from outside.
    pub sets: FxHashMap<ItemId, Node>,
    /// What has been found.
    pub diagnostics: Vec<Diagnostic>,
    /// What is being evaluated, for messages: ``stage `anneal` ``.
    pub owner: String,
    /// How spans convert, inside `at t => …` only.
    pub time: Option<Time>,
    /// What a filter reads, inside `where(…)` and `thin(…)` only.
    rows: Option<Rows>,
    /// What a guard reads, inside `until …` only.
    guard: Option<Guard>,
    /// Records stand where a whole block is due: they change the block of the run this one is derived from.
    partial: bool,
    /// Runs of the sweep that is being built, by name, and their indices in the spec.
    pub siblings: FxHashMap<String, (Derived<'a>, usize)>,
    memo: FxHashMap<ItemId, Node>,
    depth: usize,
    work: usize,
}

/// Deepest nesting of expressions, through items and functions: what a small stack holds.
const DEPTH: usize = 160;
/// Expressions evaluated for one spec. Functions without recursion can still double the work with every call.
const WORK: usize = 200_000;
/// Bytes of one text.
const TEXT: usize = 64 * 1024;

impl<'a> Eval<'a> {
    /// An evaluator of a resolved program.
    pub fn new(world: &'a dyn World, program: &'a Program, sources: &'a Sources, poisoned: Ring) -> Eval<'a> {
        Eval {
            world,
            program,
            sources,
            poisoned,
            sets: FxHashMap::default(),
            diagnostics: Vec::new(),
            owner: String::new(),
            time: None,
            rows: None,
            guard: None,
            partial: false,
            siblings: FxHashMap::default(),
            memo: FxHashMap::default(),
            depth: 0,
            work: 0,
        }
    }

    /// Reports, and stands in for the value.
    fn fail(&mut self, span: Span, diagnostic: Diagnostic) -> Node {
        self.diagnostics.push(diagnostic);
        Node::error(span)
    }

    /// Evaluates an expression.
    pub fn expr(&mut self, expr: &Expr, locals: &Locals) -> Node {
        self.work += 1;
        if self.depth >= DEPTH || self.work > WORK {
            return self.too_much(expr.span);
        }
        self.depth += 1;
        let node = self.evaluated(expr, locals);
        self.depth -= 1;
        match &node.value {
            Value::Code(code, _) | Value::Test(code) if !fits(code) => {
                let message = format!("this comes to more than {} operations a step", smolc_expr::MAX_NODES);
                self.fail(expr.span, Diagnostic::error("smol::eval::limit", expr.span, message))
            }
            _ => node,
        }
    }

    fn too_much(&mut self, span: Span) -> Node {
        // Once: everything that waits for this value fails with it.
        if self.work <= WORK || self.work == WORK + 1 {
            let d = Diagnostic::error(
                "smol::eval::limit",
                span,
                if self.work > WORK {
                    format!("the spec takes more than {WORK} evaluations")
                } else {
                    format!("values are defined by each other more than {DEPTH} deep")
                },
            )
            .help("name intermediate values with `let`, nearer to where they are used");
            self.diagnostics.push(d);
        }
        Node::error(span)
    }

    fn evaluated(&mut self, expr: &Expr, locals: &Locals) -> Node {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Error => Node::error(span),
            ExprKind::Number(n) => self.number(n, span),
            ExprKind::Text(parts) => self.text(parts, span, locals),
            ExprKind::Bool(b) => Node::new(Value::Bool(*b), span),
            ExprKind::None => Node::new(Value::None, span),
            ExprKind::Name(name) => self.name(name, locals),
            ExprKind::Member(base, member) => self.member(base, member, span, locals),
            ExprKind::Column(name) => Node::new(Value::Column(name.text.clone()), span),
            ExprKind::List(items) => {
                let items: Vec<Node> = items.iter().map(|e| self.expr(e, locals)).collect();
                if items.iter().any(Node::is_error) {
                    return Node::error(span);
                }
                Node::new(Value::List(items), span)
            }
            ExprKind::Record(members) => self.plain_record(members, span, locals),
            ExprKind::Call { function, arguments, record } => {
                self.call(function, arguments, record.as_deref(), span, None, locals)
            }
            ExprKind::Construct(base, members) => self.construct(base, members, span, locals),
            ExprKind::With(base, members) => self.with(base, members, span, locals),
            ExprKind::Unary(op, a) => self.unary(*op, a, span, locals),
            ExprKind::Binary(op, op_span, a, b) => self.binary(*op, *op_span, a, b, span, locals),
            ExprKind::Weighted(..) | ExprKind::Rest(_) => self.mix(expr, locals),
            ExprKind::Ramp(a, b) => self.pair(a, b, span, true, locals),
            ExprKind::Range(a, b) => self.pair(a, b, span, false, locals),
            ExprKind::If(c, a, b) => self.conditional(c, a, b, span, locals),
            ExprKind::At(t, body) => {
                let closure =
                    Closure { parameter: t.text.clone(), body: (**body).clone(), locals: locals.clone() };
                Node::new(Value::Schedule(Rc::new(closure)), span)
            }
            ExprKind::Pipe(source, step) => self.pipe(source, step, span, locals),
            ExprKind::Cadence(c) => self.cadence(c, span, locals),
            ExprKind::Paren(inner) => self.expr(inner, locals),
        }
    }

    fn number(&mut self, n: &Number, span: Span) -> Node {
        let (dim, factor) = match (n.unit, n.percent) {
            (Some(unit), false) => Dim::of(unit),
            (None, true) => (Dim::Ratio, 1),
            (None, false) => (Dim::Number, 1),
            (Some(_), true) => {
                let d = Diagnostic::error("smol::type::unit", span, "a share has no unit")
                    .help("drop `%` or the unit");
                return self.fail(span, d);
            }
        };
        match Fraction::from_literal(n).and_then(|f| f.mul(Fraction::integer(factor))) {
            Some(value) => Node::new(Value::exact(value, dim), span),
            None => {
                let d = Diagnostic::error("smol::eval::arithmetic", span, "this number is out of range")
                    .help("numbers are exact fractions with at most 38 digits above and below");
                self.fail(span, d)
            }
        }
    }

    fn text(&mut self, parts: &[TextPart], span: Span, locals: &Locals) -> Node {
        let mut text = String::new();
        for part in parts {
            match part {
                TextPart::Literal(t) => text.push_str(t),
                TextPart::Interpolation(e) => {
                    let node = self.expr(e, locals);
                    match &node.value {
                        Value::Error => return Node::error(span),
                        Value::Text(t) => text.push_str(t),
                        Value::Number(Num::Exact(f), _) if f.is_integer() => {
                            text.push_str(&f.num().to_string())
                        }
                        other => {
                            let d = Diagnostic::error(
                                "smol::type::mismatch",
                                node.span,
                                format!("text can hold text and whole numbers, found {}", other.phrase()),
                            )
                            .help("interpolate a text or a whole number, or write the text out");
                            return self.fail(span, d);
                        }
                    }
                }
            }
        }
        if text.len() > TEXT {
            let d = Diagnostic::error(
                "smol::eval::limit",
                span,
                format!("this text is longer than {TEXT} bytes"),
            );
            return self.fail(span, d);
        }
        Node::new(Value::Text(text), span)
    }

    fn name(&mut self, name: &Ident, locals: &Locals) -> Node {
        if let Some(node) = locals.get(&name.text) {
            return Node::new(node.value.clone(), name.span);
        }
        match self.program.lookup(name) {
            Some(target) => self.target(target, name),
            // Reported by `names`.
            None => Node::error(name.span),
        }
    }

    fn target(&mut self, target: Target, name: &Ident) -> Node {
        match target {
            Target::Item(id) => Node::new(self.item(id).value, name.span),
            Target::Builtin(Builtin::Pi) => {
                Node::new(Value::Number(Num::Float(std::f64::consts::PI), Dim::Number), name.span)
            }
            Target::Builtin(b) => Node::new(Value::Builtin(b), name.span),
            Target::Unknown => Node::error(name.span),
            Target::Module(_) => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    name.span,
                    format!("`{}` is a module, not a value", name.text),
                )
                .help(format!("name one of its items: `{}.NAME`", name.text));
                self.fail(name.span, d)
            }
        }
    }

    fn member(&mut self, base: &Expr, member: &Ident, span: Span, locals: &Locals) -> Node {
        if !locals.contains_key("std")
            && let Some((_, module)) = self.program.named_std(base)
        {
            // A module that is not there was reported with the other names.
            let Some(m) = module else { return Node::error(span) };
            return match self.program.member(m, &member.text) {
                Some(target) => Node::new(self.target(target, member).value, span),
                None => {
                    let known = self.program.modules.get(m).into_iter().flat_map(|m| m.scope.keys());
                    let d = crate::names::not_exported(member, known.map(String::as_str));
                    self.fail(span, d)
                }
            };
        }
        if let ExprKind::Name(name) = &base.kind
            && !locals.contains_key(&name.text)
            && let Some(Target::Module(m)) = self.program.lookup(name)
        {
            return match self.program.member(m, &member.text) {
                Some(target) => Node::new(self.target(target, member).value, span),
                None => Node::error(span),
            };
        }
        let node = self.expr(base, locals);
        match &node.value {
            Value::Error => Node::error(span),
            Value::Signal(path) => Node::new(Value::Signal(format!("{path}.{}", member.text)), span),
            Value::Run(id) => self.run_member(*id, member, span),
            Value::Stage(id, stage) => self.stage_member(*id, &stage.clone(), member, span),
            Value::Object(o) => match o.fields.get(&member.text) {
                Some(field) => Node::new(field.node.value.clone(), span),
                None => {
                    let d = Diagnostic::error(
                        "smol::record::unknown",
                        member.span,
                        format!("this record sets no `{}`", member.text),
                    );
                    self.fail(span, d)
                }
            },
            other => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    base.span,
                    format!("only records, runs and stages have members, found {}", other.phrase()),
                );
                let help = match other {
                    Value::Builtin(_) | Value::Function(_) => self.remedy(&node, &Type::Any),
                    _ => None,
                };
                let help = help.unwrap_or_else(|| format!("leave `.{}` out", member.text));
                self.fail(span, d.help(help))
            }
        }
    }

    fn unary(&mut self, op: UnaryOp, a: &Expr, span: Span, locals: &Locals) -> Node {
        let node = self.expr(a, locals);
        let node = match (&node.value, op) {
            (Value::Column(_) | Value::Signal(_), UnaryOp::Neg) => match self.operand_of(&node) {
                Some((operand, dim)) => Node::new(Value::Code(Rc::new(operand.code()), dim), node.span),
                None if matches!(node.value, Value::Signal(_)) || self.rows.is_none() => {
                    return Node::error(span);
                }
                None => node,
            },
            (Value::Column(_), UnaryOp::Not) if self.rows.is_some() => {
                match self.column(&node.value, node.span) {
                    Some(code) => Node::new(Value::Test(code), node.span),
                    None => return Node::error(span),
                }
            }
            _ => node,
        };
        let value = match (op, &node.value) {
            (_, Value::Error) => Value::Error,
            (UnaryOp::Neg, Value::Number(Num::Exact(f), dim)) => Value::exact(f.neg(), *dim),
            (UnaryOp::Neg, Value::Number(Num::Float(x), dim)) => Value::Number(Num::Float(-x), *dim),
            (UnaryOp::Neg, Value::Code(code, dim)) => {
                let code = smolc_expr::Expr::Unary(smolc_expr::Unary::Neg, Box::new((**code).clone()));
                Value::Code(Rc::new(code), *dim)
            }
            (UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
            (UnaryOp::Not, Value::Test(code)) => {
                let code = smolc_expr::Expr::Unary(smolc_expr::Unary::Not, Box::new((**code).clone()));
                Value::Test(Rc::new(code))
            }
            (op, other) => {
                let (sign, takes) = match op {
                    UnaryOp::Neg => ("-", "a number"),
                    UnaryOp::Not => ("not", "`true` or `false`"),
                };
                let message = format!("`{sign}` takes {takes}, found {}", other.phrase());
                let mut d = Diagnostic::error("smol::type::mismatch", node.span, message);
                if let Some(help) =
                    self.remedy(&node, if op == UnaryOp::Neg { &Type::Float } else { &Type::Bool })
                {
                    d = d.help(help);
                }
                return self.fail(span, d);
            }
        };
        Node::new(value, span)
    }

    /// `a -> b` and `a..b`. In `4T..6T tokens` the unit behind serves both.
    fn pair(&mut self, a: &Expr, b: &Expr, span: Span, ramp: bool, locals: &Locals) -> Node {
        let (a, b) = (self.expr(a, locals), self.expr(b, locals));
        if a.is_error() || b.is_error() {
            return Node::error(span);
        }
        let what = if ramp { "a ramp" } else { "a range" };
        let mut ends = Vec::new();
        for node in [&a, &b] {
            match node.value {
                Value::Number(Num::Exact(f), dim) => ends.push((f, dim)),
                ref other => {
                    let message = format!("{what} has a number at either end, found {}", other.phrase());
                    let help = if ramp {
                        "a ramp is `0.1 -> 0.01` or `5% -> 14%`"
                    } else {
                        "a range is `4T..6T tokens`"
                    };
                    let d = Diagnostic::error("smol::type::mismatch", node.span, message).help(help);
                    return self.fail(span, d);
                }
            }
        }
        let [(x, dx), (y, dy)] = ends.as_slice() else { return Node::error(span) };
        let dim = match (dx, dy) {
            (dx, dy) if dx == dy => *dx,
            (Dim::Number, dy) if !ramp => *dy,
            _ => {
                let d = Diagnostic::error(
                    "smol::type::unit",
                    span,
                    format!("{what} has one unit, found {} and {}", dx.phrase(), dy.phrase()),
                )
                .also(a.span, dx.phrase())
                .also(b.span, dy.phrase());
                return self.fail(span, d);
            }
        };
        if !ramp && x > y {
            let d = Diagnostic::error("smol::stage::bounds", span, "a range ends above where it begins")
                .help("write the smaller bound first: `4T..6T tokens`");
            return self.fail(span, d);
        }
        let value = if ramp { Value::Ramp(*x, *y, dim) } else { Value::Range(*x, *y, dim) };
        Node::new(value, span)
    }

    fn cadence(&mut self, c: &Cadence, span: Span, locals: &Locals) -> Node {
        let what = match &c.what {
            None => None,
            Some(what) => {
                let node = self.expr(what, locals);
                if node.is_error()
                    || !self.expect(&node, &crate::types::Type::Suite, "what is evaluated", None)
                {
                    return Node::error(span);
                }
                Some(node)
            }
        };
        let every = c.every.as_ref().map(|e| self.expr(e, locals));
        let keep = c.keep.as_ref().map(|e| self.expr(e, locals));
        if every.iter().chain(&keep).any(Node::is_error) {
            return Node::error(span);
        }
        let value = CadenceValue { what, every, stage_end: c.stage_end, end: c.end, keep };
        Node::new(Value::Cadence(Rc::new(value)), span)
    }
}
