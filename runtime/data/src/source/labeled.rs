//! Documents with a text and a number beside it, as classifiers learn from them.

use super::parquet::{ParquetError, Table, TextColumn};
use super::{Corpus, DocumentRef, Form, Raw, Reader, batches, jsonl};
use crate::error::DataError;
use crate::pipeline::{number_of, row_type};
use crate::progress::Progress;
use rayon::prelude::*;
use serde_json::Value;
use smolc_expr::row::{DataType, Need, RowKind};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Which columns to read.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) text: &'a str,
    pub(crate) label: &'a str,
}

/// Reads the documents of a corpus once, in order: `work` on each text in parallel, `take` in the documents' order, with the
/// label and the hash of the text. Documents without a text or a label are counted and left out.
///
/// Errors: a text that is no text, a label that is no finite number, by file and line; documents that have no columns.
pub(crate) fn labeled<T: Send>(
    corpus: &Corpus,
    dataset: &str,
    columns: Columns<'_>,
    progress: &dyn Progress,
    work: impl Fn(&str) -> T + Sync,
    mut take: impl FnMut(T, f64, u64),
) -> Result<u64, DataError> {
    let mut without = 0;
    let mut each = |found: Option<(T, f64, u64)>| match found {
        Some((done, label, hash)) => take(done, label, hash),
        None => without += 1,
    };
    let work = |text: &str, label| (work(text), label, xxh3_64(text.as_bytes()));
    match &corpus.form {
        Form::Json { .. } => {
            let mut reader = Reader::new(corpus);
            for batch in batches(&corpus.documents) {
                let raw = reader.read(batch)?;
                let read = |(document, raw): (&DocumentRef, Raw)| {
                    let (text, label) = object(corpus, document, raw, columns)?;
                    progress.advance(document.bytes);
                    Ok(text.zip(label).map(|(text, label)| work(&text, label)))
                };
                let done: Vec<Result<_, DataError>> = batch.par_iter().zip(raw).map(read).collect();
                done.into_iter().try_for_each(|found| found.map(&mut each))?;
            }
        }
        Form::Row { .. } => {
            for documents in corpus.documents.chunk_by(|a, b| (a.file, a.offset) == (b.file, b.offset)) {
                rows(corpus, documents, columns, progress, &work, &mut each)?;
            }
        }
        Form::File | Form::Line => {
            return Err(DataError::NoColumn {
                dataset: dataset.to_string(),
                column: columns.label.to_string(),
                kind: "numbers".into(),
            });
        }
    }
    Ok(without)
}

/// The text and the label of a line.
fn object(
    corpus: &Corpus,
    document: &DocumentRef,
    raw: Raw,
    columns: Columns<'_>,
) -> Result<(Option<String>, Option<f64>), DataError> {
    let path = corpus.path(document);
    let bytes = match raw {
        Raw::Line(bytes) => bytes,
        // Readers of lines give lines.
        Raw::InFile | Raw::Text(_) => return Err(DataError::Changed { path: path.to_path_buf() }),
    };
    let [text, label] =
        <[Value; 2]>::try_from(jsonl::fields(path, document.line, &bytes, &[columns.text, columns.label])?)
            .unwrap_or_default();
    let wrong = |field: &str, found: &Value, expected| DataError::FieldType {
        path: path.to_path_buf(),
        line: document.line,
        field: field.to_string(),
        found: jsonl::kind(found),
        expected,
    };
    let text = match text {
        Value::String(text) => Some(text),
        Value::Null => None,
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(wrong(columns.text, &other, "a string"));
        }
    };
    let label = match &label {
        Value::Null => None,
        other => Some(other.as_f64().ok_or_else(|| wrong(columns.label, other, "a number"))?),
    };
    Ok((text, label))
}

/// The documents of one row group.
fn rows<T: Send>(
    corpus: &Corpus,
    documents: &[DocumentRef],
    columns: Columns<'_>,
    progress: &dyn Progress,
    work: &(impl Fn(&str, f64) -> (T, f64, u64) + Sync),
    each: &mut impl FnMut(Option<(T, f64, u64)>),
) -> Result<(), DataError> {
    let Some(document) = documents.first() else { return Ok(()) };
    let path = corpus.path(document);
    let changed = || DataError::Changed { path: path.to_path_buf() };
    let table = Table::open(path)?;
    table.check_text(columns.text)?;
    let (text, _) = table.column(columns.text)?;
    let (label, found) = table.column(columns.label)?;
    if !matches!(row_type(found, Need::Number).map(DataType::kind), Some(RowKind::Int | RowKind::Float)) {
        return Err(table.wrong_type(columns.label, found, "numbers").into());
    }
    let group = usize::try_from(document.offset).map_err(|_| changed())?;
    let mut batches = table.read(group, &[text, label])?;
    let mut documents = documents.iter().peekable();
    while let Some((first, batch)) = batches.next()? {
        let array = |place: usize| {
            let column = batches.place(place).and_then(|i| batch.columns().get(i));
            column.ok_or_else(|| batches.corrupt(format!("it lacks column number {place}")))
        };
        let texts = TextColumn::new(array(0)?).ok_or_else(|| {
            batches.corrupt(format!("the column `{}` does not decode as text", columns.text))
        })?;
        let labels = array(1)?;
        let mut wanted: Vec<(usize, &DocumentRef)> = Vec::new();
        while let Some(document) = documents.next_if(|d| d.line <= first + texts.len() as u64) {
            let row = document.line.checked_sub(first + 1).and_then(|row| usize::try_from(row).ok());
            wanted.push((row.ok_or_else(changed)?, document));
        }
        let read = |(row, document): (usize, &DocumentRef)| {
            progress.advance(document.bytes);
            let label = label_of(labels, row, path, document.line, columns.label)?;
            Ok(texts.get(row).zip(label).map(|(text, label)| work(text, label)))
        };
        let done: Vec<Result<_, DataError>> = wanted.into_par_iter().map(read).collect();
        done.into_iter().try_for_each(|found| found.map(&mut *each))?;
    }
    match documents.next() {
        None => Ok(()),
        Some(_) => Err(changed()),
    }
}

fn label_of(
    labels: &arrow_array::ArrayRef,
    row: usize,
    path: &Path,
    line: u64,
    column: &str,
) -> Result<Option<f64>, DataError> {
    match number_of(labels, row) {
        Some(label) if !label.is_finite() => Err(ParquetError::NotFinite {
            path: path.to_path_buf(),
            column: column.to_string(),
            row: line.saturating_sub(1),
            found: label,
        }
        .into()),
        found => Ok(found),
    }
}
