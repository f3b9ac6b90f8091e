//! `smol::data::alias`: one source under two names.
//!
//! Each name has its own place in the order of data, so the run reads the same documents twice, in the same order, and
//! neither the epochs nor the weights of the plan say so.

use crate::spec::{Dataset, Run, Spec};
use smolc_diag::Diagnostic;

/// Reports datasets of a run that read the same.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let mut read: Vec<usize> =
        run.stages.iter().flat_map(|s| s.mix.iter().flatten()).map(|e| e.dataset).collect();
    read.sort_unstable();
    read.dedup();
    let found: Vec<&Dataset> = read.iter().filter_map(|i| spec.datasets.get(*i)).collect();
    for (i, dataset) in found.iter().enumerate() {
        let same = |other: &&&Dataset| {
            other.source == dataset.source
                && other.take == dataset.take
                && other.steps.iter().map(|s| &s.0).eq(dataset.steps.iter().map(|s| &s.0))
        };
        if let Some(first) = found.iter().take(i).find(same) {
            out.push(
                Diagnostic::warning(
                    "smol::data::alias",
                    dataset.span,
                    format!("`{}` and `{}` are the same documents under two names", first.name, dataset.name),
                )
                .also(first.span, "the other name")
                .also(run.span, format!("run `{}` reads both", run.name))
                .help("name the source once, and give it one weight"),
            );
        }
    }
}
