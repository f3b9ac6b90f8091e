//! `smol::data::filter`: what a filter keeps depends on the document.
//!
//! Two bounds that leave nothing between them, here or with the filters before, keep no document, and training would stop for
//! want of data after hours of preparation. A filter that is false of no document was meant to be another one.

use crate::spec::Dataset;
use smolc_diag::{Diagnostic, Span};
use smolc_expr::row::Contradiction;
use smolc_plan::{Filter, Step};

const CODE: &str = "smol::data::filter";

/// Reports filters that nothing passes, an error, and filters that nothing fails.
pub fn check(datasets: &[Dataset], out: &mut Vec<Diagnostic>) {
    // A dataset that begins from another one has its steps too; each is told once.
    let mut told: Vec<Span> = Vec::new();
    for dataset in datasets {
        let mut before: Vec<(&Filter, Span)> = Vec::new();
        for (step, at) in &dataset.steps {
            let Step::Where { filter } = step else { continue };
            let all = before.iter().map(|(f, _)| &f.expr).chain([&filter.expr]);
            let nothing =
                Contradiction::of(all).map(|why| nothing_passes(dataset, filter, *at, &before, &why));
            // Behind a filter that nothing passes there is nothing to be said.
            let ends = nothing.is_some();
            let found = nothing.or_else(|| Contradiction::of_not(&filter.expr).map(|_| nothing_fails(*at)));
            if let Some(d) = found.filter(|_| !told.contains(at)) {
                told.push(*at);
                out.push(d);
            }
            if ends {
                break;
            }
            before.push((filter, *at));
        }
    }
}

fn nothing_passes(
    dataset: &Dataset,
    filter: &Filter,
    at: Span,
    before: &[(&Filter, Span)],
    why: &Contradiction,
) -> Diagnostic {
    let why = filter.as_written(&why.to_string());
    let never = if why.contains("` and `") { "never true together" } else { "never true" };
    let d = Diagnostic::error(CODE, at, format!("no document of `{}` passes this filter", dataset.name))
        .label(format!("{why}: {never}"));
    if Contradiction::of([&filter.expr]).is_some() {
        return d.help("turn a comparison around, or write `or` where either will do");
    }
    before
        .iter()
        .fold(d, |d, (_, earlier)| d.also(*earlier, "passed before"))
        .help("widen one of the filters")
}

fn nothing_fails(at: Span) -> Diagnostic {
    Diagnostic::warning(CODE, at, "this filter is false of no document")
        .help("change its bound; if it is there for missing values, `present(.NAME)` says so")
}
