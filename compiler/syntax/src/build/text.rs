//! Text literals: escapes and `{name}`.

use smolc_diag::Diagnostic;

use super::{Builder, Node};
use crate::ast::{Expr, ExprKind, Ident, TextPart};

const CODE: &str = "smol::syntax::text";

impl Builder<'_> {
    /// A `text` pair.
    pub fn text(&mut self, node: &Node<'_>) -> Vec<TextPart> {
        let whole = node.as_str();
        let offset = node.as_span().start() + 1;
        let inside = whole.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or("");
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = inside.char_indices();
        while let Some((i, c)) = rest.next() {
            match c {
                '\\' => match rest.next() {
                    Some((_, e)) => self.escape(e, offset + i, &mut literal),
                    None => break,
                },
                '{' => {
                    let behind = inside.get(i + 1..).unwrap_or("");
                    let length = behind.find(['}', '{', '\\']).unwrap_or(behind.len());
                    let name = behind.get(..length).unwrap_or("");
                    let closed = behind.get(length..).is_some_and(|t| t.starts_with('}'));
                    match closed.then(|| self.path(name, offset + i + 1)).flatten() {
                        Some(value) => {
                            if !literal.is_empty() {
                                parts.push(TextPart::Literal(std::mem::take(&mut literal)));
                            }
                            parts.push(TextPart::Interpolation(value));
                        }
                        None => {
                            let span = self.at(offset + i, offset + i + 1 + length + usize::from(closed));
                            let message = if closed {
                                "`{…}` in a text literal must hold a name"
                            } else {
                                "`{` in a text literal is not closed"
                            };
                            self.diagnostics.push(
                                Diagnostic::error(CODE, span, message)
                                    .label(if closed { "not a name" } else { "opened here" })
                                    .help("write `{root}` to put the value of `root` here, or `\\{` for the brace itself"),
                            );
                        }
                    }
                    let end = i + 1 + length + usize::from(closed);
                    while rest.clone().next().is_some_and(|(j, _)| j < end) {
                        rest.next();
                    }
                }
                c => literal.push(c),
            }
        }
        if !literal.is_empty() || parts.is_empty() {
            parts.push(TextPart::Literal(literal));
        }
        parts
    }

    /// A `text` pair where only plain text may stand: a file to use, a reason.
    pub fn plain_text(&mut self, node: &Node<'_>) -> String {
        let mut plain = String::new();
        for part in self.text(node) {
            match part {
                TextPart::Literal(t) => plain.push_str(&t),
                TextPart::Interpolation(e) => self.diagnostics.push(
                    Diagnostic::error(CODE, e.span, "this text cannot hold a value of the spec")
                        .label("only plain text here")
                        .help("write the text itself; `\\{` stands for a brace"),
                ),
            }
        }
        plain
    }

    fn escape(&mut self, escaped: char, at: usize, literal: &mut String) {
        literal.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '"' | '\\' | '{' | '}' => escaped,
            other => {
                let span = self.at(at, at + 1 + other.len_utf8());
                self.diagnostics.push(
                    Diagnostic::error(CODE, span, format!("`\\{}` is no escape", other.escape_default()))
                        .label("unknown escape")
                        .help("escapes are `\\n`, `\\t`, `\\r`, `\\\"`, `\\\\`, `\\{` and `\\}`; for a backslash write `\\\\`"),
                );
                other
            }
        });
    }

    /// `root`, `data.root`: the only things a text literal interpolates.
    fn path(&self, inside: &str, offset: usize) -> Option<Expr> {
        let mut value: Option<Expr> = None;
        let mut at = offset;
        for segment in inside.split('.') {
            let name = segment.trim_matches([' ', '\t']);
            let start = at + segment.find(name).unwrap_or(0);
            at += segment.len() + 1;
            let mut chars = name.chars();
            let first = chars.next()?;
            if !(first.is_ascii_alphabetic() || first == '_')
                || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
            {
                return None;
            }
            let ident = Ident { text: name.to_owned(), span: self.at(start, start + name.len()) };
            value = Some(match value {
                None => Expr { span: ident.span, kind: ExprKind::Name(ident) },
                Some(left) => {
                    Expr { span: left.span.to(ident.span), kind: ExprKind::Member(Box::new(left), ident) }
                }
            });
        }
        value
    }
}
