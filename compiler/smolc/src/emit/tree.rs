//! The syntax tree of the spec's own file: one node a line with its place, children below it.

use smolc_check::Checked;
use smolc_diag::{FileId, Sources, Span};
use smolc_syntax::ast::{ExprKind, ItemKind, MemberKind};
use smolc_syntax::visit::Node;
use std::fmt::Write;

/// Longest piece of the spec's text shown behind a node, in characters.
const SHOWN: usize = 48;

/// The tree.
pub fn render(checked: &Checked) -> String {
    let file = FileId(0);
    let source = checked.sources.text(file);
    let parsed = smolc_syntax::parse(file, source);
    let mut text = String::new();
    if let Some((version, span)) = parsed.file.version {
        let _ = writeln!(text, "{} version {version}", place(&checked.sources, span));
    }
    for item in &parsed.file.items {
        node(Node::Item(item), 0, &checked.sources, source, &mut text);
    }
    text
}

fn node(node_: Node<'_>, depth: usize, sources: &Sources, source: &str, text: &mut String) {
    let span = node_.span();
    let children = node_.children();
    let mut line = format!("{} {}{}", place(sources, span), "  ".repeat(depth), label(node_));
    if children.is_empty() {
        let written = source.get(span.start as usize..span.end as usize).unwrap_or_default();
        let written: String = written.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = written.chars().take(SHOWN).collect();
        let dots = if cut.len() < written.len() { "…" } else { "" };
        let _ = write!(line, "  {cut}{dots}");
    }
    let _ = writeln!(text, "{line}");
    children.into_iter().for_each(|c| node(c, depth + 1, sources, source, text));
}

/// Line and column, both from 1, in a column of their own.
pub(super) fn place(sources: &Sources, span: Span) -> String {
    let (line, column) = sources.line_column(span.file, span.start);
    format!("{:>9}", format!("{line}:{column}"))
}

fn label(node: Node<'_>) -> String {
    match node {
        Node::Item(item) => match &item.kind {
            ItemKind::Use(_) => "use".into(),
            ItemKind::Param { name, ty, .. } => format!("param {}: {}", name.text, ty.text),
            ItemKind::Let { name, .. } => format!("let {}", name.text),
            ItemKind::Fn(f) => {
                let parameters: Vec<String> = f
                    .parameters
                    .iter()
                    .map(|p| match &p.ty {
                        Some(ty) => format!("{}: {}", p.name.text, ty.text),
                        None => p.name.text.clone(),
                    })
                    .collect();
                format!("fn {}({})", f.name.text, parameters.join(", "))
            }
            ItemKind::Define { keyword, name, .. } => format!("{} {}", keyword.text, name.text),
            ItemKind::Run(run) => format!("run {}", run.name.text),
            ItemKind::Sweep { name, variable, .. } => format!("sweep {} over {}", name.text, variable.text),
            ItemKind::Target { name, .. } => format!("target {}", name.text),
            ItemKind::Error { .. } => "error".into(),
        },
        Node::Member(member) => match &member.kind {
            MemberKind::Field { name, .. } => format!("field {}", name.text),
            MemberKind::Stage(stage) => format!("stage {}", stage.name.text),
            MemberKind::Run(run) => format!("run {}", run.name.text),
            MemberKind::Drop { name } => format!("drop {}", name.text),
            MemberKind::Error { .. } => "error".into(),
        },
        Node::Argument(argument) => match &argument.name {
            Some(name) => format!("argument {}", name.text),
            None => "argument".into(),
        },
        Node::Expr(expr) => kind(&expr.kind),
    }
}

fn kind(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Number(_) => "number".into(),
        ExprKind::Text(_) => "text".into(),
        ExprKind::Bool(_) => "bool".into(),
        ExprKind::None => "none".into(),
        ExprKind::Name(_) => "name".into(),
        ExprKind::Member(_, name) => format!("member {}", name.text),
        ExprKind::Column(_) => "column".into(),
        ExprKind::List(_) => "list".into(),
        ExprKind::Record(_) => "record".into(),
        ExprKind::Call { .. } => "call".into(),
        ExprKind::Construct(..) => "construct".into(),
        ExprKind::With(..) => "with".into(),
        ExprKind::Unary(op, _) => format!("unary {op:?}").to_lowercase(),
        ExprKind::Binary(op, ..) => format!("binary {op:?}").to_lowercase(),
        ExprKind::Weighted(..) => "weighted".into(),
        ExprKind::Rest(_) => "rest".into(),
        ExprKind::Ramp(..) => "ramp".into(),
        ExprKind::Range(..) => "range".into(),
        ExprKind::If(..) => "if".into(),
        ExprKind::At(name, _) => format!("at {}", name.text),
        ExprKind::Pipe(..) => "pipe".into(),
        ExprKind::Cadence(_) => "cadence".into(),
        ExprKind::Paren(_) => "paren".into(),
        ExprKind::Error => "error".into(),
    }
}
