//! Carrying out a pipeline on an indexed corpus.

use super::Step;
use super::decontaminate::{Benchmarks, Contamination, Coverage};
use super::filters::Filters;
use super::minhash::MinHash;
use super::repeats::Repeats;
use crate::error::DataError;
use crate::progress::Progress;
use crate::source::{Corpus, DocumentRef, Reader, batches};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// `"where"`, `"dedup(exact)"`, …
    pub step: String,
    /// Documents before it; `None` for filters that rows pass as they are read.
    pub documents_before: Option<u64>,
    /// Documents after it.
    pub documents: u64,
    /// Bytes of text after it.
    pub bytes: u64,
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

/// Carries out the steps; `marks` are what the filters said of each document of the corpus.
pub(crate) fn run(
    corpus: &mut Corpus,
    steps: &[Step],
    marks: Vec<u64>,
    dataset: &str,
    progress: &dyn Progress,
) -> Result<Reports, DataError> {
    let mut reports = Reports::default();
    let mut marks = marks;
    let (mut filter, mut while_reading) = (0, true);
    for step in steps {
        let before = corpus.documents.len() as u64;
        while_reading &= matches!(step, Step::Where(_) | Step::Thin { .. });
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
            Step::Sample { documents, seed } => sample(corpus, *documents, *seed),
        };
        let mut kept = keep.iter();
        corpus.documents.retain(|_| kept.next().copied().unwrap_or(false));
        let mut kept = keep.iter();
        marks.retain(|_| kept.next().copied().unwrap_or(false));
        reports.steps.push(StepReport {
            step: step.name().to_string(),
            documents_before: (!while_reading).then_some(before),
            documents: corpus.documents.len() as u64,
            bytes: corpus.documents.iter().map(|d| d.bytes).sum(),
            coverage: if let Step::Decontaminate(b) = step { b.coverage().to_vec() } else { Vec::new() },
        });
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

fn sample(corpus: &Corpus, documents: u64, seed: u64) -> Vec<bool> {
    let mut order: Vec<(u64, usize)> =
        corpus.documents.iter().map(|d| corpus.key_hash(seed, d)).zip(0..).collect();
    order.sort_unstable();
    let mut keep = vec![false; corpus.documents.len()];
    let documents = usize::try_from(documents).unwrap_or(usize::MAX);
    for (_, index) in order.into_iter().take(documents) {
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
