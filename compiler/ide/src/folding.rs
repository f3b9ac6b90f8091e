//! What can be folded away: brackets over several lines, runs of comments, of docs and of `use`.

use crate::analysis::Analysis;
use smolc_syntax::TokenKind;
use smolc_syntax::ast::ItemKind;
use smolc_syntax::token::tokenize;

/// What a fold hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldKind {
    /// A block.
    Region,
    /// Comments.
    Comment,
    /// Imports.
    Imports,
}

/// A range to fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// A byte of the line that stays.
    pub start: u32,
    /// A byte of the last line that goes.
    pub end: u32,
    /// What it hides.
    pub kind: FoldKind,
}

/// The folds of a file, by where they begin.
pub fn folds(analysis: &Analysis<'_>, path: &str) -> Vec<Fold> {
    let Some((_, module)) = analysis.module(path) else { return Vec::new() };
    let text = analysis.sources.text(module.file);
    let several = |a: u32, b: u32| text.get(a as usize..b as usize).is_some_and(|t| t.contains('\n'));
    let mut out = Vec::new();
    let mut stack: Vec<u32> = Vec::new();
    // The run of comments under way: its first and last token, and the line breaks since.
    let mut comments: Option<(u32, u32)> = None;
    let mut breaks = 0;
    for token in tokenize(module.file, text) {
        let own = text.get(token.span.start as usize..token.span.end as usize).unwrap_or("");
        match token.kind {
            TokenKind::Comment | TokenKind::Doc | TokenKind::InnerDoc => {
                comments = match comments {
                    Some((first, _)) if breaks <= 1 => Some((first, token.span.start)),
                    before => {
                        close(&mut out, before, several);
                        Some((token.span.start, token.span.start))
                    }
                };
                breaks = 0;
                continue;
            }
            TokenKind::Newline => breaks += 1,
            TokenKind::Space => {}
            _ => {
                close(&mut out, comments.take(), several);
                match own {
                    "{" | "(" | "[" if token.kind == TokenKind::Mark => stack.push(token.span.start),
                    "}" | ")" | "]" if token.kind == TokenKind::Mark => {
                        if let Some(start) = stack.pop()
                            && several(start, token.span.start)
                        {
                            // The closing line stays in sight.
                            let last = text.get(..token.span.start as usize).and_then(|t| t.rfind('\n'));
                            let end = last.map_or(token.span.start, |n| n as u32);
                            if several(start, end) {
                                out.push(Fold { start, end, kind: FoldKind::Region });
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    close(&mut out, comments.take(), several);
    let mut uses: Option<(u32, u32)> = None;
    for item in &module.ast.items {
        match (&item.kind, uses) {
            (ItemKind::Use(_), Some((first, _))) => uses = Some((first, item.span.end)),
            (ItemKind::Use(_), None) => uses = Some((item.span.start, item.span.end)),
            (_, Some((start, end))) => {
                if several(start, end) {
                    out.push(Fold { start, end, kind: FoldKind::Imports });
                }
                uses = None;
            }
            (_, None) => {}
        }
    }
    out.sort_by_key(|f| (f.start, f.end));
    out
}

fn close(out: &mut Vec<Fold>, run: Option<(u32, u32)>, several: impl Fn(u32, u32) -> bool) {
    if let Some((start, end)) = run
        && several(start, end)
    {
        out.push(Fold { start, end, kind: FoldKind::Comment });
    }
}
