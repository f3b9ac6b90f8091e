//! Sources: from patterns to documents.
//!
//! A source is first indexed (where each document lies, how long its text is, its hash) and then read document by
//! document, so memory holds the index, not the text. Documents are ordered by the path below their pattern's fixed part
//! and by their place in the file: the same files give the same order on every machine.

mod jsonl;
mod lines;
mod pattern;
mod sample;

pub(crate) use sample::{is_validation, take};

use crate::error::DataError;
use crate::progress::Progress;
use lines::Lines;
use pattern::SourceFile;
use serde::{Deserialize, Serialize};
use smolc_plan::{Dataset, Source};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Where one document lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DocumentRef {
    /// Index into the corpus' files.
    pub(crate) file: u32,
    /// Offset and length in the file, bytes.
    offset: u64,
    length: u64,
    /// Line, from 1; 0 where a document is a file.
    line: u64,
    /// Bytes of UTF-8 text.
    pub(crate) bytes: u64,
    /// XXH3 of the text.
    pub(crate) hash: u64,
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
}

impl Corpus {
    /// Finds and checks every document of the dataset and applies its sample.
    pub(crate) fn index(dataset: &Dataset, progress: &dyn Progress) -> Result<Corpus, DataError> {
        let name = &dataset.name;
        let unsupported = |what: &str, instead| {
            Err(DataError::Unsupported { dataset: name.clone(), what: what.into(), instead })
        };
        if !dataset.steps.is_empty() {
            return unsupported(
                "a pipeline with `where`, `thin`, `dedup`, `decontaminate` or `sample` in tokens or documents",
                "filter the files beforehand, and leave the step out",
            );
        }
        if dataset.columns.is_some() {
            return unsupported("conversations and preferences", "give a column of text");
        }
        let (patterns, form) = match &dataset.source {
            Source::Files { patterns } => (patterns, Form::File),
            Source::Text { patterns } => (patterns, Form::Line),
            Source::Jsonl { patterns, text } => (patterns, Form::Json { field: text.clone() }),
            Source::Parquet { .. } => {
                return unsupported("Parquet", "convert it to JSON lines and read that with jsonl(…)");
            }
            Source::Hub { .. } => {
                return unsupported("a hub", "download the dataset and read its files");
            }
            Source::Tokens { .. } => {
                return unsupported("shards that are tokenized already", "give the text they were made from");
            }
        };
        let lenient = matches!(form, Form::File);
        let (files, mut skipped) = pattern::expand(name, patterns, lenient)?;
        let total = files.iter().map(|f| f.length).sum();
        let mut corpus = Corpus { form, files, documents: Vec::new(), skipped: Vec::new(), empty: 0 };
        progress.begin(&format!("read {name}"), Some(total), "bytes");
        let found = match corpus.form {
            Form::File => corpus.index_files(dataset.take.as_ref(), progress, &mut skipped),
            Form::Line | Form::Json { .. } => corpus.index_lines(name, progress),
        };
        progress.end();
        let any = found?;
        if let (Some(t), false) = (&dataset.take, lenient) {
            let keys: Vec<u64> = corpus.documents.iter().map(|d| corpus.key_hash(t.seed, d)).collect();
            corpus.documents = take(&corpus.documents, &keys, t.bytes);
        }
        corpus.skipped = skipped;
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

    /// One document a file. A file that cannot be used is listed, not fatal: such patterns sweep up whatever lies about. With
    /// a sample, files are read in the sample's order and only while there is room, so that a small sample of a large tree
    /// is quick. Returns whether there was any document.
    fn index_files(
        &mut self,
        sample: Option<&smolc_plan::Take>,
        progress: &dyn Progress,
        skipped: &mut Vec<Skipped>,
    ) -> Result<bool, DataError> {
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        if let Some(sample) = sample {
            let keys: Vec<u64> = self.files.iter().map(|f| sample::key(sample.seed, &f.key, 0)).collect();
            order.sort_by_key(|&i| (keys.get(i).copied(), i));
        }
        let mut room = sample.map_or(u64::MAX, |s| s.bytes);
        let mut any = false;
        for index in order {
            let Some(file) = self.files.get(index) else { continue };
            progress.advance(file.length);
            if file.length > room {
                any = true;
                continue;
            }
            match read_text_file(&file.path) {
                Err(reason) => {
                    skipped.push(Skipped { path: file.path.display().to_string(), reason });
                }
                Ok(text) if text.is_empty() => self.empty += 1,
                Ok(text) => {
                    any = true;
                    let bytes = text.len() as u64;
                    // The file may have grown since it was listed.
                    if bytes > room {
                        continue;
                    }
                    room -= bytes;
                    let hash = xxh3_64(text.as_bytes());
                    let file = index as u32;
                    self.documents.push(DocumentRef { file, offset: 0, length: bytes, line: 0, bytes, hash });
                }
            }
        }
        self.documents.sort_by_key(|d| d.file);
        skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(any)
    }

    /// One document a line. Anything wrong is an error with its place.
    fn index_lines(&mut self, dataset: &str, progress: &dyn Progress) -> Result<bool, DataError> {
        for (index, file) in (0u32..).zip(&self.files) {
            if let Some(ending) =
                ["gz", "zst", "bz2", "xz"].iter().find(|e| file.path.extension().is_some_and(|x| x == **e))
            {
                return Err(DataError::Unsupported {
                    dataset: dataset.to_string(),
                    what: format!("{} (.{ending})", file.path.display()),
                    instead: "decompress it first",
                });
            }
            let mut lines = Lines::open(&file.path)?;
            while let Some(line) = lines.next()? {
                progress.advance(line.raw_length);
                let text = text_of(&self.form, &file.path, line.number, line.offset, line.bytes)?;
                if text.is_empty() {
                    self.empty += 1;
                    continue;
                }
                self.documents.push(DocumentRef {
                    file: index,
                    offset: line.offset,
                    length: line.bytes.len() as u64,
                    line: line.number,
                    bytes: text.len() as u64,
                    hash: xxh3_64(text.as_bytes()),
                });
            }
        }
        Ok(!self.documents.is_empty())
    }

    /// The text of a document; an error if it is not what was indexed.
    pub(crate) fn read(&self, document: &DocumentRef) -> Result<String, DataError> {
        let path = self.path(document);
        let mut bytes = Vec::with_capacity(document.length as usize);
        File::open(path)
            .and_then(|mut f| {
                f.seek(SeekFrom::Start(document.offset))?;
                f.take(document.length).read_to_end(&mut bytes)
            })
            .map_err(|e| DataError::io("read", path, e))?;
        let changed = || DataError::Changed { path: path.to_path_buf() };
        let text =
            text_of(&self.form, path, document.line, document.offset, &bytes).map_err(|_| changed())?;
        if xxh3_64(text.as_bytes()) == document.hash { Ok(text) } else { Err(changed()) }
    }

    /// Number that a seed gives a document: depends on its place below the pattern's fixed part only.
    pub(crate) fn key_hash(&self, seed: u64, document: &DocumentRef) -> u64 {
        let key = self.files.get(document.file as usize).map_or(&[][..], |f| &f.key);
        sample::key(seed, key, document.line)
    }

    /// Files the corpus reads.
    pub(crate) fn file_count(&self) -> usize {
        self.files.len()
    }

    fn path(&self, document: &DocumentRef) -> &Path {
        self.files.get(document.file as usize).map_or(Path::new(""), |f| &f.path)
    }
}

fn read_text_file(path: &PathBuf) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    String::from_utf8(bytes)
        .map_err(|e| format!("the byte at offset {} is not UTF-8", e.utf8_error().valid_up_to()))
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
    }
}
