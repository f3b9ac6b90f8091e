//! Carrying out a pipeline on an indexed corpus.

use super::Step;
use super::decontaminate::{Benchmarks, Contamination, Coverage};
use super::filters::Filters;
use super::minhash::MinHash;
use super::repeats::Repeats;
use crate::error::DataError;
use crate::progress::Progress;
use crate::source::{Corpus, DocumentRef, Reader, batches};
use crate::tokenizer::Tokenizer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use smolc_plan::Amount;
use xxhash_rust::xxh3::xxh3_128;

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// `"where(.score >= 3)"`, `"dedup(exact)"`, …
    pub step: String,
    /// Documents before it.
    pub documents_before: u64,
    /// Documents after it.
    pub documents: u64,
    /// Bytes of text after it; `None` behind a filter that another one follows before any text is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What a decontamination looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Coverage>,
}

/// A document that a decontamination removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Its file.
    pub path: String,
    /// Its line, or row, from 1; 0 where a document is a file.
    pub line: u64,
    /// What it holds.
    #[serde(flatten)]
    pub contamination: Contamination,
}

/// What a pipeline did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports {
    pub(crate) steps: Vec<StepReport>,
    pub(crate) removed: Vec<Removed>,
}

/// What was found while the source was indexed.
pub(crate) struct Asked {
    /// Documents there are, those that are dropped included.
    pub(crate) read: u64,
    /// Documents that the filters before any other step keep, one after another.
    pub(crate) passed: Vec<u64>,
    /// What the filters said of each document of the corpus.
    pub(crate) marks: Vec<u64>,
}

/// The report of a sample in bytes.
pub(crate) fn report_sample(bytes: u64, before: u64, kept: &[DocumentRef]) -> StepReport {
    StepReport {
        step: format!("sample({bytes} bytes)"),
        documents_before: before,
        documents: kept.len() as u64,
        bytes: Some(kept.iter().map(|d| d.bytes).sum()),
        coverage: Vec::new(),
    }
}

/// Carries out the steps.
pub(crate) fn run(
    corpus: &mut Corpus,
    steps: &[Step],
    asked: Asked,
    dataset: &str,
    progress: &dyn Progress,
) -> Result<Reports, DataError> {
    let mut reports = Reports::default();
    let Asked { read, passed, mut marks } = asked;
    let mut before = read;
    let mut filter = 0;
    for (index, step) in steps.iter().enumerate() {
        // Rows pass these filters as they are read; what is left of them is left of all.
        let while_reading = passed.get(index).filter(|_| index < passed.len());
        let keep: Vec<bool> = match step {
            Step::Where(_) | Step::Thin { .. } => {
                filter += 1;
                marks.iter().map(|&m| Filters::keeps(m, filter - 1)).collect()
            }
            Step::DedupExact => {
                firsts(corpus, step, dataset, progress, |text| vec![xxh3_128(text.as_bytes())])?
            }
            Step::DedupMinHash(family) => dedup(corpus, step, family, dataset, progress)?,
            Step::Decontaminate(benchmarks) => {
                decontaminate(corpus, step, benchmarks, dataset, progress, &mut reports.removed)?
            }
            Step::Sample { amount, seed } => sample(corpus, documents(*amount, before), *seed),
            Step::SampleTokens { tokens, seed, tokenizer } => {
                sample_tokens(corpus, step, (*tokens, *seed, tokenizer), dataset, progress)?
            }
        };
        let mut kept = keep.iter();
        corpus.documents.retain(|_| kept.next().copied().unwrap_or(false));
        let mut kept = keep.iter();
        marks.retain(|_| kept.next().copied().unwrap_or(false));
        let left = while_reading.copied().unwrap_or(corpus.documents.len() as u64);
        let known = while_reading.is_none() || index + 1 == passed.len();
        reports.steps.push(StepReport {
            step: step.to_string(),
            documents_before: before,
            documents: left,
            bytes: known.then(|| corpus.documents.iter().map(|d| d.bytes).sum()),
            coverage: if let Step::Decontaminate(b) = step { b.coverage().to_vec() } else { Vec::new() },
        });
        before = left;
    }
    Ok(reports)
}

fn dedup(
    corpus: &Corpus,
    step: &Step,
    family: &MinHash,
    dataset: &str,
    progress: &dyn Progress,
) -> Result<Vec<bool>, DataError> {
    firsts(corpus, step, dataset, progress, |text| family.bands(text))
}

