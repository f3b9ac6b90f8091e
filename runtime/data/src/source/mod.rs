//! Sources: from patterns to documents.
//!
//! A source is first indexed (where each document lies, how long its text is, its hash) and then read again by a
//! [`Reader`], in the same order, so memory holds the index, not the text. Documents are ordered by the path below their
//! pattern's fixed part and by their place in the file: the same files give the same order on every machine. A compressed
//! file, or a row group of a Parquet file, is decoded once for each pass, never once for each document.

pub(crate) mod benchmark;
mod compression;
mod hub;
mod index;
mod jsonl;
mod labeled;
mod lines;
pub(crate) mod parquet;
pub(crate) mod pattern;
mod reader;
mod sample;
mod schema;

pub(crate) use labeled::{Columns, labeled};
pub(crate) use reader::{Raw, Reader};
pub(crate) use sample::{is_validation, take};
pub use schema::{FileColumn, Holds, columns};

use crate::error::DataError;
use crate::pipeline::{self, Filters, Reports, Step, report_sample};
use crate::progress::Progress;
use pattern::SourceFile;
use serde::{Deserialize, Serialize};
use smolc_plan::{Dataset, Source};
use std::path::Path;

/// Where one document lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DocumentRef {
    /// Index into the corpus' files.
    pub(crate) file: u32,
    /// Offset and length of its bytes in the file, after decompression; row group and 0 in a Parquet file.
    offset: u64,
    length: u64,
    /// Line, or row of a Parquet file, from 1; 0 where a document is a file.
    line: u64,
    /// Bytes of UTF-8 text.
    pub(crate) bytes: u64,
    /// XXH3 of the text.
    pub(crate) hash: u64,
}

impl DocumentRef {
    /// Line, or row of a Parquet file, from 1; 0 where a document is a file.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }
}

/// A file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// How a document's text is taken from its bytes.
#[derive(Clone, Debug)]
enum Form {
    File,
    Line,
    Json { field: String },
    Row { column: String },
}

/// The documents of a dataset, after sampling.
#[derive(Debug)]
pub(crate) struct Corpus {
    form: Form,
    files: Vec<SourceFile>,
    pub(crate) documents: Vec<DocumentRef>,
    pub(crate) skipped: Vec<Skipped>,
    /// Documents without text; they are left out.
    pub(crate) empty: u64,
    /// What the pipeline did.
    pub(crate) pipeline: Reports,
    /// Commit of the hub's repository that the files are of.
    pub(crate) commit: Option<String>,
}

/// Text held in memory at a time, bytes (a longer document is held alone).
const BATCH_BYTES: u64 = 8 << 20;

/// Consecutive documents of about [`BATCH_BYTES`].
pub(crate) fn batches(documents: &[DocumentRef]) -> impl Iterator<Item = &[DocumentRef]> {
    let mut rest = documents;
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = rest.iter().take_while(|d| {
            size += d.bytes;
            size <= BATCH_BYTES
        });
        let (batch, later) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = later;
        (!batch.is_empty()).then_some(batch)
    })
}

/// The commit of a dataset of the hub that the cache has now; `None` for other sources, and where it has none.
pub(crate) fn commit(dataset: &Dataset) -> Option<String> {
    let Source::Hub { repository, config, split, revision, .. } = &dataset.source else { return None };
    let (config, revision) = (config.as_deref(), revision.as_deref());
    let wanted = hub::Wanted { place: &dataset.name, repository, config, split, revision };
    hub::find(&wanted).ok().map(|found| found.commit)
}

impl Corpus {
    /// Finds and checks every document of the dataset, carries out its pipeline and applies its sample.
    pub(crate) fn index(
        dataset: &Dataset,
        steps: &[Step],
        progress: &dyn Progress,
    ) -> Result<Corpus, DataError> {
        let name = &dataset.name;
        let unsupported = |what: &str, instead| {
            Err(DataError::Unsupported { dataset: name.clone(), what: what.into(), instead })
        };
        if dataset.columns.is_some() {
            return unsupported("conversations and preferences", "give a column of text");
        }
        let (patterns, form) = match &dataset.source {
            Source::Files { patterns } => (patterns, Form::File),
            Source::Text { patterns } => (patterns, Form::Line),
            Source::Jsonl { patterns, text } => (patterns, Form::Json { field: text.clone() }),
            Source::Parquet { patterns, text } => (patterns, Form::Row { column: text.clone() }),
            Source::Hub { repository, config, split, revision, text } => {
                let found = hub::find(&hub::Wanted {
                    place: &format!("dataset `{name}`"),
                    repository,
                    config: config.as_deref(),
                    split,
                    revision: revision.as_deref(),
                })?;
                progress.note(&format!(
                    "dataset `{name}`: `{repository}` of the hub at commit {}, {} file(s)",
                    found.commit,
                    found.files.len()
                ));
                let form = match found.parquet {
                    true => Form::Row { column: text.clone() },
                    false => Form::Json { field: text.clone() },
                };
                let mut corpus = Corpus::of(dataset, steps, form, (found.files, found.skipped), progress)?;
                corpus.commit = Some(found.commit);
                return Ok(corpus);
            }
            Source::Tokens { .. } => {
                return unsupported(
                    "the text of shards that are tokenized already",
                    "give the text they were made from",
                );
            }
        };
        let files = pattern::expand(name, patterns, matches!(form, Form::File))?;
        Corpus::of(dataset, steps, form, files, progress)
    }

