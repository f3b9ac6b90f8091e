//! Where items begin.
//!
//! Column 0 is the place where the parser finds its feet again: an item begins at a keyword in column 0, whatever the
//! text before it left open, so that a lost brace cannot eat the next item.

use smolc_diag::suggest;

use crate::keywords;
use crate::lexed::Lexed;
use crate::token::TokenKind;

/// Tokens of one item, `start..end`, with the docs and attributes in front of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemChunk {
    pub start: usize,
    pub end: usize,
    /// The first token behind docs and attributes.
    pub head: usize,
    pub opening: Opening,
}

/// What an item begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// A keyword in column 0.
    Keyword,
    /// A keyword behind white space.
    Indented,
    /// A word that is nearly a keyword.
    Misspelled(&'static str),
    /// `name = value` without a keyword.
    Binding,
    /// `name: value` outside of every block.
    Field,
    /// A word and a name, but no known keyword.
    Unknown,
    /// Anything else.
    Stray,
}

/// Cuts tokens `start..` into items. Tokens before the first item that mean something become an item of their own.
pub(crate) fn items(lexed: &Lexed<'_>, start: usize) -> Vec<ItemChunk> {
    let end = lexed.tokens.len();
    let mut openings: Vec<(usize, usize, Opening)> = Vec::new();
    // Docs and attributes seen since the last line of code.
    let mut lead: Option<usize> = None;
    let mut depth = 0i32;
    let mut scanned = start;
    for head in lexed.heads.iter().flatten().filter(|h| h.token >= start) {
        let i = head.token;
        // Brackets of the lines before.
        while scanned < i {
            depth = match lexed.str(scanned) {
                "{" | "(" | "[" if lexed.kind(scanned) == TokenKind::Mark => depth + 1,
                "}" | ")" | "]" if lexed.kind(scanned) == TokenKind::Mark => (depth - 1).max(0),
                _ => depth,
            };
            scanned += 1;
        }
        match lexed.kind(i) {
            TokenKind::Comment => continue,
            TokenKind::Doc => {
                lead = lead.or(Some(i));
                continue;
            }
            TokenKind::Mark if lexed.str(i) == "#" => {
                lead = lead.or(Some(i));
                continue;
            }
            _ => {}
        }
        let first = openings.is_empty();
        // One mistake, however many `//!` lines there are.
        let again = openings
            .last()
            .is_some_and(|&(_, h, o)| o == Opening::Stray && lexed.kind(h) == TokenKind::InnerDoc);
        if lexed.kind(i) == TokenKind::InnerDoc && again {
            continue;
        }
        if let Some(opening) = opening(lexed, i, head.column, depth, first) {
            openings.push((lead.unwrap_or(i), i, opening));
            depth = 0;
        }
        lead = None;
    }
    if let Some(i) = lead {
        // Docs with nothing behind them: theirs is the last item if it is still open, else they stand alone.
        if depth == 0 && lexed.indent(i) == 0 || openings.is_empty() {
            openings.push((i, end, Opening::Stray));
        }
    }
    let ends = openings.iter().skip(1).map(|o| o.0).chain([end]);
    openings
        .iter()
        .zip(ends)
        .map(|(&(start, head, opening), end)| ItemChunk { start, end, head, opening })
        .collect()
}

/// What begins at the first token of a line; `None` if the line goes on with the item before.
fn opening(lexed: &Lexed<'_>, i: usize, column: u32, depth: i32, first: bool) -> Option<Opening> {
    let end = lexed.tokens.len();
    let word = lexed.str(i);
    let behind = lexed.next(i + 1, end).filter(|&n| lexed.line(n) == lexed.line(i));
    let is = |mark: &str| behind.is_some_and(|n| lexed.is_mark(n, mark));
    let name_behind = behind.is_some_and(|n| lexed.kind(n) == TokenKind::Word);
    let is_word = lexed.kind(i) == TokenKind::Word;
    if is_word && keywords::is_item(word) && !is(":") && column == 0 {
        return Some(Opening::Keyword);
    }
    if column > 0 {
        // An item behind white space, if the item before has ended and this cannot be part of an expression.
        let third = behind.and_then(|n| lexed.next(n + 1, end)).filter(|&n| lexed.line(n) == lexed.line(i));
        let defines =
            third.is_some_and(|n| matches!(lexed.str(n), "=" | "{" | ":" | "(" | "." | "from" | "over"));
        let previous = lexed.previous(i, 0).is_some_and(|p| lexed.awaits(p));
        if is_word && keywords::is_item(word) && name_behind && defines && depth == 0 && !previous {
            return Some(Opening::Indented);
        }
        return first.then_some(Opening::Stray);
    }
    if lexed.kind(i) == TokenKind::Mark && !first {
        return None;
    }
    if !is_word {
        return (first || depth == 0).then_some(Opening::Stray);
    }
    if name_behind
        && !lexed.continues(i)
        && let Some(near) = suggest::nearest(word, keywords::ITEMS)
    {
        return Some(Opening::Misspelled(near));
    }
    // What an attribute leaves open before the first item belongs to no item before it.
    if depth > 0 && !first {
        return None;
    }
    let previous = !first && lexed.previous(i, 0).is_some_and(|p| lexed.awaits(p));
    match () {
        () if (previous || lexed.continues(i)) && !first => None,
        () if is("=") => Some(Opening::Binding),
        () if is(":") => Some(Opening::Field),
        () if name_behind => Some(Opening::Unknown),
        () => Some(Opening::Stray),
    }
}
