//! Behind a dot, and behind a number.

use super::values::builtin;
use super::{Collector, CompletionKind};
use crate::analysis::Analysis;
use crate::resolve::Expected;
use smolc_check::load::Target;
use smolc_check::names::defined;
use smolc_check::units::Dim;
use smolc_check::value::Builtin;
use smolc_diag::FileId;
use smolc_syntax::ast::{ExprKind, ItemKind, MemberKind};
use smolc_syntax::visit::{Node, walk};
use std::collections::BTreeSet;

/// Behind a dot: items of a module, stages of a run, or columns that the spec uses.
pub(super) fn members<'t>(
    analysis: &Analysis<'_>,
    path: &str,
    written: &impl Fn(usize) -> Option<&'t str>,
    all: &mut Collector,
) {
    let Some((_, module)) = analysis.module(path) else { return };
    let target = written(2).and_then(|base| module.scope.get(base)).map(|b| b.target);
    match target {
        Some(Target::Module(m)) => {
            let Some(other) = analysis.program.modules.get(m) else { return };
            for item in &other.ast.items {
                if let Some((name, keyword)) = defined(&item.kind) {
                    let name = name.text.as_str();
                    all.add(name, CompletionKind::Variable, keyword, &item.docs.join("\n"), name, 0);
                }
            }
            Builtin::exported_by(&other.path).iter().for_each(|b| builtin(b.name(), None, all));
        }
        Some(Target::Item(id)) => {
            if let Some(ItemKind::Run(run)) = analysis.item(id).map(|i| &i.kind) {
                for member in &run.body {
                    if let MemberKind::Stage(stage) = &member.kind {
                        let name = stage.name.text.as_str();
                        all.add(name, CompletionKind::Variable, "stage", &member.docs.join("\n"), name, 0);
                    }
                }
            }
        }
        _ => {
            let mut columns = BTreeSet::new();
            walk(&module.ast, &mut |node| {
                if let Node::Expr(e) = node
                    && let ExprKind::Column(name) = &e.kind
                    && !name.text.is_empty()
                {
                    columns.insert(name.text.clone());
                }
            });
            for name in columns {
                all.add(&name, CompletionKind::Column, "column", "", &name, 0);
            }
        }
    }
}

/// Behind a number: the units that fit.
pub(super) fn units(analysis: &Analysis<'_>, path: &str, at: u32, all: &mut Collector) {
    let wanted = analysis.file(path).and_then(|file| wanted_dims(analysis, file, at));
    for dim in [
        Dim::Tokens,
        Dim::Steps,
        Dim::Sequences,
        Dim::Epochs,
        Dim::Documents,
        Dim::Evals,
        Dim::Bytes,
        Dim::Seconds,
    ] {
        let fits = wanted.as_ref().is_none_or(|w| w.contains(&dim));
        let word = if dim == Dim::Seconds { "s" } else { dim.word() };
        if fits {
            all.add(word, CompletionKind::Unit, "unit", "", word, 0);
        }
    }
}

fn wanted_dims(analysis: &Analysis<'_>, file: FileId, at: u32) -> Option<&'static [Dim]> {
    let near = |x: &&Expected| x.span.file == file && x.span.start <= at && at <= x.span.end + 2;
    let found = analysis.resolved().expected.iter().filter(near).max_by_key(|x| x.span.start)?;
    Some(found.ty.dims()).filter(|d| d.iter().any(|d| !d.is_scalar()))
}
