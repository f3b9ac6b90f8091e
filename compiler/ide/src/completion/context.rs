//! What stands at the cursor: a value, with what is expected of it, or a field of a block.

use super::MARK;
use crate::analysis::Analysis;
use crate::overlay::Overlay;
use crate::resolve::{Block, Expected, Symbol};
use crate::{builtins, hover};
use smolc_check::schema::Schema;
use smolc_check::types::Type;
use smolc_syntax::ast::{ExprKind, ItemKind, MemberKind};
use smolc_syntax::visit::{Node, path_at};

/// What a place is for.
pub(super) enum Context {
    Value { expected: Option<Type>, locals: Vec<String>, call: Vec<(String, String)> },
    Field { schema: Option<&'static Schema>, set: Vec<String> },
}

/// What stands at the mark in a text that holds it.
pub(super) fn context(analysis: &Analysis<'_>, path: &str, text: String) -> Option<Context> {
    let at = text.find(MARK)? as u32;
    let world = Overlay::one(analysis.world, path, text);
    let marked = Analysis::new(&world, &analysis.path, &[]);
    let (_, module) = marked.module(path)?;
    let nodes = path_at(&module.ast, at);
    for node in nodes.iter().rev() {
        match node {
            Node::Expr(e) => {
                let ExprKind::Name(name) = &e.kind else { continue };
                if name.text != MARK {
                    continue;
                }
                let holds = |x: &&Expected| x.span.file == module.file && x.span == e.span;
                let expected = marked.resolved().expected.iter().find(holds).map(|x| x.ty);
                let in_mix = nodes.iter().any(|n| {
                    matches!(n, Node::Expr(e) if matches!(e.kind, ExprKind::Weighted(..) | ExprKind::Rest(_)))
                });
                let expected = expected.or(in_mix.then_some(Type::Mix));
                return Some(Context::Value {
                    expected,
                    locals: locals(&nodes),
                    call: parameters(&marked, &nodes, at),
                });
            }
            Node::Member(m) => {
                let name = match &m.kind {
                    MemberKind::Field { name, .. } | MemberKind::Error { name: Some(name) } => name,
                    _ => continue,
                };
                if name.text == MARK {
                    let holds = |b: &&Block| b.members.iter().any(|(s, _)| *s == m.span);
                    let block = marked.resolved().blocks.iter().find(holds);
                    let set = block
                        .map_or(Vec::new(), |b| b.members.iter().filter_map(|(_, k)| k.clone()).collect());
                    return Some(Context::Field { schema: block.and_then(|b| b.schema), set });
                }
            }
            Node::Item(_) | Node::Argument(_) => {}
        }
    }
    None
}

/// Names of parameters and schedule variables around a place.
fn locals(nodes: &[Node<'_>]) -> Vec<String> {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Item(item) => {
                if let ItemKind::Fn(f) = &item.kind {
                    out.extend(f.parameters.iter().map(|p| p.name.text.clone()));
                }
            }
            Node::Expr(e) => {
                if let ExprKind::At(t, _) = &e.kind {
                    out.extend([t.text.clone(), "end".to_owned()]);
                }
            }
            _ => {}
        }
    }
    out
}

/// Parameters of the call around a place that have no argument yet, if the place begins an argument.
fn parameters(analysis: &Analysis<'_>, nodes: &[Node<'_>], at: u32) -> Vec<(String, String)> {
    let [.., Node::Expr(call), Node::Argument(argument), Node::Expr(_)] = nodes else { return Vec::new() };
    let ExprKind::Call { function, arguments, .. } = &call.kind else { return Vec::new() };
    if argument.name.is_some() || argument.value.span.start != at {
        return Vec::new();
    }
    let resolved = analysis.resolved();
    let Some(o) = resolved.at(function.span.file, function.span.end) else { return Vec::new() };
    let given: Vec<&str> =
        arguments.iter().filter_map(|a| a.name.as_ref()).map(|n| n.text.as_str()).collect();
    let all: Vec<String> = match &o.symbol {
        Symbol::Item(id) => match analysis.item(*id).map(|i| &i.kind) {
            Some(ItemKind::Fn(f)) => hover::head(analysis, f).1,
            _ => Vec::new(),
        },
        Symbol::Builtin(name) => builtins::documented(name)
            .map_or(Vec::new(), |b| b.parameters.iter().map(|p| (*p).to_owned()).collect()),
        _ => Vec::new(),
    };
    let split = |p: &String| {
        let name = p.split([':', ' ']).next().unwrap_or("").to_owned();
        (name, p.clone())
    };
    all.iter().map(split).filter(|(n, _)| !n.is_empty() && !given.contains(&n.as_str())).collect()
}
