//! Columns: what consecutive lines have in common stands under each other.

use super::groups::Groups;
use super::pieces::Pieces;
use super::{Line, WIDTH};

/// Most columns that a line is stretched by; where names differ by more, they stand as they are.
const STRETCH: usize = 24;

/// Puts the anchors of consecutive lines under each other.
pub(super) fn align(pieces: &Pieces<'_>, groups: &Groups, lines: &mut [Line]) {
    let anchors: Vec<Option<(&str, usize)>> = lines.iter().map(|l| anchor(pieces, groups, l)).collect();
    let mut start = 0;
    while start < lines.len() {
        let mut end = start + 1;
        while end < lines.len() && together(lines, &anchors, end) {
            end += 1;
        }
        stretch(lines.get_mut(start..end).unwrap_or_default(), anchors.get(start..end).unwrap_or_default());
        start = end;
    }
}

/// What a line is aligned by: what kind of line it is, and the byte its anchor begins at.
fn anchor<'a>(pieces: &Pieces<'a>, groups: &Groups, line: &Line) -> Option<(&'a str, usize)> {
    let first = pieces.get(line.first)?;
    let (kind, mark) = match first.text {
        _ if pieces.is_item(line.first) => (first.text, "="),
        "stage" if pieces.is_start(line.first) => ("stage", "for"),
        "if" | "else" => ("if", "then"),
        _ => return None,
    };
    let depth = groups.depth(line.first);
    let found = line
        .anchors
        .iter()
        .find(|(i, _)| groups.depth(*i) == depth && pieces.get(*i).is_some_and(|p| p.text == mark))?;
    // A function's `=` ends its head; it is not in a column with another one.
    (kind != "fn").then_some((kind, found.1))
}

/// Whether a line belongs to the same run as the one before it.
fn together(lines: &[Line], anchors: &[Option<(&str, usize)>], at: usize) -> bool {
    let (Some(line), Some(before)) = (lines.get(at), at.checked_sub(1).and_then(|b| lines.get(b))) else {
        return false;
    };
    let kind = |k: usize| anchors.get(k).copied().flatten().map(|a| a.0);
    !line.blank && line.indent == before.indent && kind(at).is_some() && kind(at) == kind(at - 1)
}

fn stretch(run: &mut [Line], anchors: &[Option<(&str, usize)>]) {
    let column = |line: &Line, byte: usize| line.code.get(..byte).map_or(0, |t| t.chars().count());
    let columns: Vec<usize> =
        run.iter().zip(anchors).filter_map(|(l, a)| a.map(|(_, byte)| column(l, byte))).collect();
    let (Some(most), Some(least)) = (columns.iter().max(), columns.iter().min()) else { return };
    let wide = |(line, own): (&Line, &usize)| line.indent + line.code.chars().count() + (most - own) > WIDTH;
    if run.len() < 2 || most - least > STRETCH || run.iter().zip(&columns).any(wide) {
        return;
    }
    for ((line, anchor), own) in run.iter_mut().zip(anchors).zip(&columns) {
        if let Some((_, byte)) = anchor {
            line.code.insert_str(*byte, &" ".repeat(most - own));
        }
    }
}
