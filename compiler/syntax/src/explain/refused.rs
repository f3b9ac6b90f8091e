//! A chunk that the grammar refused: the commonest mistakes by name, the rest by what was expected.

use smolc_diag::{Applicability, Diagnostic, Span, suggest};

use super::{describe, expected::expected};
use crate::grammar::Rule;
use crate::keywords;
use crate::lexed::Lexed;
use crate::token::TokenKind;

/// A chunk, tokens `start..end`, and where it stopped being one.
pub(crate) struct Place<'a> {
    pub start: usize,
    /// First token behind docs and attributes.
    pub head: usize,
    pub end: usize,
    /// Byte of the file where the rule stopped.
    pub at: usize,
    pub expected: Vec<Rule>,
    pub member: bool,
    /// Blocks that were parsed apart.
    pub blocks: &'a [(usize, usize)],
}

const UNEXPECTED: &str = "smol::syntax::unexpected";

/// The one diagnostic of a chunk.
pub(crate) fn refused(lexed: &Lexed<'_>, place: &Place<'_>) -> Diagnostic {
    let found = (place.start..place.end)
        .find(|&i| !lexed.kind(i).is_trivia() && lexed.span(i).end as usize > place.at && outside(place, i));
    lead(lexed, place, found)
        .or_else(|| doc_inside(lexed, found))
        .or_else(|| if place.member { member_head(lexed, place) } else { item_head(lexed, place, found) })
        .or_else(|| missing_value(lexed, place, found))
        .or_else(|| assignment(lexed, place, found))
        .or_else(|| missing_else(lexed, place, found))
        .or_else(|| missing_comma(lexed, place, found))
        .unwrap_or_else(|| fallback(lexed, place, found))
}

fn outside(place: &Place<'_>, i: usize) -> bool {
    !place.blocks.iter().any(|&(o, c)| o < i && i < c)
}

fn previous(lexed: &Lexed<'_>, place: &Place<'_>, found: Option<usize>) -> Option<usize> {
    lexed.previous(found.unwrap_or(place.end), place.start)
}

/// The construct's form, for help.
fn form(lexed: &Lexed<'_>, place: &Place<'_>) -> String {
    let keyword = lexed.str(place.head);
    let structural = lexed.kind(place.head) == TokenKind::Word
        && (!place.member || matches!(keyword, "stage" | "run" | "drop"))
        && !lexed.next(place.head + 1, place.end).is_some_and(|n| lexed.is_mark(n, ":"));
    if structural {
        format!("the form is `{}`", keywords::example(keyword))
    } else {
        "the form is `name: value`, as in `lr: wsd(peak: 5e-4, warmup: 2000 steps, decay: 10%)`".to_owned()
    }
}

/// Docs and attributes with nothing behind them, and attributes that are none.
fn lead(lexed: &Lexed<'_>, place: &Place<'_>, found: Option<usize>) -> Option<Diagnostic> {
    if place.head >= place.end {
        let last = lexed.previous(place.end, place.start).unwrap_or(place.start);
        return Some(
            Diagnostic::error(
                "smol::syntax::doc",
                lexed.span(last),
                "nothing follows this doc comment or attribute",
            )
            .label("belongs to nothing")
            .help("put it before what it speaks of, or begin it with `//` to make it an ordinary comment"),
        );
    }
    let found = found.filter(|&f| f <= place.head)?;
    let hash = (place.start..found + 1).rev().find(|&i| lexed.is_mark(i, "#"))?;
    let line = lexed.line(hash);
    let last = (hash..place.end)
        .take_while(|&i| lexed.line(i) == line)
        .filter(|&i| !lexed.kind(i).is_trivia())
        .last();
    Some(
        Diagnostic::error(
            "smol::syntax::attribute",
            lexed.span(hash).to(lexed.span(last.unwrap_or(hash))),
            "this attribute cannot be read",
        )
        .label(format!("unexpected {}", describe(lexed, Some(found).filter(|&f| lexed.line(f) == line))))
        .help("the form is `#[allow(smol::data::epochs, reason = \"…\")]`, on a line of its own"),
    )
}

fn doc_inside(lexed: &Lexed<'_>, found: Option<usize>) -> Option<Diagnostic> {
    let i = found.filter(|&i| matches!(lexed.kind(i), TokenKind::Doc | TokenKind::InnerDoc))?;
    let span = lexed.span(i);
    Some(
        Diagnostic::error(
            "smol::syntax::doc",
            span,
            "a doc comment stands on a line of its own, before what it speaks of",
        )
        .label("in the middle of something")
        .help("begin it with `//` to make it an ordinary comment")
        .fix(Span { end: span.start + 3, ..span }, "//", Applicability::Safe),
    )
}

