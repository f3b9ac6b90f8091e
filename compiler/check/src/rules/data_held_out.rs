//! `smol::data::held_out`: what is kept for testing is not trained on.

use crate::spec::{Dataset, Run, Spec};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::Source;

/// Words that name a split kept aside.
const SPLITS: &[&str] = &["test", "validation", "valid", "dev", "eval", "heldout"];

/// Reports training on a test split, or on the very items of an evaluation.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let mut seen: Vec<usize> = Vec::new();
    for entry in run.stages.iter().flat_map(|s| s.mix.iter().flatten()) {
        if seen.contains(&entry.dataset) {
            continue;
        }
        seen.push(entry.dataset);
        let Some(dataset) = spec.datasets.get(entry.dataset) else { continue };
        let Some((what, at)) = named(dataset) else { continue };
        let mut d = Diagnostic::warning(
            "smol::data::held_out",
            at,
            format!("run `{}` trains on what is kept for testing", run.name),
        )
        .label(what)
        .also(entry.span, format!("`{}` is drawn here", dataset.name));
        if let Source::Hub { repository, split, .. } = &dataset.source {
            let measured = spec.evaluations.iter().find(|e| {
                e.plan.protocol.items().is_some_and(|i| i.data == *repository && i.split == *split)
            });
            if let Some(evaluation) = measured {
                d = d.also(evaluation.span, "and measured on");
            }
        }
        out.push(d.help("train on the training split; scores on this one would mean nothing"));
    }
}

/// The split or file name that says it is kept aside, and its place.
fn named(dataset: &Dataset) -> Option<(String, Span)> {
    let kept = |word: &str| {
        let first = word.split(['-', '_', '.', '[', '*']).next().unwrap_or(word);
        SPLITS.contains(&first)
    };
    match &dataset.source {
        Source::Hub { split, .. } if kept(split) => Some((format!("the split `{split}`"), dataset.span)),
        Source::Hub { .. } => None,
        other => other.patterns().iter().zip(&dataset.pattern_spans).find_map(|(pattern, at)| {
            let file = pattern.rsplit('/').next().unwrap_or(pattern);
            kept(file).then(|| (format!("the files `{file}`"), *at))
        }),
    }
}
