//! Which record a block of the text is.

use smolc_check::load::{Program, Target};
use smolc_check::schema::{self, FieldSpec, Schema};
use smolc_check::types::Type;
use smolc_syntax::ast::{Expr, ExprKind, ItemKind};

/// The schema of a name.
pub fn named(name: &str) -> Option<&'static Schema> {
    schema::ALL.iter().copied().find(|s| s.name == name)
}

/// The schema of the record behind a call of a builtin, `parquet("…") { … }`.
fn behind(builtin: &str) -> Option<&'static Schema> {
    match builtin {
        "jsonl" | "parquet" => named("columns"),
        "files" | "text" => named("files"),
        other => named(other),
    }
}

/// The name of the builtin that an expression is.
fn builtin(program: &Program, expr: &Expr) -> Option<&'static str> {
    let ExprKind::Name(name) = &expr.kind else { return None };
    match program.lookup(name)? {
        Target::Builtin(b) => Some(b.name()),
        _ => None,
    }
}

/// The schema of the block that follows `base`, as in `Llama { … }` and `hf("…") { … }`.
pub fn constructed(program: &Program, base: &Expr) -> Option<&'static Schema> {
    match &base.kind {
        ExprKind::Call { function, .. } => behind(builtin(program, function)?),
        _ => behind(builtin(program, base)?),
    }
}

/// The schema of what an expression yields, followed through names: `base` of `base with { … }`.
pub fn of(program: &Program, expr: &Expr, depth: usize) -> Option<&'static Schema> {
    let further = depth.checked_sub(1)?;
    let target = match &expr.kind {
        ExprKind::Construct(base, _) => return constructed(program, base),
        ExprKind::With(base, _) | ExprKind::Paren(base) => return of(program, base, further),
        ExprKind::Name(name) => program.lookup(name)?,
        ExprKind::Member(base, member) => match &base.kind {
            ExprKind::Name(name) => match program.lookup(name)? {
                Target::Module(m) => program.member(m, &member.text)?,
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    };
    let Target::Item(id) = target else { return None };
    match &program.item(id)?.kind {
        ItemKind::Let { value, .. } | ItemKind::Define { value, .. } => of(program, value, further),
        _ => None,
    }
}

/// The schema of a record that is the value of a field.
pub fn of_field(field: &FieldSpec) -> Option<&'static Schema> {
    of_type(&field.ty)
}

fn of_type(ty: &Type) -> Option<&'static Schema> {
    match ty {
        Type::Record(schema) => Some(schema),
        Type::Optional(inner) => of_type(inner),
        // A run that branches off another one overrides its model: `model: { context: 8192 }`.
        Type::Block(schemas, _) => schemas.first().copied(),
        _ => None,
    }
}
