//! The prepared data of a run, and preparing it.

use crate::directory::{self, SpecDirectory};
use crate::error::TrainError;
use crate::event::Prepared;
use crate::samples::{Batch, Samples};
use crate::supported::supported;
use smolc_data::{
    Loader, Progress, Tokenizer, classified, prepare_dataset, prepare_tokenizer, tokenizer_path,
};
use smolc_engine::hf::Special;
use smolc_plan::{Dataset, Plan, Run, Step};
use std::path::{Path, PathBuf};

/// Prepares what `plan` reads under `dir`: tokenizers, then datasets, each whole or not at all, each skipped when it is
/// there already. Returns the plan with the measured sizes filled in. Refuses first, before any work, a directory
/// that is not ours or that belongs to another plan.
pub fn prepare(plan: &Plan, dir: &Path, progress: &dyn Progress) -> Result<Plan, TrainError> {
    directory::check(plan, dir)?;
    let _lock = SpecDirectory::open(dir)?;
    let mut measured = plan.clone();
    // A tokenizer is trained on text, not on tokens, so all of them come before all datasets.
    let mut tokenizers = Vec::new();
    // Runs that this build would refuse are prepared for by the build that carries them out.
    let runs: Vec<&Run> = plan.runs.iter().filter(|r| supported(plan, r).is_ok()).collect();
    for index in 0..plan.tokenizers.len() {
        tokenizers.push(match runs.iter().any(|r| r.tokenizer == index) {
            true => Some(prepare_tokenizer(plan, index, dir, progress)?),
            false => None,
        });
    }
    for (index, dataset) in measured.datasets.iter_mut().enumerate() {
        // Every run that reads a dataset has the same tokenizer: the plan holds each pair once.
        let user = runs.iter().find(|r| r.stages.iter().any(|s| s.mix.iter().any(|m| m.dataset == index)));
        let Some(user) = user else { continue };
        let Some(Some(tokenizer)) = tokenizers.get(user.tokenizer) else { continue };
        dataset.measured = Some(prepare_dataset(plan, index, tokenizer, dir, progress)?);
    }
    Ok(measured)
}

/// The data of a run, opened and verified.
#[derive(Debug)]
pub struct Corpus {
    loader: Loader,
    tokenizer: PathBuf,
    special: Special,
    warnings: Vec<(&'static str, String)>,
    prepared: Vec<Prepared>,
}

impl Corpus {
    /// Opens the data of run number `index` under `dir`, which must be the ones the plan was measured on.
    pub fn open(plan: &Plan, index: usize, dir: &Path) -> Result<Corpus, TrainError> {
        let run = plan.runs.get(index).ok_or(TrainError::NoRun { run: index, runs: plan.runs.len() })?;
        let loader = Loader::for_run(plan, index, dir)?;
        let mut prepared = Vec::new();
        for (i, store) in loader.datasets() {
            let Some(dataset) = plan.datasets.get(i) else { continue };
            let steps = store.manifest_of().pipeline.clone();
            if !steps.is_empty() {
                let found = store.measured();
                prepared.push(Prepared {
                    dataset: dataset.name.clone(),
                    steps,
                    documents: found.documents,
                    validation_documents: found.validation_documents,
                    tokens: found.tokens,
                    classifiers: classifiers_of(dataset)
                        .into_iter()
                        .map(|name| classified(dir, name))
                        .collect::<Result<_, _>>()?,
                });
            }
            let Some(measured) = &dataset.measured else {
                return Err(TrainError::NotPrepared { dataset: dataset.name.clone() });
            };
            let found = store.measured();
            if found.uid != measured.uid {
                return Err(TrainError::OtherData {
                    path: dir.join(&run.name),
                    dataset: dataset.name.clone(),
                    old: measured.uid,
                    new: found.uid,
                    old_tokens: measured.tokens,
                    new_tokens: found.tokens,
                });
            }
        }
        let mut warnings = Vec::new();
        let (tokenizer, special) = match plan.tokenizers.get(run.tokenizer) {
            Some(planned) => {
                let path = tokenizer_path(dir, &planned.name);
                let tokenizer = Tokenizer::load(&path)?;
                warnings.extend(spare_rows(&planned.name, tokenizer.vocab_size() as u64, run.model.vocab));
                let special = Special {
                    bos: planned.bos.as_ref().and_then(|text| tokenizer.token_id(text)),
                    eos: tokenizer.token_id(&planned.eos).into_iter().collect(),
                };
                (path, special)
            }
            None => {
                return Err(TrainError::Plan { run: run.name.clone(), reason: "it has no tokenizer".into() });
            }
        };
        Ok(Corpus { loader, tokenizer, special, warnings, prepared })
    }

    /// The run's `tokenizer.json`.
    pub fn tokenizer(&self) -> &Path {
        &self.tokenizer
    }

    /// Ids of the tokens that begin and end a document.
    pub fn special(&self) -> &Special {
        &self.special
    }
}

/// Classifiers that the filters of a dataset ask, each once.
fn classifiers_of(dataset: &Dataset) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for step in &dataset.steps {
        let filter = match step {
            Step::Where { filter } | Step::Thin { filter, .. } => filter,
            Step::Dedup { .. } | Step::Decontaminate { .. } | Step::Sample { .. } => continue,
        };
        for score in &filter.scores {
            if !names.contains(&score.classifier.as_str()) {
                names.push(&score.classifier);
            }
        }
    }
    names
}

/// A tokenizer with fewer tokens than the model has rows: often meant (rows are rounded up for speed), and a mistake when the
/// tokenizer is not the one the model was shaped for.
fn spare_rows(tokenizer: &str, tokens: u64, rows: u64) -> Option<(&'static str, String)> {
    (tokens < rows).then(|| {
        let message = format!(
            "tokenizer `{tokenizer}` has {tokens} tokens and the model {rows} rows for them: {} embedding rows are never \
             trained by any token; if that is not meant, write `vocab: {tokens}`",
            rows - tokens
        );
        ("vocabulary", message)
    })
}

impl Samples for Corpus {
    fn fill(&self, first: u64, n: usize, batch: &mut Batch) -> Result<(), TrainError> {
        self.loader.fill(first, n, batch);
        Ok(())
    }

    fn dataset(&self, sample: u64) -> usize {
        self.loader.order().at(sample).dataset
    }

    fn counts(&self, samples: u64) -> Vec<u64> {
        self.loader.order().counts(samples)
    }

    fn validation_windows(&self, dataset: usize, tokens: u64) -> u64 {
        self.loader.validation_windows(dataset, tokens)
    }

    fn fill_validation(
        &self,
        dataset: usize,
        windows: u64,
        first: u64,
        n: usize,
        batch: &mut Batch,
    ) -> Result<(), TrainError> {
        self.loader.fill_validation(dataset, windows, first, n, batch);
        Ok(())
    }

    fn prepared(&self) -> Vec<Prepared> {
        self.prepared.clone()
    }

    fn warnings(&self) -> Vec<(&'static str, String)> {
        self.warnings.clone()
    }
}
