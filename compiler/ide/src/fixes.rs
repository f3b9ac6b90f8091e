//! Applying the fixes of diagnostics, again and again until none is left.

use crate::analysis::{Place, diagnostics};
use crate::overlay::Overlay;
use smolc_check::World;
use smolc_check::load::STD;
use smolc_diag::{Applicability, Diagnostic, Fix, Sources};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// A fix that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The diagnostic's code.
    pub code: &'static str,
    /// What was wrong.
    pub message: String,
    /// What was replaced, in the text as it was when the fix was applied.
    pub place: Place,
    /// Line and column of it, from 1.
    pub line_column: (u32, u32),
    /// The text that stood there.
    pub before: String,
    /// The text that stands there now.
    pub after: String,
}

/// What fixing led to.
#[derive(Debug)]
pub struct Fixed {
    /// Files whose text changed, by path.
    pub files: BTreeMap<String, String>,
    /// What was done, in order.
    pub applied: Vec<Applied>,
    /// What is still wrong.
    pub left: Vec<Diagnostic>,
    /// The files that `left` points into.
    pub sources: Sources,
}

/// Why fixing was given up; nothing has been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixError {
    /// Fixes undo each other.
    Circular,
    /// More rounds than any spec should take.
    Endless,
}

impl fmt::Display for FixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FixError::Circular => write!(f, "the fixes undo each other"),
            FixError::Endless => write!(f, "after {ROUNDS} rounds there were still fixes to apply"),
        }
    }
}

const ROUNDS: usize = 200;

/// Applies safe fixes, and unsafe ones too if asked, to a spec and the files it imports.
///
/// # Errors
/// When fixes do not come to an end.
pub fn fix(
    world: &dyn World,
    path: &str,
    sets: &[(String, String)],
    unsafe_too: bool,
) -> Result<Fixed, FixError> {
    let mut overlay = Overlay { base: world, files: BTreeMap::new(), memo: None };
    let mut applied = Vec::new();
    let mut seen: HashSet<BTreeMap<String, String>> = HashSet::new();
    for _ in 0..ROUNDS {
        let (left, sources) = diagnostics(&overlay, path, sets);
        let chosen = choose(&left, &sources, unsafe_too);
        if chosen.is_empty() {
            return Ok(Fixed { files: overlay.files, applied, left, sources });
        }
        if !seen.insert(overlay.files.clone()) {
            return Err(FixError::Circular);
        }
        let mut edits: BTreeMap<String, Vec<(u32, u32, String)>> = BTreeMap::new();
        for (diagnostic, fix) in chosen {
            for edit in &fix.edits {
                let file = edit.span.file;
                let place =
                    Place { path: sources.path(file).to_owned(), start: edit.span.start, end: edit.span.end };
                let before = sources.text(file).get(place.start as usize..place.end as usize).unwrap_or("");
                edits.entry(place.path.clone()).or_default().push((
                    place.start,
                    place.end,
                    edit.text.clone(),
                ));
                applied.push(Applied {
                    code: diagnostic.code,
                    message: diagnostic.message.clone(),
                    line_column: sources.line_column(file, place.start),
                    before: before.to_owned(),
                    after: edit.text.clone(),
                    place,
                });
            }
        }
        for (path, list) in edits {
            let text = match overlay.files.get(&path) {
                Some(text) => text.clone(),
                None => world.read_file(&path).unwrap_or_default(),
            };
            overlay.files.insert(path, apply_edits(&text, list));
        }
    }
    Err(FixError::Endless)
}

/// Whether a file is the user's, not the standard library's or the command line's.
pub(crate) fn is_users(path: &str) -> bool {
    !path.starts_with("--set ") && !STD.iter().any(|(name, _)| path.strip_prefix("std.") == Some(name))
}

/// Fixes that may be applied together: none touches what another one touches.
fn choose<'d>(
    diagnostics: &'d [Diagnostic],
    sources: &Sources,
    unsafe_too: bool,
) -> Vec<(&'d Diagnostic, &'d Fix)> {
    let mut taken: Vec<smolc_diag::Span> = Vec::new();
    let mut chosen = Vec::new();
    for d in diagnostics {
        let Some(fix) = d.fix.as_ref().filter(|f| unsafe_too || f.applicability == Applicability::Safe)
        else {
            continue;
        };
        let free = fix.edits.iter().all(|e| {
            is_users(sources.path(e.span.file))
                && taken.iter().all(|t| t.file != e.span.file || t.end < e.span.start || e.span.end < t.start)
        });
        if free && !fix.edits.is_empty() {
            taken.extend(fix.edits.iter().map(|e| e.span));
            chosen.push((d, fix));
        }
    }
    chosen
}

/// A text with edits applied: byte ranges and what replaces them. Ranges that overlap an earlier one, or do not lie on
/// character boundaries, are left out.
pub fn apply_edits(text: &str, mut edits: Vec<(u32, u32, String)>) -> String {
    edits.sort_by_key(|e| (e.0, e.1));
    let mut out = String::with_capacity(text.len());
    let mut at = 0usize;
    for (start, end, new) in edits {
        let (start, end) = (start as usize, end as usize);
        let (Some(kept), Some(_)) = (text.get(at..start), text.get(start..end)) else { continue };
        out.push_str(kept);
        out.push_str(&new);
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}
