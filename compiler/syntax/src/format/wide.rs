//! Lines that are too wide: where to break them.

use std::collections::HashSet;

use super::gaps::Gap;
use super::groups::{Groups, Kind};
use super::pieces::Pieces;
use super::{Line, WIDTH};

/// Breaks that the width of a line asks for.
#[derive(Debug, Default)]
pub(super) struct Forced {
    /// Opening brackets whose elements go on lines of their own.
    pub groups: HashSet<usize>,
    /// Operators that begin a line.
    pub operators: HashSet<usize>,
}

/// Adds a break for each line that is too wide; false if there is nothing more to break.
pub(super) fn widen(
    pieces: &Pieces<'_>,
    groups: &Groups,
    gaps: &[Gap],
    lines: &[Line],
    forced: &mut Forced,
) -> bool {
    let mut more = false;
    for line in lines {
        if line.indent + line.code.chars().count() > WIDTH {
            more |= widen_line(pieces, groups, gaps, line, forced);
        }
    }
    more
}

fn widen_line(pieces: &Pieces<'_>, groups: &Groups, gaps: &[Gap], line: &Line, forced: &mut Forced) -> bool {
    let inside = line.first + 1..line.end;
    let free = |i: &usize| !matches!(gaps.get(*i), Some(Gap::Break { .. } | Gap::Drop));
    let operators = |marks: &[&str]| -> Vec<usize> {
        let all: Vec<usize> = inside
            .clone()
            .filter(free)
            .filter(|&i| pieces.is_infix(i) && pieces.get(i).is_some_and(|p| marks.contains(&p.text)))
            .collect();
        let least = all.iter().map(|&i| groups.depth(i)).min();
        all.into_iter().filter(|&i| Some(groups.depth(i)) == least).collect()
    };
    // A function's body, then what follows `at t =>`, on a line of its own.
    let behind = |word: &str, mark: &str| {
        let begins = pieces.get(line.first).is_some_and(|p| p.text == word);
        let depth = groups.depth(line.first);
        let at = inside.clone().find(|&i| {
            begins && groups.depth(i) == depth && pieces.get(i).is_some_and(|p| p.is_mark(mark))
        })?;
        Some(at + 1).filter(|i| *i < line.end && free(i))
    };
    if let Some(body) = behind("fn", "=").or_else(|| behind("at", "=>")) {
        forced.operators.insert(body);
        return true;
    }
    let first = if pieces.get(line.first).is_some_and(|p| p.text == "if") { "else" } else { "|>" };
    let pipes = operators(&[first]);
    if !pipes.is_empty() {
        forced.operators.extend(pipes);
        return true;
    }
    // The last of the outermost brackets that both open and close on this line.
    let mut flat = inside.clone().filter_map(|i| {
        let g = groups.own(i)?;
        let whole = g.open == i && g.close < line.end && !g.multi && g.close > g.open + 1;
        (whole && matches!(g.kind, Kind::Block | Kind::Elements)).then_some(g)
    });
    let least = flat.clone().map(|g| groups.depth(g.open)).min();
    if let Some(group) = flat.rfind(|g| Some(groups.depth(g.open)) == least) {
        return forced.groups.insert(group.open);
    }
    for marks in [&["else"][..], &["or"], &["and"], &["+", "-"], &["*", "/"]] {
        let found = operators(marks);
        if !found.is_empty() {
            forced.operators.extend(found);
            return true;
        }
    }
    false
}
