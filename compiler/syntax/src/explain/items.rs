//! Items that do not begin as items do, and lines that begin in column 0.

use smolc_diag::{Applicability, Diagnostic, Edit, Fix, Span};

use crate::chunk::Opening;
use crate::keywords;
use crate::lexed::Lexed;
use crate::token::TokenKind;

const ITEM: &str = "smol::syntax::item";
const INDENT: &str = "smol::syntax::indent";

/// An item behind white space.
pub(crate) fn indented_item(lexed: &Lexed<'_>, head: usize) -> Diagnostic {
    let span = lexed.span(head);
    let space = Span { start: span.start.saturating_sub(lexed.indent(head)), end: span.start, ..span };
    Diagnostic::error(
        INDENT,
        span,
        format!("`{}` begins an item, and items begin in column 0", lexed.str(head)),
    )
    .label("behind white space")
    .help("remove the white space before it")
    .fix(space, "", Applicability::Safe)
}

/// An item whose first word is no keyword.
pub(crate) fn opening(lexed: &Lexed<'_>, head: usize, end: usize, opening: Opening) -> Diagnostic {
    if head >= end {
        let last = lexed.previous(end, 0).unwrap_or(0);
        return Diagnostic::error(
            "smol::syntax::doc",
            lexed.span(last),
            "nothing follows this doc comment or attribute",
        )
        .label("belongs to nothing")
        .help("put it before the item it speaks of, or begin it with `//` to make it an ordinary comment");
    }
    let span = lexed.span(head);
    let word = lexed.str(head);
    let kinds = "items are use, param, let, fn, tokenizer, dataset, classifier, mix, model, schedule, eval, suite, run, sweep and target";
    let d = |title: String| Diagnostic::error(ITEM, span, title);
    match opening {
        Opening::Misspelled(near) => d(format!("`{word}` is no kind of item"))
            .label("unknown kind of item")
            .help(format!("did you mean `{near}`?"))
            .fix(span, near, Applicability::Unsafe),
        Opening::Unknown => {
            d(format!("`{word}` is no kind of item")).label("unknown kind of item").help(kinds)
        }
        Opening::Binding => d(format!("`{word} = …` does not say what `{word}` is"))
            .label("a keyword is missing before this")
            .help(format!("write `let {word} = …`, or `dataset`, `mix`, `model` and so on in place of `let`"))
            .fix(Span { end: span.start, ..span }, "let ", Applicability::Unsafe),
        Opening::Field => d(format!("the field `{word}` stands outside of every block"))
            .label("no `{` is open here")
            .help("put it inside the block of the item it belongs to, as in `run pretrain { seed: 42 }`"),
        Opening::Keyword | Opening::Indented | Opening::Stray => stray(lexed, head, kinds),
    }
}

fn stray(lexed: &Lexed<'_>, head: usize, kinds: &str) -> Diagnostic {
    let span = lexed.span(head);
    if lexed.is_word(head, "smol") {
        return Diagnostic::error("smol::syntax::version", span, "the version line is not the first line")
            .label("stands behind other text")
            .help("begin the file with the line `smol 1`, once");
    }
    if lexed.kind(head) == TokenKind::InnerDoc {
        return Diagnostic::error(
            "smol::syntax::doc",
            span,
            "`//!` speaks of the whole file and stands at its beginning",
        )
        .label("behind the first item")
        .help("write `///` to speak of the item that follows, `//` for an ordinary comment");
    }
    if lexed.kind(head) == TokenKind::Doc || lexed.is_mark(head, "#") {
        return Diagnostic::error("smol::syntax::doc", span, "nothing follows this doc comment or attribute")
            .label("belongs to nothing")
            .help(
                "put it before the item it speaks of, or begin it with `//` to make it an ordinary comment",
            );
    }
    Diagnostic::error(ITEM, span, format!("an item cannot begin with {}", super::describe(lexed, Some(head))))
        .label("an item is expected here")
        .help(kinds)
}

/// A head of a run, stage, sweep or target without its block.
pub(crate) fn missing_block(lexed: &Lexed<'_>, head: usize, last: usize) -> Diagnostic {
    let keyword = lexed.str(head);
    let place = lexed.span(last);
    Diagnostic::error("smol::syntax::block", place, format!("the block of this {keyword} is missing"))
        .label("`{` expected behind this")
        .help(format!("a {keyword} is written `{}`", keywords::example(keyword)))
        .fix(Span { start: place.end, ..place }, " {", Applicability::Unsafe)
}

/// Whether a token may begin a line in column 0 without being the head of an item.
pub(crate) fn may_begin_a_line(lexed: &Lexed<'_>, i: usize) -> bool {
    match lexed.kind(i) {
        TokenKind::Comment | TokenKind::Doc | TokenKind::InnerDoc => true,
        TokenKind::Mark => matches!(lexed.str(i), "}" | ")" | "]" | "#"),
        _ => false,
    }
}

/// Lines of an item that begin in column 0 and should not; one diagnostic for all of them.
pub(crate) fn column_zero(lexed: &Lexed<'_>, head: usize, end: usize) -> Option<Diagnostic> {
    let lines: Vec<usize> = (head + 1..end)
        .filter(|&i| lexed.is_head(i) && lexed.indent(i) == 0 && !may_begin_a_line(lexed, i))
        .collect();
    let first = *lines.first()?;
    let span = lexed.span(first);
    let edits = lines.iter().map(|&i| {
        let s = lexed.span(i);
        Edit { span: Span { end: s.start, ..s }, text: "  ".to_owned() }
    });
    let mut d = Diagnostic::error(INDENT, span, "only items begin in column 0")
        .label(format!("part of the {} above", lexed.str(head)))
        .help("indent it by two spaces");
    d.fix = Some(Fix { edits: edits.collect(), applicability: Applicability::Safe });
    Some(d)
}
