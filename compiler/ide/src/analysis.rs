//! A spec, checked, with its names resolved: what every question starts from.

use crate::resolve::{Resolved, resolve};
use smolc_check::load::{Loader, Module, Program};
use smolc_check::value::{ItemId, Node};
use smolc_check::{Checked, World, eval::Eval, names};
use smolc_diag::{Diagnostic, FileId, Sources, Span};
use smolc_syntax::ast::{Expr, Item};
use std::cell::OnceCell;
use std::rc::Rc;

/// A range of a file, by path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file: a path, or `std.schedules`.
    pub path: String,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A spec and everything it imports.
pub struct Analysis<'w> {
    /// Where it was read from.
    pub world: &'w dyn World,
    /// The spec's path.
    pub path: String,
    /// Its files.
    pub sources: Sources,
    /// Its modules; the spec is the first.
    pub program: Program,
    /// Items that are defined by themselves.
    rings: names::Ring,
    sets: Vec<(String, String)>,
    checked: OnceCell<Checked>,
    resolved: OnceCell<Resolved>,
}

impl<'w> Analysis<'w> {
    /// Reads the spec at `path`. Nothing is judged before it is asked for.
    pub fn new(world: &'w dyn World, path: &str, sets: &[(String, String)]) -> Analysis<'w> {
        let mut sources = Sources::default();
        let mut ignored = Vec::new();
        let mut program = Loader::new(world, &mut sources, &mut ignored).load(path);
        names::bind(&mut program, &mut ignored);
        let rings = names::resolve(&program, &mut ignored);
        Analysis {
            world,
            path: path.to_owned(),
            sources,
            program,
            rings,
            sets: sets.to_vec(),
            checked: OnceCell::new(),
            resolved: OnceCell::new(),
        }
    }

    /// What checking found. Files have the same ids as in [`Analysis::sources`]: both read them in the same order.
    pub fn checked(&self) -> &Checked {
        self.checked.get_or_init(|| smolc_check::check(self.world, &self.path, &self.sets))
    }

    /// What every name means.
    pub fn resolved(&self) -> &Resolved {
        self.resolved.get_or_init(|| resolve(&self.program))
    }

    /// The module of a path.
    pub fn module(&self, path: &str) -> Option<(usize, &Module)> {
        self.program.modules.iter().enumerate().find(|(_, m)| m.path == path)
    }

    /// The id of a file.
    pub fn file(&self, path: &str) -> Option<FileId> {
        self.module(path).map(|(_, m)| m.file)
    }

    /// The text of a file; empty if the spec does not read it.
    pub fn text(&self, path: &str) -> &str {
        self.file(path).map_or("", |f| self.sources.text(f))
    }

    /// A span as a place.
    pub fn place(&self, span: Span) -> Place {
        Place { path: self.sources.path(span.file).to_owned(), start: span.start, end: span.end }
    }

    /// What stands at a span.
    pub fn written(&self, span: Span) -> &str {
        self.sources.text(span.file).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// An item.
    pub fn item(&self, id: ItemId) -> Option<&Item> {
        self.program.item(id)
    }

    /// The value of an expression outside of functions, as far as it has one.
    pub fn evaluate(&self, expr: &Expr) -> Option<Node> {
        let mut eval = Eval::new(self.world, &self.program, &self.sources, self.rings.clone());
        Some(eval.expr(expr, &Rc::default())).filter(|n| !n.is_error())
    }

    /// The value of an item.
    pub fn value(&self, id: ItemId) -> Option<Node> {
        let mut eval = Eval::new(self.world, &self.program, &self.sources, self.rings.clone());
        Some(eval.item(id)).filter(|n| !n.is_error())
    }
}

/// Everything `smolc check` says about a spec, and the files it is said of.
pub fn diagnostics(world: &dyn World, path: &str, sets: &[(String, String)]) -> (Vec<Diagnostic>, Sources) {
    let Checked { sources, spec, mut diagnostics, .. } = smolc_check::check(world, path, sets);
    if spec.complete
        && let Err(more) = smolc_lower::lower(&spec)
    {
        // A file without a run is a library.
        diagnostics.extend(more.into_iter().filter(|d| d.code != "smol::lower::no_run"));
    }
    (smolc_diag::arrange::arrange(&diagnostics).diagnostics, sources)
}
