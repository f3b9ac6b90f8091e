//! Which bracket closes which, in a text where some may be missing.
//!
//! Plain matching is right whenever the brackets of an item balance. When they do not, indentation says which one is
//! missing: a line that begins no further in than the line of an open bracket stands behind that bracket's end.

use std::collections::HashMap;

use crate::lexed::Lexed;
use crate::token::TokenKind;

/// Brackets of a range of tokens.
#[derive(Debug, Default)]
pub(crate) struct Brackets {
    /// From an opening token to the token behind its inside: its closer, or where it should have been.
    pub close: HashMap<usize, usize>,
    /// Openers without a closer.
    pub unclosed: Vec<usize>,
    /// Closers without an opener.
    pub stray: Vec<usize>,
}

/// Matches the brackets of tokens `start..end`.
pub(crate) fn brackets(lexed: &Lexed<'_>, start: usize, end: usize) -> Brackets {
    let plain = matching(lexed, start, end, false);
    if plain.mistakes() == 0 {
        return plain;
    }
    let repaired = matching(lexed, start, end, true);
    if repaired.mistakes() <= plain.mistakes() { repaired } else { plain }
}

impl Brackets {
    fn mistakes(&self) -> usize {
        self.unclosed.len() + self.stray.len()
    }

    /// Whether a token stands unclosed or stray.
    pub fn is_bad(&self, i: usize) -> bool {
        self.unclosed.contains(&i) || self.stray.contains(&i)
    }
}

fn matching(lexed: &Lexed<'_>, start: usize, end: usize, by_indent: bool) -> Brackets {
    let mut found = Brackets::default();
    let mut open: Vec<usize> = Vec::new();
    for i in start..end {
        if by_indent && lexed.is_head(i) && lexed.kind(i) != TokenKind::Comment {
            close_by_indent(lexed, i, start, &mut open, &mut found);
        }
        if lexed.kind(i) != TokenKind::Mark {
            continue;
        }
        let opener = match lexed.str(i) {
            "{" | "(" | "[" => {
                open.push(i);
                continue;
            }
            "}" => "{",
            ")" => "(",
            "]" => "[",
            _ => continue,
        };
        let fits = open.iter().rposition(|&o| lexed.str(o) == opener);
        // A closer further in than the line of its opener, on another line, belongs to an opener that was lost.
        let beyond = by_indent
            && fits
                .and_then(|at| open.get(at))
                .is_some_and(|&o| lexed.line(o) != lexed.line(i) && lexed.indent(i) > lexed.indent(o));
        match fits {
            // A `)` or `]` never closes over a `{` of another line.
            Some(at)
                if !beyond && (opener == "{" || !open.iter().skip(at).any(|&o| over_block(lexed, o, i))) =>
            {
                for &o in open.iter().skip(at + 1) {
                    found.unclosed.push(o);
                    found.close.insert(o, i);
                }
                if let Some(&o) = open.get(at) {
                    found.close.insert(o, i);
                }
                open.truncate(at);
            }
            _ => found.stray.push(i),
        }
    }
    for o in open {
        found.unclosed.push(o);
        found.close.insert(o, end);
    }
    found.unclosed.sort_unstable();
    found
}

fn over_block(lexed: &Lexed<'_>, open: usize, closer: usize) -> bool {
    lexed.str(open) == "{" && lexed.line(open) != lexed.line(closer)
}

/// Ends the open brackets that a line beginning at token `i` stands behind.
fn close_by_indent(lexed: &Lexed<'_>, i: usize, start: usize, open: &mut Vec<usize>, found: &mut Brackets) {
    let column = lexed.indent(i);
    let closer = matches!(lexed.str(i), "}" | ")" | "]") && lexed.kind(i) == TokenKind::Mark;
    while let Some(&o) = open.last() {
        let indent = lexed.indent(o);
        if indent < column {
            break;
        }
        if closer && indent == column {
            let pair = matches!((lexed.str(o), lexed.str(i)), ("{", "}") | ("(", ")") | ("[", "]"));
            // The closer of a bracket of its own line's depth; of several on one line, the outermost it fits.
            let fits_below = open.iter().rev().skip(1).any(|&b| {
                lexed.indent(b) == column
                    && lexed.line(b) != lexed.line(o)
                    && matches!((lexed.str(b), lexed.str(i)), ("{", "}") | ("(", ")") | ("[", "]"))
            });
            if pair && !fits_below {
                break;
            }
        }
        open.pop();
        found.unclosed.push(o);
        found.close.insert(o, lexed.previous(i, start).map_or(i, |p| p + 1));
    }
}
