//! What a number comes to, shown beside it: steps for tokens, epochs for weights, parameters for models.

use crate::analysis::Analysis;
use crate::{numbers, values};
use smolc_check::spec::{Run, Stage};
use smolc_check::value::{ItemId, Value};
use smolc_diag::FileId;
use smolc_syntax::ast::{ExprKind, ItemKind};
use std::collections::BTreeMap;

/// A remark behind a piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The byte it stands before.
    pub offset: u32,
    /// What it says.
    pub label: String,
    /// More of it.
    pub tooltip: String,
}

/// The hints of a file, in order.
pub fn hints(analysis: &Analysis<'_>, path: &str) -> Vec<Hint> {
    let Some((m, module)) = analysis.module(path) else { return Vec::new() };
    let mut out = Vec::new();
    for run in &analysis.checked().spec.runs {
        for stage in &run.stages {
            out.extend(length(run, stage, module.file));
            shares(analysis, run, stage, module.file, &mut out);
        }
        if run.span.file == module.file
            && let (Some(steps), Some(batch)) = (run.steps, &run.batch)
        {
            let tokens = numbers::short(steps as f64 * batch.tokens() as f64);
            out.push(Hint {
                offset: run.span.end,
                label: format!("{}, {tokens} tokens", numbers::steps(steps)),
                tooltip: "the whole run".to_owned(),
            });
        }
    }
    for (i, item) in module.ast.items.iter().enumerate() {
        let ItemKind::Define { keyword, name, value } = &item.kind else { continue };
        if keyword.text != "model" || matches!(value.kind, ExprKind::Error) {
            continue;
        }
        let node = analysis.value(ItemId { module: m, item: i });
        let shown = node.filter(|n| matches!(n.value, Value::Object(_))).and_then(|n| match &n.value {
            Value::Object(o) => {
                let spec = smolc_check::schema::model::build(&name.text, o)?;
                let count = numbers::parameters(&spec.model)?;
                Some((format!("{} parameters", numbers::short(count as f64)), values::show(&n.value)?))
            }
            _ => None,
        });
        if let Some((label, tooltip)) = shown {
            out.push(Hint { offset: name.span.end, label, tooltip });
        }
    }
    out.sort_by(|a, b| (a.offset, &a.label).cmp(&(b.offset, &b.label)));
    out.dedup();
    out
}

/// A stage's length in steps, or in tokens if it is written in steps.
fn length(run: &Run, stage: &Stage, file: FileId) -> Option<Hint> {
    let ((first, steps), batch) = (stage.steps?, run.batch.as_ref()?);
    if stage.length_span.file != file || stage.length_span == stage.span {
        return None;
    }
    let tokens = numbers::short(steps as f64 * batch.tokens() as f64);
    Some(Hint {
        offset: stage.length_span.end,
        label: format!("= {}", numbers::steps(steps)),
        tooltip: format!("{tokens} tokens, steps {first} to {}", first + steps),
    })
}

/// Epochs of every term of a stage's mixture; tokens where the size of the dataset is not known.
fn shares(analysis: &Analysis<'_>, run: &Run, stage: &Stage, file: FileId, out: &mut Vec<Hint>) {
    let (Some((_, steps)), Some(batch), Some(mix)) = (stage.steps, run.batch.as_ref(), &stage.mix) else {
        return;
    };
    let mut terms: BTreeMap<u32, Vec<(f64, Option<String>, String)>> = BTreeMap::new();
    for entry in mix.iter().filter(|e| e.span.file == file) {
        let Some(dataset) = analysis.checked().spec.datasets.get(entry.dataset) else { continue };
        let tokens = numbers::share(&entry.weight, steps, batch);
        let passes = dataset.stated_tokens.map(|size| numbers::epochs(tokens, size));
        terms.entry(entry.span.end).or_default().push((tokens, passes, dataset.name.clone()));
    }
    for (offset, parts) in terms {
        let sum: f64 = parts.iter().map(|p| p.0).sum();
        let label = match parts.as_slice() {
            [(_, Some(passes), _)] => passes.clone(),
            _ => numbers::short(sum),
        };
        let lines: Vec<String> = parts
            .iter()
            .map(|(tokens, passes, name)| {
                let passes = passes.as_ref().map_or_else(String::new, |p| format!(", {p}"));
                format!("{name}: {} tokens{passes}", numbers::short(*tokens))
            })
            .collect();
        out.push(Hint { offset, label, tooltip: lines.join("\n") });
    }
}
