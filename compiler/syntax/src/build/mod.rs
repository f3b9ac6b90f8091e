//! From pest's pairs to the owned tree.
//!
//! A pair that pest yields has the shape its rule says, so that a missing child cannot happen; where the types demand
//! an answer all the same, it is an error node or an empty name.

mod expr;
mod item;
mod member;
mod number;
mod text;

use std::collections::HashMap;

use pest::iterators::Pair;
use smolc_diag::{Diagnostic, FileId, Span};

use crate::ast::{Attribute, Ident, Member};
use crate::grammar::Rule;
use crate::token::Token;

/// Builds nodes out of pairs of one chunk.
pub(crate) struct Builder<'a> {
    /// The file that spans point into.
    pub file: FileId,
    /// Where the chunk begins in the file.
    pub base: usize,
    /// End of the file: spans never go past it.
    pub limit: usize,
    /// Tokens of the file.
    pub tokens: &'a [Token],
    /// Members of blocks whose inside was blanked out and parsed by itself, by the offset of their `{` in the file.
    pub blocks: HashMap<usize, Vec<Member>>,
    /// What is wrong with pieces the grammar accepts: an unknown unit, a bad escape, a number too large.
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

pub(crate) type Node<'i> = Pair<'i, Rule>;

impl Builder<'_> {
    /// The span of a pair, in the file.
    ///
    /// A pair whose rule may end in something more has pest's implicit space before that in it, comments too: the span ends with
    /// the last token that means something.
    pub fn span(&self, node: &Node<'_>) -> Span {
        let s = node.as_span();
        let span = self.at(s.start(), s.end());
        let behind = self.tokens.partition_point(|t| t.span.end <= span.end);
        let inside = self.tokens.get(..behind).unwrap_or(&[]);
        let last =
            inside.iter().rev().take_while(|t| t.span.start >= span.start).find(|t| !t.kind.is_trivia());
        last.map_or(span, |t| Span { end: t.span.end, ..span })
    }

    /// A span of the chunk, in the file.
    pub fn at(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, (self.base + start).min(self.limit), (self.base + end).min(self.limit))
    }

    /// A name.
    pub fn ident(&self, node: &Node<'_>) -> Ident {
        Ident { text: node.as_str().to_owned(), span: self.span(node) }
    }

    /// The first child that is an `ident` or a `name`.
    pub fn first_ident(&self, node: &Node<'_>) -> Ident {
        self.idents(node).next().unwrap_or_else(|| Ident { text: String::new(), span: self.span(node) })
    }

    /// All children that are an `ident` or a `name`.
    pub fn idents<'s, 'i: 's>(&'s self, node: &Node<'i>) -> impl Iterator<Item = Ident> + use<'s, 'i> {
        node.clone()
            .into_inner()
            .filter(|n| matches!(n.as_rule(), Rule::ident | Rule::name))
            .map(|n| self.ident(&n))
    }

    /// Docs and attributes in front of an item or a member, and the first child behind them.
    pub fn lead<'i>(&mut self, node: Node<'i>) -> (Vec<String>, Vec<Attribute>, Option<Node<'i>>) {
        let (mut docs, mut attributes) = (Vec::new(), Vec::new());
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::doc => docs.push(doc_text(child.as_str(), "///")),
                Rule::attribute => attributes.push(self.attribute(child)),
                _ => return (docs, attributes, Some(child)),
            }
        }
        (docs, attributes, None)
    }

    fn attribute(&mut self, node: Node<'_>) -> Attribute {
        let (name, span) = (self.first_ident(&node), self.span(&node));
        let (mut codes, mut reason) = (Vec::new(), None);
        for child in node.into_inner() {
            match child.as_rule() {
                Rule::code => codes.push(self.ident(&child)),
                Rule::reason => {
                    reason =
                        child.into_inner().find(|n| n.as_rule() == Rule::text).map(|n| self.plain_text(&n))
                }
                _ => {}
            }
        }
        Attribute { name, codes, reason, span }
    }
}

/// Text of a doc line behind its mark and one space.
pub(crate) fn doc_text(line: &str, mark: &str) -> String {
    let text = line.strip_prefix(mark).unwrap_or(line);
    text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned()
}
