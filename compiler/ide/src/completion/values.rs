//! Fields, and what may be their values.

use super::{Collector, CompletionKind, MARK};
use crate::analysis::Analysis;
use crate::{builtins, hover, schemas};
use smolc_check::load::Target;
use smolc_check::names::defined;
use smolc_check::schema::{Presence, Schema};
use smolc_check::types::Type;
use smolc_check::value::Builtin;
use smolc_syntax::ast::ItemKind;

/// Fields of a block that are not set yet.
pub(super) fn fields(schema: Option<&'static Schema>, set: &[String], all: &mut Collector) {
    let Some(schema) = schema else { return };
    for field in schema.fields.iter().filter(|f| !set.iter().any(|s| s == f.name)) {
        let required = field.presence == Presence::Required;
        let presence = match field.presence {
            Presence::Required => "required".to_owned(),
            Presence::Default(value) => format!("default: {value}"),
        };
        let insert = match schemas::of_field(field).filter(|_| matches!(field.ty, Type::Record(_))) {
            Some(_) => format!("{}: {{ $0 }}", field.name),
            None => format!("{}: $0", field.name),
        };
        let doc = format!("{} ({presence})", field.doc);
        all.add(field.name, CompletionKind::Field, &field.ty.phrase(), &doc, &insert, u32::from(!required));
    }
    if schema.name == "run" {
        let insert = "stage ${1:name} for ${2:1M tokens} { mix: ${3:100%} ${0:dataset} }";
        all.add("stage", CompletionKind::Keyword, "a span of the run with one mixture", "", insert, 0);
    }
}

/// What may stand where a type is expected.
pub(super) fn values(analysis: &Analysis<'_>, path: &str, ty: Option<&Type>, all: &mut Collector) {
    match ty {
        Some(Type::Optional(inner)) => {
            all.add("none", CompletionKind::Keyword, "", "", "none", 2);
            values(analysis, path, Some(inner), all);
            return;
        }
        Some(Type::Word(words)) => {
            words.iter().for_each(|w| all.add(w, CompletionKind::Value, "", "", w, 0));
            return;
        }
        Some(Type::Bool) => {
            ["true", "false"].iter().for_each(|w| all.add(w, CompletionKind::Keyword, "", "", w, 0));
        }
        Some(Type::Cadence) => {
            all.add("every", CompletionKind::Keyword, "", "", "every ${1:100 steps}", 0);
            all.add("at stage end", CompletionKind::Keyword, "", "", "at stage end", 0);
            all.add("at end", CompletionKind::Keyword, "", "", "at end", 0);
            return;
        }
        Some(Type::Record(schema)) => {
            all.add("{ … }", CompletionKind::Constructor, schema.name, schema.doc, "{ $0 }", 0);
        }
        Some(Type::Schedule) => {
            all.add("at t =>", CompletionKind::Keyword, "a schedule", "", "at t => $0", 1);
        }
        _ => {}
    }
    names(analysis, path, ty, all);
    if ty.is_none() {
        keywords(all);
    }
}

pub(super) fn keywords(all: &mut Collector) {
    for word in ["if", "then", "else", "and", "or", "not", "rest", "with", "true", "false", "none", "every"] {
        all.add(word, CompletionKind::Keyword, "", "", word, 9);
    }
}

/// Names in scope; those of the expected type first, those of another left out where the type is one of a kind.
pub(super) fn names(analysis: &Analysis<'_>, path: &str, ty: Option<&Type>, all: &mut Collector) {
    let Some((_, module)) = analysis.module(path) else { return };
    for (name, bound) in &module.scope {
        if name == MARK {
            continue;
        }
        match bound.target {
            Target::Item(id) => {
                let Some(item) = analysis.item(id) else { continue };
                let Some((_, keyword)) = defined(&item.kind) else { continue };
                let Some(rank) = fits(keyword, &item.kind, ty) else { continue };
                let (detail, insert, kind) = match &item.kind {
                    ItemKind::Fn(f) => {
                        (hover::head(analysis, f).0, format!("{name}($0)"), CompletionKind::Function)
                    }
                    _ => (keyword.to_owned(), name.clone(), CompletionKind::Variable),
                };
                all.add(name, kind, &detail, &item.docs.join("\n"), &insert, rank);
            }
            Target::Module(m) => {
                let docs = analysis.program.modules.get(m).map_or(String::new(), |x| x.ast.docs.join("\n"));
                all.add(name, CompletionKind::Module, "module", &docs, &format!("{name}.$0"), 4);
            }
            Target::Builtin(b) => builtin(b.name(), ty, all),
            Target::Unknown => {}
        }
    }
    Builtin::PRELUDE.iter().for_each(|b| builtin(b.name(), ty, all));
}

pub(super) fn builtin(name: &'static str, ty: Option<&Type>, all: &mut Collector) {
    let (signature, doc) = builtins::describe(name);
    let constructor = builtins::documented(name).is_none();
    let rank = match ty {
        Some(Type::Block(schemas, _)) => match schemas.iter().any(|s| s.name == name) {
            true => 0,
            false => return,
        },
        Some(Type::Tokenizer) if matches!(name, "bpe" | "hf") => 0,
        Some(Type::Dataset) if matches!(name, "files" | "text" | "jsonl" | "parquet") => 0,
        Some(Type::Tokenizer | Type::Dataset | Type::Mix | Type::Bool | Type::Word(_)) => return,
        _ => 6,
    };
    let insert = match (constructor, builtins::documented(name).is_some_and(|b| b.parameters.is_empty())) {
        (true, _) => format!("{name} {{\n  $0\n}}"),
        (false, true) => name.to_owned(),
        (false, false) => format!("{name}($0)"),
    };
    let kind = if constructor { CompletionKind::Constructor } else { CompletionKind::Function };
    all.add(name, kind, &signature, &doc, &insert, rank);
}

/// The rank of an item where a type is expected; `None` if it cannot be that.
fn fits(keyword: &str, kind: &ItemKind, ty: Option<&Type>) -> Option<u32> {
    let wanted: &[&str] = match ty {
        Some(Type::Dataset) => &["dataset"],
        Some(Type::Mix) => &["dataset", "mix"],
        Some(Type::Tokenizer) => &["tokenizer"],
        Some(Type::Block(..)) => &["model", "let"],
        Some(Type::Schedule) => {
            let makes =
                matches!(kind, ItemKind::Fn(f) if f.result.as_ref().is_some_and(|r| r.text == "Schedule"));
            return match keyword {
                "schedule" => Some(0),
                "fn" if makes => Some(0),
                "let" | "param" => Some(3),
                _ => None,
            };
        }
        Some(_) => &["let", "param", "fn"],
        None => return Some(3),
    };
    wanted.contains(&keyword).then_some(if matches!(keyword, "let" | "param") { 2 } else { 1 })
}
