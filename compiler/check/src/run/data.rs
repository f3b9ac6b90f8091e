//! Datasets, tokenizers, classifiers and evaluations of a spec: each once, with the index that runs use.

use super::Builder;
use crate::schema::classifier::default;
use crate::spec::{Classifier, Dataset, Evaluation, Spec, Tokenizer};
use crate::value::{
    ClassifierValue, DatasetValue, EvalValue, Object, StepValue, TokenizerKind, TokenizerValue, Value,
};
use smolc_plan::{Items, Metric, Normalize, Protocol, ShotsOrder, Step, TokenizerSource};

/// How much of the data a spec had at some point.
pub struct DataMark {
    tokenizers: usize,
    datasets: usize,
    classifiers: usize,
    evaluations: usize,
}

impl Builder {
    /// How much of the data there is now.
    pub fn mark(&self) -> DataMark {
        DataMark {
            tokenizers: self.spec.tokenizers.len(),
            datasets: self.spec.datasets.len(),
            classifiers: self.spec.classifiers.len(),
            evaluations: self.spec.evaluations.len(),
        }
    }

    /// Adds a dataset, a classifier or a tokenizer, read by something or not.
    pub fn define(&mut self, value: &Value) {
        match value {
            Value::Dataset(d) => drop(self.dataset(d)),
            Value::Classifier(c) => drop(self.classifier(c)),
            Value::Tokenizer(t) => drop(self.tokenizer(t)),
            _ => {}
        }
    }

    /// The spec with the data that it had at `mark`: what was added since is read by nothing and no part of it.
    pub fn finish(self, mark: &DataMark) -> Spec {
        let mut spec = self.spec;
        spec.tokenizers.truncate(mark.tokenizers);
        spec.datasets.truncate(mark.datasets);
        spec.classifiers.truncate(mark.classifiers);
        spec.evaluations.truncate(mark.evaluations);
        spec
    }

    /// The index of a named dataset.
    pub(super) fn dataset(&mut self, value: &DatasetValue) -> Option<usize> {
        let id = value.id?;
        if let Some(index) = self.datasets.get(&id) {
            return Some(*index);
        }
        let index = self.spec.datasets.len();
        self.datasets.insert(id, index);
        self.spec.datasets.push(Dataset {
            name: value.name.clone(),
            span: value.span,
            source: value.source.clone(),
            pattern_spans: value.pattern_spans.clone(),
            take: value.take.clone(),
            validation_per_million: value.validation_per_million,
            stated_tokens: value.stated_tokens,
            stated_documents: value.stated_documents,
            columns: value.columns.clone(),
            steps: Vec::new(),
            limit: value.limit,
            reads: value.reads.clone(),
        });
        // Steps may need other datasets (of classifiers), which come behind.
        let steps = value.steps.iter().filter_map(|s| Some((self.step(s)?, s.span()))).collect();
        if let Some(dataset) = self.spec.datasets.get_mut(index) {
            dataset.steps = steps;
        }
        Some(index)
    }

    fn step(&mut self, step: &StepValue) -> Option<Step> {
        Some(match step {
            StepValue::Plan(step, _) => step.clone(),
            StepValue::Filter { filter, thin, classifiers, .. } => {
                for classifier in classifiers {
                    self.classifier(classifier)?;
                }
                match thin {
                    None => Step::Where { filter: filter.clone() },
                    Some(seed) => Step::Thin { filter: filter.clone(), seed: *seed },
                }
            }
            StepValue::Decontaminate { against, ngram, overlap, .. } => {
                for evaluation in against {
                    self.evaluation(evaluation)?;
                }
                Step::Decontaminate {
                    against: against.iter().map(|e| e.name.clone()).collect(),
                    ngram: *ngram,
                    overlap: match overlap {
                        Some(f) => Some(f.to_ratio()?),
                        None => None,
                    },
                }
            }
        })
    }

    fn classifier(&mut self, value: &ClassifierValue) -> Option<usize> {
        let id = value.id?;
        if let Some(index) = self.classifiers.get(&id) {
            return Some(*index);
        }
        let f = &value.fields;
        let plan = smolc_plan::Classifier {
            name: value.name.clone(),
            train: self.dataset(&value.train)?,
            text: f.text("text")?.to_string(),
            label: f.text("label")?.to_string(),
            ngrams: f.u64("ngrams").unwrap_or(default::NGRAMS),
            buckets: f.u64("buckets").unwrap_or(default::BUCKETS),
            epochs: f.u64("epochs").unwrap_or(default::EPOCHS),
            seed: f.u64("seed").unwrap_or(0),
        };
        let index = self.spec.classifiers.len();
        self.spec.classifiers.push(Classifier {
            plan,
            span: value.span,
            text: f.at("text"),
            label: f.at("label"),
        });
        self.classifiers.insert(id, index);
        Some(index)
    }

