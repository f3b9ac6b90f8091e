//! What may be written at the cursor.
//!
//! The text is parsed again with a name of our own at the cursor, once as a value and once as a field, so that the same
//! tree and the same tables answer for half-written code as for whole.

mod context;
mod members;
mod values;
mod words;

use crate::analysis::Analysis;
use context::{Context, context};
use members::{members, units};
use smolc_check::types::{NAMED, Type};
use smolc_syntax::TokenKind;
use smolc_syntax::token::{Token, tokenize};
use values::{fields, keywords, names, values};
use words::{attribute, imports, interpolation, items};

/// What a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CompletionKind {
    Field,
    Value,
    Function,
    Constructor,
    Variable,
    Module,
    Keyword,
    Unit,
    Type,
    Column,
    Code,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is shown and looked for.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// Type or signature.
    pub detail: String,
    /// Documentation; Markdown.
    pub doc: String,
    /// What is written. `$1`, `${2:text}` and `$0` are places to fill in.
    pub insert: String,
    /// What it replaces: the word at the cursor.
    pub replace: (u32, u32),
    /// Smaller stands higher.
    pub rank: u32,
}

const MARK: &str = "smolc_cursor";

struct Collector {
    replace: (u32, u32),
    out: Vec<Completion>,
}

impl Collector {
    fn add(&mut self, label: &str, kind: CompletionKind, detail: &str, doc: &str, insert: &str, rank: u32) {
        if self.out.iter().any(|c| c.label == label) {
            return;
        }
        self.out.push(Completion {
            label: label.to_owned(),
            kind,
            detail: detail.to_owned(),
            doc: doc.to_owned(),
            insert: insert.to_owned(),
            replace: self.replace,
            rank,
        });
    }

    fn finish(mut self) -> Vec<Completion> {
        self.out.sort_by(|a, b| (a.rank, &a.label).cmp(&(b.rank, &b.label)));
        self.out
    }
}

/// The proposals at an offset of a file, best first. All that fit the place; the editor filters by what is typed.
pub fn complete(analysis: &Analysis<'_>, path: &str, offset: u32) -> Vec<Completion> {
    let Some(file) = analysis.file(path) else { return Vec::new() };
    let text = analysis.sources.text(file);
    let tokens = tokenize(file, text);
    let inside = tokens.iter().find(|t| t.span.start < offset && offset <= t.span.end);
    // Nothing within comments, and within text only behind `{`.
    let in_text = inside.is_some_and(|t| {
        matches!(t.kind, TokenKind::Text | TokenKind::BadText)
            && (offset < t.span.end || t.kind == TokenKind::BadText)
    });
    if inside.is_some_and(|t| matches!(t.kind, TokenKind::Comment | TokenKind::Doc | TokenKind::InnerDoc)) {
        return Vec::new();
    }
    let word = inside.filter(|t| t.kind == TokenKind::Word);
    let start = word.map_or(offset, |t| t.span.start);
    let mut all = Collector { replace: (start, word.map_or(offset, |t| t.span.end)), out: Vec::new() };
    if in_text {
        interpolation(analysis, path, offset, text, &mut all);
        return all.finish();
    }
    let before: Vec<&Token> = tokens.iter().filter(|t| t.span.end <= start && !t.kind.is_trivia()).collect();
    let written = |back: usize| {
        let token = before.len().checked_sub(back).and_then(|i| before.get(i))?;
        text.get(token.span.start as usize..token.span.end as usize)
    };
    let line_start = text.get(..start as usize).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
    let line = text.get(line_start..start as usize).unwrap_or("");
    // A word that begins at the cursor stays, but says nothing about what may be written before it.
    let behind = tokens.iter().find(|t| t.span.start == offset && t.kind == TokenKind::Word);
    let (a, b) = (all.replace.0, behind.map_or(all.replace.1, |t| t.span.end));
    let marked = |piece: &str| {
        format!("{}{piece}{}", text.get(..a as usize).unwrap_or(""), text.get(b as usize..).unwrap_or(""))
    };
    if line.trim_start().starts_with("#[") {
        attribute(&mut all);
        return all.finish();
    }
    if line.starts_with("use ") {
        imports(line, &mut all);
        return all.finish();
    }
    if line.is_empty() {
        items(&mut all);
        return all.finish();
    }
    if written(1) == Some(".") {
        members(analysis, path, &written, &mut all);
        return all.finish();
    }
    let same_line = |t: &&&Token| t.span.start as usize >= line_start;
    let number = before.last().filter(same_line).is_some_and(|t| t.kind == TokenKind::Number);
    if number && line.ends_with(char::is_whitespace) {
        units(analysis, path, start, &mut all);
        // A weight stands in front of a name.
        if written(1).is_some_and(|n| n.ends_with('%')) {
            all.out.clear();
            names(analysis, path, Some(&Type::Mix), &mut all);
        }
        return all.finish();
    }
    if matches!(written(2), Some("param"))
        || written(1) == Some("->") && line.starts_with("fn ")
        || is_type(&written, line)
    {
        for (name, ty) in NAMED {
            all.add(name, CompletionKind::Type, &ty.phrase(), "", name, 0);
        }
        return all.finish();
    }
    let value = marked(MARK);
    let field = marked(&format!("{MARK}: 0"));
    let second = context(analysis, path, field);
    let first = context(analysis, path, value);
    match (first, second) {
        (Some(Context::Value { expected, locals, call }), _) => {
            for name in &locals {
                all.add(name, CompletionKind::Variable, "", "", name, 1);
            }
            for (name, detail) in &call {
                all.add(&format!("{name}:"), CompletionKind::Field, detail, "", &format!("{name}: $0"), 0);
            }
            values(analysis, path, expected.as_ref(), &mut all);
        }
        (_, Some(Context::Field { schema, set })) => fields(schema, &set, &mut all),
        _ => {
            names(analysis, path, None, &mut all);
            keywords(&mut all);
        }
    }
    all.finish()
}

/// Whether a type is written: behind `name:` of a parameter.
fn is_type<'t>(written: &impl Fn(usize) -> Option<&'t str>, line: &str) -> bool {
    let head = line.starts_with("fn ") || line.starts_with("param ");
    head && written(1) == Some(":") && !line.contains('=')
}
