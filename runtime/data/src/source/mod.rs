//! Sources: from patterns to documents.
//!
//! A source is first indexed (where each document lies, how long its text is, its hash) and then read again by a
//! [`Reader`], in the same order, so memory holds the index, not the text. Documents are ordered by the path below their
//! pattern's fixed part and by their place in the file: the same files give the same order on every machine. A compressed
//! file, or a row group of a Parquet file, is decoded once for each pass, never once for each document.

mod compression;
mod jsonl;
mod lines;
pub(crate) mod parquet;
mod pattern;
mod reader;
mod sample;

pub(crate) use reader::{Raw, Reader};
pub(crate) use sample::{is_validation, take};

use crate::error::DataError;
use crate::progress::Progress;
use lines::Lines;
use parquet::{Table, Texts};
use pattern::SourceFile;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use smolc_plan::{Dataset, Source};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

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

/// Bytes of lines that are parsed at a time.
const INDEX_BYTES: usize = 8 << 20;

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
        let (patterns, form) = match &dataset.source {
            Source::Files { patterns } => (patterns, Form::File),
            Source::Text { patterns } => (patterns, Form::Line),
            Source::Jsonl { patterns, text } => (patterns, Form::Json { field: text.clone() }),
            Source::Parquet { patterns, text } => (patterns, Form::Row { column: text.clone() }),
        };
        let lenient = matches!(form, Form::File);
        let (files, mut skipped) = pattern::expand(name, patterns, lenient)?;
        let total = files.iter().map(|f| f.length).sum();
        let mut corpus = Corpus { form, files, documents: Vec::new(), skipped: Vec::new(), empty: 0 };
        progress.begin(&format!("read {name}"), Some(total), "bytes");
        let found = match corpus.form {
            Form::File => corpus.index_files(dataset.take.as_ref(), progress, &mut skipped),
            Form::Line | Form::Json { .. } => corpus.index_lines(name, progress),
            Form::Row { .. } => corpus.index_rows(progress),
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

    /// One document a line. Anything wrong is an error with its place. Lines are read one after another and parsed in
    /// parallel.
    fn index_lines(&mut self, dataset: &str, progress: &dyn Progress) -> Result<bool, DataError> {
        for (index, file) in (0u32..).zip(&self.files) {
            if let Some(ending) = ["bz2", "xz", "lz4", "br", "zip"]
                .iter()
                .find(|e| file.path.extension().is_some_and(|x| x == **e))
            {
                return Err(DataError::Unsupported {
                    dataset: dataset.to_string(),
                    what: format!("{} (.{ending})", file.path.display()),
                    instead: "decompress it, or compress it as .zst or .gz",
                });
            }
            let mut lines = Lines::open(&file.path)?;
            loop {
                // (number, offset, bytes) of some lines.
                let mut chunk: Vec<(u64, u64, Vec<u8>)> = Vec::new();
                let mut size = 0;
                while size < INDEX_BYTES
                    && let Some(line) = lines.next()?
                {
                    size += line.bytes.len().max(64);
                    chunk.push((line.number, line.offset, line.bytes.to_vec()));
                }
                progress.advance(lines.consumed());
                if chunk.is_empty() {
                    break;
                }
                let parsed: Vec<Result<DocumentRef, DataError>> = chunk
                    .par_iter()
                    .map(|(number, offset, bytes)| {
                        let text = text_of(&self.form, &file.path, *number, *offset, bytes)?;
                        Ok(DocumentRef {
                            file: index,
                            offset: *offset,
                            length: bytes.len() as u64,
                            line: *number,
                            bytes: text.len() as u64,
                            hash: xxh3_64(text.as_bytes()),
                        })
                    })
                    .collect();
                for document in parsed {
                    let document = document?;
                    if document.bytes == 0 {
                        self.empty += 1;
                    } else {
                        self.documents.push(document);
                    }
                }
            }
        }
        Ok(!self.documents.is_empty())
    }

    /// One document a row. Row groups are read in parallel.
    fn index_rows(&mut self, progress: &dyn Progress) -> Result<bool, DataError> {
        let Form::Row { column } = &self.form else { return Ok(false) };
        for (index, file) in (0u32..).zip(&self.files) {
            let table = Table::open(&file.path)?;
            table.check_text(column)?;
            let groups: Vec<Result<Vec<DocumentRef>, DataError>> = (0..table.row_groups())
                .into_par_iter()
                .map(|group| {
                    let mut found = Vec::new();
                    let mut texts = Texts::open(&table, group, column)?;
                    while let Some((first, texts)) = texts.next()? {
                        for (row, i) in (first..).zip(0..texts.len()) {
                            let text = texts.get(i).unwrap_or_default();
                            found.push(DocumentRef {
                                file: index,
                                offset: group as u64,
                                length: 0,
                                line: row + 1,
                                bytes: text.len() as u64,
                                hash: xxh3_64(text.as_bytes()),
                            });
                        }
                    }
                    progress.advance(table.bytes(group));
                    Ok(found)
                })
                .collect();
            for group in groups {
                let group = group?;
                let all = group.len();
                let before = self.documents.len();
                self.documents.extend(group.into_iter().filter(|d| d.bytes > 0));
                self.empty += (all - (self.documents.len() - before)) as u64;
            }
        }
        Ok(!self.documents.is_empty())
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
        // Rows come as texts.
        Form::Row { .. } => Ok(text.to_string()),
    }
}
