//! Outlines: the items of a file with their stages, and items of every file by name.

use crate::analysis::{Analysis, Place};
use smolc_check::names::defined;
use smolc_diag::Span;
use smolc_syntax::ast::{Ident, Item, ItemKind, Member, MemberKind};

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// `fn`, `schedule`
    Function,
    /// `param`, `let`
    Variable,
    /// `dataset`, `mix`, `tokenizer`, `classifier`
    Data,
    /// `model`
    Model,
    /// `run`, `sweep`
    Run,
    /// `stage`
    Stage,
    /// `eval`, `suite`, `target` and what else there is.
    Other,
}

/// An entry of an outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolNode {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// Its keyword.
    pub detail: String,
    /// The whole item.
    pub whole: Place,
    /// Its name.
    pub place: Place,
    /// Stages, runs of a sweep.
    pub children: Vec<SymbolNode>,
}

fn kind(keyword: &str) -> SymbolKind {
    match keyword {
        "fn" | "schedule" => SymbolKind::Function,
        "param" | "let" => SymbolKind::Variable,
        "dataset" | "mix" | "tokenizer" | "classifier" => SymbolKind::Data,
        "model" => SymbolKind::Model,
        "run" | "sweep" => SymbolKind::Run,
        _ => SymbolKind::Other,
    }
}

/// The outline of a file.
pub fn document_symbols(analysis: &Analysis<'_>, path: &str) -> Vec<SymbolNode> {
    let Some((_, module)) = analysis.module(path) else { return Vec::new() };
    module.ast.items.iter().filter_map(|i| item(analysis, i)).collect()
}

fn item(analysis: &Analysis<'_>, item: &Item) -> Option<SymbolNode> {
    let (name, keyword) = defined(&item.kind)?;
    let children = match &item.kind {
        ItemKind::Run(run) => members(analysis, &run.body),
        ItemKind::Sweep { body, .. } => members(analysis, body),
        _ => Vec::new(),
    };
    Some(node(analysis, name, kind(keyword), keyword, item.span, children))
}

fn members(analysis: &Analysis<'_>, members: &[Member]) -> Vec<SymbolNode> {
    let each = members.iter().filter_map(|m| match &m.kind {
        MemberKind::Stage(s) => {
            let detail = s.length.as_ref().map_or("stage", |l| analysis.written(l.span));
            Some(node(analysis, &s.name, SymbolKind::Stage, detail, m.span, Vec::new()))
        }
        MemberKind::Run(r) => {
            let inner = self::members(analysis, &r.body);
            Some(node(analysis, &r.name, SymbolKind::Run, "run", m.span, inner))
        }
        _ => None,
    });
    each.collect()
}

fn node(
    analysis: &Analysis<'_>,
    name: &Ident,
    kind: SymbolKind,
    detail: &str,
    whole: Span,
    children: Vec<SymbolNode>,
) -> SymbolNode {
    let place = analysis.place(name.span);
    // An editor wants the name inside the whole, also where an item did not parse.
    let whole = analysis.place(whole.to(name.span));
    SymbolNode { name: name.text.clone(), kind, detail: detail.to_owned(), whole, place, children }
}

/// Items and stages of all files whose names hold the letters of a query in its order, whatever their case.
pub fn workspace_symbols(analysis: &Analysis<'_>, query: &str) -> Vec<SymbolNode> {
    let mut out = Vec::new();
    for module in &analysis.program.modules {
        let mut stack = document_symbols(analysis, &module.path);
        stack.reverse();
        while let Some(mut symbol) = stack.pop() {
            stack.extend(symbol.children.drain(..).rev());
            if matches(&symbol.name, query) {
                out.push(symbol);
            }
        }
    }
    out
}

fn matches(name: &str, query: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    query.chars().flat_map(char::to_lowercase).all(|q| letters.any(|l| l == q))
}
