//! Blank lines: the author's, at most one at a time, and one around items that take several lines or have docs.

use super::gaps::Gap;
use super::groups::Groups;
use super::pieces::Pieces;
use crate::token::TokenKind;

/// Decides which breaks are blank lines.
pub(super) fn lines(pieces: &Pieces<'_>, groups: &Groups, gaps: &mut [Gap]) {
    let tall = tall_items(pieces, gaps);
    for i in 1..pieces.list.len() {
        if !matches!(gaps.get(i), Some(Gap::Break { .. })) {
            continue;
        }
        let blank = wanted(pieces, groups, i) || apart(pieces, groups, &tall, i);
        if let Some(gap) = gaps.get_mut(i) {
            *gap = Gap::Break { blank };
        }
    }
}

/// Whether the author's blank line before piece `i` stays: between items and members, not inside an expression.
fn wanted(pieces: &Pieces<'_>, groups: &Groups, i: usize) -> bool {
    let Some(piece) = pieces.get(i) else { return false };
    if piece.breaks < 2 || groups.closes(i) {
        return false;
    }
    let Some(before) = pieces.code_before(i) else { return true };
    // A comment may stand between a bracket and this piece.
    if groups.opens(before) && before + 1 == i {
        return false;
    }
    let Some(next) = pieces.code_from(i) else { return true };
    pieces.is_start(next)
        || groups.is_separator(before)
        || groups.opens(before)
        || groups.closes(next) && piece.is_comment()
}

/// Whether a top-level break sets an item apart that takes several lines, or has docs or attributes.
fn apart(pieces: &Pieces<'_>, groups: &Groups, tall: &[bool], i: usize) -> bool {
    if groups.around(i).is_some() {
        return false;
    }
    let Some(before) = pieces.code_before(i) else { return false };
    // Only the first line of what leads the next item.
    if (before + 1..i).any(|k| pieces.get(k).is_some_and(|p| p.breaks > 0)) {
        return false;
    }
    if pieces.ends_version(before) || ends_attribute(pieces, groups, before) {
        return false;
    }
    let Some(next) = pieces.code_from(i) else { return false };
    if !pieces.is_start(next) {
        return false;
    }
    let led = (i..=next).any(|k| pieces.get(k).is_some_and(|p| p.kind == TokenKind::Doc || p.is_mark("#")));
    let head = (next..pieces.list.len()).find(|&k| pieces.is_item(k)).unwrap_or(next);
    let of = |k: usize| tall.get(k).copied().unwrap_or(false);
    led || of(before) || of(head)
}

fn ends_attribute(pieces: &Pieces<'_>, groups: &Groups, i: usize) -> bool {
    groups
        .own(i)
        .filter(|g| g.close == i)
        .is_some_and(|g| g.open.checked_sub(1).and_then(|h| pieces.get(h)).is_some_and(|p| p.is_mark("#")))
}

/// For each piece, whether it belongs to an item of more than one line.
fn tall_items(pieces: &Pieces<'_>, gaps: &[Gap]) -> Vec<bool> {
    let n = pieces.list.len();
    let mut tall = vec![false; n];
    let mut i = 0;
    while i < n {
        if !pieces.is_item(i) {
            i += 1;
            continue;
        }
        let next = (i + 1..n).find(|&k| {
            pieces.is_item(k)
                || pieces.is_lead(k) && matches!(gaps.get(k), Some(Gap::Break { .. })) && top(pieces, k)
        });
        let mut end = next.unwrap_or(n);
        while end > i + 1 && pieces.get(end - 1).is_some_and(|p| p.is_comment()) {
            end -= 1;
        }
        let several = (i + 1..end).any(|k| matches!(gaps.get(k), Some(Gap::Break { .. })));
        for slot in tall.get_mut(i..end).unwrap_or_default() {
            *slot = several;
        }
        i = next.unwrap_or(n);
    }
    tall
}

/// Whether docs or an attribute lead an item rather than a member.
fn top(pieces: &Pieces<'_>, i: usize) -> bool {
    let mut k = i;
    while k < pieces.list.len() {
        if pieces.is_item(k) {
            return true;
        }
        if pieces.is_start(k) && !pieces.is_lead(k) {
            return false;
        }
        k += 1;
    }
    false
}
