//! Where a name is introduced, and where it is used.

use crate::analysis::{Analysis, Place};
use crate::resolve::{Occurrence, Symbol};
use smolc_check::names::defined;

/// Where the name at an offset is introduced. A module is the beginning of its file.
pub fn definition(analysis: &Analysis<'_>, path: &str, offset: u32) -> Option<Place> {
    let file = analysis.file(path)?;
    let symbol = &analysis.resolved().at(file, offset)?.symbol;
    place(analysis, symbol)
}

/// Where a symbol is introduced; `None` for what the compiler itself provides.
pub fn place(analysis: &Analysis<'_>, symbol: &Symbol) -> Option<Place> {
    match symbol {
        Symbol::Item(id) => {
            let (name, _) = defined(&analysis.item(*id)?.kind)?;
            Some(analysis.place(name.span))
        }
        Symbol::Local(span) | Symbol::Stage(span) => Some(analysis.place(*span)),
        Symbol::Module(m) => {
            let module = analysis.program.modules.get(*m)?;
            Some(Place { path: module.path.clone(), start: 0, end: 0 })
        }
        Symbol::Builtin(_) | Symbol::Field(..) | Symbol::Type(_) | Symbol::Word(_) => None,
    }
}

/// Every place that names what is introduced at a place, in every file of the spec.
pub fn occurrences(analysis: &Analysis<'_>, definition: &Place) -> Vec<(Place, bool)> {
    let resolved = analysis.resolved();
    let Some(symbol) = resolved
        .occurrences
        .iter()
        .map(|o| &o.symbol)
        .find(|s| place(analysis, s).as_ref() == Some(definition))
    else {
        return Vec::new();
    };
    of(&resolved.occurrences, symbol).map(|o| (analysis.place(o.span), o.definition)).collect()
}

/// The names in one file that mean the same as the one at an offset.
pub fn highlights(analysis: &Analysis<'_>, path: &str, offset: u32) -> Vec<(Place, bool)> {
    let Some(file) = analysis.file(path) else { return Vec::new() };
    let resolved = analysis.resolved();
    let Some(here) = resolved.at(file, offset) else { return Vec::new() };
    of(&resolved.occurrences, &here.symbol)
        .filter(|o| o.span.file == file)
        .map(|o| (analysis.place(o.span), o.definition))
        .collect()
}

fn of<'a>(list: &'a [Occurrence], symbol: &'a Symbol) -> impl Iterator<Item = &'a Occurrence> {
    list.iter().filter(move |o| o.symbol == *symbol)
}
