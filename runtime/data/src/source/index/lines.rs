//! One document a line.

use super::Found;
use crate::error::DataError;
use crate::pipeline::Filters;
use crate::progress::Progress;
use crate::source::lines::Lines;
use crate::source::pattern::SourceFile;
use crate::source::{Corpus, DocumentRef, Form, jsonl, sample, text_of};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, StringArray};
use rayon::prelude::*;
use serde_json::Value;
use smolc_expr::row::{DataType, Need};
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of lines that are read before they are parsed.
const CHUNK_BYTES: usize = 8 << 20;

/// Lines that filters are asked about at a time.
const ROWS: usize = 256;

/// The columns of documents that are nothing but a text.
pub(super) const TEXT: [DataType; 1] = [DataType::Text32];

/// A line: number, offset, bytes.
type Raw = (u64, u64, Vec<u8>);

/// One document a line. Anything wrong is an error with its place. Lines are read one after another and parsed in parallel.
pub(in crate::source) fn lines(
    corpus: &Corpus,
    dataset: &str,
    filters: &Filters,
    progress: &dyn Progress,
) -> Result<Found, DataError> {
    let mut found = Found::default();
    for (index, file) in (0u32..).zip(&corpus.files) {
        let ending = file.path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if ["bz2", "xz", "lz4", "br", "zip"].contains(&ending) {
            return Err(DataError::Unsupported {
                dataset: dataset.to_string(),
                what: format!("{} (.{ending})", file.path.display()),
                instead: "decompress it, or compress it as .zst or .gz",
            });
        }
        let mut lines = Lines::open(&file.path)?;
        loop {
            let mut chunk: Vec<Raw> = Vec::new();
            let mut size = 0;
            while size < CHUNK_BYTES
                && let Some(line) = lines.next()?
            {
                size += line.bytes.len().max(64);
                chunk.push((line.number, line.offset, line.bytes.to_vec()));
            }
            progress.advance(lines.consumed());
            if chunk.is_empty() {
                break;
            }
            let parsed: Vec<Result<Found, DataError>> =
                chunk.par_chunks(ROWS).map(|lines| parse(corpus, file, index, lines, filters)).collect();
            for part in parsed {
                found.append(part?);
            }
        }
    }
    Ok(found)
}

fn parse(
    corpus: &Corpus,
    file: &SourceFile,
    index: u32,
    lines: &[Raw],
    filters: &Filters,
) -> Result<Found, DataError> {
    let mut found = Found::default();
    let mut documents = Vec::with_capacity(lines.len());
    let mut texts = Vec::new();
    let mut values = Vec::new();
    let names: Vec<&str> = filters.columns().iter().map(|(name, _)| name.as_str()).collect();
    for (number, offset, bytes) in lines {
        let text = text_of(&corpus.form, &file.path, *number, *offset, bytes)?;
        let document = DocumentRef {
            file: index,
            offset: *offset,
            length: bytes.len() as u64,
            line: *number,
            bytes: text.len() as u64,
            hash: xxh3_64(text.as_bytes()),
        };
        if filters.is_empty() || document.bytes == 0 {
            found.unasked(document);
            continue;
        }
        documents.push(document);
        match &corpus.form {
            // The text itself is one of the fields.
            Form::Json { .. } => values.push(jsonl::fields(&file.path, *number, bytes, &names)?),
            Form::Line | Form::File | Form::Row { .. } => texts.push(text),
        }
    }
    if documents.is_empty() {
        return Ok(found);
    }
    let (types, columns) = match &corpus.form {
        Form::Json { .. } => {
            let types = filters.columns().iter().map(|(_, need)| json_type(*need)).collect();
            (types, json_columns(filters, &values, &file.path, &documents)?)
        }
        Form::Line | Form::File | Form::Row { .. } => {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            (TEXT.to_vec(), text_columns(&texts))
        }
    };
    let bound = filters.bind(&types, &file.path.display().to_string())?;
    let draw = |seed, row: usize| sample::key(seed, &file.key, documents.get(row).map_or(0, |d| d.line));
    let marks = bound.marks(documents.len(), &columns, draw);
    let marks = marks.map_err(|reason| DataError::filters(&file.path, reason))?;
    for (document, mark) in documents.iter().zip(marks) {
        found.judged(filters, mark, Some(*document));
    }
    Ok(found)
}

