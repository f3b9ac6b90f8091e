//! Walking the tree: every node with its children in the order of the text, for tools that ask where something stands.

use smolc_diag::Span;

use crate::ast::{
    Argument, Cadence, Expr, ExprKind, File, Item, ItemKind, Member, MemberKind, Run, TextPart,
};

/// A node of the tree.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// An item.
    Item(&'a Item),
    /// A member of a block.
    Member(&'a Member),
    /// An argument of a call.
    Argument(&'a Argument),
    /// An expression.
    Expr(&'a Expr),
}

impl<'a> Node<'a> {
    /// Where the node stands, docs and attributes left out.
    pub fn span(self) -> Span {
        match self {
            Node::Item(i) => i.span,
            Node::Member(m) => m.span,
            Node::Argument(a) => a.name.as_ref().map_or(a.value.span, |n| n.span.to(a.value.span)),
            Node::Expr(e) => e.span,
        }
    }

    /// The nodes directly inside.
    pub fn children(self) -> Vec<Node<'a>> {
        let mut out = Vec::new();
        match self {
            Node::Item(item) => item_children(&item.kind, &mut out),
            Node::Member(member) => match &member.kind {
                MemberKind::Field { value, .. } => out.push(Node::Expr(value)),
                MemberKind::Stage(stage) => {
                    out.extend(stage.length.iter().chain(&stage.until).map(Node::Expr));
                    out.extend(stage.body.iter().map(Node::Member));
                }
                MemberKind::Run(run) => run_children(run, &mut out),
                MemberKind::Drop { .. } | MemberKind::Error { .. } => {}
            },
            Node::Argument(argument) => out.push(Node::Expr(&argument.value)),
            Node::Expr(expr) => expr_children(&expr.kind, &mut out),
        }
        out
    }
}

/// Visits every node of a file, a node before its children.
pub fn walk<'a>(file: &'a File, visit: &mut dyn FnMut(Node<'a>)) {
    let mut stack: Vec<Node<'a>> = file.items.iter().rev().map(Node::Item).collect();
    while let Some(node) = stack.pop() {
        visit(node);
        stack.extend(node.children().into_iter().rev());
    }
}

/// Whether some piece of a file did not parse: names it mentions are not known.
pub fn is_broken(file: &File) -> bool {
    let mut broken = false;
    walk(file, &mut |node| {
        broken |= match node {
            Node::Item(i) => matches!(i.kind, ItemKind::Error { .. }),
            Node::Member(m) => matches!(m.kind, MemberKind::Error { .. }),
            Node::Expr(e) => matches!(e.kind, ExprKind::Error),
            Node::Argument(_) => false,
        };
    });
    broken
}

/// The nodes that hold a byte offset, outermost first. The end of a node counts as inside it.
pub fn path_at(file: &File, offset: u32) -> Vec<Node<'_>> {
    let holds = |span: Span| span.start <= offset && offset <= span.end;
    let mut path = Vec::new();
    let mut level: Vec<Node<'_>> = file.items.iter().map(Node::Item).collect();
    loop {
        // Two neighbors may touch at the offset; the one that begins there is meant.
        let Some(next) = level.into_iter().rev().find(|n| holds(n.span())) else { return path };
        path.push(next);
        level = next.children();
    }
}

fn item_children<'a>(kind: &'a ItemKind, out: &mut Vec<Node<'a>>) {
    match kind {
        ItemKind::Use(_) | ItemKind::Error { .. } => {}
        ItemKind::Param { default, .. } => out.extend(default.iter().map(Node::Expr)),
        ItemKind::Let { value, .. } | ItemKind::Define { value, .. } => out.push(Node::Expr(value)),
        ItemKind::Fn(f) => {
            out.extend(f.parameters.iter().filter_map(|p| p.default.as_ref()).map(Node::Expr));
            out.push(Node::Expr(&f.body));
        }
        ItemKind::Run(run) => run_children(run, out),
        ItemKind::Sweep { values, body, .. } => {
            out.push(Node::Expr(values));
            out.extend(body.iter().map(Node::Member));
        }
        ItemKind::Target { body, .. } => out.extend(body.iter().map(Node::Member)),
    }
}

fn run_children<'a>(run: &'a Run, out: &mut Vec<Node<'a>>) {
    if let Some((base, at)) = &run.from {
        out.push(Node::Expr(base));
        out.extend(at.iter().map(Node::Expr));
    }
    out.extend(run.body.iter().map(Node::Member));
}

fn expr_children<'a>(kind: &'a ExprKind, out: &mut Vec<Node<'a>>) {
    match kind {
        ExprKind::Number(_)
        | ExprKind::Bool(_)
        | ExprKind::None
        | ExprKind::Name(_)
        | ExprKind::Column(_)
        | ExprKind::Error => {}
        ExprKind::Text(parts) => out.extend(parts.iter().filter_map(|p| match p {
            TextPart::Literal(_) => None,
            TextPart::Interpolation(e) => Some(Node::Expr(e)),
        })),
        ExprKind::Member(base, _) => out.push(Node::Expr(base)),
        ExprKind::List(items) => out.extend(items.iter().map(Node::Expr)),
        ExprKind::Record(members) => out.extend(members.iter().map(Node::Member)),
        ExprKind::Call { function, arguments, record } => {
            out.push(Node::Expr(function));
            out.extend(arguments.iter().map(Node::Argument));
            out.extend(record.iter().flatten().map(Node::Member));
        }
        ExprKind::Construct(base, members) | ExprKind::With(base, members) => {
            out.push(Node::Expr(base));
            out.extend(members.iter().map(Node::Member));
        }
        ExprKind::Unary(_, a) | ExprKind::Rest(a) | ExprKind::At(_, a) | ExprKind::Paren(a) => {
            out.push(Node::Expr(a));
        }
        ExprKind::Binary(_, _, a, b)
        | ExprKind::Weighted(a, b)
        | ExprKind::Ramp(a, b)
        | ExprKind::Range(a, b)
        | ExprKind::Pipe(a, b) => out.extend([Node::Expr(a), Node::Expr(b)]),
        ExprKind::If(c, a, b) => out.extend([Node::Expr(c), Node::Expr(a), Node::Expr(b)]),
        ExprKind::Cadence(Cadence { what, every, keep, .. }) => {
            out.extend([what, every, keep].into_iter().flatten().map(|e| Node::Expr(e)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smolc_diag::FileId;

    #[test]
    fn a_path_leads_from_the_item_to_the_name() {
        let text = "smol 1\nlet a = f(x: [1, b])\n";
        let file = crate::parse(FileId(0), text).file;
        let path = path_at(&file, text.find("b]").unwrap() as u32);
        let spans: Vec<&str> =
            path.iter().map(|n| &text[n.span().start as usize..n.span().end as usize]).collect();
        assert_eq!(spans, ["let a = f(x: [1, b])", "f(x: [1, b])", "x: [1, b]", "[1, b]", "b"]);
        let mut count = 0;
        walk(&file, &mut |_| count += 1);
        assert_eq!(count, 7);
    }
}
