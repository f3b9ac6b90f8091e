//! What to say about a text that does not parse: one diagnostic for a mistake, in the words of the language.

mod expected;
mod items;
mod limits;
mod odd;
mod refused;

use smolc_diag::{Applicability, Diagnostic, Span};

use crate::brackets::Brackets;
use crate::lexed::Lexed;
use crate::token::TokenKind;

pub(crate) use items::{column_zero, indented_item, may_begin_a_line, missing_block, opening};
pub(crate) use limits::too_deep;
pub(crate) use odd::{is_odd, odd_tokens};
pub(crate) use refused::{Place, refused};

/// Reports brackets that nothing closes and closers that nothing opened; several on one line are one mistake.
pub(crate) fn brackets(lexed: &Lexed<'_>, start: usize, found: &Brackets, diagnostics: &mut Vec<Diagnostic>) {
    // Brackets that end at one place were cut off together.
    let end_of = |i: usize| found.close.get(&i).and_then(|&c| lexed.previous(c, start)).unwrap_or(i);
    let mut unclosed = found.unclosed.iter().copied().peekable();
    while let Some(first) = unclosed.next() {
        let mut group = vec![first];
        while let Some(&next) = unclosed.peek() {
            if lexed.line(next) != lexed.line(first) && end_of(next) != end_of(first) {
                break;
            }
            group.push(next);
            unclosed.next();
        }
        diagnostics.push(unclosed_group(lexed, start, found, &group));
    }
    let mut last: Option<u32> = None;
    for &i in &found.stray {
        let mark = lexed.str(i);
        if last == Some(lexed.line(i)) {
            continue;
        }
        last = Some(lexed.line(i));
        let span = lexed.span(i);
        diagnostics.push(
            Diagnostic::error("smol::syntax::stray", span, format!("`{mark}` closes nothing"))
                .label(format!("no `{}` is open here", opener_of(mark)))
                .help(format!(
                    "remove this `{mark}`, or put the missing `{}` where it belongs",
                    opener_of(mark)
                ))
                .fix(span, "", Applicability::Unsafe),
        );
    }
}

fn unclosed_group(lexed: &Lexed<'_>, start: usize, found: &Brackets, group: &[usize]) -> Diagnostic {
    let closers: String = group.iter().rev().map(|&i| closer_of(lexed.str(i))).collect();
    let first = group.first().copied().unwrap_or(start);
    let end = group.iter().filter_map(|i| found.close.get(i)).max().copied().unwrap_or(first + 1);
    let last = lexed.previous(end, first).unwrap_or(first);
    let place = lexed.span(last);
    let insert = Span { start: place.end, ..place };
    let opener = lexed.span(first);
    let mark = lexed.str(first);
    let d = Diagnostic::error("smol::syntax::unclosed", opener, format!("`{mark}` is never closed"))
        .label("opened here");
    let d = if last == first { d } else { d.also(place, format!("`{closers}` expected behind this")) };
    let others = group.iter().skip(1).filter(|&&i| lexed.line(i) != lexed.line(first) && i != last);
    let d = others.fold(d, |d, &i| d.also(lexed.span(i), format!("nor is this `{}`", lexed.str(i))));
    // A brace that opens a block over several lines is closed on a line of its own.
    let alone = group.len() == 1 && mark == "{" && lexed.line(last) != lexed.line(first);
    let (text, help) = if alone {
        let indent = " ".repeat(lexed.indent(first) as usize);
        (
            format!("\n{indent}{closers}"),
            format!("write `{closers}` on a line of its own, indented like the line that opens it"),
        )
    } else {
        (closers.clone(), format!("write `{closers}` at the end"))
    };
    d.help(help).fix(insert, text, Applicability::Unsafe)
}

fn closer_of(opener: &str) -> char {
    match opener {
        "{" => '}',
        "(" => ')',
        _ => ']',
    }
}

fn opener_of(closer: &str) -> char {
    match closer {
        "}" => '{',
        ")" => '(',
        _ => '[',
    }
}

/// A comma with nothing before it.
pub(crate) fn extra_comma(lexed: &Lexed<'_>, i: usize) -> Diagnostic {
    let span = lexed.span(i);
    Diagnostic::error("smol::syntax::comma", span, "nothing stands before this comma")
        .label("no field before it")
        .help("remove the comma")
        .fix(span, "", Applicability::Safe)
}

/// The last resort: a chunk the grammar refused while none of its pieces is wrong.
pub(crate) fn unreadable(span: Span) -> Diagnostic {
    Diagnostic::error("smol::syntax::unexpected", span, "this item cannot be read")
        .label("not an item of the language")
        .help("items begin in column 0, members of a block end at a newline or a comma")
}

/// A token in words, for messages.
pub(super) fn describe(lexed: &Lexed<'_>, i: Option<usize>) -> String {
    match i {
        None => "the end of the line".to_owned(),
        Some(i) => match lexed.kind(i) {
            TokenKind::Doc | TokenKind::InnerDoc => "a doc comment".to_owned(),
            TokenKind::Text => "a text literal".to_owned(),
            _ => format!("`{}`", lexed.str(i)),
        },
    }
}
