//! Preparing a tokenizer.

use super::same_request;
use crate::durable::{PartialDirectory, write_synced};
use crate::error::DataError;
use crate::pipeline::{self, Means, Step};
use crate::progress::Progress;
use crate::source::{Corpus, is_validation, take};
use crate::tokenizer::{BpeOptions, Tokenizer, train};
use serde::{Deserialize, Serialize};
use smolc_plan::{Plan, TokenizerSource};
use std::path::{Path, PathBuf};

/// `manifest.json` of a prepared tokenizer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenizerManifest {
    request: Request,
    /// BLAKE3 of `tokenizer.json`.
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    tokenizer: smolc_plan::Tokenizer,
    /// The datasets it is trained on, as planned, without their sizes.
    train: Vec<smolc_plan::Dataset>,
    /// What their pipelines are; empty if none has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pipelines: Vec<serde_json::Value>,
}

/// Where a plan's tokenizer lies once prepared: `DIR/tokenizers/NAME/tokenizer.json`.
pub fn tokenizer_path(dir: &Path, name: &str) -> PathBuf {
    dir.join("tokenizers").join(name).join("tokenizer.json")
}

/// Loads or trains tokenizer number `index` of the plan and keeps a copy under `dir`.
///
/// Errors: the file is missing or no tokenizer; the vocabulary is not the plan's; the end-of-document token is missing; the
/// copy under `dir` belongs to another plan or is damaged; a dataset it is trained on cannot be read.
pub fn prepare_tokenizer(
    plan: &Plan,
    index: usize,
    dir: &Path,
    progress: &dyn Progress,
) -> Result<Tokenizer, DataError> {
    let planned = plan.tokenizers.get(index).ok_or(DataError::NoSuch { what: "tokenizer", index })?;
    let path = tokenizer_path(dir, &planned.name);
    let directory = path.parent().unwrap_or(dir).to_path_buf();
    let request = request(plan, planned)?;
    let tokenizer = if directory.exists() {
        reuse(&directory, &path, &request)?
    } else {
        let tokenizer = match &planned.source {
            TokenizerSource::Hf { path } => Tokenizer::load(Path::new(path))?,
            TokenizerSource::Bpe { train: datasets, bytes, seed, split_digits } => {
                let mut texts = Vec::new();
                for dataset in datasets.iter().filter_map(|i| plan.datasets.get(*i)) {
                    let means = Means { tokenizer: None, dir, progress, before: plan.classifiers.len() };
                    let steps = pipeline::steps(plan, dataset, &means)?;
                    texts.extend(training_text(dataset, &steps, *bytes, *seed, progress)?);
                }
                let special = std::iter::once(&planned.eos).chain(&planned.bos).cloned().collect::<Vec<_>>();
                let mut unique: Vec<String> = Vec::new();
                special.into_iter().filter(|t| !t.is_empty()).for_each(|t| {
                    if !unique.contains(&t) {
                        unique.push(t);
                    }
                });
                let vocab = usize::try_from(planned.vocab).unwrap_or(usize::MAX);
                let options = BpeOptions { vocab, special: unique, split_digits: *split_digits };
                Tokenizer::from_json(train(&options, &texts, &path, progress)?, &path)?
            }
        };
        check(planned, &tokenizer)?;
        let partial = PartialDirectory::create(&directory)?;
        write_synced(&partial.file("tokenizer.json"), tokenizer.json())?;
        let manifest = TokenizerManifest { request, hash: tokenizer.hash() };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|e| DataError::Tokenize(e.to_string()))?;
        write_synced(&partial.file("manifest.json"), &text)?;
        partial.commit()?;
        tokenizer
    };
    check(planned, &tokenizer)?;
    tokenizer.with_end(&planned.eos).ok_or_else(|| DataError::NoToken {
        tokenizer: planned.name.clone(),
        token: planned.eos.clone(),
        near: Vec::new(),
    })
}

