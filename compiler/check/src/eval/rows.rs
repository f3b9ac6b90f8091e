//! Expressions over the columns of a document: what `where(…)` and `thin(…)` take.
//!
//! While such an expression is evaluated, whatever it reads of a document (a column, `length(.text)`, a classifier's
//! verdict) is a leaf: a variable of the run-time code under the name the spec writes it with. What is known is folded as
//! everywhere. At the end the code becomes a row expression, its variables replaced by what they stand for; whole numbers
//! become integers, so that comparisons with integer columns are exact.

use super::Eval;
use super::call::Formal;
use crate::builtin::Builtin;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{ClassifierValue, Locals, Node, Num, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_expr::row::{Need, RowError, RowExpr, TextMatch};
use smolc_expr::{Expr as Code, Unary};
use smolc_plan::{Filter, Score};
use smolc_syntax::ast::{Argument, BinaryOp, Expr};
use std::rc::Rc;

/// What a filter reads, collected while it is evaluated.
#[derive(Debug, Default)]
pub struct Rows {
    /// What each variable stands for, by its name.
    leaves: Vec<(String, RowExpr)>,
    scores: Vec<Score>,
    reads: Vec<(String, Span)>,
    classifiers: Vec<Rc<ClassifierValue>>,
}

/// A filter as evaluated.
pub(super) struct Evaluated {
    pub filter: Filter,
    pub reads: Vec<(String, Span)>,
    pub classifiers: Vec<Rc<ClassifierValue>>,
}

/// Up to here every whole number is an f64.
const EXACT: u64 = 1 << 53;

/// Run-time code as a row expression.
fn row(code: &Code, leaves: &[(String, RowExpr)]) -> RowExpr {
    let go = |code: &Code| Box::new(row(code, leaves));
    match code {
        Code::Const(x) if x.fract() == 0.0 && x.abs() <= EXACT as f64 => RowExpr::Int(*x as i64),
        Code::Const(x) => RowExpr::Float(*x),
        Code::Var(name) => match leaves.iter().find(|(n, _)| n == name) {
            Some((_, leaf)) => leaf.clone(),
            // Nothing else is a variable here.
            None => RowExpr::Column(name.clone()),
        },
        Code::Unary(op, x) => RowExpr::Unary(*op, go(x)),
        Code::Binary(op, a, b) => RowExpr::Binary(*op, go(a), go(b)),
        Code::Select(c, a, b) => RowExpr::Select(go(c), go(a), go(b)),
        Code::Call(builtin, args) => {
            RowExpr::Call(*builtin, args.iter().map(|arg| row(arg, leaves)).collect())
        }
    }
}

/// What a filter yields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Yields {
    Truth,
    Probability,
}

