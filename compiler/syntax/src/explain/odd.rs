//! Tokens that have no meaning anywhere.

use smolc_diag::{Applicability, Diagnostic};

use crate::lexed::Lexed;
use crate::token::TokenKind;

/// Whether a kind of token is an error by itself.
pub(crate) fn is_odd(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::BadText | TokenKind::OddWord | TokenKind::Unknown)
}

/// Reports such tokens among `start..end`, neighbors once; whether there are any.
pub(crate) fn odd_tokens(
    lexed: &Lexed<'_>,
    start: usize,
    end: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let before = diagnostics.len();
    // A quote too many or too few turns text into code and code into text: on such a line nothing else is worth saying.
    let torn: Vec<u32> =
        (start..end).filter(|&i| lexed.kind(i) == TokenKind::BadText).map(|i| lexed.line(i)).collect();
    let mut i = start;
    while i < end {
        let kind = lexed.kind(i);
        let first = i;
        i += 1;
        if !is_odd(kind) || (kind != TokenKind::BadText && torn.binary_search(&lexed.line(first)).is_ok()) {
            continue;
        }
        if kind != TokenKind::Unknown {
            diagnostics.push(if kind == TokenKind::BadText {
                bad_text(lexed, first)
            } else {
                odd_word(lexed, first)
            });
            continue;
        }
        while i < end && lexed.kind(i) == TokenKind::Unknown {
            i += 1;
        }
        diagnostics.push(unknown(lexed, first, i));
    }
    diagnostics.len() > before
}

fn bad_text(lexed: &Lexed<'_>, i: usize) -> Diagnostic {
    let span = lexed.span(i);
    Diagnostic::error("smol::syntax::text", span, "this text literal is not closed")
        .label("no `\"` before the end of the line")
        .help("close it with `\"`; a quote inside is written `\\\"`, a line break `\\n`")
}

fn odd_word(lexed: &Lexed<'_>, i: usize) -> Diagnostic {
    let word = lexed.str(i);
    Diagnostic::error(
        "smol::syntax::character",
        lexed.span(i),
        format!("`{word}` has letters that names cannot have"),
    )
    .label("not only ASCII letters, digits and `_`")
    .help("names are made of the letters a to z, digits and `_`; any text may stand in quotes")
}

fn unknown(lexed: &Lexed<'_>, first: usize, end: usize) -> Diagnostic {
    let span = lexed.span(first).to(lexed.span(end - 1));
    let text = lexed.text.get(span.start as usize..span.end as usize).unwrap_or("");
    let one = text.chars().next().unwrap_or(' ');
    let shown: String = text.chars().take(12).flat_map(char::escape_debug).collect();
    let title = if text.chars().count() == 1 && (one.is_control() || one.is_whitespace() || !one.is_ascii()) {
        format!("the character `{shown}` (U+{:04X}) has no meaning here", u32::from(one))
    } else {
        format!("`{shown}` has no meaning here")
    };
    let d = Diagnostic::error("smol::syntax::character", span, title);
    let write = match text {
        "&&" | "&" => "and",
        "||" | "|" => "or",
        "!" => "not",
        ";" => "",
        "'" | "\u{2018}" | "\u{2019}" | "\u{201C}" | "\u{201D}" | "\u{201E}" | "\u{AB}" | "\u{BB}" => "\"",
        "\u{2212}" | "\u{2013}" | "\u{2014}" => "-",
        "\u{D7}" => "*",
        "\u{F7}" => "/",
        "\u{2264}" => "<=",
        "\u{2265}" => ">=",
        "\u{2260}" => "!=",
        "\u{2192}" => "->",
        "\u{2026}" => "..",
        "\u{FF1A}" => ":",
        "\u{FF0C}" => ",",
        "\u{FF05}" => "%",
        "%" => {
            return d
                .label("a percent sign without a number")
                .help("the sign touches its number, as in `60%`");
        }
        "\0" => return d.label("not text").help("remove it; is this file text?"),
        _ if text
            .chars()
            .all(|c| c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')) =>
        {
            return d.label("white space other than a space or a tab").help("replace it by a space").fix(
                span,
                " ",
                Applicability::Safe,
            );
        }
        _ => return d.label("not part of the language").help("remove it, or put it in quotes if it is text"),
    };
    let safe = if text.chars().count() == 1 && !matches!(text, "'" | "\u{2026}") {
        Applicability::Safe
    } else {
        Applicability::Unsafe
    };
    match write {
        "" => d
            .label("no mark is needed at the end of a line")
            .help("remove it; a member ends at a newline or a comma"),
        w => d.label(format!("not `{w}`")).help(format!("write `{w}`")),
    }
    .fix(span, write, safe)
}
