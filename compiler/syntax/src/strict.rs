//! The oracle: one strict rule for a whole file.

use std::collections::HashMap;

use pest::Parser as _;
use smolc_diag::FileId;

use crate::build::Builder;
use crate::explain;
use crate::grammar::{Grammar, Rule};
use crate::lexed::Lexed;
use crate::token::tokenize;

/// Whether the strict grammar accepts a text as it stands. It accepts exactly what [`parse`](crate::parse) finds no
/// error in.
pub fn accepts(text: &str) -> bool {
    let lexed = Lexed::new(FileId::default(), text, tokenize(FileId::default(), text));
    let end = lexed.tokens.len();
    if explain::too_deep(&lexed, 0, end).is_some() {
        return false;
    }
    let Ok(pairs) = Grammar::parse(Rule::file, text) else { return false };
    let mut diagnostics = Vec::new();
    let mut starts = Vec::new();
    for pair in pairs.flat_map(|p| p.into_inner()) {
        if pair.as_rule() == Rule::version {
            let number = pair.clone().into_inner().find(|p| p.as_rule() == Rule::version_number);
            if number.is_some_and(|n| n.as_str().parse() != Ok(1u32)) {
                return false;
            }
            starts.push(pair.as_span().start());
        }
        if pair.as_rule() != Rule::item {
            continue;
        }
        let mut builder = Builder {
            file: FileId::default(),
            base: 0,
            limit: text.len(),
            tokens: &lexed.tokens,
            blocks: HashMap::new(),
            diagnostics: &mut diagnostics,
        };
        let item = builder.item(pair);
        starts.push(item.span.start as usize);
    }
    // Items and the version line begin in column 0, and nothing else does.
    let at_zero = |byte: usize| {
        lexed.heads.iter().flatten().any(|h| h.column == 0 && lexed.span(h.token).start as usize == byte)
    };
    let heads = starts.iter().all(|&s| at_zero(s));
    let others = lexed.heads.iter().flatten().all(|h| {
        h.column > 0
            || starts.contains(&(lexed.span(h.token).start as usize))
            || explain::may_begin_a_line(&lexed, h.token)
    });
    diagnostics.is_empty() && heads && others
}
