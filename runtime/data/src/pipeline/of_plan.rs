//! From the steps of a plan to steps that can be carried out.

use super::{Asking, Benchmarks, MinHash, Scoring, Step};
use crate::error::DataError;
use crate::prepare::prepare_classifier;
use crate::progress::Progress;
use crate::source::benchmark;
use crate::tokenizer::Tokenizer;
use serde_json::{Value, json};
use smolc_plan::{Amount, Dataset, Dedup, Evaluation, Filter, Plan, Source};
use std::path::Path;
use std::sync::Arc;

type Planned = smolc_plan::Step;

/// What of a dataset's pipeline this build cannot carry out, and what to do instead; `None` if it can.
pub fn unsupported(plan: &Plan, dataset: &Dataset) -> Option<(String, &'static str)> {
    unsupported_before(plan, dataset, plan.classifiers.len())
}

/// Only the first `before` classifiers are looked at.
fn unsupported_before(plan: &Plan, dataset: &Dataset, before: usize) -> Option<(String, &'static str)> {
    dataset.steps.iter().find_map(|step| match step {
        Planned::Where { filter } | Planned::Thin { filter, .. } => {
            filter.scores.iter().find_map(|score| untrainable(plan, &score.classifier, before))
        }
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

/// Why a classifier cannot be trained by this build.
fn untrainable(plan: &Plan, name: &str, before: usize) -> Option<(String, &'static str)> {
    let index = plan.classifiers.iter().take(before).position(|c| c.name == name)?;
    let trained = plan.datasets.get(plan.classifiers.get(index)?.train)?;
    let what = |kind: &str| format!("the classifier `{name}`, trained on `{}`, {kind},", trained.name);
    match &trained.source {
        Source::Files { .. } | Source::Text { .. } => {
            return Some((what("which has no column but its text"), "give it JSON lines or Parquet"));
        }
        Source::Hub { .. } => return Some((what("which is a hub's"), "download it and read its files")),
        Source::Tokens { .. } => {
            return Some((what("which is tokenized already"), "give the text they were made from"));
        }
        Source::Jsonl { .. } | Source::Parquet { .. } => {}
    }
    if trained.columns.is_some() {
        return Some((what("which holds conversations or preferences"), "give a column of text"));
    }
    let in_tokens = |step: &Planned| matches!(step, Planned::Sample { amount: Amount::Tokens { .. }, .. });
    if trained.steps.iter().any(in_tokens) {
        return Some((what("which is a sample in tokens"), "sample documents"));
    }
    // Only classifiers that stand before it filter what it learns from, so this ends.
    unsupported_before(plan, trained, index)
}

fn evaluation<'a>(plan: &'a Plan, name: &str) -> Option<&'a Evaluation> {
    plan.evaluations.iter().find(|e| e.name == name)
}

/// What a pipeline is, as data: a prepared dataset is used again only for the same. Null for no steps.
pub(crate) fn identity(plan: &Plan, dataset: &Dataset) -> Value {
    identity_before(plan, dataset, plan.classifiers.len())
}

/// Only the first `before` classifiers are looked at.
fn identity_before(plan: &Plan, dataset: &Dataset, before: usize) -> Value {
    if dataset.steps.is_empty() {
        return Value::Null;
    }
    let against = dataset.steps.iter().flat_map(|step| match step {
        Planned::Decontaminate { against, .. } => against.as_slice(),
        Planned::Where { .. } | Planned::Thin { .. } | Planned::Dedup { .. } | Planned::Sample { .. } => &[],
    });
    let against: Vec<Option<&Evaluation>> = against.map(|name| evaluation(plan, name)).collect();
    let mut identity = json!({ "steps": dataset.steps, "against": against });
    let asked: Vec<Value> = filters(dataset)
        .flat_map(|filter| &filter.scores)
        .filter_map(|score| plan.classifiers.iter().take(before).position(|c| c.name == score.classifier))
        .map(|index| identity_of_classifier(plan, index))
        .collect();
    if let (false, Some(object)) = (asked.is_empty(), identity.as_object_mut()) {
        object.insert("classifiers".into(), asked.into());
    }
    identity
}

/// What a classifier is, as data, down to the documents that it learns from; null for one that the plan lacks.
pub(crate) fn identity_of_classifier(plan: &Plan, index: usize) -> Value {
    let Some(planned) = plan.classifiers.get(index) else { return Value::Null };
    let Some(trained) = plan.datasets.get(planned.train) else { return Value::Null };
    let mut planned = json!(planned);
    if let Some(object) = planned.as_object_mut() {
        // Its number may change while the dataset stays the same.
        object.remove("train");
    }
    json!({
        "classifier": planned,
        "source": trained.source,
        "take": trained.take,
        // Only those that stand before it filter what it learns from.
        "pipeline": identity_before(plan, trained, index),
    })
}

fn filters(dataset: &Dataset) -> impl Iterator<Item = &Filter> {
    dataset.steps.iter().filter_map(|step| match step {
        Planned::Where { filter } | Planned::Thin { filter, .. } => Some(filter),
        Planned::Dedup { .. } | Planned::Decontaminate { .. } | Planned::Sample { .. } => None,
    })
}

/// What steps are made with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    /// Counts the tokens of a sample in tokens.
    pub(crate) tokenizer: Option<&'a Tokenizer>,
    /// Where classifiers lie, or come to lie.
    pub(crate) dir: &'a Path,
    /// Training one takes its time.
    pub(crate) progress: &'a dyn Progress,
    /// Only so many of the plan's classifiers, the first ones, may be asked.
    pub(crate) before: usize,
}

/// The steps of a dataset of the plan. Reads the benchmarks that it is decontaminated against, and trains or reads the
/// classifiers that its filters ask. A sample in tokens needs the tokenizer.
///
/// Errors: see [`unsupported`]; a benchmark cannot be read; a classifier cannot be trained.
pub(crate) fn steps(plan: &Plan, dataset: &Dataset, means: &Means<'_>) -> Result<Vec<Step>, DataError> {
    let refuse =
        |what: String, instead| DataError::Unsupported { dataset: dataset.name.clone(), what, instead };
    if let Some((what, instead)) = unsupported(plan, dataset) {
        return Err(refuse(what, instead));
    }
    let mut trained: Vec<(usize, Arc<crate::classifier::Linear>)> = Vec::new();
    let mut model = |name: &str| {
        let found = plan.classifiers.iter().position(|c| c.name == name);
        let Some(index) = found.filter(|index| *index < means.before) else {
            return Err(refuse(format!("classifier `{name}`, which the plan lacks,"), "make the plan anew"));
        };
        if let Some((_, model)) = trained.iter().find(|(known, _)| *known == index) {
            return Ok(model.clone());
        }
        let model = Arc::new(prepare_classifier(plan, index, means)?);
        trained.push((index, model.clone()));
        Ok(model)
    };
    let mut asking = |filter: &Filter| {
        let scores = filter.scores.iter().map(|score| {
            let (name, column) = (score.to_string(), score.column.clone());
            Ok(Scoring { name, column, model: model(&score.classifier)? })
        });
        let scores = scores.collect::<Result<_, DataError>>()?;
        Ok::<Asking, DataError>(Asking { expr: filter.expr.clone(), scores, shown: filter.to_string() })
    };
    let step = |step: &Planned| {
        Ok(match step {
            Planned::Where { filter } => Step::Where(asking(filter)?),
            Planned::Thin { filter, seed } => Step::Thin { probability: asking(filter)?, seed: *seed },
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
            Planned::Sample { amount: Amount::Tokens { n }, seed } => match means.tokenizer {
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
