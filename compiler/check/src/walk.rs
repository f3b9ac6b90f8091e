//! Collects the names an item mentions.

use crate::schema::takes_word;
use smolc_syntax::ast::{Expr, ExprKind, Ident, ItemKind, Member, MemberKind, Run, TextPart};

/// Names an item mentions, local ones left out.
#[derive(Debug, Default)]
pub struct Names<'e> {
    /// Names of items, modules and builtins.
    pub references: Vec<Reference<'e>>,
    /// Names of types.
    pub types: Vec<&'e Ident>,
    /// Local names, and what introduces each, `parameter`.
    pub shadowed: Vec<(&'e Ident, &'static str)>,
    /// Names that may be of items, and are used if they are: the `x` of `eval.x` in a guard.
    pub soft: Vec<&'e Ident>,
    locals: Vec<&'e str>,
}

/// A mention of a name.
#[derive(Debug)]
pub struct Reference<'e> {
    /// The name.
    pub name: &'e Ident,
    /// What stands behind a `.` right after it.
    pub member: Option<&'e Ident>,
    /// Local names that could have been meant.
    pub locals: Vec<&'e str>,
}

/// Collects the names of an item.
pub fn walk_item<'e>(kind: &'e ItemKind, names: &mut Names<'e>) {
    match kind {
        ItemKind::Use(_) | ItemKind::Error { .. } => {}
        ItemKind::Param { ty, default, .. } => {
            names.types.push(ty);
            default.iter().for_each(|e| names.expr(e));
        }
        ItemKind::Let { value, .. } | ItemKind::Define { value, .. } => names.expr(value),
        ItemKind::Fn(f) => {
            names.types.extend(&f.result);
            for p in &f.parameters {
                names.types.extend(&p.ty);
                p.default.iter().for_each(|e| names.expr(e));
                names.shadowed.push((&p.name, "the parameter"));
            }
            names.locals.extend(f.parameters.iter().map(|p| p.name.text.as_str()));
            names.expr(&f.body);
        }
        ItemKind::Run(run) => names.run(run),
        ItemKind::Sweep { variable, values, body, .. } => {
            names.expr(values);
            names.shadowed.push((variable, "the variable"));
            names.locals.push(&variable.text);
            // Runs of a sweep may begin from each other.
            names.locals.extend(body.iter().filter_map(|m| match &m.kind {
                MemberKind::Run(run) if !run.with => Some(run.name.text.as_str()),
                _ => None,
            }));
            names.members(body);
        }
        ItemKind::Target { body, .. } => names.members(body),
    }
}

impl<'e> Names<'e> {
    fn run(&mut self, run: &'e Run) {
        if let Some((base, at)) = &run.from {
            self.expr(base);
            at.iter().for_each(|e| self.expr(e));
        }
        self.members(&run.body);
    }

    fn members(&mut self, members: &'e [Member]) {
        for member in members {
            match &member.kind {
                MemberKind::Field { name, value } => {
                    let word = matches!(value.kind, ExprKind::Name(_)) && takes_word(&name.text);
                    if !word {
                        self.expr(value);
                    }
                }
                MemberKind::Stage(stage) => {
                    stage.length.iter().for_each(|e| self.expr(e));
                    if let Some(guard) = &stage.until {
                        let before = self.locals.len();
                        self.locals.extend(crate::eval::SIGNALS);
                        self.expr(guard);
                        self.locals.truncate(before);
                    }
                    self.members(&stage.body);
                }
                MemberKind::Run(run) => {
                    // `run pretrain with { … }` changes the run of that name.
                    if run.with && run.from.is_none() {
                        self.name(&run.name, None);
                    }
                    self.run(run);
                }
                MemberKind::Drop { .. } | MemberKind::Error { .. } => {}
            }
        }
    }

    fn name(&mut self, name: &'e Ident, member: Option<&'e Ident>) {
        if !self.locals.contains(&name.text.as_str()) {
            self.references.push(Reference { name, member, locals: self.locals.clone() });
        }
    }

    fn expr(&mut self, expr: &'e Expr) {
        match &expr.kind {
            ExprKind::Number(_)
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Column(_)
            | ExprKind::Error => {}
            ExprKind::Name(name) => self.name(name, None),
            ExprKind::Member(base, member) => match &base.kind {
                ExprKind::Name(name) if name.text == "eval" && self.locals.contains(&"eval") => {
                    self.soft.push(member);
                }
                ExprKind::Name(name) => self.name(name, Some(member)),
                _ => self.expr(base),
            },
            ExprKind::Text(parts) => {
                for part in parts {
                    if let TextPart::Interpolation(e) = part {
                        self.expr(e);
                    }
                }
            }
            ExprKind::List(items) => items.iter().for_each(|e| self.expr(e)),
            ExprKind::Record(members) => self.members(members),
            ExprKind::Call { function, arguments, record } => {
                self.expr(function);
                arguments.iter().for_each(|a| self.expr(&a.value));
                record.iter().for_each(|r| self.members(r));
            }
            ExprKind::Construct(base, members) | ExprKind::With(base, members) => {
                self.expr(base);
                self.members(members);
            }
            ExprKind::Unary(_, a) | ExprKind::Rest(a) | ExprKind::Paren(a) => self.expr(a),
            ExprKind::Binary(_, _, a, b)
            | ExprKind::Weighted(a, b)
            | ExprKind::Ramp(a, b)
            | ExprKind::Range(a, b)
            | ExprKind::Pipe(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::If(a, b, c) => {
                self.expr(a);
                self.expr(b);
                self.expr(c);
            }
            ExprKind::At(t, body) => {
                self.shadowed.push((t, "the variable"));
                let before = self.locals.len();
                self.locals.extend([t.text.as_str(), "end"]);
                self.expr(body);
                self.locals.truncate(before);
            }
            ExprKind::Cadence(c) => {
                [&c.what, &c.every, &c.keep].into_iter().flatten().for_each(|e| self.expr(e));
            }
        }
    }
}
