//! What every name of a program means, and where each block and value belongs.

use crate::schemas;
use smolc_check::load::{Program, Target};
use smolc_check::names::defined;
use smolc_check::schema::{FieldSpec, Schema};
use smolc_check::types::Type;
use smolc_check::value::ItemId;
use smolc_diag::Span;
use smolc_syntax::ast::{
    Argument, Expr, ExprKind, Function, Ident, ItemKind, Member, MemberKind, Run, Stage, TextPart, UseSource,
};

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// An item.
    Item(ItemId),
    /// A module.
    Module(usize),
    /// Something of the compiler's.
    Builtin(&'static str),
    /// A parameter of a function or the variable of `at t => …`, by where it is declared.
    Local(Span),
    /// A stage of a run, by where it is declared.
    Stage(Span),
    /// A field of a record.
    Field(&'static str, &'static str),
    /// A type.
    Type(&'static str),
    /// A word of a closed set, as the value of a field.
    Word(String),
}

/// A name where it stands.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// Where.
    pub span: Span,
    /// What it means.
    pub symbol: Symbol,
    /// Whether it is introduced here.
    pub definition: bool,
}

/// A block of members.
#[derive(Debug)]
pub struct Block {
    /// Where its members are, each with its key.
    pub members: Vec<(Span, Option<String>)>,
    /// What it is.
    pub schema: Option<&'static Schema>,
}

/// An expression that stands where something is expected.
#[derive(Debug)]
pub struct Expected {
    /// The expression.
    pub span: Span,
    /// The type.
    pub ty: Type,
    /// The field, if it is one's value.
    pub field: Option<(&'static Schema, &'static FieldSpec)>,
}

/// Everything that is known of a program's names.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Names in the order of the text, module by module.
    pub occurrences: Vec<Occurrence>,
    /// Blocks.
    pub blocks: Vec<Block>,
    /// Values.
    pub expected: Vec<Expected>,
}

impl Resolved {
    /// The name at an offset; one that begins there before one that ends there.
    pub fn at(&self, file: smolc_diag::FileId, offset: u32) -> Option<&Occurrence> {
        let holds = |o: &&Occurrence| o.span.file == file && o.span.start <= offset && offset <= o.span.end;
        self.occurrences.iter().filter(holds).max_by_key(|o| (o.span.start, std::cmp::Reverse(o.span.end)))
    }
}

/// Resolves a program.
pub fn resolve(program: &Program) -> Resolved {
    let mut walker = Walker { program, out: Resolved::default(), locals: Vec::new() };
    for (m, module) in program.modules.iter().enumerate() {
        for (i, item) in module.ast.items.iter().enumerate() {
            walker.locals.clear();
            walker.item(ItemId { module: m, item: i }, &item.kind);
        }
    }
    walker.out.occurrences.sort_by_key(|o| (o.span.file, o.span.start));
    walker.out
}

struct Walker<'a> {
    program: &'a Program,
    out: Resolved,
    /// Local names, innermost last; `None` for `end`, which nothing declares.
    locals: Vec<(String, Option<Span>)>,
}

