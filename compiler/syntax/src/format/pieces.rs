//! The tokens that are not white space, with what the tree knows about them.

use std::collections::HashSet;

use crate::ast::{ExprKind, UnaryOp};
use crate::parse::Parsed;
use crate::token::TokenKind;
use crate::visit::{Node, walk};

/// A token, and how many line breaks stood before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub kind: TokenKind,
    pub text: &'a str,
    pub start: u32,
    pub breaks: u32,
}

impl Piece<'_> {
    /// `// …`, also as docs.
    pub fn is_comment(&self) -> bool {
        matches!(self.kind, TokenKind::Comment | TokenKind::Doc | TokenKind::InnerDoc)
    }

    pub fn is_mark(&self, mark: &str) -> bool {
        self.kind == TokenKind::Mark && self.text == mark
    }
}

/// All pieces of a text.
pub(super) struct Pieces<'a> {
    pub list: Vec<Piece<'a>>,
    /// Offsets at which items and members begin.
    starts: HashSet<u32>,
    /// Offsets at which items begin.
    pub items: HashSet<u32>,
    /// Offsets of `-` and `not` in front of an operand.
    prefixes: HashSet<u32>,
    /// Offsets of `.` that begins a column.
    columns: HashSet<u32>,
    /// Offsets of `(` that groups.
    pub parens: HashSet<u32>,
    /// Offset behind the version line's last token.
    version_end: Option<u32>,
}

impl<'a> Pieces<'a> {
    pub fn new(text: &'a str, parsed: &Parsed) -> Pieces<'a> {
        let mut list: Vec<Piece<'a>> = Vec::new();
        let mut breaks = 0;
        for token in &parsed.tokens {
            match token.kind {
                TokenKind::Newline => breaks += 1,
                TokenKind::Space => {}
                kind => {
                    let own = text.get(token.span.start as usize..token.span.end as usize).unwrap_or("");
                    let own = if kind == TokenKind::Text { own } else { own.trim_end() };
                    list.push(Piece { kind, text: own, start: token.span.start, breaks });
                    breaks = 0;
                }
            }
        }
        let mut pieces = Pieces {
            list,
            starts: HashSet::new(),
            items: HashSet::new(),
            prefixes: HashSet::new(),
            columns: HashSet::new(),
            parens: HashSet::new(),
            version_end: parsed.file.version.map(|(_, span)| span.end),
        };
        if let Some((_, span)) = parsed.file.version {
            pieces.starts.insert(span.start);
        }
        walk(&parsed.file, &mut |node| {
            let start = node.span().start;
            match node {
                Node::Item(item) => {
                    pieces.items.insert(start);
                    pieces.starts.insert(start);
                    pieces.starts.extend(item.attributes.iter().map(|a| a.span.start));
                }
                Node::Member(member) => {
                    pieces.starts.insert(start);
                    pieces.starts.extend(member.attributes.iter().map(|a| a.span.start));
                }
                Node::Argument(_) => {}
                Node::Expr(expr) => {
                    let set = match &expr.kind {
                        ExprKind::Unary(UnaryOp::Neg | UnaryOp::Not, _) => &mut pieces.prefixes,
                        ExprKind::Column(_) => &mut pieces.columns,
                        ExprKind::Paren(_) => &mut pieces.parens,
                        _ => return,
                    };
                    set.insert(start);
                }
            }
        });
        pieces
    }

    pub fn get(&self, i: usize) -> Option<&Piece<'a>> {
        self.list.get(i)
    }

    fn in_set(&self, set: &HashSet<u32>, i: usize) -> bool {
        self.get(i).is_some_and(|p| set.contains(&p.start))
    }

    /// Whether an item, a member or an attribute in front of one begins here.
    pub fn is_start(&self, i: usize) -> bool {
        self.in_set(&self.starts, i)
    }

    pub fn is_item(&self, i: usize) -> bool {
        self.in_set(&self.items, i)
    }

    pub fn is_prefix(&self, i: usize) -> bool {
        self.in_set(&self.prefixes, i)
    }

    pub fn is_column(&self, i: usize) -> bool {
        self.in_set(&self.columns, i)
    }

    pub fn is_paren(&self, i: usize) -> bool {
        self.in_set(&self.parens, i)
    }

    /// Whether the version line ends with this piece.
    pub fn ends_version(&self, i: usize) -> bool {
        self.get(i).is_some_and(|p| Some(p.start + p.text.len() as u32) == self.version_end)
    }

    /// A doc comment or an attribute.
    pub fn is_lead(&self, i: usize) -> bool {
        self.get(i).is_some_and(|p| {
            matches!(p.kind, TokenKind::Doc | TokenKind::InnerDoc) || p.is_mark("#") && self.is_start(i)
        })
    }

    /// The last piece before `i` that is no comment.
    pub fn code_before(&self, i: usize) -> Option<usize> {
        (0..i).rev().find(|&k| self.get(k).is_some_and(|p| !p.is_comment()))
    }

    /// The first piece from `i` on that is no comment.
    pub fn code_from(&self, i: usize) -> Option<usize> {
        (i..self.list.len()).find(|&k| self.get(k).is_some_and(|p| !p.is_comment()))
    }

    /// Whether a line break stands between the code before `i` and the code at or behind it.
    pub fn broken_before(&self, i: usize) -> bool {
        let from = self.code_before(i).map_or(0, |b| b + 1);
        let to = self.code_from(i).unwrap_or(self.list.len().saturating_sub(1));
        (from..=to).any(|k| self.get(k).is_some_and(|p| p.breaks > 0))
    }

    /// Whether an expression may go on deeper behind this piece: `=`, `=>`, `:`.
    pub fn opens_level(&self, i: usize) -> bool {
        self.get(i).is_some_and(|p| p.is_mark("=") || p.is_mark("=>") || p.is_mark(":"))
    }

    /// Whether a piece joins two operands, so that a line may break in front of it.
    pub fn is_infix(&self, i: usize) -> bool {
        let Some(piece) = self.get(i) else { return false };
        match piece.kind {
            TokenKind::Mark => {
                matches!(
                    piece.text,
                    "|>" | "->" | ".." | "<" | "<=" | ">" | ">=" | "==" | "!=" | "+" | "-" | "*" | "/"
                ) && !self.is_prefix(i)
            }
            TokenKind::Word => {
                matches!(piece.text, "then" | "else" | "and" | "or")
                    || piece.text == "until" && !self.is_start(i)
            }
            _ => false,
        }
    }
}
