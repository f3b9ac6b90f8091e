//! The one way to lay out a `.smol` text.
//!
//! Formatting moves white space, and drops or adds commas that separate nothing; every other token keeps its place, so
//! that meaning and comments cannot get lost. Line breaks are the author's where a choice says something (which fields
//! share a line, whether a block is written on one line), and the formatter's everywhere else:
//!
//! - a block, list or argument list with a line break directly inside is laid out over lines, two columns deeper;
//! - an expression breaks in front of an operator, or behind `=`, `:` and `=>`, never anywhere else;
//! - a line wider than [`WIDTH`] is broken at its pipes, else at its outermost brackets, else at its sums;
//! - items that take several lines, or have docs, are set apart by a blank line; no two blank lines follow each other;
//! - in consecutive lines, the `=` of items of one kind, the `for` of stages, the `then` of a chain of conditions and the
//!   comments at the ends stand under each other.
//!
//! What does not live here: judging. A text with a syntax error is not touched.

mod anchors;
mod blank;
mod comments;
mod gaps;
mod groups;
mod pieces;
mod spacing;
mod wide;

use smolc_diag::{Diagnostic, FileId, Severity};

use gaps::Gap;
use groups::Groups;
use pieces::Pieces;

/// Columns that a line should not exceed.
pub const WIDTH: usize = 120;

/// The canonical layout of a text, or what is wrong with it.
///
/// # Errors
/// The diagnostics of a text that does not parse: nothing may be moved in it.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = crate::parse(FileId::default(), text);
    if parsed.diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return Err(parsed.diagnostics);
    }
    let pieces = Pieces::new(text, &parsed);
    let mut groups = Groups::new(&pieces);
    let mut forced = wide::Forced::default();
    loop {
        groups.decide(&pieces, &forced);
        let gaps = gaps::gaps(&pieces, &groups, &forced);
        let lines = lines(&pieces, &groups, &gaps);
        // Each round breaks at a place that was not broken before, so that the rounds end.
        if !wide::widen(&pieces, &groups, &gaps, &lines, &mut forced) {
            let mut lines = lines;
            anchors::align(&pieces, &groups, &mut lines);
            return Ok(comments::align(lines));
        }
    }
}

/// A line of output.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub indent: usize,
    pub code: String,
    /// The comment behind the code.
    pub comment: String,
    /// Whether a blank line stands before it.
    pub blank: bool,
    /// Its pieces, `first..end`.
    pub first: usize,
    pub end: usize,
    /// Pieces that may be put under each other, with the byte of the code they begin at.
    pub anchors: Vec<(usize, usize)>,
}

/// The state of the bracket group that the writer is in.
#[derive(Clone, Copy)]
struct Frame {
    /// Column of what begins a member or element.
    content: usize,
    /// Column of the line that opened it.
    opened: usize,
    /// How often the current member went on behind `=`, `:` or `=>`.
    level: usize,
}

fn lines(pieces: &Pieces<'_>, groups: &Groups, gaps: &[Gap]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut frames = vec![Frame { content: 0, opened: 0, level: 0 }];
    let mut line = Line::default();
    // The piece behind which a level was opened last, so that a comment in between opens no second one.
    let mut opened_behind = None;
    for (i, piece) in pieces.list.iter().enumerate() {
        let gap = gaps.get(i).copied().unwrap_or(Gap::None);
        if gap == Gap::Drop {
            line.end = i + 1;
            continue;
        }
        let frame = frames.last().copied().unwrap_or(Frame { content: 0, opened: 0, level: 0 });
        let starts = pieces.is_start(i) || frames.len() == 1 && pieces.is_lead(i);
        if starts && let Some(top) = frames.last_mut() {
            top.level = 0;
        }
        if let Gap::Break { blank } = gap {
            let before = pieces.code_before(i);
            let next = pieces.code_from(i);
            let begins = starts
                || next.is_none_or(|n| pieces.is_start(n))
                || before.is_none_or(|b| groups.is_separator(b) || groups.opens_multi(b));
            let column = if groups.closes_multi(i) {
                frame.opened
            } else if begins || next.is_some_and(|n| groups.closes_multi(n)) {
                frame.content
            } else {
                if before.is_some_and(|b| pieces.opens_level(b)) && opened_behind != before {
                    opened_behind = before;
                    if let Some(top) = frames.last_mut() {
                        top.level += 1;
                    }
                }
                let level = frames.last().map_or(1, |f| f.level.max(1));
                frame.content + 2 * level
            };
            if i > 0 {
                lines.push(std::mem::replace(&mut line, Line { first: i, ..Line::default() }));
            }
            line.indent = column;
            line.blank = blank;
        } else if gap == Gap::Space {
            line.code.push(' ');
        }
        line.end = i + 1;
        if matches!(piece.text, "=" | "for" | "then") {
            line.anchors.push((i, line.code.len()));
        }
        if piece.is_comment() && !line.code.is_empty() {
            line.comment = piece.text.to_owned();
            line.code.truncate(line.code.trim_end().len());
        } else {
            line.code.push_str(piece.text);
        }
        if groups.adds_comma(i) {
            line.code.push(',');
        }
        if groups.is_separator(i)
            && let Some(top) = frames.last_mut()
        {
            top.level = 0;
        }
        if groups.opens(i) {
            let top = frames.last().copied().unwrap_or(frame);
            frames.push(if groups.opens_multi(i) {
                Frame { content: line.indent + 2, opened: line.indent, level: 0 }
            } else {
                top
            });
        } else if groups.closes(i) && frames.len() > 1 {
            frames.pop();
        }
    }
    if !pieces.list.is_empty() {
        lines.push(line);
    }
    lines
}
