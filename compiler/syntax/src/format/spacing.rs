//! Whether a space stands between two pieces of a line.

use super::groups::{Groups, Kind};
use super::pieces::Pieces;
use crate::token::TokenKind;

/// Whether a space stands before piece `i`, which does not begin a line.
pub(super) fn spaced(pieces: &Pieces<'_>, groups: &Groups, i: usize) -> bool {
    let before = i.saturating_sub(1);
    let (Some(left), Some(right)) = (pieces.get(before), pieces.get(i)) else { return false };
    if right.kind == TokenKind::Mark {
        match right.text {
            "," | ":" | "::" | ".." => return false,
            ")" | "]" => return false,
            "}" => return groups.own(i).is_some_and(|g| g.kind == Kind::Block && g.open != before),
            "." => return pieces.is_column(i) && after_operand_start(pieces, groups, before),
            "(" => return pieces.is_paren(i) && after_operand_start(pieces, groups, before),
            "{" if left.is_mark(".") => return false,
            "[" if left.is_mark("#") => return false,
            _ => {}
        }
    }
    after_operand_start(pieces, groups, before)
}

/// Whether what stands behind piece `left` keeps a distance from it.
fn after_operand_start(pieces: &Pieces<'_>, groups: &Groups, left: usize) -> bool {
    let Some(piece) = pieces.get(left) else { return false };
    if piece.kind != TokenKind::Mark {
        return true;
    }
    match piece.text {
        "(" | "[" | "." | "::" | ".." | "#" => false,
        "{" => groups.own(left).is_some_and(|g| g.kind == Kind::Block),
        "-" => !pieces.is_prefix(left),
        _ => true,
    }
}