/// A member that does not begin as members do.
fn member_head(lexed: &Lexed<'_>, place: &Place<'_>) -> Option<Diagnostic> {
    let head = place.head;
    let span = lexed.span(head);
    let second = lexed.next(head + 1, place.end);
    let word = lexed.str(head);
    if lexed.kind(head) != TokenKind::Word {
        let d = Diagnostic::error(
            "smol::syntax::field",
            span,
            format!("a field cannot begin with {}", describe(lexed, Some(head))),
        );
        return Some(d.label("the name of a field is expected here").help(form(lexed, place)));
    }
    if second.is_some_and(|s| lexed.is_mark(s, ":")) {
        return None;
    }
    let block_word = matches!(word, "stage" | "run" | "drop");
    if second.is_some_and(|s| lexed.is_mark(s, "=")) {
        let s = lexed.span(second.unwrap_or(head));
        return Some(
            Diagnostic::error(
                "smol::syntax::field",
                s,
                format!("the value of the field `{word}` follows `:`, not `=`"),
            )
            .label("`:` expected")
            .help(format!("write `{word}: …`"))
            .fix(s, ":", Applicability::Safe),
        );
    }
    if block_word {
        return if second.is_some_and(|s| lexed.kind(s) == TokenKind::Word) {
            None
        } else {
            Some(no_name(lexed, place))
        };
    }
    let named = second.is_some_and(|s| lexed.kind(s) == TokenKind::Word);
    if named && keywords::is_item(word) {
        return Some(
            Diagnostic::error(
                "smol::syntax::field",
                span,
                format!("`{word}` begins an item, which cannot stand in a block"),
            )
            .label("inside a block")
            .help(format!("move it out, to column 0; a field is written `{word}: …`")),
        );
    }
    let near = if named { suggest::nearest(word, ["stage", "run", "drop"]) } else { None };
    if let Some(near) = near {
        return Some(
            Diagnostic::error(
                "smol::syntax::field",
                span,
                format!("`{word}` begins nothing that can stand in a block"),
            )
            .label("unknown word")
            .help(format!("did you mean `{near}`?"))
            .fix(span, near, Applicability::Unsafe),
        );
    }
    let d = Diagnostic::error("smol::syntax::field", span, format!("the field `{word}` has no value"));
    Some(match second {
        None => d.label("`: value` expected behind this").help(form(lexed, place)),
        Some(s) => {
            let insert = Span { start: span.end, ..span };
            d.label(format!("`:` expected between this and {}", describe(lexed, Some(s))))
                .help(form(lexed, place))
                .fix(insert, ":", Applicability::Unsafe)
        }
    })
}

fn no_name(lexed: &Lexed<'_>, place: &Place<'_>) -> Diagnostic {
    let keyword = lexed.str(place.head);
    Diagnostic::error("smol::syntax::item", lexed.span(place.head), format!("this {keyword} has no name"))
        .label("a name is expected behind this")
        .help(form(lexed, place))
}

/// An item whose keyword, name and `=` are not in place.
fn item_head(lexed: &Lexed<'_>, place: &Place<'_>, found: Option<usize>) -> Option<Diagnostic> {
    let keyword = lexed.str(place.head);
    if keyword == "use" {
        return None;
    }
    let name = lexed.next(place.head + 1, place.end);
    let Some(name) = name.filter(|&n| lexed.kind(n) == TokenKind::Word) else {
        return Some(no_name(lexed, place));
    };
    let third = lexed.next(name + 1, place.end);
    if third.is_some() && third != found || keywords::has_body(keyword) || matches!(keyword, "fn" | "param") {
        return None;
    }
    let span = third.map_or(lexed.span(name), |t| lexed.span(t));
    let d = Diagnostic::error(
        "smol::syntax::item",
        span,
        format!("`=` is missing behind `{keyword} {}`", lexed.str(name)),
    );
    let d = d.help(form(lexed, place));
    Some(match third {
        Some(t) if lexed.is_mark(t, ":") => {
            d.label("`=` expected, not `:`").fix(span, "=", Applicability::Safe)
        }
        Some(_) => d.label("`=` expected before this").fix(
            Span { end: span.start, ..span },
            "= ",
            Applicability::Unsafe,
        ),
        None => d.label("`=` and a value expected behind this"),
    })
}

/// Something that waits for a value and gets none.
fn missing_value(lexed: &Lexed<'_>, place: &Place<'_>, found: Option<usize>) -> Option<Diagnostic> {
    let before = previous(lexed, place, found)?;
    let stops = found.is_none_or(|f| {
        lexed.kind(f) == TokenKind::Mark
            && matches!(lexed.str(f), ")" | "]" | "}" | "," | "=" | ":" | "*" | "/" | "+" | "|>" | "==")
            || lexed.is_word(f, "then")
            || lexed.is_word(f, "else")
    });
    let waits = lexed.awaits(before)
        || matches!(
            lexed.str(before),
            "every" | "for" | "from" | "rest" | "keep" | "until" | "over" | "in" | "as" | "."
        )
        || lexed.is_mark(before, "(") && found.is_some_and(|f| lexed.is_mark(f, ","))
        || lexed.is_mark(before, ",");
    if !stops || !waits || lexed.kind(before) == TokenKind::Text {
        return None;
    }
    let mark = lexed.str(before);
    let what = match mark {
        "." | "from" | "as" => "a name",
        "in" => "a list",
        _ => "a value",
    };
    Some(
        Diagnostic::error(
            "smol::syntax::value",
            lexed.span(before),
            format!("{what} is missing behind `{mark}`"),
        )
        .label(format!("{what} expected behind this"))
        .help(form(lexed, place)),
    )
}

