//! Expressions: the flat operator lists of the grammar, given their precedence.

use std::iter::Peekable;
use std::vec::IntoIter;

use smolc_diag::{Applicability, Diagnostic, Span};

use super::{Builder, Node};
use crate::ast::{Argument, BinaryOp, Cadence, Expr, ExprKind, Ident, Member, MemberKind, UnaryOp};
use crate::grammar::Rule;

/// How tightly an operator binds; `not` binds as loosely as a comparison's operand, a minus sign tighter than all.
const COMPARE: u8 = 5;
const NEGATE: u8 = 9;

fn precedence(rule: Rule) -> u8 {
    match rule {
        Rule::op_pipe => 1,
        Rule::op_ramp => 2,
        Rule::kw_or => 3,
        Rule::kw_and => 4,
        Rule::op_compare => COMPARE,
        Rule::op_range => 6,
        Rule::op_sum => 7,
        _ => 8,
    }
}

impl Builder<'_> {
    /// An `expr` pair.
    pub fn expr(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let mut value = None;
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::ops => value = Some(self.ops(child)),
                Rule::cadence => {
                    let cadence = self.cadence(child, value.take());
                    value = Some(Expr { kind: ExprKind::Cadence(cadence), span });
                }
                // `blend over 10B tokens` is the call `blend(over: 10B tokens)`.
                Rule::over => {
                    let over = self.at(child.as_span().start(), child.as_span().start() + "over".len());
                    let name = Some(Ident { text: "over".to_owned(), span: over });
                    if let (Some(what), Some(length)) = (value.take(), self.sum_of(child)) {
                        let arguments = vec![Argument { name, value: length }];
                        let kind = ExprKind::Call { function: Box::new(what), arguments, record: None };
                        value = Some(Expr { kind, span });
                    }
                }
                _ => {}
            }
        }
        value.unwrap_or(Expr { kind: ExprKind::Error, span })
    }

    /// An `ops`, `plain_ops` or `plain_sum` pair.
    pub fn ops(&mut self, node: Node<'_>) -> Expr {
        let nodes: Vec<Node<'_>> = node.into_inner().collect();
        self.climb(&mut nodes.into_iter().peekable(), 0)
    }

    /// Precedence climbing from operators that bind at least as tightly as `least`.
    fn climb(&mut self, nodes: &mut Peekable<IntoIter<Node<'_>>>, least: u8) -> Expr {
        let mut left = match nodes.next() {
            Some(n) if n.as_rule() == Rule::prefix => {
                let span = self.span(&n);
                let (op, binds) = match n.as_str() {
                    "-" => (UnaryOp::Neg, NEGATE),
                    _ => (UnaryOp::Not, COMPARE),
                };
                let operand = self.climb(nodes, binds);
                Expr { span: span.to(operand.span), kind: ExprKind::Unary(op, Box::new(operand)) }
            }
            Some(n) => self.operand(n),
            None => Expr { kind: ExprKind::Error, span: self.at(0, 0) },
        };
        let mut compared: Option<Span> = None;
        while let Some(rule) = nodes.peek().and_then(operator) {
            let binds = precedence(rule);
            if binds < least {
                break;
            }
            let Some(infix) = nodes.next() else { break };
            let op_span = self.span(&infix);
            let right = self.climb(nodes, binds + 1);
            if rule == Rule::op_compare {
                if let Some(first) = compared {
                    self.diagnostics.push(chained(first, op_span));
                }
                compared = Some(op_span);
            }
            let span = left.span.to(right.span);
            let (l, r) = (Box::new(left), Box::new(right));
            let kind = match rule {
                Rule::op_pipe => ExprKind::Pipe(l, r),
                Rule::op_ramp => ExprKind::Ramp(l, r),
                Rule::op_range => ExprKind::Range(l, r),
                _ => ExprKind::Binary(binary(infix.as_str()), op_span, l, r),
            };
            left = Expr { kind, span };
        }
        left
    }

    /// One operand, of any rule that can be one.
    pub fn operand(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let kind = match node.as_rule() {
            Rule::if_expr => {
                let mut parts = node.into_inner().filter(|n| n.as_rule() == Rule::expr);
                let mut next = || {
                    let n = parts.next();
                    Box::new(n.map_or(Expr { kind: ExprKind::Error, span }, |n| self.expr(n)))
                };
                ExprKind::If(next(), next(), next())
            }
            Rule::at_expr => ExprKind::At(self.first_ident(&node), Box::new(self.only_expr(node))),
            Rule::rest_expr => {
                let inner = node.into_inner().find(|n| matches!(n.as_rule(), Rule::weighed | Rule::parens));
                ExprKind::Rest(Box::new(
                    inner.map_or(Expr { kind: ExprKind::Error, span }, |n| self.operand(n)),
                ))
            }
            Rule::weight | Rule::percent_alone => {
                let mut parts = node.into_inner();
                let Some(percent) = parts.next() else { return Expr { kind: ExprKind::Error, span } };
                let number = self.number(&percent, None);
                match parts.next() {
                    None => return number,
                    Some(n) => ExprKind::Weighted(Box::new(number), Box::new(self.operand(n))),
                }
            }
            Rule::quantity => {
                let mut parts = node.into_inner();
                let Some(number) = parts.next() else { return Expr { kind: ExprKind::Error, span } };
                return self.number(&number, parts.next().as_ref());
            }
            Rule::literal => match node.as_str() {
                "true" => ExprKind::Bool(true),
                "false" => ExprKind::Bool(false),
                _ => ExprKind::None,
            },
            Rule::text => ExprKind::Text(self.text(&node)),
            Rule::column => ExprKind::Column(self.first_ident(&node)),
            Rule::record => ExprKind::Record(self.only_block(node)),
            Rule::list => ExprKind::List(self.elements(node)),
            Rule::parens | Rule::parens_alone => return self.parens(node),
            Rule::named | Rule::weighed | Rule::plain_named => return self.named(node),
            _ => ExprKind::Error,
        };
        Expr { kind, span }
    }

    fn parens(&mut self, node: Node<'_>) -> Expr {
        let whole = self.span(&node);
        let mut end = whole;
        let (mut inner, mut target) = (None, None);
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::expr => inner = Some(self.expr(child)),
                Rule::rparen => end = self.span(&child),
                Rule::weighed => target = Some(self.operand(child)),
                _ => {}
            }
        }
        let inner = inner.unwrap_or(Expr { kind: ExprKind::Error, span: whole });
        let span = Span { end: end.end, ..whole };
        let parens = Expr { kind: ExprKind::Paren(Box::new(inner)), span };
        match target {
            Some(t) => Expr { kind: ExprKind::Weighted(Box::new(parens), Box::new(t)), span: whole },
            None => parens,
        }
    }

    /// Elements of a list. A stage in a list is a record that holds it.
    fn elements(&mut self, node: Node<'_>) -> Vec<Expr> {
        let mut elements = Vec::new();
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::expr => elements.push(self.expr(child)),
                Rule::stage => {
                    let span = self.span(&child);
                    let kind = MemberKind::Stage(self.stage(child));
                    let member = Member { docs: Vec::new(), attributes: Vec::new(), kind, span };
                    elements.push(Expr { kind: ExprKind::Record(vec![member]), span });
                }
                _ => {}
            }
        }
        elements
    }

    /// A name and what follows it: members, calls, records, and a name that it weighs.
    fn named(&mut self, node: Node<'_>) -> Expr {
        let whole = self.span(&node);
        let mut value = Expr { kind: ExprKind::Error, span: whole };
        for child in node.into_inner() {
            let span = whole.start_to(self.span(&child));
            let left = Box::new(std::mem::replace(&mut value, Expr { kind: ExprKind::Error, span }));
            let kind = match child.as_rule() {
                Rule::name => ExprKind::Name(self.ident(&child)),
                Rule::access => ExprKind::Member(left, self.first_ident(&child)),
                Rule::construct => ExprKind::Construct(left, self.only_block(child)),
                Rule::with_block => ExprKind::With(left, self.only_block(child)),
                Rule::call | Rule::plain_call => {
                    let (arguments, record) = self.call(child);
                    ExprKind::Call { function: left, arguments, record }
                }
                Rule::weighed => ExprKind::Weighted(left, Box::new(self.operand(child))),
                _ => continue,
            };
            value = Expr { kind, span };
        }
        value
    }

    fn call(&mut self, node: Node<'_>) -> (Vec<Argument>, Option<Vec<Member>>) {
        let (mut arguments, mut record) = (Vec::new(), None);
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::arguments => {
                    for argument in child.into_inner().filter(|n| n.as_rule() == Rule::argument) {
                        let name: Option<Ident> = self.idents(&argument).next();
                        arguments.push(Argument { name, value: self.only_expr(argument) });
                    }
                }
                Rule::block => record = Some(self.block(child)),
                _ => {}
            }
        }
        (arguments, record)
    }

    fn cadence(&mut self, node: Node<'_>, what: Option<Expr>) -> Cadence {
        let mut cadence =
            Cadence { what: what.map(Box::new), every: None, stage_end: None, end: None, keep: None };
        for child in node.into_inner() {
            if child.as_rule() == Rule::keep {
                cadence.keep = self.sum_of(child).map(Box::new);
                continue;
            }
            let Some(moment) = child.into_inner().next() else { continue };
            let span = self.span(&moment);
            let again = match moment.as_rule() {
                Rule::every => {
                    let first = cadence.every.as_ref().map(|e| e.span);
                    cadence.every = self.sum_of(moment).map(Box::new);
                    first
                }
                Rule::stage_end => cadence.stage_end.replace(span),
                Rule::run_end => cadence.end.replace(span),
                _ => None,
            };
            if let Some(first) = again {
                let d = Diagnostic::error("smol::syntax::cadence", span, "the same moment is named twice");
                self.diagnostics.push(
                    d.label("again here")
                        .also(first, "first named here")
                        .help("name each moment once, as in `every 100 steps and at stage end`"),
                );
            }
        }
        cadence
    }
}