fn request(plan: &Plan, planned: &smolc_plan::Tokenizer) -> Result<Request, DataError> {
    let indices: &[usize] = match &planned.source {
        TokenizerSource::Hf { .. } => &[],
        TokenizerSource::Bpe { train, .. } => train,
    };
    let datasets = indices.iter().map(|&i| {
        let mut dataset =
            plan.datasets.get(i).cloned().ok_or(DataError::NoSuch { what: "dataset", index: i })?;
        dataset.measured = None;
        dataset.stated_tokens = None;
        Ok(dataset)
    });
    let identity =
        |i: &usize| plan.datasets.get(*i).map_or(serde_json::Value::Null, |d| pipeline::identity(plan, d));
    let through: Vec<serde_json::Value> = indices.iter().map(identity).collect();
    let through = if through.iter().all(serde_json::Value::is_null) { Vec::new() } else { through };
    let train = datasets.collect::<Result<_, DataError>>()?;
    Ok(Request { tokenizer: planned.clone(), train, pipelines: through })
}

fn reuse(directory: &Path, path: &Path, request: &Request) -> Result<Tokenizer, DataError> {
    let corrupt = |file: &Path, problem: String| DataError::Corrupt {
        path: file.to_path_buf(),
        directory: directory.to_path_buf(),
        problem,
    };
    let file = directory.join("manifest.json");
    let bytes = std::fs::read(&file).map_err(|e| DataError::io("read", &file, e))?;
    let manifest: TokenizerManifest =
        serde_json::from_slice(&bytes).map_err(|e| corrupt(&file, format!("it is not a manifest: {e}")))?;
    same_request(directory, "tokenizer", &manifest.request, request)?;
    let tokenizer = Tokenizer::load(path)?;
    if tokenizer.hash() != manifest.hash {
        let problem = format!("its BLAKE3 is {}, the manifest says {}", tokenizer.hash(), manifest.hash);
        return Err(corrupt(path, problem));
    }
    if let TokenizerSource::Hf { path: source } = &request.tokenizer.source {
        // The original may be gone by now; if it is there, it must still be the same.
        if let Ok(original) = Tokenizer::load(Path::new(source)).map(|t| t.hash())
            && original != manifest.hash
        {
            return Err(DataError::Mismatch {
                path: directory.to_path_buf(),
                what: format!("copy of {source}"),
                found: format!("BLAKE3 {}", manifest.hash),
                planned: format!("BLAKE3 {original}"),
            });
        }
    }
    Ok(tokenizer)
}

/// The first `bytes` bytes of a dataset's training documents in an order that the seed decides: whole documents, each that
/// still fits.
fn training_text(
    dataset: &smolc_plan::Dataset,
    steps: &[Step],
    bytes: u64,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Vec<String>, DataError> {
    let corpus = Corpus::index(dataset, steps, progress)?;
    let documents: Vec<_> = corpus
        .documents
        .iter()
        .copied()
        .filter(|d| !is_validation(d.hash, dataset.validation_per_million))
        .collect();
    let keys: Vec<u64> = documents.iter().map(|d| corpus.key_hash(seed, d)).collect();
    corpus.texts(&take(&documents, &keys, bytes))
}

fn check(planned: &smolc_plan::Tokenizer, tokenizer: &Tokenizer) -> Result<(), DataError> {
    let found = tokenizer.vocab_size() as u64;
    // Models of given tokenizers often have rows to spare; one that is trained here has what it was asked for.
    let spare = matches!(planned.source, TokenizerSource::Hf { .. }) && found < planned.vocab;
    if found != planned.vocab && !spare {
        let fix = match planned.source {
            TokenizerSource::Hf { .. } => format!("write `vocab: {found}`"),
            TokenizerSource::Bpe { .. } if found > planned.vocab => {
                format!("the 256 bytes and the special tokens alone need {found}")
            }
            TokenizerSource::Bpe { .. } => {
                "the text it is trained on has no more; give it more text or a smaller `vocab`".into()
            }
        };
        return Err(DataError::Vocabulary {
            tokenizer: planned.name.clone(),
            found,
            planned: planned.vocab,
            fix,
        });
    }
    for token in std::iter::once(&planned.eos).chain(&planned.bos) {
        if tokenizer.token_id(token).is_none() {
            return Err(DataError::NoToken {
                tokenizer: planned.name.clone(),
                token: token.clone(),
                near: tokenizer.special_tokens(),
            });
        }
    }
    Ok(())
}