/// `=` where a value goes on.
fn assignment(lexed: &Lexed<'_>, place: &Place<'_>, found: Option<usize>) -> Option<Diagnostic> {
    let i = found.filter(|&i| lexed.is_mark(i, "="))?;
    let before = previous(lexed, place, found).filter(|&b| lexed.kind(b) == TokenKind::Word)?;
    let name = lexed.str(before);
    let opened =
        lexed.previous(before, place.start).is_some_and(|p| lexed.is_mark(p, "(") || lexed.is_mark(p, ","));
    let d = Diagnostic::error(UNEXPECTED, lexed.span(i), "`=` defines an item and has no meaning here");
    Some(if opened {
        d.label("`:` expected").help(format!("an argument is named with `:`; write `{name}: …`")).fix(
            lexed.span(i),
            ":",
            Applicability::Safe,
        )
    } else {
        d.label("not an operator").help("to compare write `==`; an argument or a field is named with `:`")
    })
}

fn missing_else(lexed: &Lexed<'_>, place: &Place<'_>, found: Option<usize>) -> Option<Diagnostic> {
    let word = match () {
        () if place.expected.contains(&Rule::kw_then) => "then",
        () if place.expected.contains(&Rule::kw_else) => "else",
        () => return None,
    };
    let until = found.unwrap_or(place.end);
    let start = (place.start..until).rev().find(|&i| lexed.is_word(i, "if"))?;
    let last = previous(lexed, place, found).unwrap_or(start);
    Some(
        Diagnostic::error("smol::syntax::value", lexed.span(start), format!("this `if` has no `{word}`"))
            .label("begins here")
            .also(lexed.span(last), format!("`{word}` expected behind this"))
            .help("the form is `if t < warmup then peak * (t / warmup) else peak`; both sides are needed"),
    )
}

/// Two values side by side in a list, in arguments, or two fields on a line.
fn missing_comma(lexed: &Lexed<'_>, place: &Place<'_>, found: Option<usize>) -> Option<Diagnostic> {
    let i = found?;
    let before = previous(lexed, place, found)?;
    let ends = match lexed.kind(before) {
        TokenKind::Word | TokenKind::Number | TokenKind::Text => true,
        TokenKind::Mark => matches!(lexed.str(before), ")" | "]" | "}"),
        _ => false,
    };
    let begins = match lexed.kind(i) {
        TokenKind::Word | TokenKind::Number | TokenKind::Text => true,
        TokenKind::Mark => matches!(lexed.str(i), "[" | "{" | "("),
        _ => false,
    };
    let mut depth = 0usize;
    for k in place.head..i {
        match lexed.str(k) {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let field = lexed.kind(i) == TokenKind::Word
        && lexed.next(i + 1, place.end).is_some_and(|n| lexed.is_mark(n, ":"));
    if !ends || !begins || (depth == 0 && !(field && place.member)) {
        return None;
    }
    let span = lexed.span(before);
    let (left, right) = (describe(lexed, Some(before)), describe(lexed, Some(i)));
    Some(
        Diagnostic::error(
            "smol::syntax::comma",
            lexed.span(i),
            format!("a comma is missing between {left} and {right}"),
        )
        .label("`,` expected before this")
        .help("a comma stands between arguments, elements of a list and fields on one line, as in `[0.9, 0.95]`")
        .fix(Span { start: span.end, ..span }, ",", Applicability::Unsafe),
    )
}

fn fallback(lexed: &Lexed<'_>, place: &Place<'_>, found: Option<usize>) -> Diagnostic {
    let wanted = expected(&place.expected);
    let what = describe(lexed, found);
    let last = lexed.previous(place.end, place.start).unwrap_or(place.start);
    let d = match found {
        Some(f) => Diagnostic::error(
            UNEXPECTED,
            lexed.span(f),
            format!("unexpected {}", what.trim_start_matches("a ")),
        ),
        None => Diagnostic::error(
            UNEXPECTED,
            lexed.span(last),
            format!("unexpected end behind {}", describe(lexed, Some(last))),
        ),
    };
    let d = match (wanted.is_empty(), found) {
        (true, Some(_)) => d.label("does not fit here"),
        (true, None) => d.label("something is missing behind this"),
        (false, Some(_)) => d.label(format!("{wanted} expected")),
        (false, None) => d.label(format!("{wanted} expected behind this")),
    };
    d.help(form(lexed, place))
}