impl Walker<'_> {
    fn add(&mut self, span: Span, symbol: Symbol, definition: bool) {
        self.out.occurrences.push(Occurrence { span, symbol, definition });
    }

    fn symbol(&self, target: Target) -> Option<Symbol> {
        match target {
            Target::Item(id) => Some(Symbol::Item(id)),
            Target::Module(m) => Some(Symbol::Module(m)),
            Target::Builtin(b) => Some(Symbol::Builtin(b.name())),
            Target::Unknown => None,
        }
    }

    fn item(&mut self, id: ItemId, kind: &ItemKind) {
        if let Some((name, _)) = defined(kind) {
            self.add(name.span, Symbol::Item(id), true);
        }
        match kind {
            ItemKind::Use(u) => {
                let source =
                    self.program.modules.get(id.module).and_then(|m| m.imports.get(&id.item)).copied();
                let Some(source) = source else { return };
                match &u.source {
                    UseSource::Path(segments) => {
                        if let Some(last) = segments.last() {
                            self.add(last.span, Symbol::Module(source), false);
                        }
                    }
                    UseSource::File(_, span) => self.add(*span, Symbol::Module(source), false),
                }
                for name in &u.names {
                    let target = self.program.modules.get(id.module).and_then(|m| m.scope.get(&name.text));
                    if let Some(symbol) = target.and_then(|b| self.symbol(b.target)) {
                        self.add(name.span, symbol, false);
                    }
                }
                if let Some(alias) = &u.alias {
                    self.add(alias.span, Symbol::Module(source), false);
                }
            }
            ItemKind::Param { ty, default, .. } => {
                self.ty(ty);
                if let Some(default) = default {
                    self.value(default, Type::named(&ty.text), None);
                }
            }
            ItemKind::Let { value, .. } => self.expr(value),
            ItemKind::Fn(f) => self.function(f),
            ItemKind::Define { keyword, value, .. } => {
                let ty = match keyword.text.as_str() {
                    "dataset" => Type::named("Dataset"),
                    "tokenizer" => Type::named("Tokenizer"),
                    "model" => Type::named("Model"),
                    "mix" => Type::named("Mix"),
                    "schedule" => Type::named("Schedule"),
                    _ => None,
                };
                self.value(value, ty, None);
            }
            ItemKind::Run(run) => self.run(run),
            ItemKind::Sweep { variable, values, body, .. } => {
                self.add(variable.span, Symbol::Local(variable.span), true);
                self.expr(values);
                self.locals.push((variable.text.clone(), Some(variable.span)));
                self.members(body, schemas::named("sweep"));
            }
            ItemKind::Target { body, .. } => self.members(body, schemas::named("target")),
            ItemKind::Error { .. } => {}
        }
    }

    fn ty(&mut self, ty: &Ident) {
        if let Some((name, _)) = smolc_check::types::NAMED.iter().find(|(n, _)| *n == ty.text) {
            self.add(ty.span, Symbol::Type(name), false);
        }
    }

    fn function(&mut self, f: &Function) {
        for p in &f.parameters {
            self.add(p.name.span, Symbol::Local(p.name.span), true);
            p.ty.iter().for_each(|t| self.ty(t));
            if let Some(default) = &p.default {
                self.value(default, p.ty.as_ref().and_then(|t| Type::named(&t.text)), None);
            }
            self.locals.push((p.name.text.clone(), Some(p.name.span)));
        }
        f.result.iter().for_each(|t| self.ty(t));
        self.value(&f.body, f.result.as_ref().and_then(|t| Type::named(&t.text)), None);
    }

    fn run(&mut self, run: &Run) {
        if let Some((base, at)) = &run.from {
            self.expr(base);
            at.iter().for_each(|e| self.expr(e));
        }
        self.members(&run.body, schemas::named("run"));
    }

    fn stage(&mut self, stage: &Stage) {
        self.add(stage.name.span, Symbol::Stage(stage.name.span), true);
        if let Some(length) = &stage.length {
            self.value(length, Some(Type::Length), None);
        }
        stage.until.iter().for_each(|e| self.expr(e));
        self.members(&stage.body, schemas::named("stage"));
    }

    fn members(&mut self, members: &[Member], schema: Option<&'static Schema>) {
        let keys = members.iter().map(|m| {
            let key = match &m.kind {
                MemberKind::Field { name, .. } | MemberKind::Error { name: Some(name) } => {
                    Some(name.text.clone())
                }
                _ => None,
            };
            (m.span, key)
        });
        self.out.blocks.push(Block { members: keys.collect(), schema });
        for member in members {
            match &member.kind {
                MemberKind::Field { name, value } => {
                    let field = schema.and_then(|s| s.field(&name.text).map(|f| (s, f)));
                    match field {
                        Some((s, f)) => {
                            self.add(name.span, Symbol::Field(s.name, f.name), false);
                            self.value(value, Some(f.ty), Some((s, f)));
                        }
                        None => self.expr(value),
                    }
                }
                MemberKind::Stage(stage) => self.stage(stage),
                MemberKind::Run(run) => self.run(run),
                MemberKind::Drop { name } => {
                    if let Some((s, f)) = schema.and_then(|s| s.field(&name.text).map(|f| (s, f))) {
                        self.add(name.span, Symbol::Field(s.name, f.name), false);
                    }
                }
                MemberKind::Error { .. } => {}
            }
        }
    }

    /// An expression that stands where a type is expected.
    fn value(&mut self, expr: &Expr, ty: Option<Type>, field: Option<(&'static Schema, &'static FieldSpec)>) {
        if let Some(ty) = ty {
            self.out.expected.push(Expected { span: expr.span, ty, field });
        }
        match (&expr.kind, ty) {
            (ExprKind::Name(word), Some(Type::Word(words))) if words.contains(&word.text.as_str()) => {
                self.add(word.span, Symbol::Word(word.text.clone()), false);
            }
            (ExprKind::Record(members), _) => {
                self.members(members, field.and_then(|(_, f)| schemas::of_field(f)));
            }
            (ExprKind::List(items), Some(Type::List(inner))) => {
                for item in items {
                    self.value(item, Some(*inner), None);
                }
            }
            _ => self.expr(expr),
        }
    }

    fn name(&mut self, name: &Ident) {
        if let Some((_, declared)) = self.locals.iter().rev().find(|(n, _)| *n == name.text) {
            let symbol = declared.map_or(Symbol::Builtin("end"), Symbol::Local);
            self.add(name.span, symbol, false);
        } else if let Some(symbol) = self.program.lookup(name).and_then(|t| self.symbol(t)) {
            self.add(name.span, symbol, false);
        }
    }

    /// What `base.member` means, if it is a name: an item of a module, or a stage of a run.
    fn member(&mut self, base: &Expr, member: &Ident) {
        if let Some((word, Some(m))) = self.program.named_std(base) {
            self.add(word.span, Symbol::Module(m), false);
            if let Some(symbol) = self.program.member(m, &member.text).and_then(|t| self.symbol(t)) {
                self.add(member.span, symbol, false);
            }
            return;
        }
        let ExprKind::Name(name) = &base.kind else { return };
        if self.locals.iter().any(|(n, _)| *n == name.text) {
            return;
        }
        match self.program.lookup(name) {
            Some(Target::Module(m)) => {
                if let Some(symbol) = self.program.member(m, &member.text).and_then(|t| self.symbol(t)) {
                    self.add(member.span, symbol, false);
                }
            }
            Some(Target::Item(id)) => {
                let Some(ItemKind::Run(run)) = self.program.item(id).map(|i| &i.kind) else { return };
                let stage = run.body.iter().find_map(|m| match &m.kind {
                    MemberKind::Stage(s) if s.name.text == member.text => Some(s.name.span),
                    _ => None,
                });
                if let Some(span) = stage {
                    self.add(member.span, Symbol::Stage(span), false);
                }
            }
            _ => {}
        }
    }

    fn arguments(&mut self, function: &Expr, arguments: &[Argument]) {
        let target = match &function.kind {
            ExprKind::Name(name) => self.program.lookup(name),
            ExprKind::Member(base, member) => match &base.kind {
                ExprKind::Name(name) => match self.program.lookup(name) {
                    Some(Target::Module(m)) => self.program.member(m, &member.text),
                    _ => None,
                },
                _ => match self.program.named_std(base) {
                    Some((_, Some(m))) => self.program.member(m, &member.text),
                    _ => None,
                },
            },
            _ => None,
        };
        let program = self.program;
        let parameters = match target {
            Some(Target::Item(id)) => match program.item(id).map(|i| &i.kind) {
                Some(ItemKind::Fn(f)) => Some(&f.parameters),
                _ => None,
            },
            _ => None,
        };
        for (i, argument) in arguments.iter().enumerate() {
            let parameter = parameters.and_then(|p| match &argument.name {
                Some(name) => p.iter().find(|p| p.name.text == name.text),
                None => p.get(i),
            });
            if let (Some(name), Some(p)) = (&argument.name, parameter) {
                self.add(name.span, Symbol::Local(p.name.span), false);
            }
            let ty = parameter.and_then(|p| p.ty.as_ref()).and_then(|t| Type::named(&t.text));
            self.value(&argument.value, ty, None);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number(_)
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Column(_)
            | ExprKind::Error => {}
            ExprKind::Name(name) => self.name(name),
            ExprKind::Member(base, member) => {
                self.expr(base);
                self.member(base, member);
            }
            ExprKind::Text(parts) => {
                for part in parts {
                    if let TextPart::Interpolation(e) = part {
                        self.expr(e);
                    }
                }
            }
            ExprKind::List(items) => items.iter().for_each(|e| self.expr(e)),
            ExprKind::Record(members) => self.members(members, None),
            ExprKind::Call { function, arguments, record } => {
                self.expr(function);
                self.arguments(function, arguments);
                if let Some(record) = record {
                    let schema = schemas::constructed(self.program, expr);
                    self.members(record, schema);
                }
            }
            ExprKind::Construct(base, members) => {
                self.expr(base);
                self.members(members, schemas::constructed(self.program, base));
            }
            ExprKind::With(base, members) => {
                self.expr(base);
                self.members(members, schemas::of(self.program, base, 16));
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
                self.add(t.span, Symbol::Local(t.span), true);
                let before = self.locals.len();
                self.locals.extend([(t.text.clone(), Some(t.span)), ("end".to_owned(), None)]);
                self.expr(body);
                self.locals.truncate(before);
            }
            ExprKind::Cadence(c) => {
                [&c.what, &c.every, &c.keep].into_iter().flatten().for_each(|e| self.expr(e));
            }
        }
    }
}
