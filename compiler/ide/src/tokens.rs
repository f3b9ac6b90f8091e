//! What every token is, for coloring.

use crate::analysis::Analysis;
use crate::resolve::Symbol;
use smolc_check::names::defined;
use smolc_syntax::TokenKind;
use smolc_syntax::ast::ItemKind;
use smolc_syntax::token::tokenize;
use std::collections::HashMap;

/// Types of token, by index.
pub const TOKEN_TYPES: &[&str] = &[
    "keyword",
    "namespace",
    "type",
    "function",
    "variable",
    "parameter",
    "property",
    "enumMember",
    "number",
    "string",
    "comment",
    "operator",
    "decorator",
    "class",
    // Not one of the protocol's: the extensions say what color it has.
    "constant",
];

/// Modifiers, by bit.
pub const MODIFIERS: &[&str] = &["declaration", "defaultLibrary", "documentation"];

/// A colored token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemanticToken {
    /// First byte.
    pub start: u32,
    /// One past the last byte; on the same line.
    pub end: u32,
    /// Index into [`TOKEN_TYPES`].
    pub ty: u32,
    /// Bits of [`MODIFIERS`].
    pub modifiers: u32,
}

const KEYWORDS: &[&str] = &[
    "smol",
    "use",
    "param",
    "let",
    "fn",
    "tokenizer",
    "dataset",
    "classifier",
    "mix",
    "model",
    "schedule",
    "eval",
    "suite",
    "run",
    "sweep",
    "target",
    "stage",
    "drop",
    "as",
    "from",
    "at",
    "with",
    "over",
    "in",
    "for",
    "until",
    "if",
    "then",
    "else",
    "and",
    "or",
    "not",
    "every",
    "keep",
    "rest",
    "end",
];

const CONSTANTS: &[&str] = &["true", "false", "none"];

fn index(name: &str) -> u32 {
    TOKEN_TYPES.iter().position(|t| *t == name).unwrap_or(0) as u32
}

/// The tokens of a file, in order.
pub fn semantic_tokens(analysis: &Analysis<'_>, path: &str) -> Vec<SemanticToken> {
    let Some((_, module)) = analysis.module(path) else { return Vec::new() };
    let text = analysis.sources.text(module.file);
    let named: HashMap<(u32, u32), (&Symbol, bool)> = analysis
        .resolved()
        .occurrences
        .iter()
        .filter(|o| o.span.file == module.file)
        .map(|o| ((o.span.start, o.span.end), (&o.symbol, o.definition)))
        .collect();
    let list: Vec<_> =
        tokenize(module.file, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Space)).collect();
    let mut out = Vec::new();
    let mut attribute = false;
    for (i, token) in list.iter().enumerate() {
        let own = text.get(token.span.start as usize..token.span.end as usize).unwrap_or("");
        let next = list.get(i + 1).and_then(|t| text.get(t.span.start as usize..t.span.end as usize));
        let (ty, modifiers) = match token.kind {
            TokenKind::Comment => ("comment", 0),
            TokenKind::Doc | TokenKind::InnerDoc => ("comment", 4),
            TokenKind::Number => ("number", 0),
            TokenKind::Text | TokenKind::BadText => ("string", 0),
            TokenKind::Mark if own == "#" => {
                attribute = true;
                ("decorator", 0)
            }
            TokenKind::Newline => {
                attribute = false;
                continue;
            }
            TokenKind::Mark
                if matches!(
                    own,
                    "|>" | "=>" | "->" | "+" | "-" | "*" | "/" | "<" | ">" | "<=" | ">=" | "==" | "!=" | ".."
                ) =>
            {
                ("operator", 0)
            }
            TokenKind::Word => match named.get(&(token.span.start, token.span.end)) {
                Some((symbol, declared)) => word(analysis, symbol, *declared),
                None if attribute => ("decorator", 0),
                None if next == Some(":") => ("property", 0),
                None if KEYWORDS.contains(&own) => ("keyword", 0),
                None if CONSTANTS.contains(&own) => ("constant", 0),
                None => ("variable", 0),
            },
            _ => continue,
        };
        let end = token.span.start + own.trim_end().len() as u32;
        out.push(SemanticToken { start: token.span.start, end, ty: index(ty), modifiers });
    }
    out
}

fn word(analysis: &Analysis<'_>, symbol: &Symbol, declared: bool) -> (&'static str, u32) {
    let declared = u32::from(declared);
    match symbol {
        Symbol::Item(id) => {
            let std = analysis.program.modules.get(id.module).is_some_and(|m| m.std);
            let ty = match analysis.item(*id).map(|i| &i.kind) {
                Some(ItemKind::Fn(_)) => "function",
                Some(kind)
                    if defined(kind)
                        .is_some_and(|(_, k)| matches!(k, "model" | "run" | "target" | "sweep")) =>
                {
                    "class"
                }
                _ => "variable",
            };
            (ty, declared | if std { 2 } else { 0 })
        }
        Symbol::Module(_) => ("namespace", declared),
        Symbol::Builtin(name) if name.starts_with(char::is_uppercase) => ("class", 2),
        Symbol::Builtin(_) => ("function", 2),
        Symbol::Local(_) => ("parameter", declared),
        Symbol::Stage(_) => ("class", declared),
        Symbol::Field(..) => ("property", 0),
        Symbol::Type(_) => ("type", 2),
        Symbol::Word(_) => ("enumMember", 2),
    }
}