/// Which documents are the first of those connected by common keys.
fn firsts(
    corpus: &Corpus,
    step: &Step,
    dataset: &str,
    progress: &dyn Progress,
    keys: impl Fn(&str) -> Vec<u128> + Sync,
) -> Result<Vec<bool>, DataError> {
    let mut repeats = Repeats::new();
    let mut number = 0;
    each_text(
        corpus,
        step,
        dataset,
        progress,
        |_, text| keys(text),
        |_, keys| {
            for key in keys {
                repeats.add(key, number)?;
            }
            number += 1;
            Ok(())
        },
    )?;
    let firsts = repeats.first_of_each(number)?;
    Ok((0..).zip(&firsts).map(|(document, first)| document == *first).collect())
}

fn decontaminate(
    corpus: &Corpus,
    step: &Step,
    benchmarks: &Benchmarks,
    dataset: &str,
    progress: &dyn Progress,
    removed: &mut Vec<Removed>,
) -> Result<Vec<bool>, DataError> {
    let mut keep = Vec::with_capacity(corpus.documents.len());
    each_text(
        corpus,
        step,
        dataset,
        progress,
        |_, text| benchmarks.find(text),
        |document, found| {
            keep.push(found.is_none());
            removed.extend(found.map(|contamination| Removed {
                path: corpus.path(document).display().to_string(),
                line: document.line(),
                contamination,
            }));
            Ok(())
        },
    )?;
    Ok(keep)
}

/// Documents that an amount of `all` comes to; a share is rounded down.
fn documents(amount: Amount, all: u64) -> u64 {
    match amount {
        Amount::Documents { n } => n,
        Amount::Share { of } => {
            let share = u128::from(all) * u128::from(of.num) / u128::from(of.den.max(1));
            u64::try_from(share).unwrap_or(u64::MAX)
        }
        // `steps` makes another step of it.
        Amount::Tokens { .. } => 0,
    }
}

/// Indices of the documents in the order that a seed gives them.
fn order(corpus: &Corpus, seed: u64) -> impl Iterator<Item = usize> {
    let mut order: Vec<(u64, usize)> =
        corpus.documents.iter().map(|d| corpus.key_hash(seed, d)).zip(0..).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, index)| index)
}

/// In the order of the seed, each document that still fits.
fn sample_tokens(
    corpus: &Corpus,
    step: &Step,
    (tokens, seed, tokenizer): (u64, u64, &Tokenizer),
    dataset: &str,
    progress: &dyn Progress,
) -> Result<Vec<bool>, DataError> {
    let mut sizes = Vec::with_capacity(corpus.documents.len());
    each_text(
        corpus,
        step,
        dataset,
        progress,
        |_, text| tokenizer.encode_document(text).map(|ids| ids.len() as u64 + 1),
        |_, size| {
            sizes.push(size?);
            Ok(())
        },
    )?;
    let mut room = tokens;
    let mut keep = vec![false; sizes.len()];
    for index in order(corpus, seed) {
        if let (Some(keep), Some(size)) = (keep.get_mut(index), sizes.get(index))
            && *size <= room
        {
            room -= size;
            *keep = true;
        }
    }
    Ok(keep)
}

fn sample(corpus: &Corpus, documents: u64, seed: u64) -> Vec<bool> {
    let mut keep = vec![false; corpus.documents.len()];
    let documents = usize::try_from(documents).unwrap_or(usize::MAX);
    for index in order(corpus, seed).take(documents) {
        if let Some(keep) = keep.get_mut(index) {
            *keep = true;
        }
    }
    keep
}

/// Reads every text once: `work` in parallel, `take` in the documents' order.
fn each_text<T: Send>(
    corpus: &Corpus,
    step: &Step,
    dataset: &str,
    progress: &dyn Progress,
    work: impl Fn(&DocumentRef, &str) -> T + Sync,
    mut take: impl FnMut(&DocumentRef, T) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let total = corpus.documents.iter().map(|d| d.bytes).sum();
    progress.begin(&format!("{} {dataset}", step.name()), Some(total), "bytes");
    let mut reader = Reader::new(corpus);
    let mut pass = || {
        for batch in batches(&corpus.documents) {
            let raw = reader.read(batch)?;
            let done: Vec<Result<T, DataError>> = batch
                .par_iter()
                .zip(raw)
                .map(|(document, raw)| {
                    let text = Reader::text(corpus, document, raw)?;
                    progress.advance(document.bytes);
                    Ok(work(document, &text))
                })
                .collect();
            for (document, done) in batch.iter().zip(done) {
                take(document, done?)?;
            }
        }
        Ok(())
    };
    let passed = pass();
    progress.end();
    passed
}
