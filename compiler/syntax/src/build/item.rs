//! Items.

use super::{Builder, Node};
use crate::ast::{Expr, ExprKind, Function, Ident, Item, ItemKind, Member, Parameter, Run, Use, UseSource};
use crate::grammar::Rule;

impl Builder<'_> {
    /// An `item` pair.
    pub fn item(&mut self, node: Node<'_>) -> Item {
        let whole = self.span(&node);
        let (docs, attributes, body) = self.lead(node);
        let Some(body) = body else {
            return Item {
                docs,
                attributes,
                kind: ItemKind::Error { keyword: None, name: None },
                span: whole,
            };
        };
        let span = self.span(&body);
        let kind = match body.as_rule() {
            Rule::use_item => ItemKind::Use(self.use_item(body)),
            Rule::param_item => self.param_item(body),
            Rule::let_item => ItemKind::Let { name: self.first_ident(&body), value: self.only_expr(body) },
            Rule::fn_item => ItemKind::Fn(self.function(body)),
            Rule::define_item => self.define_item(body),
            Rule::run_item => ItemKind::Run(self.run(body)),
            Rule::sweep_item => self.sweep(body),
            Rule::target_item => {
                ItemKind::Target { name: self.first_ident(&body), body: self.only_block(body) }
            }
            _ => ItemKind::Error { keyword: None, name: None },
        };
        Item { docs, attributes, kind, span }
    }

    /// The child that is an expression.
    pub fn only_expr(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        match node.into_inner().find(|n| n.as_rule() == Rule::expr) {
            Some(n) => self.expr(n),
            None => Expr { kind: ExprKind::Error, span },
        }
    }

    /// The child that is a block.
    pub fn only_block(&mut self, node: Node<'_>) -> Vec<Member> {
        node.into_inner().find(|n| n.as_rule() == Rule::block).map_or_else(Vec::new, |n| self.block(n))
    }

    fn use_item(&mut self, node: Node<'_>) -> Use {
        let mut source = UseSource::Path(Vec::new());
        let (mut names, mut alias) = (Vec::new(), None);
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::text => source = UseSource::File(self.plain_text(&child), self.span(&child)),
                Rule::use_path => source = UseSource::Path(self.idents(&child).collect()),
                Rule::use_names => names = self.idents(&child).collect(),
                Rule::ident => alias = Some(self.ident(&child)),
                _ => {}
            }
        }
        Use { source, names, alias }
    }

    fn param_item(&mut self, node: Node<'_>) -> ItemKind {
        let mut idents = self.idents(&node);
        let empty = Ident { text: String::new(), span: self.span(&node) };
        let (name, ty) = (idents.next().unwrap_or(empty.clone()), idents.next().unwrap_or(empty));
        drop(idents);
        let default = node.into_inner().find(|n| n.as_rule() == Rule::expr).map(|n| self.expr(n));
        ItemKind::Param { name, ty, default }
    }

    fn define_item(&mut self, node: Node<'_>) -> ItemKind {
        let name = self.first_ident(&node);
        let keyword = node.clone().into_inner().find(|n| n.as_rule() == Rule::define_keyword);
        let keyword = keyword.map_or_else(|| name.clone(), |k| self.ident(&k));
        ItemKind::Define { keyword, name, value: self.only_expr(node) }
    }

    fn function(&mut self, node: Node<'_>) -> Function {
        let name = self.first_ident(&node);
        let mut function = Function {
            parameters: Vec::new(),
            result: None,
            body: Expr { kind: ExprKind::Error, span: name.span },
            name,
        };
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::parameter => {
                    let name = self.first_ident(&child);
                    let (mut ty, mut default) = (None, None);
                    for part in child.into_inner() {
                        match part.as_rule() {
                            Rule::type_of => ty = Some(self.first_ident(&part)),
                            Rule::default => default = Some(self.only_expr(part)),
                            _ => {}
                        }
                    }
                    function.parameters.push(Parameter { name, ty, default });
                }
                Rule::result => function.result = Some(self.first_ident(&child)),
                Rule::expr => function.body = self.expr(child),
                _ => {}
            }
        }
        function
    }

    /// A `run_item` pair.
    pub fn run(&mut self, node: Node<'_>) -> Run {
        let mut run = Run { name: self.first_ident(&node), from: None, with: false, body: Vec::new() };
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::branch => {
                    let (mut base, mut at) = (None, None);
                    for part in child.into_inner() {
                        match part.as_rule() {
                            Rule::plain_named => base = Some(self.operand(part)),
                            Rule::branch_at => at = self.sum_of(part),
                            _ => {}
                        }
                    }
                    run.from = base.map(|b| (b, at));
                }
                Rule::kw_with => run.with = true,
                Rule::block => run.body = self.block(child),
                _ => {}
            }
        }
        run
    }

    fn sweep(&mut self, node: Node<'_>) -> ItemKind {
        let mut idents = self.idents(&node);
        let empty = Ident { text: String::new(), span: self.span(&node) };
        let (name, variable) = (idents.next().unwrap_or(empty.clone()), idents.next().unwrap_or(empty));
        drop(idents);
        let mut values = Expr { kind: ExprKind::Error, span: name.span };
        let mut body = Vec::new();
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::sweep_values => {
                    if let Some(n) = child.into_inner().next() {
                        values = self.operand(n);
                    }
                }
                Rule::block => body = self.block(child),
                _ => {}
            }
        }
        ItemKind::Sweep { name, variable, values, body }
    }
}
