//! Where every value of a run comes from: the place that won, and every other place that set it.
//!
//! A value is traced from the field that won through the names it is given by (`lr: rate`, `schedule rate = …`) to the
//! text that makes it, and down to the fields it was laid over. `smolc explain SPEC run.pretrain.lr` and the editor's hover
//! read this.

use crate::eval::{Eval, Layer, StageLayers};
use crate::load::Target;
use crate::schema::{Presence, Schema};
use crate::spec::{Provenance, Touch};
use crate::value::{Field, Object, Value};
use smolc_diag::Span;
use smolc_syntax::ast::{Expr, ExprKind, ItemKind, Member, MemberKind};

/// Longest chain of names followed.
const CHAIN: usize = 16;

/// The values of a run, by path.
pub fn run(
    eval: &Eval<'_>,
    name: &str,
    layers: &[Layer<'_>],
    block: &Object,
    stages: &[StageLayers<'_>],
) -> Vec<Provenance> {
    let mut out = Vec::new();
    let own = layers.last().map(|l| l.name.span);
    record(eval, name, block, layers, own, &mut out);
    for stage in stages {
        let path = format!("{name}.{}", stage.name.text);
        let set: Vec<(Span, &Expr)> = stage
            .bodies
            .iter()
            .rev()
            .flat_map(|(body, _)| body.iter())
            .filter_map(|m| match &m.kind {
                MemberKind::Field { name, value } if name.text == "mix" => Some((name.span, value)),
                _ => None,
            })
            .collect();
        if let Some((key, value)) = set.first() {
            let mut touches = vec![Touch { span: *key, how: format!("set in stage `{}`", stage.name.text) }];
            follow(eval, value, &mut touches);
            touches.extend(set.iter().skip(1).map(|(span, _)| replaced(*span)));
            out.push(Provenance { path: format!("{path}.mix"), value: eval.written(value.span), touches });
        }
        if let Some((length, _)) = &stage.length {
            let touches = vec![Touch { span: length.span, how: "set here".into() }];
            out.push(Provenance {
                path: format!("{path}.length"),
                value: eval.written(length.span),
                touches,
            });
        }
    }
    out
}

fn replaced(span: Span) -> Touch {
    Touch { span, how: "replaced".into() }
}

fn record(
    eval: &Eval<'_>,
    path: &str,
    object: &Object,
    layers: &[Layer<'_>],
    own: Option<Span>,
    out: &mut Vec<Provenance>,
) {
    for (key, field) in &object.fields {
        if key == "stages" {
            continue;
        }
        let here = format!("{path}.{key}");
        out.push(Provenance {
            path: here.clone(),
            value: value(eval, field),
            touches: touches(eval, field, layers, own),
        });
        if let Value::Object(inner) = &field.node.value {
            record(eval, &here, inner, layers, own, out);
        }
    }
    if let Some(schema) = object.schema {
        defaults(path, object, schema, out);
    }
}

/// What holds for fields that nobody set.
fn defaults(path: &str, object: &Object, schema: &Schema, out: &mut Vec<Provenance>) {
    for field in schema.fields {
        if let (Presence::Default(words), false) = (field.presence, object.fields.contains_key(field.name)) {
            let value = format!("{words} (nobody sets it)");
            out.push(Provenance { path: format!("{path}.{}", field.name), value, touches: Vec::new() });
        }
    }
}

fn value(eval: &Eval<'_>, field: &Field) -> String {
    let written = eval.written(field.node.span);
    match &field.node.value {
        Value::Number(..) | Value::Bool(_) | Value::None => {
            let said = field.node.value.phrase().replace("the plain number ", "").replace('`', "");
            if said == written { said } else { format!("{said}, written `{written}`") }
        }
        Value::Text(t) => format!("{t:?}"),
        Value::Word(w) => w.clone(),
        Value::Column(c) => format!(".{c}"),
        Value::Error => format!("`{written}`, which has a mistake"),
        _ => written,
    }
}

fn touches(eval: &Eval<'_>, field: &Field, layers: &[Layer<'_>], own: Option<Span>) -> Vec<Touch> {
    let by = |span: Span| layers.iter().find(|l| l.body.iter().any(|m| inside(span, m.span)));
    let how = match by(field.key) {
        Some(layer) if Some(layer.name.span) == own => "set here".to_string(),
        Some(layer) => format!("taken over from run `{}`", layer.name.text),
        None => "set here".into(),
    };
    let mut out = vec![Touch { span: field.key, how }];
    if let Some(expr) = layers.iter().rev().flat_map(|l| l.body.iter()).find_map(|m| expression(m, field.key))
    {
        follow(eval, expr, &mut out);
    }
    out.extend(field.before.iter().rev().map(|span| {
        let run = by(*span).map_or_else(String::new, |l| format!(" in run `{}`", l.name.text));
        Touch { span: *span, how: format!("replaced{run}") }
    }));
    out
}

fn inside(a: Span, b: Span) -> bool {
    a.file == b.file && b.start <= a.start && a.end <= b.end
}

/// The value of the field whose key stands at a span.
fn expression(member: &Member, key: Span) -> Option<&Expr> {
    let MemberKind::Field { name, value } = &member.kind else { return None };
    if name.span == key {
        return Some(value);
    }
    if !inside(key, member.span) {
        return None;
    }
    let members = match &value.kind {
        ExprKind::Record(m) | ExprKind::Construct(_, m) | ExprKind::With(_, m) => m,
        _ => return None,
    };
    members.iter().find_map(|m| expression(m, key))
}

/// The items a name leads to, until one is not just a name.
fn follow(eval: &Eval<'_>, expr: &Expr, out: &mut Vec<Touch>) {
    let mut expr = expr;
    for _ in 0..CHAIN {
        let target = match &expr.kind {
            ExprKind::Paren(inner) => {
                expr = inner;
                continue;
            }
            ExprKind::Name(name) => eval.program.lookup(name),
            ExprKind::Member(base, member) => match &base.kind {
                ExprKind::Name(name) => match eval.program.lookup(name) {
                    Some(Target::Module(m)) => eval.program.member(m, &member.text),
                    _ => None,
                },
                _ => None,
            },
            ExprKind::Call { function, .. } => match &function.kind {
                ExprKind::Name(name) => eval.program.lookup(name),
                _ => None,
            },
            ExprKind::With(base, _) => {
                expr = base;
                continue;
            }
            _ => None,
        };
        let Some(Target::Item(id)) = target else { return };
        let Some(item) = eval.program.item(id) else { return };
        match &item.kind {
            ItemKind::Let { name, value } | ItemKind::Define { name, value, .. } => {
                out.push(Touch { span: name.span, how: format!("`{}` is defined here", name.text) });
                expr = value;
            }
            ItemKind::Param { name, default, .. } => {
                match eval.sets.get(&id) {
                    Some(node) => {
                        out.push(Touch { span: node.span, how: format!("`--set {}` won", name.text) })
                    }
                    None => out.push(Touch { span: name.span, how: "the parameter's default".into() }),
                }
                if let (Some(_), Some(default)) = (eval.sets.get(&id), default) {
                    out.push(Touch { span: default.span, how: "replaced default".into() });
                }
                return;
            }
            ItemKind::Fn(f) => {
                out.push(Touch { span: f.name.span, how: format!("made by `{}`", f.name.text) });
                return;
            }
            _ => return,
        }
    }
}

/// The values at a path: itself, or everything below it. A leading `run.` is ignored.
pub fn at<'p>(all: &'p [Provenance], path: &str) -> Vec<&'p Provenance> {
    let path = path.strip_prefix("run.").unwrap_or(path);
    let exact: Vec<&Provenance> = all.iter().filter(|p| p.path == path).collect();
    if !exact.is_empty() {
        return exact;
    }
    let below = format!("{path}.");
    all.iter().filter(|p| p.path.starts_with(&below)).collect()
}
