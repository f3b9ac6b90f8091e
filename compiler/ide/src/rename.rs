//! Renaming, held against the names that are there: a rename that would change what any name means is refused.

use crate::analysis::{Analysis, Place, diagnostics};
use crate::definition::{occurrences, place};
use crate::fixes::{apply_edits, is_users};
use crate::overlay::Overlay;
use crate::resolve::Symbol;
use smolc_diag::Severity;
use smolc_syntax::ast::ItemKind;
use std::collections::BTreeMap;
use std::fmt;

/// Why a name is not renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenameError {
    /// There is no name at the cursor.
    Nothing,
    /// The name is the compiler's or the standard library's.
    NotYours(String),
    /// The new name is no name of the language.
    NoName(String),
    /// The new name already means something where the old one is used.
    Taken(String),
}

impl fmt::Display for RenameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RenameError::Nothing => write!(f, "there is no name here that could be changed"),
            RenameError::NotYours(name) => {
                write!(f, "`{name}` is not defined in a file of yours")
            }
            RenameError::NoName(name) => write!(
                f,
                "`{name}` is no name: names are made of letters, digits and `_`, and are no word of the language"
            ),
            RenameError::Taken(why) => write!(f, "{why}"),
        }
    }
}

/// Words that are no names of values.
const RESERVED: [&str; 13] =
    ["if", "then", "else", "and", "or", "not", "at", "every", "with", "true", "false", "none", "rest"];

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name)
}

/// The range that a rename at an offset would change first.
///
/// # Errors
/// When there is nothing to rename.
pub fn prepare_rename(analysis: &Analysis<'_>, path: &str, offset: u32) -> Result<Place, RenameError> {
    let file = analysis.file(path).ok_or(RenameError::Nothing)?;
    let here = analysis.resolved().at(file, offset).ok_or(RenameError::Nothing)?;
    let not_yours = || RenameError::NotYours(analysis.written(here.span).to_owned());
    match &here.symbol {
        Symbol::Item(_) | Symbol::Local(_) | Symbol::Stage(_) => {
            let at = place(analysis, &here.symbol).ok_or_else(not_yours)?;
            if !is_users(&at.path) {
                return Err(not_yours());
            }
        }
        Symbol::Module(_) if alias(analysis, path, offset).is_some() => {}
        Symbol::Module(_) => return Err(RenameError::Nothing),
        Symbol::Builtin(_) | Symbol::Field(..) | Symbol::Type(_) | Symbol::Word(_) => return Err(not_yours()),
    }
    Ok(analysis.place(here.span))
}

/// The places of a module's alias in one file, if the name at an offset is that alias.
fn alias(analysis: &Analysis<'_>, path: &str, offset: u32) -> Option<Vec<Place>> {
    let (_, module) = analysis.module(path)?;
    let here = analysis.resolved().at(module.file, offset)?;
    let Symbol::Module(m) = here.symbol else { return None };
    let word = analysis.written(here.span);
    let declared = module.ast.items.iter().enumerate().find_map(|(i, item)| match &item.kind {
        ItemKind::Use(u) => {
            let alias = u.alias.as_ref().filter(|a| a.text == word)?;
            (module.imports.get(&i) == Some(&m)).then_some((alias.span, item.span))
        }
        _ => None,
    })?;
    let in_use = |at: u32| {
        module
            .ast
            .items
            .iter()
            .any(|i| matches!(i.kind, ItemKind::Use(_)) && i.span.start <= at && at < i.span.end)
    };
    let places = analysis.resolved().occurrences.iter().filter(|o| {
        o.span.file == module.file
            && o.symbol == Symbol::Module(m)
            && (o.span == declared.0 || !in_use(o.span.start))
    });
    Some(places.map(|o| analysis.place(o.span)).collect())
}

/// Every change that gives the thing at an offset another name.
///
/// # Errors
/// When the new name is no name, or would mean or hide something else.
pub fn rename(
    analysis: &Analysis<'_>,
    path: &str,
    offset: u32,
    new_name: &str,
) -> Result<Vec<(Place, String)>, RenameError> {
    let here = prepare_rename(analysis, path, offset)?;
    if !is_name(new_name) {
        return Err(RenameError::NoName(new_name.to_owned()));
    }
    let file = analysis.file(path).ok_or(RenameError::Nothing)?;
    let symbol =
        analysis.resolved().at(file, offset).map(|o| o.symbol.clone()).ok_or(RenameError::Nothing)?;
    let places: Vec<Place> = match alias(analysis, path, offset) {
        Some(places) => places,
        None => {
            let definition = place(analysis, &symbol).ok_or(RenameError::Nothing)?;
            occurrences(analysis, &definition).into_iter().map(|(p, _)| p).collect()
        }
    };
    if analysis.text(path).get(here.start as usize..here.end as usize) == Some(new_name) {
        return Ok(Vec::new());
    }
    verify(analysis, &places, new_name)?;
    Ok(places.into_iter().map(|p| (p, new_name.to_owned())).collect())
}

/// Carries the rename out on a copy and looks whether every name means what it meant.
fn verify(analysis: &Analysis<'_>, places: &[Place], new_name: &str) -> Result<(), RenameError> {
    let mut edits: BTreeMap<String, Vec<(u32, u32, String)>> = BTreeMap::new();
    for p in places {
        edits.entry(p.path.clone()).or_default().push((p.start, p.end, new_name.to_owned()));
    }
    let files = edits.into_iter().map(|(path, list)| {
        let text = apply_edits(analysis.text(&path), list);
        (path, text)
    });
    let overlay = Overlay { base: analysis.world, files: files.collect(), memo: None };
    let taken = |why: String| Err(RenameError::Taken(why));
    let names = |world: &dyn smolc_check::World| {
        let (list, _) = diagnostics(world, &analysis.path, &[]);
        let about = |c: &str| c.starts_with("smol::name::") || c.starts_with("smol::syntax::");
        let bad = list.into_iter().filter(|d| about(d.code) && d.severity != Severity::Info);
        bad.map(|d| (d.code, d.message)).collect::<Vec<_>>()
    };
    let (before, after) = (names(analysis.world), names(&overlay));
    if after.len() > before.len() {
        let new = after.into_iter().find(|m| !before.contains(m)).map(|m| m.1);
        return taken(format!(
            "after that, {}",
            new.unwrap_or_else(|| "a name would mean something else".to_owned())
        ));
    }
    let other = Analysis::new(&overlay, &analysis.path, &[]);
    // Numbered by first mention, names mean the same things in the same order as before.
    let meanings = |a: &Analysis<'_>| -> Vec<usize> {
        let list = &a.resolved().occurrences;
        let mut ids: Vec<&Symbol> = Vec::new();
        list.iter()
            .map(|o| {
                ids.iter().position(|s| *s == &o.symbol).unwrap_or_else(|| {
                    ids.push(&o.symbol);
                    ids.len() - 1
                })
            })
            .collect()
    };
    if meanings(analysis) != meanings(&other) {
        return taken(format!("`{new_name}` would hide, or be hidden by, something of that name"));
    }
    Ok(())
}
