//! `smol::data::contamination`: benchmarks a run is measured by are taken out of what it reads.
//!
//! One diagnostic a run: what is covered by no `decontaminate` of any of its datasets. Datasets that were decontaminated
//! elsewhere say so with an `#[allow(…)]`.

use crate::spec::{Run, Spec};
use smolc_diag::Diagnostic;
use smolc_plan::Step;

/// Reports evaluations that nothing the run reads was decontaminated against.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let mut covered: Vec<&str> = Vec::new();
    let mut read: Vec<usize> = Vec::new();
    // What the weights were trained on before counts as well.
    let mut next = Some(run);
    while let Some(here) = next {
        for entry in here.stages.iter().flat_map(|s| s.mix.iter().flatten()) {
            if !read.contains(&entry.dataset) {
                read.push(entry.dataset);
            }
        }
        next = here.parent.as_ref().and_then(|p| spec.runs.get(p.run));
    }
    for (step, _) in read.iter().filter_map(|i| spec.datasets.get(*i)).flat_map(|d| &d.steps) {
        if let Step::Decontaminate { against, .. } = step {
            covered.extend(against.iter().map(String::as_str));
        }
    }
    let mut open: Vec<&str> = Vec::new();
    let mut at = None;
    for event in &run.events {
        for evaluation in event.evaluations.iter().filter_map(|e| spec.evaluations.get(*e)) {
            let name = evaluation.plan.name.as_str();
            // Texts made up for the test, and the run's own validation split, are in no corpus.
            if evaluation.plan.protocol.items().is_none() || covered.contains(&name) || open.contains(&name) {
                continue;
            }
            at.get_or_insert(event.span);
            open.push(name);
        }
    }
    let Some(at) = at.filter(|_| !read.is_empty()) else { return };
    let names = match open.as_slice() {
        [a, b, c, _, ..] => format!("`{a}`, `{b}`, `{c}` and {} more", open.len() - 3),
        few => crate::load::list(few.iter().map(|n| format!("`{n}`"))),
    };
    out.push(
        Diagnostic::warning(
            "smol::data::contamination",
            at,
            format!("nothing that run `{}` reads is decontaminated against {names}", run.name),
        )
        .also(run.span, format!("reads {} datasets", read.len()))
        .help(
            "end a pipeline with `|> decontaminate(against: SUITE, ngram: 13)`, or say where that was done: \
               `#[allow(smol::data::contamination, reason = \"…\")]`",
        ),
    );
}
