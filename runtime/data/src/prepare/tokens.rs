//! Preparing a dataset that is tokenized already.

use super::dataset::{dataset_directory, finish};
use super::manifest::{FORMAT_VERSION, Manifest, Request, TokenType};
use super::same_request;
use super::writer::SplitWriter;
use crate::durable::PartialDirectory;
use crate::error::DataError;
use crate::progress::Progress;
use crate::source::is_validation;
use crate::store::Store;
use crate::tokenizer::Tokenizer;
use crate::tokens::{Ends, Tokenized, TokensError};
use smolc_plan::{Dataset, Measured, Separator};
use std::borrow::Borrow;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Writes tokenized files as the shards of a dataset, or verifies and uses what an earlier call left under `dir`.
///
/// Every id is checked against the tokenizer. Documents end with the tokenizer's end-of-document token: it is added where no
/// document has it, and documents without tokens are left out. A document's side of the validation split is decided by its
/// ids; shards of ours keep the split they have. The sizes in bytes of text are not known and are 0. A sample is not taken.
///
/// Errors: see [`TokensError`]; a sample is asked for; a full disk; a directory of another plan or a damaged one.
pub fn prepare_tokens(
    dataset: &Dataset,
    tokenized: &Tokenized,
    tokenizer: &Tokenizer,
    dir: &Path,
    progress: &dyn Progress,
) -> Result<Measured, DataError> {
    prepare(dataset, || Ok(tokenized), tokenizer, dir, progress)
}

/// [`prepare_tokens`] of files that are opened only if they are not prepared yet.
pub(super) fn prepare<T: Borrow<Tokenized>>(
    dataset: &Dataset,
    open: impl FnOnce() -> Result<T, DataError>,
    tokenizer: &Tokenizer,
    dir: &Path,
    progress: &dyn Progress,
) -> Result<Measured, DataError> {
    let (eos, eos_id) = tokenizer.end().ok_or(DataError::NoEnd)?;
    let refuse = |what: &str, instead| {
        Err(DataError::Unsupported { dataset: dataset.name.clone(), what: what.into(), instead })
    };
    if dataset.take.is_some() {
        return refuse(
            "a sample in bytes of a source that is tokenized already",
            "leave `sample` out, or give the text",
        );
    }
    if !dataset.steps.is_empty() {
        return refuse(
            "a pipeline over a source that is tokenized already",
            "leave its steps out, or give the text; `split` is all that can be done to tokens",
        );
    }
    let request = Request {
        format: FORMAT_VERSION,
        source: dataset.source.clone(),
        take: None,
        validation_per_million: dataset.validation_per_million,
        separator: Separator::Eos,
        eos: eos.to_string(),
        eos_id,
        tokenizer: tokenizer.hash(),
        pipeline: serde_json::Value::Null,
    };
    let directory = dataset_directory(dir, &dataset.name);
    if directory.exists() {
        let manifest = Store::manifest(&directory)?;
        same_request(&directory, &dataset.name, &manifest.request, &request)?;
        return Ok(Store::open(&directory)?.manifest_of().measured());
    }
    let opened = open()?;
    let tokenized: &Tokenized = opened.borrow();
    if let Some(path) = tokenized.split_by().filter(|_| dataset.validation_per_million > 0) {
        return Err(TokensError::SplitTwice { path: path.to_path_buf() }.into());
    }
    let vocabulary = tokenizer.vocab_size() as u64;
    let survey = tokenized.survey(vocabulary, eos_id)?;
    if tokenized.documents() == survey.empty {
        return Err(DataError::EmptyDataset {
            dataset: dataset.name.clone(),
            files: tokenized.files() as usize,
            skipped: 0,
            empty: survey.empty,
            budget: None,
        });
    }
    if survey.inside > 0 {
        progress.note(&format!(
            "dataset `{}`: the end-of-document token {eos_id} occurs {} times inside of documents; what it separates is one \
             document here",
            dataset.name, survey.inside
        ));
    }
    if survey.empty > 0 {
        progress.note(&format!("dataset `{}`: {} empty documents were left out", dataset.name, survey.empty));
    }
    let partial = PartialDirectory::create(&directory)?;
    progress.begin(&format!("copy {}", dataset.name), Some(tokenized.tokens()), "tokens");
    let added = (survey.ends == Ends::None).then_some(eos_id);
    let written = write(tokenized, added, request, &dataset.name, vocabulary, &partial, progress);
    progress.end();
    let mut manifest = written?;
    manifest.empty_documents = survey.empty;
    finish(&manifest, &[], partial)?;
    Ok(manifest.measured())
}

fn write(
    tokenized: &Tokenized,
    added: Option<u32>,
    request: Request,
    name: &str,
    vocabulary: u64,
    partial: &PartialDirectory,
    progress: &dyn Progress,
) -> Result<Manifest, DataError> {
    let token_type = TokenType::for_vocabulary(usize::try_from(vocabulary).unwrap_or(usize::MAX));
    let mut train = SplitWriter::create(partial, "train", token_type)?;
    let mut validation = SplitWriter::create(partial, "validation", token_type)?;
    let mut sources = blake3::Hasher::new();
    let mut left = tokenized.tokens();
    let mut ids: Vec<u32> = Vec::new();
    for (set_aside, document) in tokenized.iter() {
        ids.clear();
        ids.extend(document);
        if ids.is_empty() {
            continue;
        }
        let read = ids.len() as u64;
        // Of the ids without a separator, whether they came with one or not.
        ids.extend(added);
        let hash = xxh3_64(bytemuck::cast_slice(ids.get(..ids.len() - 1).unwrap_or_default()));
        let aside = set_aside || is_validation(hash, request.validation_per_million);
        let writer = if aside { &mut validation } else { &mut train };
        writer.document(&ids, 0, left * token_type.bytes())?;
        for word in [read, hash] {
            sources.update(&word.to_le_bytes());
        }
        left = left.saturating_sub(read);
        progress.advance(read);
    }
    let mut manifest = Manifest {
        dataset: name.to_string(),
        request,
        token_type,
        vocabulary,
        engine: String::new(),
        train: train.finish()?,
        validation: validation.finish()?,
        commit: None,
        files: tokenized.files(),
        skipped: 0,
        empty_documents: 0,
        pipeline: Vec::new(),
        sources: sources.finalize().to_hex().to_string(),
        uid: 0,
    };
    manifest.uid = manifest.content_uid();
    Ok(manifest)
}
