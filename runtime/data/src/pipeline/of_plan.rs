//! From the steps of a plan to steps that can be carried out.

use super::{Benchmarks, MinHash, Step};
use crate::error::DataError;
use crate::source::benchmark;
use crate::tokenizer::Tokenizer;
use serde_json::{Value, json};
use smolc_plan::{Amount, Dataset, Dedup, Evaluation, Plan};
use std::sync::Arc;

type Planned = smolc_plan::Step;

/// What of a dataset's pipeline this build cannot carry out, and what to do instead; `None` if it can.
pub fn unsupported(plan: &Plan, dataset: &Dataset) -> Option<(String, &'static str)> {
    dataset.steps.iter().find_map(|step| match step {
        Planned::Where { filter } | Planned::Thin { filter, .. } => filter.scores.first().map(|score| {
            let what = format!("the classifier `{}`", score.classifier);
            (what, "filter by a column that holds its scores")
        }),
        Planned::Decontaminate { against, .. } => against.iter().find_map(|name| {
            let evaluation = evaluation(plan, name)?;
            let items = evaluation.protocol.items();
            match (items, evaluation.protocol.prompt()) {
                (Some(items), Some(_)) if items.data.contains("://") => Some((
                    format!("`decontaminate` against `{name}`, whose items are at `{}`,", items.data),
                    "download them and name the files in `data:` of the evaluation, \"bench/*.jsonl\"",
                )),
                (Some(items), Some(_)) if items.are_files() && !items.subsets.is_empty() => Some((
                    format!("`decontaminate` against `{name}`, whose files have subsets,"),
                    "leave `subsets` out: every file that `data:` names is read",
                )),
                (Some(_), Some(_)) => None,
                _ => Some((
                    format!("`decontaminate` against `{name}`, which has no prompts to look for,"),
                    "leave it out of `against`",
                )),
            }
        }),
        Planned::Sample { amount: Amount::Tokens { .. }, .. } => {
            let own = |t: &smolc_plan::Tokenizer| match &t.source {
                smolc_plan::TokenizerSource::Bpe { train, .. } => {
                    train.iter().any(|i| plan.datasets.get(*i).is_some_and(|d| d.name == dataset.name))
                }
                smolc_plan::TokenizerSource::Hf { .. } => false,
            };
            plan.tokenizers.iter().find(|t| own(t)).map(|tokenizer| {
                let what = format!(
                    "`sample` in tokens of tokenizer `{}`, which is trained on that sample,",
                    tokenizer.name
                );
                (what, "sample bytes or documents")
            })
        }
        Planned::Sample { .. } | Planned::Dedup { .. } => None,
    })
}

fn evaluation<'a>(plan: &'a Plan, name: &str) -> Option<&'a Evaluation> {
    plan.evaluations.iter().find(|e| e.name == name)
}

/// What a pipeline is, as data: a prepared dataset is used again only for the same. Null for no steps.
pub(crate) fn identity(plan: &Plan, dataset: &Dataset) -> Value {
    if dataset.steps.is_empty() {
        return Value::Null;
    }
    let against = dataset.steps.iter().flat_map(|step| match step {
        Planned::Decontaminate { against, .. } => against.as_slice(),
        Planned::Where { .. } | Planned::Thin { .. } | Planned::Dedup { .. } | Planned::Sample { .. } => &[],
    });
    let against: Vec<Option<&Evaluation>> = against.map(|name| evaluation(plan, name)).collect();
    json!({ "steps": dataset.steps, "against": against })
}

/// The steps of a dataset of the plan. Reads the benchmarks that it is decontaminated against. A sample in tokens needs the
/// tokenizer.
///
/// Errors: see [`unsupported`]; a benchmark cannot be read.
pub(crate) fn steps(
    plan: &Plan,
    dataset: &Dataset,
    tokenizer: Option<&Tokenizer>,
) -> Result<Vec<Step>, DataError> {
    let refuse =
        |what: String, instead| DataError::Unsupported { dataset: dataset.name.clone(), what, instead };
    if let Some((what, instead)) = unsupported(plan, dataset) {
        return Err(refuse(what, instead));
    }
    let step = |step: &Planned| {
        Ok(match step {
            Planned::Where { filter } => Step::Where(filter.expr.clone()),
            Planned::Thin { filter, seed } => Step::Thin { probability: filter.expr.clone(), seed: *seed },
            Planned::Dedup { by: Dedup::Exact } => Step::DedupExact,
            Planned::Dedup { by: Dedup::MinHash { bands, hashes, ngram, seed } } => {
                let family = MinHash::new(*bands, *hashes, *ngram, *seed);
                Step::DedupMinHash(family.map_err(|e| DataError::Filter {
                    place: format!("dataset `{}`", dataset.name),
                    filter: "dedup".into(),
                    reason: e.to_string(),
                })?)
            }
            Planned::Decontaminate { against, ngram, overlap } => {
                let mut all = Vec::new();
                for name in against {
                    let found = evaluation(plan, name).ok_or_else(|| {
                        refuse(
                            format!("`decontaminate` against `{name}`, which the plan lacks,"),
                            "make the plan anew",
                        )
                    })?;
                    all.push((name.as_str(), benchmark::texts(found)?));
                }
                let overlap = overlap.map(|r| (r.num, r.den));
                let ngram = usize::try_from(*ngram).unwrap_or(usize::MAX);
                Step::Decontaminate(Arc::new(Benchmarks::new(ngram, overlap, all)))
            }
            Planned::Sample { amount: Amount::Tokens { n }, seed } => match tokenizer {
                Some(tokenizer) => {
                    Step::SampleTokens { tokens: *n, seed: *seed, tokenizer: Box::new(tokenizer.clone()) }
                }
                None => {
                    return Err(refuse(
                        "a sample in tokens of a tokenizer that is not there yet".into(),
                        "sample bytes or documents",
                    ));
                }
            },
            Planned::Sample { amount, seed } => Step::Sample { amount: *amount, seed: *seed },
        })
    };
    dataset.steps.iter().map(step).collect()
}
