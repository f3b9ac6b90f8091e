//! The beginning of a file: the version line and what is said of the file as a whole.

use pest::Parser as _;
use smolc_diag::{Applicability, Diagnostic, Span, suggest};

use crate::ast::File;
use crate::build::doc_text;
use crate::grammar::{Grammar, Rule};
use crate::parse::Parser;
use crate::token::TokenKind;

impl Parser<'_> {
    /// The version line and the `//!` lines; gives the first token behind them.
    pub(crate) fn header(&mut self, tree: &mut File) -> usize {
        let end = self.lexed.tokens.len();
        let mut i = 0;
        while let Some(next) = self.lexed.next(i, end) {
            if self.lexed.kind(next) == TokenKind::InnerDoc {
                tree.docs.push(doc_text(self.lexed.str(next), "//!"));
                i = next + 1;
                continue;
            }
            let word = self.lexed.str(next);
            let digits = word.strip_prefix("smol").is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()));
            let misspelled = suggest::nearest(word, ["smol"]).is_some()
                && self.lexed.next(next + 1, end).is_some_and(|n| self.lexed.kind(n) == TokenKind::Number);
            if tree.version.is_some() || self.lexed.kind(next) != TokenKind::Word || !(digits || misspelled) {
                break;
            }
            let line = self.lexed.line(next);
            let stop = (next..end).find(|&k| self.lexed.line(k) > line).unwrap_or(end);
            self.version(tree, next, stop);
            i = stop;
        }
        if tree.version.is_none() {
            let bom = if self.lexed.text.starts_with('\u{FEFF}') { 3 } else { 0 };
            let first =
                self.lexed.next(0, end).map_or(Span::new(self.lexed.file, bom, bom), |t| self.lexed.span(t));
            let start = Span::new(self.lexed.file, bom, bom);
            self.diagnostics.push(
                Diagnostic::warning(
                    "smol::syntax::version",
                    first,
                    "the file does not say which version of the language it is in",
                )
                .label("`smol 1` expected before this")
                .help("begin the file with the line `smol 1`")
                .fix(start, "smol 1\n", Applicability::Safe),
            );
        }
        i
    }

    fn version(&mut self, tree: &mut File, start: usize, stop: usize) {
        let last = self.lexed.previous(stop, start).unwrap_or(start);
        let span = self.lexed.span(start).to(self.lexed.span(last));
        let text = self.lexed.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let number = Grammar::parse(Rule::only_version, text).ok().and_then(|pairs| {
            let number = pairs.flatten().find(|p| p.as_rule() == Rule::version_number)?;
            number.as_str().parse::<u32>().ok()
        });
        tree.version = Some((number.unwrap_or(1), span));
        if number != Some(1) || self.lexed.indent(start) > 0 {
            let d = match number {
                Some(1) => {
                    Diagnostic::error("smol::syntax::indent", span, "the version line begins in column 0")
                        .label("behind white space")
                }
                Some(n) => Diagnostic::error(
                    "smol::syntax::version",
                    span,
                    format!("this compiler knows version 1 of the language, not version {n}"),
                )
                .label("not version 1"),
                None => Diagnostic::error("smol::syntax::version", span, "the version line is not `smol 1`")
                    .label("not a version"),
            };
            self.diagnostics.push(d.help("write `smol 1` on a line of its own"));
        }
    }
}
