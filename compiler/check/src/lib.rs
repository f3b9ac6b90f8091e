//! From files to a checked specification: names, types, units, compile-time evaluation and the static checks.
//!
//! [`check`] never fails. It yields whatever of the spec could be worked out, and every mistake it found, each once.
//! All reading of files and of the environment goes through a [`World`](world::World).
//!
//! What does not live here: parsing (`smolc-syntax`), the plan and the step program (`smolc-lower`), rendering of
//! diagnostics (`smolc-diag`), and any real I/O (the caller's `World`).

// A value of any kind but the expected ones is a type error, reported in one place; listing all kinds everywhere would
// hide the few that matter.
#![allow(clippy::wildcard_enum_match_arm)]

pub mod allow;
pub mod builtin;
pub mod eval;
pub mod lineage;
pub mod load;
pub mod names;
pub mod provenance;
pub mod rational;
pub mod rules;
pub mod run;
pub mod run_time;
pub mod schema;
pub mod sets;
pub mod share;
pub mod spec;
pub mod types;
pub mod units;
pub mod value;
pub mod walk;
pub mod world;

pub use spec::{Provenance, Spec};
pub use world::{MemoryWorld, World};

use eval::Eval;
use run::Builder;
use smolc_diag::{Diagnostic, Severity, Sources};
use smolc_syntax::ast::ItemKind;
use value::ItemId;

/// What checking found.
#[derive(Debug)]
pub struct Checked {
    /// Every file that was read; diagnostics point into them.
    pub sources: Sources,
    /// The spec, as far as it could be worked out.
    pub spec: Spec,
    /// What is wrong, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks the spec at `path`. `sets` are values for its parameters, `--set NAME=VALUE`.
pub fn check(world: &dyn World, path: &str, sets: &[(String, String)]) -> Checked {
    checked(world, path, sets, Builder::default()).0
}

/// Checks as [`check`] does, and says where every value of every run comes from, by its path. Nobody who waits for
/// diagnostics needs that, and it would be a sixth of the work.
pub fn trace(world: &dyn World, path: &str, sets: &[(String, String)]) -> (Checked, Vec<Provenance>) {
    checked(world, path, sets, Builder::tracing())
}

fn checked(
    world: &dyn World,
    path: &str,
    sets: &[(String, String)],
    mut builder: Builder,
) -> (Checked, Vec<Provenance>) {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let mut program = load::Loader::new(world, &mut sources, &mut diagnostics).load(path);
    names::bind(&mut program, &mut diagnostics);
    let ring = names::resolve(&program, &mut diagnostics);
    let values = sets::parse(&program, sets, &mut sources, &mut diagnostics);

    let mut eval = Eval::new(world, &program, &sources, ring);
    sets::evaluate(&mut eval, values);
    builder.spec.name = stem(path);
    if let Some(spec) = program.modules.first() {
        builder.spec.language = spec.ast.version.map_or(1, |(v, _)| v);
        for (i, item) in spec.ast.items.iter().enumerate() {
            let id = ItemId { module: 0, item: i };
            match &item.kind {
                ItemKind::Run(_) => {
                    builder.item(&mut eval, id);
                }
                ItemKind::Sweep { name, variable, values, body } => {
                    builder.sweep(&mut eval, name, variable, values, body);
                }
                ItemKind::Use(_) | ItemKind::Error { .. } => {}
                ItemKind::Param { .. }
                | ItemKind::Let { .. }
                | ItemKind::Fn(_)
                | ItemKind::Define { .. }
                | ItemKind::Target { .. } => {
                    eval.item(id);
                }
            }
        }
    }
    // What no run reads is checked all the same: a file of datasets for other specs has no run at all.
    let read = builder.mark();
    for (i, _) in program.modules.first().iter().flat_map(|m| m.ast.items.iter().enumerate()) {
        let id = ItemId { module: 0, item: i };
        if program.item(id).is_some_and(|item| matches!(item.kind, ItemKind::Define { .. })) {
            builder.define(&eval.item(id).value);
        }
    }
    diagnostics.append(&mut eval.diagnostics);
    rules::check_data(&builder.spec, world, &mut diagnostics);
    let provenance = builder.provenance.take().unwrap_or_default();
    let mut spec = builder.finish(&read);
    rules::check(&spec, &mut diagnostics);
    allow::apply(&program, &mut diagnostics);
    tidy(&mut diagnostics);
    spec.complete = diagnostics.iter().all(|d| d.severity != Severity::Error);
    (Checked { sources, spec, diagnostics }, provenance)
}

/// Sorts by place, and drops what is said twice of one place: a schedule may be evaluated for several runs.
fn tidy(diagnostics: &mut Vec<Diagnostic>) {
    let key = |d: &Diagnostic| (d.primary.span.file, d.primary.span.start, d.primary.span.end, d.code);
    diagnostics.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message)));
    diagnostics.dedup_by(|a, b| key(a) == key(b));
}

/// A path's file name without its ending.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".smol").unwrap_or(name).to_string()
}