trait StartTo {
    fn start_to(self, other: Span) -> Span;
}

impl StartTo for Span {
    /// From the start of `self` to the end of `other`.
    fn start_to(self, other: Span) -> Span {
        Span { end: other.end, ..self }
    }
}

fn operator(node: &Node<'_>) -> Option<Rule> {
    matches!(node.as_rule(), Rule::infix | Rule::plain_infix)
        .then(|| node.clone().into_inner().next().map(|n| n.as_rule()))
        .flatten()
}

fn binary(op: &str) -> BinaryOp {
    match op {
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "<" => BinaryOp::Lt,
        "<=" => BinaryOp::Le,
        ">" => BinaryOp::Gt,
        ">=" => BinaryOp::Ge,
        "==" => BinaryOp::Eq,
        "!=" => BinaryOp::Ne,
        "and" => BinaryOp::And,
        "or" => BinaryOp::Or,
        _ => BinaryOp::Add,
    }
}

fn chained(first: Span, second: Span) -> Diagnostic {
    Diagnostic::error("smol::syntax::comparison", second, "a comparison cannot be compared again")
        .label("second comparison")
        .also(first, "first comparison")
        .help("join the two with `and`, as in `0 < t and t < end`")
}

/// The applicability of a fix that restores what was evidently meant.
pub(super) const SAFE: Applicability = Applicability::Safe;