    /// The index of an evaluation; `None` when its protocol has a mistake that was reported.
    pub(super) fn evaluation(&mut self, value: &EvalValue) -> Option<usize> {
        if let Some(index) = self.evaluations.get(&value.id) {
            return Some(*index);
        }
        let protocol = self.protocol(value)?;
        let plan = smolc_plan::Evaluation { name: value.name.clone(), protocol };
        let index = self.spec.evaluations.len();
        self.spec.evaluations.push(Evaluation { plan, span: value.span });
        self.evaluations.insert(value.id, index);
        Some(index)
    }

    fn protocol(&mut self, value: &EvalValue) -> Option<Protocol> {
        let f: &Object = &value.fields;
        let text = |field: &str| f.text(field).map(str::to_string);
        let texts = |field: &str| match f.get(field).map(|n| &n.value) {
            Some(Value::List(items)) => items
                .iter()
                .filter_map(|n| match &n.value {
                    Value::Text(t) => Some(t.clone()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let items = || {
            let shots = f.u64("shots").unwrap_or(0);
            Some(Items {
                data: value.files.clone().or_else(|| text("data"))?,
                subsets: texts("subsets"),
                split: text("split").unwrap_or_else(|| "test".into()),
                shots,
                shots_from: (shots > 0).then(|| text("shots_from").unwrap_or_else(|| "train".into())),
                shots_order: match f.text("shots_order") {
                    Some("random") => ShotsOrder::Random,
                    _ => ShotsOrder::Sequential,
                },
            })
        };
        Some(match f.schema?.name {
            "Likelihood" => Protocol::Likelihood {
                items: items()?,
                prompt: text("prompt")?,
                choice: text("choice")?,
                choices: text("choices")?,
                answer: text("answer")?,
                normalize: match f.text("normalize") {
                    Some("none") => Normalize::None,
                    Some("tokens") => Normalize::Tokens,
                    Some("bytes") => Normalize::Bytes,
                    _ => Normalize::Characters,
                },
            },
            "Generation" => Protocol::Generation {
                items: items()?,
                prompt: text("prompt")?,
                answer: text("answer")?,
                tokens: f.u64("tokens")?,
                stop: texts("stop"),
                extract: text("extract"),
                metric: match f.text("metric") {
                    Some("quasi_exact") => Metric::QuasiExact,
                    Some("number") => Metric::Number,
                    Some("math") => Metric::Math,
                    Some("f1") => Metric::F1,
                    Some("instructions") => Metric::Instructions,
                    _ => Metric::Exact,
                },
                chat: f.bool("chat").unwrap_or(false),
            },
            "Execution" => Protocol::Execution {
                items: items()?,
                prompt: text("prompt")?,
                tests: text("tests")?,
                language: text("language")?,
                tokens: f.u64("tokens")?,
                stop: texts("stop"),
                samples: f.u64("samples").unwrap_or(1),
                temperature: f.f64("temperature").unwrap_or(0.0),
            },
            "Judge" => Protocol::Judge { items: items()?, judge: text("judge")?, tokens: f.u64("tokens")? },
            "Perplexity" => {
                let Some(Value::Dataset(d)) = f.get("on").map(|n| &n.value) else { return None };
                Protocol::Perplexity { dataset: self.dataset(d)?, tokens: f.u64("tokens").unwrap_or(1 << 20) }
            }
            "Needle" => Protocol::Needle {
                lengths: (f.u64("shortest").unwrap_or(512), f.u64("longest")?, f.u64("step").unwrap_or(256)),
                depths: f.u64("depths").unwrap_or(11),
                distractors: f.u64("distractors").unwrap_or(0),
                seed: f.u64("seed").unwrap_or(0),
            },
            _ => return None,
        })
    }

    /// The index of a named tokenizer.
    pub(super) fn tokenizer(&mut self, value: &TokenizerValue) -> Option<usize> {
        let id = value.id?;
        if let Some(index) = self.tokenizers.get(&id) {
            return Some(*index);
        }
        let source = match &value.source {
            TokenizerKind::Hf(path) => TokenizerSource::Hf { path: path.clone() },
            TokenizerKind::Bpe { train, bytes, seed, split_digits } => TokenizerSource::Bpe {
                train: train.iter().filter_map(|d| self.dataset(d)).collect(),
                bytes: *bytes,
                seed: *seed,
                split_digits: *split_digits,
            },
        };
        self.spec.tokenizers.push(Tokenizer {
            name: value.name.clone(),
            span: value.span,
            source,
            eos: value.eos.clone(),
            bos: value.bos.clone(),
            vocab: value.vocab,
        });
        let index = self.spec.tokenizers.len() - 1;
        self.tokenizers.insert(id, index);
        Some(index)
    }
}
