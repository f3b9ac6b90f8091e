//! Moving a parsed item to another place: the same text parses to the same tree, with other spans.

use smolc_diag::{FileId, Span};

use crate::ast::{
    Attribute, Expr, ExprKind, Function, Ident, Item, ItemKind, Member, MemberKind, Run, TextPart, Use,
    UseSource,
};

/// Where things move to.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    pub file: FileId,
    /// Added to every offset.
    pub by: i64,
}

impl Shift {
    fn span(self, span: &mut Span) {
        let moved = |at: u32| u32::try_from(i64::from(at) + self.by).unwrap_or(0);
        *span = Span { file: self.file, start: moved(span.start), end: moved(span.end) };
    }

    fn ident(self, ident: &mut Ident) {
        self.span(&mut ident.span);
    }

    fn attributes(self, list: &mut [Attribute]) {
        for a in list {
            self.span(&mut a.span);
            self.ident(&mut a.name);
            a.codes.iter_mut().for_each(|c| self.ident(c));
        }
    }

    /// An item with everything in it.
    pub fn item(self, item: &mut Item) {
        self.span(&mut item.span);
        self.attributes(&mut item.attributes);
        match &mut item.kind {
            ItemKind::Use(u) => self.use_item(u),
            ItemKind::Param { name, ty, default } => {
                self.ident(name);
                self.ident(ty);
                default.iter_mut().for_each(|e| self.expr(e));
            }
            ItemKind::Let { name, value } => {
                self.ident(name);
                self.expr(value);
            }
            ItemKind::Fn(f) => self.function(f),
            ItemKind::Define { keyword, name, value } => {
                self.ident(keyword);
                self.ident(name);
                self.expr(value);
            }
            ItemKind::Run(run) => self.run(run),
            ItemKind::Sweep { name, variable, values, body } => {
                self.ident(name);
                self.ident(variable);
                self.expr(values);
                self.members(body);
            }
            ItemKind::Target { name, body } => {
                self.ident(name);
                self.members(body);
            }
            ItemKind::Error { keyword, name } => {
                keyword.iter_mut().chain(name).for_each(|i| self.ident(i));
            }
        }
    }

    fn use_item(self, u: &mut Use) {
        match &mut u.source {
            UseSource::Path(segments) => segments.iter_mut().for_each(|s| self.ident(s)),
            UseSource::File(_, span) => self.span(span),
        }
        u.names.iter_mut().chain(&mut u.alias).for_each(|i| self.ident(i));
    }

    fn function(self, f: &mut Function) {
        self.ident(&mut f.name);
        for p in &mut f.parameters {
            self.ident(&mut p.name);
            p.ty.iter_mut().for_each(|t| self.ident(t));
            p.default.iter_mut().for_each(|e| self.expr(e));
        }
        f.result.iter_mut().for_each(|r| self.ident(r));
        self.expr(&mut f.body);
    }

    fn run(self, run: &mut Run) {
        self.ident(&mut run.name);
        if let Some((base, at)) = &mut run.from {
            self.expr(base);
            at.iter_mut().for_each(|e| self.expr(e));
        }
        self.members(&mut run.body);
    }

    fn members(self, members: &mut [Member]) {
        for m in members {
            self.span(&mut m.span);
            self.attributes(&mut m.attributes);
            match &mut m.kind {
                MemberKind::Field { name, value } => {
                    self.ident(name);
                    self.expr(value);
                }
                MemberKind::Stage(s) => {
                    self.ident(&mut s.name);
                    s.length.iter_mut().chain(&mut s.until).for_each(|e| self.expr(e));
                    self.members(&mut s.body);
                }
                MemberKind::Run(run) => self.run(run),
                MemberKind::Drop { name } => self.ident(name),
                MemberKind::Error { name } => name.iter_mut().for_each(|n| self.ident(n)),
            }
        }
    }

    fn expr(self, expr: &mut Expr) {
        self.span(&mut expr.span);
        match &mut expr.kind {
            ExprKind::Bool(_) | ExprKind::None | ExprKind::Error => {}
            ExprKind::Number(n) => n.unit_span.iter_mut().for_each(|s| self.span(s)),
            ExprKind::Text(parts) => {
                for part in parts {
                    match part {
                        TextPart::Literal(_) => {}
                        TextPart::Interpolation(e) => self.expr(e),
                    }
                }
            }
            ExprKind::Name(name) | ExprKind::Column(name) => self.ident(name),
            ExprKind::Member(base, name) => {
                self.expr(base);
                self.ident(name);
            }
            ExprKind::List(items) => items.iter_mut().for_each(|e| self.expr(e)),
            ExprKind::Record(members) => self.members(members),
            ExprKind::Call { function, arguments, record } => {
                self.expr(function);
                for a in arguments {
                    a.name.iter_mut().for_each(|n| self.ident(n));
                    self.expr(&mut a.value);
                }
                record.iter_mut().for_each(|r| self.members(r));
            }
            ExprKind::Construct(base, members) | ExprKind::With(base, members) => {
                self.expr(base);
                self.members(members);
            }
            ExprKind::At(name, body) => {
                self.ident(name);
                self.expr(body);
            }
            ExprKind::Unary(_, a) | ExprKind::Rest(a) | ExprKind::Paren(a) => self.expr(a),
            ExprKind::Binary(_, span, a, b) => {
                self.span(span);
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Weighted(a, b)
            | ExprKind::Ramp(a, b)
            | ExprKind::Range(a, b)
            | ExprKind::Pipe(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::If(c, a, b) => {
                self.expr(c);
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Cadence(c) => {
                [&mut c.what, &mut c.every, &mut c.keep].into_iter().flatten().for_each(|e| self.expr(e));
                [&mut c.stage_end, &mut c.end].into_iter().flatten().for_each(|s| self.span(s));
            }
        }
    }
}
