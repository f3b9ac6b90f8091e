//! Blocks and their members.

use super::{Builder, Node};
use crate::ast::{Expr, Member, MemberKind, Stage};
use crate::grammar::Rule;

impl Builder<'_> {
    /// A `block` pair; the members parsed apart, if its inside was blanked out.
    pub fn block(&mut self, node: Node<'_>) -> Vec<Member> {
        let start = self.span(&node).start as usize;
        if let Some(members) = self.blocks.remove(&start) {
            return members;
        }
        node.into_inner().filter(|n| n.as_rule() == Rule::member).map(|n| self.member(n)).collect()
    }

    /// A `member` pair.
    pub fn member(&mut self, node: Node<'_>) -> Member {
        let whole = self.span(&node);
        let (docs, attributes, body) = self.lead(node);
        let Some(body) = body else {
            return Member { docs, attributes, kind: MemberKind::Error { name: None }, span: whole };
        };
        let span = self.span(&body);
        let kind = match body.as_rule() {
            Rule::stage => MemberKind::Stage(self.stage(body)),
            Rule::run_item => MemberKind::Run(self.run(body)),
            Rule::drop => MemberKind::Drop { name: self.first_ident(&body) },
            Rule::field => MemberKind::Field { name: self.first_ident(&body), value: self.only_expr(body) },
            _ => MemberKind::Error { name: None },
        };
        Member { docs, attributes, kind, span }
    }

    /// A `stage` pair.
    pub fn stage(&mut self, node: Node<'_>) -> Stage {
        let mut stage = Stage { name: self.first_ident(&node), length: None, until: None, body: Vec::new() };
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::length => stage.length = self.sum_of(child),
                Rule::guard => stage.until = self.sum_of(child),
                Rule::block => stage.body = self.block(child),
                _ => {}
            }
        }
        stage
    }

    /// The child that is a list of operators without braces.
    pub fn sum_of(&mut self, node: Node<'_>) -> Option<Expr> {
        let inner = node.into_inner().find(|n| matches!(n.as_rule(), Rule::plain_sum | Rule::plain_ops))?;
        Some(self.ops(inner))
    }
}
