//! The text of a chunk as it goes to the grammar: blocks that were parsed by themselves blanked out, closers that close
//! nothing blanked out, missing braces put in. Every byte keeps its place.

use crate::brackets::Brackets;
use crate::lexed::Lexed;

/// The chunk's text, `None` if a missing brace has no place.
pub(crate) fn patched(
    lexed: &Lexed<'_>,
    start: usize,
    end: usize,
    blocks: &[(usize, usize)],
    brackets: &Brackets,
) -> Option<String> {
    let base = lexed.span(start).start as usize;
    let limit = byte_at(lexed, end).min(lexed.text.len());
    let mut bytes = lexed.text.get(base..limit)?.as_bytes().to_vec();
    for &i in &brackets.stray {
        if (start..end).contains(&i) {
            let at = lexed.span(i).start as usize - base;
            *bytes.get_mut(at)? = b' ';
        }
    }
    for &(open, close) in blocks {
        let from = lexed.span(open).end as usize - base;
        let to = byte_at(lexed, close.min(end)).min(limit) - base;
        for b in bytes.get_mut(from..to)? {
            *b = b' ';
        }
        if brackets.unclosed.contains(&open) {
            if from < to {
                *bytes.get_mut(to - 1)? = b'}';
            } else if to == bytes.len() {
                bytes.push(b'}');
            } else {
                return None;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn byte_at(lexed: &Lexed<'_>, i: usize) -> usize {
    match i.checked_sub(1) {
        Some(p) => lexed.span(p).end as usize,
        None => 0,
    }
}
