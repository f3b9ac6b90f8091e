//! Limits on nesting, so that recursion over the tree ends on any stack.

use smolc_diag::Diagnostic;

use crate::lexed::Lexed;
use crate::token::TokenKind;

/// Brackets that may be open at once.
const BRACKETS: usize = 64;
/// Operands that may be under way at once: `if`, `at`, `not` and signs, which nest without brackets.
const PREFIXES: usize = 96;
/// Operators of two operands that may be under way at once.
const OPERATORS: usize = 512;

#[derive(Clone, Copy, Default)]
struct Level {
    prefixes: usize,
    operators: usize,
}

/// A diagnostic if tokens `start..end` nest beyond the limits.
pub(crate) fn too_deep(lexed: &Lexed<'_>, start: usize, end: usize) -> Option<Diagnostic> {
    let mut outer: Vec<Level> = Vec::new();
    let mut total = Level::default();
    let mut level = Level::default();
    for i in start..end {
        let kind = lexed.kind(i);
        let head = lexed.is_head(i) && lexed.indent(i) == 0;
        if !matches!(kind, TokenKind::Mark | TokenKind::Word) {
            continue;
        }
        match lexed.str(i) {
            "{" | "(" | "[" => {
                outer.push(level);
                total.prefixes += level.prefixes;
                total.operators += level.operators;
                level = Level::default();
            }
            "}" | ")" | "]" => {
                if let Some(o) = outer.pop() {
                    total.prefixes -= o.prefixes;
                    total.operators -= o.operators;
                    level = o;
                }
            }
            "," | ":" => level = Level::default(),
            "if" | "at" | "not" | "rest" | "every" => level.prefixes += 1,
            "-" => {
                level.prefixes += 1;
                level.operators += 1;
            }
            "|>" | "->" | ".." | "<" | "<=" | ">" | ">=" | "==" | "!=" | "+" | "*" | "/" | "and" | "or"
            | "." => {
                level.operators += 1;
            }
            _ if head && kind == TokenKind::Word => level = Level::default(),
            _ => {}
        }
        let what = if outer.len() > BRACKETS {
            (format!("brackets nest more than {BRACKETS} deep"), "one bracket too many")
        } else if total.prefixes + level.prefixes > PREFIXES {
            (format!("more than {PREFIXES} conditions and signs nest in each other"), "one too many")
        } else if total.operators + level.operators > OPERATORS {
            (format!("one expression holds more than {OPERATORS} operators"), "one operator too many")
        } else {
            continue;
        };
        return Some(
            Diagnostic::error("smol::syntax::depth", lexed.span(i), what.0)
                .label(what.1)
                .help("give parts of it a name of their own, with `let` or `mix`"),
        );
    }
    None
}
