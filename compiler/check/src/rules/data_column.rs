//! `smol::data::column`: columns that are read are there.

use crate::spec::Dataset;
use crate::world::World;
use smolc_diag::suggest::nearest;
use smolc_diag::{Applicability, Diagnostic};
use smolc_plan::Source;

/// Reports columns that the first file of a source does not have; silent when nobody can look.
pub fn check(datasets: &[Dataset], world: &dyn World, out: &mut Vec<Diagnostic>) {
    for dataset in datasets {
        let (Source::Jsonl { patterns, .. } | Source::Parquet { patterns, .. }) = &dataset.source else {
            continue;
        };
        let Some(columns) = patterns.iter().find_map(|p| world.columns(p)) else { continue };
        let mut said: Vec<&str> = Vec::new();
        for (column, at) in &dataset.reads {
            if columns.contains(column) || said.contains(&column.as_str()) {
                continue;
            }
            said.push(column);
            let d = Diagnostic::error(
                "smol::data::column",
                *at,
                format!("the files of `{}` have no column `{column}`", dataset.name),
            )
            .also(dataset.span, "read by this dataset");
            out.push(match nearest(column, columns.iter().map(String::as_str)) {
                Some(near) => d.help(format!("did you mean `.{near}`?")).fix(
                    *at,
                    format!(".{near}"),
                    Applicability::Unsafe,
                ),
                None => d.help(format!(
                    "they have {}",
                    crate::load::list(columns.iter().map(|c| format!("`{c}`")))
                )),
            });
        }
    }
}
