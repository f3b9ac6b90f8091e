//! `smol::data::column`: columns that are read are there, and hold what they are read as.
//!
//! The first file that matches is looked at, where it can be; all files are when the data are prepared.

use crate::spec::Dataset;
use crate::world::{Column, Holds, World};
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic, Span};
use smolc_expr::row::{DataType, Field, Need, RowError};
use smolc_plan::{Filter, Source, Step};

/// Reports columns that the first file of a source does not have, or has as something else; silent when nobody can look.
pub fn check(datasets: &[Dataset], world: &dyn World, out: &mut Vec<Diagnostic>) {
    // A dataset that begins from another one has its mistakes too; each is told once.
    let mut told: Vec<Span> = Vec::new();
    for dataset in datasets {
        let mut found = Vec::new();
        check_one(dataset, world, &mut found);
        for (at, diagnostic) in found {
            if !told.contains(&at) {
                told.push(at);
                out.push(diagnostic);
            }
        }
    }
}

type Found = Vec<(Span, Diagnostic)>;

fn check_one(dataset: &Dataset, world: &dyn World, out: &mut Found) {
    let Some(columns) = looked_at(dataset, world) else { return };
    if !names(dataset, &columns, out) {
        return;
    }
    text(dataset, &columns, out);
    for (step, at) in &dataset.steps {
        match step {
            Step::Where { filter } => kinds(dataset, &columns, filter, Need::Truth, *at, out),
            Step::Thin { filter, .. } => kinds(dataset, &columns, filter, Need::Number, *at, out),
            Step::Dedup { .. } | Step::Decontaminate { .. } | Step::Sample { .. } => {}
        }
    }
}

/// The columns of the first file of a dataset; `None` when nobody can look.
pub(super) fn looked_at(dataset: &Dataset, world: &dyn World) -> Option<Vec<Column>> {
    match &dataset.source {
        Source::Jsonl { patterns, .. } | Source::Parquet { patterns, .. } => {
            patterns.iter().find_map(|p| world.columns(p))
        }
        // Their only column.
        Source::Files { .. } | Source::Text { .. } => Some(vec![Column::new("text", Holds::Texts)]),
        Source::Hub { .. } | Source::Tokens { .. } => None,
    }
}

/// Whether every column that is read is there.
fn names(dataset: &Dataset, columns: &[Column], out: &mut Found) -> bool {
    let plain = matches!(dataset.source, Source::Files { .. } | Source::Text { .. });
    let mut said: Vec<&str> = Vec::new();
    for (column, at) in &dataset.reads {
        if columns.iter().any(|c| c.name == *column) || said.contains(&column.as_str()) {
            continue;
        }
        said.push(column);
        let message = if plain {
            format!("the documents of `{}` have the column `text` only, not `{column}`", dataset.name)
        } else {
            format!("the files of `{}` have no column `{column}`", dataset.name)
        };
        let d =
            Diagnostic::error("smol::data::column", *at, message).also(dataset.span, "read by this dataset");
        let d = nearest_or(d, column, *at, columns, |d| match plain {
            true => d.help("`parquet` and `jsonl` have columns; `files` and `text` are read as they stand"),
            false => d.help(format!("they have {}", list(columns.iter()))),
        });
        out.push((*at, d));
    }
    said.is_empty()
}

/// Proposes the column whose name is nearest, or says something else where none is near.
pub(super) fn nearest_or(
    d: Diagnostic,
    name: &str,
    at: Span,
    columns: &[Column],
    otherwise: impl FnOnce(Diagnostic) -> Diagnostic,
) -> Diagnostic {
    match nearest(name, columns.iter().map(|c| c.name.as_str())) {
        Some(near) => {
            d.help(format!("did you mean `.{near}`?")).fix(at, format!(".{near}"), Applicability::Unsafe)
        }
        None => otherwise(d),
    }
}

/// A column of text holds text.
fn text(dataset: &Dataset, columns: &[Column], out: &mut Found) {
    let (Source::Jsonl { text, .. } | Source::Parquet { text, .. }) = &dataset.source else { return };
    if dataset.columns.is_some() {
        return;
    }
    let Some(column) = columns.iter().find(|c| c.name == *text) else { return };
    if matches!(column.holds, Holds::Texts | Holds::Unknown) {
        return;
    }
    let Some((_, at)) = dataset.reads.iter().find(|(name, _)| name == text) else { return };
    let message =
        format!("the column `{text}` of `{}` holds {}, not text", dataset.name, said(&column.holds));
    let d = Diagnostic::error("smol::data::column", *at, message).also(dataset.span, "read by this dataset");
    out.push((*at, others(d, "texts", columns, |h| *h == Holds::Texts)));
}

