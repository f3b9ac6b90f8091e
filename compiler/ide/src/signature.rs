//! The call around the cursor, and which of its parameters is being written.

use crate::analysis::Analysis;
use crate::{builtins, hover};
use smolc_check::load::Target;
use smolc_syntax::TokenKind;
use smolc_syntax::ast::{Ident, ItemKind};
use smolc_syntax::token::{Token, tokenize};

/// A call being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The function's head.
    pub label: String,
    /// Its parameters, as they stand in the label.
    pub parameters: Vec<String>,
    /// Which of them the cursor is at.
    pub active: Option<usize>,
    /// Documentation.
    pub doc: String,
}

/// The innermost call around an offset. Works on tokens, so that a half-written call will do.
pub fn signature(analysis: &Analysis<'_>, path: &str, offset: u32) -> Option<Signature> {
    let file = analysis.file(path)?;
    let text = analysis.sources.text(file);
    let tokens = tokenize(file, text);
    let written = |t: &Token| text.get(t.span.start as usize..t.span.end as usize).unwrap_or("");
    let before: Vec<&Token> = tokens.iter().filter(|t| t.span.end <= offset && !t.kind.is_trivia()).collect();
    let (mut depth, mut commas, mut named) = (0i32, 0usize, None);
    let mut open = None;
    for (k, token) in before.iter().enumerate().rev() {
        match written(token) {
            ")" | "]" | "}" if token.kind == TokenKind::Mark => depth += 1,
            "(" | "[" | "{" if token.kind == TokenKind::Mark && depth > 0 => depth -= 1,
            "(" if token.kind == TokenKind::Mark => {
                open = Some(k);
                break;
            }
            // Inside a record or list of this call, or outside of every call.
            "[" | "{" if token.kind == TokenKind::Mark => return None,
            "," if depth == 0 => commas += 1,
            ":" if depth == 0 && commas == 0 && named.is_none() => {
                named = k.checked_sub(1).and_then(|p| before.get(p)).map(|t| written(t).to_owned());
            }
            _ => {}
        }
    }
    let callee = before.get(open?.checked_sub(1)?)?;
    if callee.kind != TokenKind::Word {
        return None;
    }
    let name = Ident { text: written(callee).to_owned(), span: callee.span };
    let qualifier = open?
        .checked_sub(3)
        .and_then(|p| before.get(p))
        .filter(|_| open.and_then(|o| before.get(o - 2)).is_some_and(|t| written(t) == "."))
        .map(|t| Ident { text: written(t).to_owned(), span: t.span });
    let target = match qualifier {
        Some(module) => match analysis.program.lookup(&module)? {
            Target::Module(m) => analysis.program.member(m, &name.text)?,
            _ => return None,
        },
        None => analysis.program.lookup(&name)?,
    };
    let (label, parameters, doc) = describe(analysis, target)?;
    let by_name = named.and_then(|n| parameters.iter().position(|p| p.split([':', ' ']).next() == Some(&n)));
    let active = by_name.or(Some(commas)).filter(|i| *i < parameters.len());
    Some(Signature { label, parameters, active, doc })
}

fn describe(analysis: &Analysis<'_>, target: Target) -> Option<(String, Vec<String>, String)> {
    match target {
        Target::Item(id) => {
            let item = analysis.item(id)?;
            let ItemKind::Fn(f) = &item.kind else { return None };
            let (label, parameters) = hover::head(analysis, f);
            Some((label, parameters, item.docs.join("\n")))
        }
        Target::Builtin(b) => {
            let known = builtins::documented(b.name())?;
            let parameters = known.parameters.iter().map(|p| (*p).to_owned()).collect();
            Some((known.signature.to_owned(), parameters, known.doc.to_owned()))
        }
        Target::Module(_) | Target::Unknown => None,
    }
}