    fn of(
        dataset: &Dataset,
        steps: &[Step],
        form: Form,
        (files, skipped): (Vec<SourceFile>, Vec<Skipped>),
        progress: &dyn Progress,
    ) -> Result<Corpus, DataError> {
        let name = &dataset.name;
        let filters = Filters::new(name, steps)?;
        let lenient = matches!(form, Form::File);
        let total = files.iter().map(|f| f.length).sum();
        let mut corpus = Corpus {
            form,
            files,
            documents: Vec::new(),
            skipped,
            empty: 0,
            pipeline: Reports::default(),
            commit: None,
        };
        index::check_columns(&corpus, name, &filters)?;
        // A pipeline comes before the sample, so nothing may be left unread for the sample's sake.
        let early = dataset.take.as_ref().filter(|_| lenient && steps.is_empty());
        progress.begin(&format!("read {name}"), Some(total), "bytes");
        let found = match &corpus.form {
            Form::File => index::files(&mut corpus, early, &filters, progress),
            Form::Line | Form::Json { .. } => index::lines(&corpus, name, &filters, progress),
            Form::Row { column } => index::rows(&corpus, column, &filters, progress),
        };
        progress.end();
        let found = found?;
        corpus.documents = found.documents;
        corpus.empty = found.empty;
        if !steps.is_empty() {
            let read = corpus.documents.len() as u64 + found.dropped;
            let asked = pipeline::Asked { read, passed: found.passed, marks: found.marks };
            corpus.pipeline = pipeline::run(&mut corpus, steps, asked, name, progress)?;
            if corpus.documents.is_empty() && read > 0 {
                let left: Vec<String> =
                    corpus.pipeline.steps.iter().map(|s| format!("{}: {}", s.step, s.documents)).collect();
                return Err(DataError::NothingLeft { dataset: name.clone(), read, left: left.join(", ") });
            }
        }
        let any = !corpus.documents.is_empty() || found.beyond;
        if let (Some(t), None) = (&dataset.take, early) {
            let keys: Vec<u64> = corpus.documents.iter().map(|d| corpus.key_hash(t.seed, d)).collect();
            let before = corpus.documents.len() as u64;
            corpus.documents = take(&corpus.documents, &keys, t.bytes);
            if !steps.is_empty() {
                let report = report_sample(t.bytes, before, &corpus.documents);
                corpus.pipeline.steps.push(report);
            }
        }
        if corpus.documents.is_empty() {
            return Err(DataError::EmptyDataset {
                dataset: name.clone(),
                files: corpus.files.len(),
                skipped: corpus.skipped.len(),
                empty: corpus.empty,
                budget: dataset.take.as_ref().filter(|_| any).map(|t| t.bytes),
            });
        }
        Ok(corpus)
    }

    /// Number that a seed gives a document: depends on its place below the pattern's fixed part only.
    pub(crate) fn key_hash(&self, seed: u64, document: &DocumentRef) -> u64 {
        let key = self.files.get(document.file as usize).map_or(&[][..], |f| &f.key);
        sample::key(seed, key, document.line)
    }

    /// Texts of some of the documents, in the order of the corpus.
    pub(crate) fn texts(&self, documents: &[DocumentRef]) -> Result<Vec<String>, DataError> {
        let mut reader = Reader::new(self);
        documents
            .iter()
            .map(|d| {
                let raw = reader.read(std::slice::from_ref(d))?;
                raw.into_iter().map(|raw| Reader::text(self, d, raw)).collect::<Result<String, _>>()
            })
            .collect()
    }

    /// Files the corpus reads.
    pub(crate) fn file_count(&self) -> usize {
        self.files.len()
    }

    /// File of a document.
    pub(crate) fn path(&self, document: &DocumentRef) -> &Path {
        self.files.get(document.file as usize).map_or(Path::new(""), |f| &f.path)
    }
}

fn text_of(form: &Form, path: &Path, line: u64, offset: u64, bytes: &[u8]) -> Result<String, DataError> {
    let text = std::str::from_utf8(bytes).map_err(|e| DataError::NotUtf8 {
        path: path.to_path_buf(),
        offset: offset + e.valid_up_to() as u64,
        line: (line > 0).then_some(line),
    })?;
    match form {
        Form::File | Form::Line => Ok(text.to_string()),
        Form::Json { .. } if text.trim().is_empty() => Ok(String::new()),
        Form::Json { field } => jsonl::field(path, line, text, field),
        // Rows come as texts.
        Form::Row { .. } => Ok(text.to_string()),
    }
}
