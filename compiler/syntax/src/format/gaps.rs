//! What stands before each piece: nothing, a space, or a line break.

use super::blank;
use super::groups::{Groups, Kind};
use super::pieces::Pieces;
use super::spacing::spaced;
use super::wide::Forced;
use crate::token::TokenKind;

/// What stands before a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    None,
    Space,
    /// A line break, with a blank line if `blank`.
    Break {
        blank: bool,
    },
    /// The piece itself goes: a comma that separates nothing.
    Drop,
}

/// The gap before every piece.
pub(super) fn gaps(pieces: &Pieces<'_>, groups: &Groups, forced: &Forced) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::with_capacity(pieces.list.len());
    for i in 0..pieces.list.len() {
        let gap = if drops(pieces, groups, forced, i) {
            Gap::Drop
        } else if i == 0 || breaks(pieces, groups, forced, i) {
            Gap::Break { blank: false }
        } else if pieces.get(i).is_some_and(|p| p.is_comment()) || spaced(pieces, groups, i) {
            Gap::Space
        } else {
            Gap::None
        };
        gaps.push(gap);
    }
    blank::lines(pieces, groups, &mut gaps);
    gaps
}

/// Whether a comma goes: at the end of a line in a block, and before a closing bracket.
fn drops(pieces: &Pieces<'_>, groups: &Groups, forced: &Forced, i: usize) -> bool {
    if !groups.is_separator(i) {
        return false;
    }
    let Some(group) = groups.around(i) else { return false };
    let next = pieces.code_from(i + 1);
    let last = next == Some(group.close);
    match group.kind {
        Kind::Block => {
            last || group.multi && (broken_at(pieces, groups, i + 1) || forced.groups.contains(&group.open))
        }
        Kind::Elements => {
            last && !group.multi || group.multi && pieces.get(i - 1).is_some_and(|p| p.is_comment())
        }
        Kind::Paren | Kind::Attribute => false,
    }
}

/// Whether the author broke the line between the code before a comma and the code behind it. `i` is behind the comma.
fn broken_at(pieces: &Pieces<'_>, groups: &Groups, i: usize) -> bool {
    pieces.broken_before(i)
        || pieces.code_before(i).is_some_and(|c| groups.is_separator(c) && pieces.broken_before(c))
}

fn breaks(pieces: &Pieces<'_>, groups: &Groups, forced: &Forced, i: usize) -> bool {
    let (Some(piece), Some(previous)) = (pieces.get(i), i.checked_sub(1).and_then(|p| pieces.get(p))) else {
        return false;
    };
    if previous.is_comment() {
        return true;
    }
    // Docs belong to what follows: behind a comma on the same line they would read as the docs of nothing.
    if piece.is_comment() {
        return piece.breaks > 0 || matches!(piece.kind, TokenKind::Doc | TokenKind::InnerDoc);
    }
    let before = i - 1;
    if pieces.ends_version(before) || groups.closes(before) && is_attribute(pieces, groups, before) {
        return true;
    }
    let Some(group) = groups.own(i).filter(|g| g.close == i).or_else(|| groups.around(i)) else {
        return pieces.is_start(i) || expression_breaks(pieces, forced, i);
    };
    if group.multi && (group.open == before || group.close == i) {
        return true;
    }
    match group.kind {
        Kind::Block if pieces.is_start(i) => {
            group.multi && (broken_at(pieces, groups, i) || forced.groups.contains(&group.open))
        }
        Kind::Elements if groups.is_separator(before) => {
            group.multi && (broken_at(pieces, groups, i) || forced.groups.contains(&group.open))
        }
        Kind::Attribute => false,
        Kind::Block | Kind::Elements | Kind::Paren => expression_breaks(pieces, forced, i),
    }
}

/// Whether the closing bracket at `i` ends an attribute that stands in front of something.
fn is_attribute(pieces: &Pieces<'_>, groups: &Groups, i: usize) -> bool {
    groups
        .own(i)
        .filter(|g| g.kind == Kind::Attribute)
        .and_then(|g| g.open.checked_sub(1))
        .is_some_and(|hash| pieces.get(hash).is_some_and(|p| p.is_mark("#")))
}

/// Within an expression a line breaks in front of an operator, or behind `=`, `:` and `=>`.
fn expression_breaks(pieces: &Pieces<'_>, forced: &Forced, i: usize) -> bool {
    if forced.operators.contains(&i) {
        return true;
    }
    let before = i.saturating_sub(1);
    if pieces.is_infix(before) {
        return false;
    }
    if pieces.is_infix(i) {
        return pieces.broken_before(i) || pieces.broken_before(i + 1);
    }
    pieces.opens_level(before) && pieces.broken_before(i)
}
