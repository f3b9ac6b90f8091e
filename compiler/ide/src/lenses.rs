//! Commands above a run.

use crate::analysis::{Analysis, Place};
use smolc_syntax::ast::ItemKind;

/// A command that belongs to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// Where it is shown.
    pub place: Place,
    /// What it is called.
    pub title: String,
    /// `smolc.plan` or `smolc.run`.
    pub command: &'static str,
    /// The run.
    pub run: String,
}

/// The lenses of a file: two for every run.
pub fn lenses(analysis: &Analysis<'_>, path: &str) -> Vec<Lens> {
    let Some((_, module)) = analysis.module(path) else { return Vec::new() };
    let mut out = Vec::new();
    for item in &module.ast.items {
        let ItemKind::Run(run) = &item.kind else { continue };
        for (title, command) in [("plan", "smolc.plan"), ("run", "smolc.run")] {
            out.push(Lens {
                place: analysis.place(run.name.span),
                title: title.to_owned(),
                command,
                run: run.name.text.clone(),
            });
        }
    }
    out
}
