//! Where the members of a block begin and end: at commas and line breaks outside brackets.

use crate::brackets::Brackets;
use crate::lexed::Lexed;
use crate::token::TokenKind;

/// A member's tokens, `start..end`, or a place between two commas with nothing in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Member(usize, usize),
    /// A comma that nothing stands before.
    Comma(usize),
}

/// Cuts the tokens between a block's braces into members.
pub(crate) fn members(lexed: &Lexed<'_>, start: usize, end: usize, brackets: &Brackets) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut begin: Option<usize> = None;
    // The last token of the piece under way that is no trivia, and whether it has more than docs and attributes.
    let mut last = start;
    let mut code = false;
    let mut i = start;
    while i < end {
        let kind = lexed.kind(i);
        if matches!(kind, TokenKind::Space | TokenKind::Comment) {
            i += 1;
            continue;
        }
        if kind == TokenKind::Newline {
            if begin.is_some() && code && ends_at_newline(lexed, last, i, end) {
                if let Some(b) = begin.take() {
                    pieces.push(Piece::Member(b, last + 1));
                }
                code = false;
            }
            i += 1;
            continue;
        }
        if lexed.is_mark(i, ",") && !is_keep(lexed, i, end) {
            match begin.take() {
                Some(b) => pieces.push(Piece::Member(b, last + 1)),
                None => pieces.push(Piece::Comma(i)),
            }
            code = false;
            i += 1;
            continue;
        }
        begin = begin.or(Some(i));
        let lead = !code && (kind == TokenKind::Doc || lexed.is_mark(i, "#"));
        if lead && lexed.is_mark(i, "#") {
            // An attribute takes its whole line.
            let line = lexed.line(i);
            while i + 1 < end && lexed.line(i + 1) == line && lexed.kind(i + 1) != TokenKind::Newline {
                i += 1;
            }
            last = i;
            i += 1;
            continue;
        }
        code |= !lead;
        match brackets.close.get(&i) {
            Some(&c) if c > i => {
                let closer = c < end && !brackets.unclosed.contains(&i);
                last = if closer { c } else { c.min(end).saturating_sub(1).max(i) };
                i = last + 1;
            }
            _ => {
                last = i;
                i += 1;
            }
        }
    }
    if let Some(b) = begin {
        pieces.push(Piece::Member(b, last + 1));
    }
    pieces
}

/// Whether a member whose last token is `last` ends at the line break `newline`.
fn ends_at_newline(lexed: &Lexed<'_>, last: usize, newline: usize, end: usize) -> bool {
    let Some(next) = lexed.next(newline, end) else { return true };
    if lexed.continues(next) || lexed.is_mark(next, ",") {
        return false;
    }
    !lexed.awaits(last) || lexed.begins_member(next, end)
}

/// Whether a comma belongs to a cadence: `every 100 steps, keep 2`.
fn is_keep(lexed: &Lexed<'_>, comma: usize, end: usize) -> bool {
    lexed.next(comma + 1, end).is_some_and(|k| {
        lexed.is_word(k, "keep") && !lexed.next(k + 1, end).is_some_and(|c| lexed.is_mark(c, ":"))
    })
}
