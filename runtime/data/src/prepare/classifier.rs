//! Preparing a classifier.

use super::same_request;
use crate::classifier::{Examples, Linear, Quality, VERSION, train};
use crate::durable::{PartialDirectory, write_synced};
use crate::error::DataError;
use crate::pipeline::{self, Means};
use crate::source::{Columns, Corpus, labeled};
use serde::{Deserialize, Serialize};
use smolc_plan::Plan;
use std::path::{Path, PathBuf};

const WEIGHTS: &str = "weights.f32";
const MANIFEST: &str = "manifest.json";

/// What a classifier learned from, and how well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classified {
    /// Its name.
    pub classifier: String,
    /// The dataset it was trained on.
    pub dataset: String,
    /// Documents that it learned from.
    pub documents: u64,
    /// Documents that were held out to judge it.
    pub held_out: u64,
    /// Documents that were left out, having no text or no label.
    pub unlabeled: u64,
    /// What it says of those held out; `None` where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// What was asked for: the classifier is used again only for the same.
    request: Request,
    classified: Classified,
    /// The mean of the labels, as the bits of an f64.
    bias: u64,
    /// BLAKE3 of the weights.
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    version: u32,
    classifier: serde_json::Value,
}

/// Where a plan's classifier lies once prepared: `DIR/classifiers/NAME`.
fn directory_of(dir: &Path, name: &str) -> PathBuf {
    dir.join("classifiers").join(name)
}

/// What a prepared classifier of the plan learned from, and how well.
///
/// Errors: it is not there, or damaged.
pub fn classified(dir: &Path, name: &str) -> Result<Classified, DataError> {
    Ok(manifest(&directory_of(dir, name))?.classified)
}

/// Trains classifier number `index` of the plan and keeps it under `means.dir`, or reads the one that is there.
///
/// Errors: its documents cannot be read, have no such columns, no label, or one label only; the one under `dir` belongs to
/// another plan or is damaged.
pub(crate) fn prepare_classifier(plan: &Plan, index: usize, means: &Means<'_>) -> Result<Linear, DataError> {
    let none = DataError::NoSuch { what: "classifier", index };
    let Some(planned) = plan.classifiers.get(index) else { return Err(none) };
    let dataset = plan
        .datasets
        .get(planned.train)
        .ok_or(DataError::NoSuch { what: "dataset", index: planned.train })?;
    let directory = directory_of(means.dir, &planned.name);
    let request = Request { version: VERSION, classifier: pipeline::identity_of_classifier(plan, index) };
    if directory.exists() {
        return reuse(&directory, planned, &request);
    }
    let failed = |reason: String| DataError::Filter {
        place: format!("classifier `{}`, trained on dataset `{}`", planned.name, dataset.name),
        filter: format!("label `.{}`", planned.label),
        reason,
    };
    // What it learns from may be filtered by classifiers that stand before it only, so that this ends.
    let steps = pipeline::steps(plan, dataset, &Means { tokenizer: None, before: index, ..*means })?;
    let corpus = Corpus::index(dataset, &steps, means.progress)?;
    let mut examples = Examples::new(planned);
    let read = examples.read();
    let total = corpus.documents.iter().map(|d| d.bytes).sum();
    means.progress.begin(&format!("read {} for {}", dataset.name, planned.name), Some(total), "bytes");
    let columns = Columns { text: &planned.text, label: &planned.label };
    let unlabeled = labeled(&corpus, &dataset.name, columns, means.progress, read, |read, label, hash| {
        examples.add(read, label, hash);
    });
    means.progress.end();
    let unlabeled = unlabeled?;
    let learned = train(planned, &examples, means.progress).map_err(failed)?;
    let classified = Classified {
        classifier: planned.name.clone(),
        dataset: dataset.name.clone(),
        documents: learned.documents,
        held_out: learned.held_out,
        unlabeled,
        quality: learned.quality,
    };
    means.progress.note(&note(&classified));
    let weights: Vec<u8> = learned.model.weights().iter().flat_map(|w| w.to_le_bytes()).collect();
    let manifest = Manifest {
        request,
        classified,
        bias: learned.model.bias().to_bits(),
        hash: blake3::hash(&weights).to_hex().to_string(),
    };
    let partial = PartialDirectory::create(&directory)?;
    write_synced(&partial.file(WEIGHTS), &weights)?;
    let mut text = serde_json::to_vec_pretty(&manifest).map_err(|e| failed(e.to_string()))?;
    text.push(b'\n');
    write_synced(&partial.file(MANIFEST), &text)?;
    partial.commit()?;
    Ok(learned.model)
}

fn reuse(directory: &Path, planned: &smolc_plan::Classifier, request: &Request) -> Result<Linear, DataError> {
    let manifest = manifest(directory)?;
    same_request(directory, "classifier", &manifest.request, request)?;
    let file = directory.join(WEIGHTS);
    let bytes = std::fs::read(&file).map_err(|e| DataError::io("read", &file, e))?;
    let found = blake3::hash(&bytes).to_hex().to_string();
    let (words, rest) = bytes.as_chunks::<4>();
    let weights = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    match Linear::new(planned, f64::from_bits(manifest.bias), weights) {
        Some(model) if found == manifest.hash && rest.is_empty() => Ok(model),
        _ => Err(DataError::Corrupt {
            path: file,
            directory: directory.to_path_buf(),
            problem: format!(
                "it has {} bytes with the BLAKE3 {found}; {} weights with the BLAKE3 {} are due",
                bytes.len(),
                planned.buckets,
                manifest.hash
            ),
        }),
    }
}

fn manifest(directory: &Path) -> Result<Manifest, DataError> {
    let file = directory.join(MANIFEST);
    let bytes = std::fs::read(&file).map_err(|e| DataError::io("read", &file, e))?;
    serde_json::from_slice(&bytes).map_err(|e| DataError::Corrupt {
        path: file,
        directory: directory.to_path_buf(),
        problem: format!("it is not a manifest: {e}"),
    })
}

/// For people.
fn note(c: &Classified) -> String {
    let mut text =
        format!("classifier `{}`: learned from {} documents of `{}`", c.classifier, c.documents, c.dataset);
    if c.unlabeled > 0 {
        text += &format!(" ({} without text or label were left out)", c.unlabeled);
    }
    match &c.quality {
        None => text += "; none was held out, so nothing tells how good it is",
        Some(quality) => {
            text += &format!(
                "; of {} held out its error is {:.3} (RMSE), {:.3} by their mean",
                c.held_out, quality.rmse, quality.rmse_of_mean
            );
            if let Some(classes) = &quality.classes {
                text +=
                    &format!(", accuracy {:.1}%, macro F1 {:.3}", 100.0 * classes.accuracy, classes.macro_f1);
            }
        }
    }
    text
}