impl Eval<'_> {
    /// Evaluates the argument of `where` or `thin`.
    pub(super) fn rows(&mut self, e: &Expr, yields: Yields, locals: &Locals) -> Option<Evaluated> {
        let before = self.rows.replace(Rows::default());
        let node = self.expr(e, locals);
        let node = match (&node.value, yields) {
            // A column of truth values by itself.
            (Value::Column(_), _) => Node::new(
                match (self.column(&node.value, node.span), yields) {
                    (Some(code), Yields::Truth) => Value::Test(code),
                    (Some(code), Yields::Probability) => Value::Code(code, Dim::Number),
                    (None, _) => Value::Error,
                },
                node.span,
            ),
            _ => node,
        };
        let rows = std::mem::replace(&mut self.rows, before)?;
        let expr = match (&node.value, yields) {
            (Value::Error, _) => return None,
            (Value::Test(code), Yields::Truth)
            | (Value::Code(code, Dim::Number | Dim::Ratio), Yields::Probability) => (**code).clone(),
            (Value::Bool(b), Yields::Truth) => {
                let all = if *b { "keeps every document" } else { "keeps no document" };
                let d = Diagnostic::error("smol::data::filter", e.span, format!("this filter {all}"))
                    .help("it does not depend on the document: `where(.score >= 3)` does");
                self.diagnostics.push(d);
                return None;
            }
            (other, Yields::Truth) => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    e.span,
                    format!("`where` takes a condition on columns, found {}", other.phrase()),
                )
                .help("write `where(.score >= 3 and .language == \"en\")`");
                self.diagnostics.push(d);
                return None;
            }
            (other, Yields::Probability) => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    e.span,
                    format!("`thin` takes a share that depends on columns, found {}", other.phrase()),
                )
                .help("write `thin(if .score >= 3 then 100% else 20%)`");
                self.diagnostics.push(d);
                return None;
            }
        };
        let names: Vec<&str> = rows.leaves.iter().map(|(name, _)| name.as_str()).collect();
        // Its size comes first: what follows recurses.
        if let Err(error) = expr.verify(&names) {
            let message = format!("the filter cannot be compiled: {error}");
            self.diagnostics.push(Diagnostic::error("smol::eval::limit", e.span, message));
            return None;
        }
        let filter = Filter { expr: row(&expr, &rows.leaves), scores: rows.scores };
        let need = if yields == Yields::Truth { Need::Truth } else { Need::Number };
        if let Err(error) = filter.needs(need) {
            let code = if matches!(error, RowError::TooDeep | RowError::TooLarge) {
                "smol::eval::limit"
            } else {
                "smol::type::mismatch"
            };
            let mut d = Diagnostic::error(code, e.span, format!("in this filter, {error}"));
            if code == "smol::type::mismatch" {
                d = d.help("a column is a number, a text or a truth value, and the same wherever the filter reads it");
            }
            self.diagnostics.push(d);
            return None;
        }
        Some(Evaluated { filter, reads: rows.reads, classifiers: rows.classifiers })
    }

    /// Adds what is read of a document, under the name that the run-time code has for it.
    fn leaf(&mut self, leaf: RowExpr, column: &str, span: Span) -> Option<Rc<Code>> {
        let name = leaf.to_string();
        let rows = self.rows.as_mut()?;
        rows.reads.push((column.to_string(), span));
        if !rows.leaves.iter().any(|(n, _)| *n == name) {
            rows.leaves.push((name.clone(), leaf));
        }
        Some(Rc::new(Code::Var(name)))
    }

    /// A number in a filter; a whole one beyond what an f64 holds exactly is kept aside.
    pub(super) fn row_constant(&mut self, number: Num) -> Option<Code> {
        let rows = self.rows.as_mut()?;
        let Num::Exact(f) = number else { return None };
        let whole = f.is_integer().then(|| i64::try_from(f.num()).ok()).flatten()?;
        if whole.unsigned_abs() <= EXACT {
            return None;
        }
        let leaf = RowExpr::Int(whole);
        let name = leaf.to_string();
        if !rows.leaves.iter().any(|(n, _)| *n == name) {
            rows.leaves.push((name.clone(), leaf));
        }
        Some(Code::Var(name))
    }

    /// A column as a number known only when the document is.
    pub(super) fn column(&mut self, value: &Value, span: Span) -> Option<Rc<Code>> {
        let Value::Column(column) = value else { return None };
        if self.rows.is_none() {
            let d = Diagnostic::error(
                "smol::type::mismatch",
                span,
                format!("the column `.{column}` has a value only where documents are filtered"),
            )
            .help("columns stand in `where(…)` and `thin(…)`, and behind a source: `{ text: .text }`");
            self.diagnostics.push(d);
            return None;
        }
        self.leaf(RowExpr::Column(column.clone()), column, span)
    }

    /// `.language == "en"`; `None` if it is no comparison of a column with a text.
    pub(super) fn column_text(&mut self, op: BinaryOp, a: &Node, b: &Node) -> Option<Value> {
        let (column, text, at) = match (&a.value, &b.value) {
            (Value::Column(c), Value::Text(t)) => (c.clone(), t.clone(), a.span),
            (Value::Text(t), Value::Column(c)) => (c.clone(), t.clone(), b.span),
            _ => return None,
        };
        self.rows.as_ref()?;
        let leaf = RowExpr::Binary(
            smolc_expr::Binary::Eq,
            Box::new(RowExpr::Column(column.clone())),
            Box::new(RowExpr::Text(text)),
        );
        let code = self.leaf(leaf, &column, at)?;
        match op {
            BinaryOp::Eq => Some(Value::Test(code)),
            BinaryOp::Ne => Some(Value::Test(Rc::new(Code::Unary(Unary::Not, Box::new((*code).clone()))))),
            _ => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    at,
                    "texts are equal or not; they have no order here",
                )
                .help("compare with `==` or `!=`, or use `contains`, `starts_with` or `ends_with`");
                self.diagnostics.push(d);
                Some(Value::Error)
            }
        }
    }

    /// `length(.text)`, `contains(.text, "…")` and the like.
    pub(super) fn row_function(
        &mut self,
        b: Builtin,
        arguments: &[Argument],
        span: Span,
        locals: &Locals,
    ) -> Node {
        const ONE: [Formal<'static>; 1] = [Formal::builtin("column", Type::Column, false)];
        const TWO: [Formal<'static>; 2] =
            [Formal::builtin("column", Type::Column, false), Formal::builtin("text", Type::Text, false)];
        let formals: &[Formal<'_>] = match b {
            Builtin::Length | Builtin::Present => &ONE,
            _ => &TWO,
        };
        let Some(bound) = self.bind(b.name(), formals, arguments, span, locals) else {
            return Node::error(span);
        };
        if self.rows.is_none() {
            let d = Diagnostic::error(
                "smol::type::mismatch",
                span,
                format!("`{}` looks at a document, and there is none here", b.name()),
            )
            .help("it stands in `where(…)` or `thin(…)`");
            return self.fail(span, d);
        }
        let Some(Node { value: Value::Column(column), span: at }) = bound.get("column").cloned() else {
            return Node::error(span);
        };
        let text = match bound.get("text").map(|n| &n.value) {
            Some(Value::Text(t)) => t.clone(),
            _ => String::new(),
        };
        let operand = Box::new(RowExpr::Column(column.clone()));
        let test = |test| RowExpr::Match(test, operand.clone(), Box::new(RowExpr::Text(text.clone())));
        let (leaf, truth) = match b {
            Builtin::Length => (RowExpr::Length(operand), false),
            Builtin::Present => (RowExpr::Unary(Unary::Not, Box::new(RowExpr::IsNull(operand))), true),
            Builtin::Contains => (test(TextMatch::Contains), true),
            Builtin::StartsWith => (test(TextMatch::StartsWith), true),
            _ => (test(TextMatch::EndsWith), true),
        };
        match (self.leaf(leaf, &column, at), truth) {
            (Some(code), true) => Node::new(Value::Test(code), span),
            (Some(code), false) => Node::new(Value::Code(code, Dim::Number), span),
            (None, _) => Node::error(span),
        }
    }

    /// `edu_python(.content)`
    pub(super) fn classify(
        &mut self,
        classifier: &Rc<ClassifierValue>,
        arguments: &[Argument],
        span: Span,
        locals: &Locals,
    ) -> Node {
        const ONE: [Formal<'static>; 1] = [Formal::builtin("column", Type::Column, false)];
        let Some(bound) = self.bind(&classifier.name, &ONE, arguments, span, locals) else {
            return Node::error(span);
        };
        let Some(Node { value: Value::Column(column), span: at }) = bound.get("column").cloned() else {
            return Node::error(span);
        };
        if self.rows.is_none() {
            let d = Diagnostic::error(
                "smol::type::mismatch",
                span,
                format!("the classifier `{}` judges documents, and there is none here", classifier.name),
            )
            .help("it stands in `where(…)` or `thin(…)`");
            return self.fail(span, d);
        }
        let score = Score { classifier: classifier.name.clone(), column: column.clone() };
        let leaf = RowExpr::Column(score.to_string());
        if let Some(rows) = &mut self.rows {
            if !rows.classifiers.iter().any(|c| c.id == classifier.id) {
                rows.classifiers.push(classifier.clone());
            }
            if !rows.scores.contains(&score) {
                rows.scores.push(score);
            }
        }
        match self.leaf(leaf, &column, at) {
            Some(code) => Node::new(Value::Code(code, Dim::Number), span),
            None => Node::error(span),
        }
    }
}
