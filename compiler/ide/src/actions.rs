//! What can be done about a diagnostic with one keystroke.

use crate::analysis::{Analysis, Place, diagnostics};
use crate::fixes::is_users;
use smolc_diag::{Applicability, Diagnostic, Edit, Severity, Sources};
use smolc_syntax::visit::{Node, path_at};

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// Repairs one diagnostic.
    QuickFix,
    /// Repairs everything that can be repaired safely in the file.
    FixAll,
}

/// A change that an editor may offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What it does.
    pub title: String,
    /// What kind of change it is.
    pub kind: ActionKind,
    /// Whether it surely is what was meant.
    pub preferred: bool,
    /// Index of the diagnostic it repairs, in the order of [`diagnostics`].
    pub diagnostic: Option<usize>,
    /// The change: ranges and what replaces them.
    pub edits: Vec<(Place, String)>,
}

/// The actions for diagnostics that touch a range of a file.
pub fn actions(analysis: &Analysis<'_>, path: &str, start: u32, end: u32) -> Vec<Action> {
    let (list, sources) = diagnostics(analysis.world, &analysis.path, &[]);
    let mut out = Vec::new();
    let here = |d: &Diagnostic| sources.path(d.primary.span.file) == path;
    for (i, d) in list.iter().enumerate() {
        if !here(d) || d.primary.span.end < start || end < d.primary.span.start {
            continue;
        }
        if let Some(fix) =
            d.fix.as_ref().filter(|f| f.edits.iter().all(|e| is_users(sources.path(e.span.file))))
        {
            out.push(Action {
                title: title(&fix.edits, &sources),
                kind: ActionKind::QuickFix,
                preferred: fix.applicability == Applicability::Safe,
                diagnostic: Some(i),
                edits: fix.edits.iter().map(|e| edit(e, &sources)).collect(),
            });
        }
        if d.severity == Severity::Warning {
            out.extend(allow(analysis, path, d, i));
        }
    }
    let safe: Vec<(Place, String)> = list
        .iter()
        .filter(|d| here(d))
        .filter_map(|d| d.fix.as_ref().filter(|f| f.applicability == Applicability::Safe))
        .flat_map(|f| &f.edits)
        .filter(|e| sources.path(e.span.file) == path)
        .map(|e| edit(e, &sources))
        .collect();
    if !safe.is_empty() {
        out.push(Action {
            title: "apply every safe fix of this file".to_owned(),
            kind: ActionKind::FixAll,
            preferred: false,
            diagnostic: None,
            edits: apart(safe),
        });
    }
    out
}

/// Edits of which none touches another; the first one wins.
fn apart(mut edits: Vec<(Place, String)>) -> Vec<(Place, String)> {
    edits.sort_by_key(|(p, _)| (p.start, p.end));
    let mut out: Vec<(Place, String)> = Vec::new();
    for (place, text) in edits {
        if out.last().is_none_or(|(last, _)| last.end < place.start) {
            out.push((place, text));
        }
    }
    out
}

fn edit(e: &Edit, sources: &Sources) -> (Place, String) {
    let path = sources.path(e.span.file).to_owned();
    (Place { path, start: e.span.start, end: e.span.end }, e.text.clone())
}

/// What a change does, in words.
fn title(edits: &[Edit], sources: &Sources) -> String {
    let quoted = |text: &str| format!("`{}`", text.trim().replace('\n', " "));
    match edits {
        [e] => {
            let before =
                sources.text(e.span.file).get(e.span.start as usize..e.span.end as usize).unwrap_or("");
            match (before.is_empty(), e.text.is_empty()) {
                (true, _) => format!("insert {}", quoted(&e.text)),
                (false, true) => format!("remove {}", quoted(before)),
                (false, false) => format!("replace {} by {}", quoted(before), quoted(&e.text)),
            }
        }
        many => format!("make {} changes", many.len()),
    }
}

/// Silences a lint on the item it is in. The reason is the author's to give.
fn allow(analysis: &Analysis<'_>, path: &str, d: &Diagnostic, index: usize) -> Option<Action> {
    let (_, module) = analysis.module(path)?;
    let item = path_at(&module.ast, d.primary.span.start).into_iter().find_map(|n| match n {
        Node::Item(item) => Some(item),
        _ => None,
    })?;
    let at = item.span.start;
    Some(Action {
        title: format!("allow `{}` here", d.code),
        kind: ActionKind::QuickFix,
        preferred: false,
        diagnostic: Some(index),
        edits: vec![(
            Place { path: path.to_owned(), start: at, end: at },
            format!("#[allow({}, reason = \"why it is right here\")]\n", d.code),
        )],
    })
}
