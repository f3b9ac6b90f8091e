//! Ever larger ranges around the cursor: token, expression, member, item, file.

use crate::analysis::{Analysis, Place};
use smolc_syntax::token::tokenize;
use smolc_syntax::visit::path_at;

/// Ranges around an offset, smallest first; each lies in the next.
pub fn selection(analysis: &Analysis<'_>, path: &str, offset: u32) -> Vec<Place> {
    let Some((_, module)) = analysis.module(path) else { return Vec::new() };
    let text = analysis.sources.text(module.file);
    let mut spans: Vec<(u32, u32)> = vec![(0, text.len() as u32)];
    spans.extend(path_at(&module.ast, offset).into_iter().map(|n| (n.span().start, n.span().end)));
    let token = tokenize(module.file, text)
        .into_iter()
        .filter(|t| !t.kind.is_trivia() && t.span.start <= offset && offset <= t.span.end)
        .max_by_key(|t| t.span.start);
    spans.extend(token.map(|t| (t.span.start, t.span.end)));
    let mut out: Vec<Place> = Vec::new();
    let mut around = (0, u32::MAX);
    for (start, end) in spans {
        if around.0 <= start && end <= around.1 && (start, end) != around {
            around = (start, end);
            out.push(Place { path: path.to_owned(), start, end });
        }
    }
    out.reverse();
    out
}
