//! `--set NAME=VALUE`: values for parameters, checked like everything else, in a file called `--set NAME`.

use crate::eval::Eval;
use crate::load::{Program, Target};
use crate::types::Type;
use crate::value::{ItemId, Node, Value};
use smolc_diag::suggest::nearest;
use smolc_diag::{Diagnostic, Severity, Sources, Span};
use smolc_syntax::ast::{Expr, ExprKind, ItemKind, UnaryOp};

/// A value given from outside.
pub enum Given {
    /// For a parameter of type Text or Path: as it is.
    Text(String, Span),
    /// For any other: a literal.
    Literal(Expr),
    /// It was wrong, and reported; the parameter has no value.
    Wrong(Span),
}

/// Finds the parameters and parses the values. A parameter of an imported module is `module.name`.
pub fn parse(
    program: &Program,
    sets: &[(String, String)],
    sources: &mut Sources,
    out: &mut Vec<Diagnostic>,
) -> Vec<(ItemId, Given)> {
    let mut values: Vec<(ItemId, Given)> = Vec::new();
    for (name, text) in sets {
        let Some((id, ty)) = parameter(program, name) else {
            // Without a spec there are no parameters to know.
            if !program.modules.is_empty() {
                out.push(unknown(program, name, text, sources));
            }
            continue;
        };
        let given = if matches!(Type::named(&ty), Some(Type::Text | Type::Path)) {
            let file = sources.add(format!("--set {name}"), text.clone());
            Given::Text(text.clone(), Span::new(file, 0, text.len()))
        } else {
            literal(name, text, &ty, sources, out)
        };
        values.retain(|(other, _)| *other != id);
        values.push((id, given));
    }
    values
}

/// Gives the evaluator the values.
pub fn evaluate(eval: &mut Eval<'_>, values: Vec<(ItemId, Given)>) {
    for (id, given) in values {
        let node = match given {
            Given::Text(text, span) => Node::new(Value::Text(text), span),
            Given::Literal(expr) => eval.expr(&expr, &std::rc::Rc::default()),
            Given::Wrong(span) => Node::error(span),
        };
        eval.sets.insert(id, node);
    }
}

fn parameter(program: &Program, name: &str) -> Option<(ItemId, String)> {
    let spec = program.modules.first()?;
    let target = match name.split_once('.') {
        None => spec.scope.get(name)?.target,
        Some((module, member)) => match spec.scope.get(module)?.target {
            Target::Module(m) => program.member(m, member)?,
            Target::Item(_) | Target::Builtin(_) | Target::Unknown => return None,
        },
    };
    let Target::Item(id) = target else { return None };
    match program.item(id).map(|i| &i.kind) {
        Some(ItemKind::Param { ty, .. }) => Some((id, ty.text.clone())),
        _ => None,
    }
}

fn unknown(program: &Program, name: &str, text: &str, sources: &mut Sources) -> Diagnostic {
    let file = sources.add(format!("--set {name}"), format!("{name}={text}"));
    let names: Vec<&str> = program.modules.first().map_or(Vec::new(), |m| {
        m.ast
            .items
            .iter()
            .filter_map(|i| match &i.kind {
                ItemKind::Param { name, .. } => Some(name.text.as_str()),
                _ => None,
            })
            .collect()
    });
    let d = Diagnostic::error(
        "smol::param::unknown",
        Span::new(file, 0, name.len()),
        format!("the spec has no parameter `{name}`"),
    );
    match nearest(name, names.iter().copied()) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None if names.is_empty() => d.help("it has none; `param NAME: TYPE = DEFAULT` makes one"),
        None => d.help(format!("it has {}", crate::load::list(names.iter().map(|n| format!("`{n}`"))))),
    }
}

fn literal(name: &str, text: &str, ty: &str, sources: &mut Sources, out: &mut Vec<Diagnostic>) -> Given {
    // Parsed where it would stand in a spec, so that it has the same meaning; the file shows it that way.
    let whole = format!("let value = {text}\n");
    let file = sources.add(format!("--set {name}"), whole.clone());
    let at = Span::new(file, 12, 12 + text.len());
    let parsed = smolc_syntax::parse(file, &whole);
    let broken = parsed.diagnostics.iter().any(|d| d.severity == Severity::Error);
    let value = match parsed.file.items.as_slice() {
        [item] if !broken => match &item.kind {
            ItemKind::Let { value, .. } if is_literal(value) => Some(value.clone()),
            _ => None,
        },
        _ => None,
    };
    match value {
        Some(value) => Given::Literal(value),
        None => {
            let expected = Type::named(ty).map_or_else(|| ty.to_string(), |t| t.phrase());
            out.push(
                Diagnostic::error(
                    "smol::param::value",
                    at,
                    format!("`{text}` is no value for the parameter `{name}`"),
                )
                .help(format!("it takes {expected}, written as in a spec")),
            );
            Given::Wrong(at)
        }
    }
}

fn is_literal(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::None => true,
        ExprKind::Text(parts) => parts.iter().all(|p| matches!(p, smolc_syntax::ast::TextPart::Literal(_))),
        ExprKind::Unary(UnaryOp::Neg, inner) | ExprKind::Paren(inner) => is_literal(inner),
        ExprKind::List(items) => items.iter().all(is_literal),
        _ => false,
    }
}