/// Sources without fields or columns have their text only.
pub(in crate::source) fn check_columns(
    corpus: &Corpus,
    dataset: &str,
    filters: &Filters,
) -> Result<(), DataError> {
    match &corpus.form {
        Form::Row { .. } => Ok(()),
        Form::Json { .. } => match filters.columns().iter().find(|(_, need)| *need == Need::Either) {
            None => Ok(()),
            Some((column, _)) => Err(DataError::Unsupported {
                dataset: dataset.to_string(),
                what: format!(
                    "the field `{column}`, of which nothing tells whether it is a number or a text,"
                ),
                instead: "compare `.x + 0` with it if it is a number, or ask `length(.x) >= 0` of it if it is a text",
            }),
        },
        Form::Line | Form::File => match filters.columns().iter().find(|(name, _)| name != "text") {
            None => Ok(()),
            Some((column, need)) => Err(DataError::NoColumn {
                dataset: dataset.to_string(),
                column: column.clone(),
                kind: need.to_string(),
            }),
        },
    }
}

/// The only column of rows that are nothing but a text.
pub(super) fn text_columns(texts: &[&str]) -> Vec<ArrayRef> {
    vec![Arc::new(StringArray::from_iter_values(texts))]
}

/// What a field of JSON lines is read as. Every number is one f64: that is what JSON numbers are.
fn json_type(need: Need) -> DataType {
    match need {
        Need::Number => DataType::F64,
        Need::Text => DataType::Text32,
        Need::Truth | Need::Either | Need::Any => DataType::Truth,
    }
}

/// The columns of JSON objects; a field that is missing or null has no value.
fn json_columns(
    filters: &Filters,
    values: &[Vec<Value>],
    path: &Path,
    documents: &[DocumentRef],
) -> Result<Vec<ArrayRef>, DataError> {
    let column = |(place, (name, need)): (usize, &(String, Need))| {
        let cells = || {
            values.iter().zip(documents).map(move |(row, d)| match row.get(place) {
                None | Some(Value::Null) => (None, d.line),
                Some(value) => (Some(value), d.line),
            })
        };
        let wrong = |found: &Value, line, expected| DataError::FieldType {
            path: path.to_path_buf(),
            line,
            field: name.clone(),
            found: jsonl::kind(found),
            expected,
        };
        let array: ArrayRef = match need {
            Need::Number => {
                let number = |(cell, line): (Option<&Value>, u64)| {
                    let number = |v: &Value| v.as_f64().ok_or_else(|| wrong(v, line, "a number"));
                    cell.map(number).transpose()
                };
                Arc::new(cells().map(number).collect::<Result<Float64Array, _>>()?)
            }
            Need::Text => {
                let text = |(cell, line): (Option<&'_ Value>, u64)| match cell {
                    None => Ok(None),
                    Some(Value::String(text)) => Ok(Some(text.clone())),
                    Some(
                        other @ (Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::Array(_)
                        | Value::Object(_)),
                    ) => Err(wrong(other, line, "a string")),
                };
                Arc::new(cells().map(text).collect::<Result<StringArray, _>>()?)
            }
            Need::Truth => {
                let truth = |(cell, line): (Option<&Value>, u64)| {
                    let truth = |v: &Value| v.as_bool().ok_or_else(|| wrong(v, line, "a boolean"));
                    cell.map(truth).transpose()
                };
                Arc::new(cells().map(truth).collect::<Result<BooleanArray, _>>()?)
            }
            Need::Either | Need::Any => {
                Arc::new(cells().map(|(cell, _)| cell.map(|_| true)).collect::<BooleanArray>())
            }
        };
        Ok(array)
    };
    filters.columns().iter().enumerate().map(column).collect()
}
