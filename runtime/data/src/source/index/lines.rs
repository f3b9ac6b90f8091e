//! One document a line.

use super::Found;
use crate::error::DataError;
use crate::pipeline::{Column, Filters, Kind};
use crate::progress::Progress;
use crate::source::lines::Lines;
use crate::source::pattern::SourceFile;
use crate::source::{Corpus, DocumentRef, Form, jsonl, sample, text_of};
use rayon::prelude::*;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of lines that are read before they are parsed.
const CHUNK_BYTES: usize = 8 << 20;

/// Lines that filters are asked about at a time.
const ROWS: usize = 256;

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
    let names: Vec<&str> = filters.columns().iter().map(|c| c.name.as_str()).collect();
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
            found.judged(true, None, document);
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
    let columns = match &corpus.form {
        Form::Json { .. } => json_columns(filters, &values, file, &documents)?,
        Form::Line | Form::File | Form::Row { .. } => {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            text_columns(filters, &texts)
        }
    };
    let draw = |seed, row: usize| sample::key(seed, &file.key, documents.get(row).map_or(0, |d| d.line));
    let marks = filters.marks(documents.len(), &columns, draw)?;
    for (document, mark) in documents.iter().zip(marks) {
        found.judged(filters.passes(mark), Some(mark), *document);
    }
    Ok(found)
}

/// Sources without fields or columns have their text only.
pub(in crate::source) fn check_columns(
    corpus: &Corpus,
    dataset: &str,
    filters: &Filters,
) -> Result<(), DataError> {
    if matches!(corpus.form, Form::Json { .. } | Form::Row { .. }) {
        return Ok(());
    }
    match filters.columns().iter().find(|c| c.name != "text" || c.kind != Kind::Text) {
        None => Ok(()),
        Some(column) => Err(DataError::NoColumn {
            dataset: dataset.to_string(),
            column: column.name.clone(),
            kind: match column.kind {
                Kind::Number => "a number",
                Kind::Text => "a text",
            },
        }),
    }
}

/// The columns of rows that are nothing but a text.
pub(super) fn text_columns<'a>(filters: &Filters, texts: &[&'a str]) -> Vec<Column<'a>> {
    filters.columns().iter().map(|_| Column::Texts(texts.iter().map(|t| Some(*t)).collect())).collect()
}

/// The columns of JSON objects; a field that is missing or null has no value.
fn json_columns<'a>(
    filters: &Filters,
    values: &'a [Vec<Value>],
    file: &SourceFile,
    documents: &[DocumentRef],
) -> Result<Vec<Column<'a>>, DataError> {
    let column = |(place, column): (usize, &crate::pipeline::ColumnUse)| {
        let cells = || values.iter().zip(documents).map(move |(row, d)| (row.get(place), d.line));
        let wrong = |found: &Value, line, expected| DataError::FieldType {
            path: file.path.clone(),
            line,
            field: column.name.clone(),
            found: jsonl::kind(found),
            expected,
        };
        match column.kind {
            Kind::Number => cells()
                .map(|(cell, line)| match cell {
                    None | Some(Value::Null) => Ok(f64::NAN),
                    Some(Value::Bool(b)) => Ok(f64::from(u8::from(*b))),
                    Some(Value::Number(n)) => Ok(n.as_f64().unwrap_or(f64::NAN)),
                    Some(other @ (Value::String(_) | Value::Array(_) | Value::Object(_))) => {
                        Err(wrong(other, line, "a number"))
                    }
                })
                .collect::<Result<_, _>>()
                .map(Column::Numbers),
            Kind::Text => cells()
                .map(|(cell, line)| match cell {
                    None | Some(Value::Null) => Ok(None),
                    Some(Value::String(text)) => Ok(Some(text.as_str())),
                    Some(
                        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)),
                    ) => Err(wrong(other, line, "a string")),
                })
                .collect::<Result<_, _>>()
                .map(Column::Texts),
        }
    };
    filters.columns().iter().enumerate().map(column).collect()
}
