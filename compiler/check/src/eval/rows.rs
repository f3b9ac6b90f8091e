//! Expressions over the columns of a document: what `where(…)` and `thin(…)` take.
//!
//! A column, `length(.text)` or a classifier's verdict becomes an input of the filter, read in the expression under the
//! name the spec writes it with; what is known is folded as everywhere.

use super::Eval;
use super::call::Formal;
use crate::builtin::Builtin;
use crate::types::Type;
use crate::units::Dim;
use crate::value::{ClassifierValue, Locals, Node, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_expr::{Expr as Code, Filter, Input, Unary};
use smolc_syntax::ast::{Argument, BinaryOp, Expr};
use std::rc::Rc;

/// What a filter reads, collected while it is evaluated.
#[derive(Debug, Default)]
pub struct Rows {
    inputs: Vec<Input>,
    reads: Vec<(String, Span)>,
    classifiers: Vec<Rc<ClassifierValue>>,
}

/// A filter as evaluated.
pub(super) struct Evaluated {
    pub filter: Filter,
    pub reads: Vec<(String, Span)>,
    pub classifiers: Vec<Rc<ClassifierValue>>,
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
        let filter = Filter { expr, inputs: rows.inputs };
        if let Err(error) = filter.verify() {
            let d = Diagnostic::error(
                "smol::eval::limit",
                e.span,
                format!("the filter cannot be compiled: {error}"),
            );
            self.diagnostics.push(d);
            return None;
        }
        Some(Evaluated { filter, reads: rows.reads, classifiers: rows.classifiers })
    }

    fn input(&mut self, input: Input, span: Span) -> Option<Rc<Code>> {
        let name = input.to_string();
        let rows = self.rows.as_mut()?;
        rows.reads.push((input.column().to_string(), span));
        if !rows.inputs.contains(&input) {
            rows.inputs.push(input);
        }
        Some(Rc::new(Code::Var(name)))
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
        self.input(Input::Number { column: column.clone() }, span)
    }

    /// `.language == "en"`; `None` if it is no comparison of a column with a text.
    pub(super) fn column_text(&mut self, op: BinaryOp, a: &Node, b: &Node) -> Option<Value> {
        let (column, text, at) = match (&a.value, &b.value) {
            (Value::Column(c), Value::Text(t)) => (c.clone(), t.clone(), a.span),
            (Value::Text(t), Value::Column(c)) => (c.clone(), t.clone(), b.span),
            _ => return None,
        };
        self.rows.as_ref()?;
        let code = self.input(Input::Equals { column, text }, at)?;
        match op {
            BinaryOp::Eq => Some(Value::Test(code)),
            BinaryOp::Ne => Some(Value::Test(Rc::new(Code::Unary(Unary::Not, Box::new((*code).clone()))))),
            _ => {
                let d = Diagnostic::error(
                    "smol::type::mismatch",
                    at,
                    "texts are equal or not; they have no order here",
                );
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
        let (input, truth) = match b {
            Builtin::Length => (Input::Length { column }, false),
            Builtin::Present => (Input::Present { column }, true),
            Builtin::Contains => (Input::Contains { column, text }, true),
            Builtin::StartsWith => (Input::StartsWith { column, text }, true),
            _ => (Input::EndsWith { column, text }, true),
        };
        match (self.input(input, at), truth) {
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
        if let Some(rows) = &mut self.rows
            && !rows.classifiers.iter().any(|c| c.id == classifier.id)
        {
            rows.classifiers.push(classifier.clone());
        }
        let input = Input::Classifier { classifier: classifier.name.clone(), column };
        match self.input(input, at) {
            Some(code) => Node::new(Value::Code(code, Dim::Number), span),
            None => Node::error(span),
        }
    }
}