/// A filter takes each column for what it holds.
fn kinds(dataset: &Dataset, columns: &[Column], filter: &Filter, yields: Need, at: Span, out: &mut Found) {
    let Ok(needs) = filter.needs(yields) else { return };
    let mut fields = Vec::new();
    for (name, need) in &needs {
        let column = columns.iter().find(|c| c.name == *name);
        let data_type = match (column.map(|c| &c.holds), need) {
            // A classifier's verdict.
            (None, _) => DataType::F64,
            (Some(Holds::Integers), _) => DataType::I64,
            (Some(Holds::Numbers), _) => DataType::F64,
            (Some(Holds::Truths), _) => DataType::Truth,
            (Some(Holds::Texts), _) => DataType::Text64,
            (Some(Holds::Unknown), Need::Number) => DataType::F64,
            (Some(Holds::Unknown), Need::Text) => DataType::Text64,
            (Some(Holds::Unknown), Need::Truth | Need::Any) | (Some(Holds::Other(_)), Need::Any) => {
                DataType::Truth
            }
            // Compared with another column, and nobody knows what it is.
            (Some(Holds::Unknown), Need::Either) => return,
            (Some(Holds::Other(other)), Need::Number | Need::Truth | Need::Text | Need::Either) => {
                let message = format!(
                    "the column `{name}` of `{}` holds {other}, and is taken for {need} in `{filter}`",
                    dataset.name
                );
                let d =
                    Diagnostic::error("smol::data::column", at, message).also(dataset.span, "this dataset");
                let d = match need {
                    Need::Number => others(d, "numbers", columns, numeric),
                    Need::Truth => others(d, "truth values", columns, |h| *h == Holds::Truths),
                    Need::Text | Need::Either | Need::Any => {
                        others(d, "texts", columns, |h| *h == Holds::Texts)
                    }
                };
                out.push((at, d));
                return;
            }
        };
        fields.push(Field::new(name.clone(), data_type));
    }
    let Err(error) = filter.expr.verify(&fields) else { return };
    let d = Diagnostic::error("smol::data::column", at, format!("in `{filter}`, {error}"))
        .also(dataset.span, format!("the files of `{}` have {}", dataset.name, list(read(columns, &needs))));
    let d = match error {
        RowError::Mismatch { expected: "a number", .. } => others(d, "numbers", columns, numeric),
        RowError::Mismatch { expected: "a text", .. } => others(d, "texts", columns, |h| *h == Holds::Texts),
        _ => d,
    };
    out.push((at, d));
}

pub(super) fn numeric(holds: &Holds) -> bool {
    matches!(holds, Holds::Integers | Holds::Numbers)
}

fn read<'a>(columns: &'a [Column], needs: &'a [(String, Need)]) -> impl Iterator<Item = &'a Column> {
    columns.iter().filter(|c| needs.iter().any(|(name, _)| *name == c.name))
}

/// Columns that hold what was looked for.
pub(super) fn others(
    d: Diagnostic,
    what: &str,
    columns: &[Column],
    right: impl Fn(&Holds) -> bool,
) -> Diagnostic {
    let names: Vec<String> =
        columns.iter().filter(|c| right(&c.holds)).map(|c| format!("`.{}`", c.name)).collect();
    match names.as_slice() {
        [] => d.help(format!("no column holds {what}")),
        [one] => d.help(format!("did you mean {one}? it is the column that holds {what}")),
        _ => d.help(format!("columns that hold {what}: {}", crate::load::list(names.into_iter()))),
    }
}

pub(super) fn list<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    crate::load::list(columns.map(|c| format!("`{}` ({})", c.name, said(&c.holds))))
}

/// What a column holds, in words.
pub(super) fn said(holds: &Holds) -> &str {
    match holds {
        Holds::Integers => "whole numbers",
        Holds::Numbers => "numbers",
        Holds::Truths => "truth values",
        Holds::Texts => "texts",
        Holds::Other(other) => other,
        Holds::Unknown => "nulls as far as was looked",
    }
}
