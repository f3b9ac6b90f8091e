//! Reading indexed documents again, in order.

use super::lines::Lines;
use super::parquet::{Table, TextColumn, Texts};
use super::{Corpus, DocumentRef, Form, text_of};
use crate::error::DataError;
use std::fs::File;
use std::io::{BufReader, Read};
use xxhash_rust::xxh3::xxh3_64;

/// A pass over a corpus.
///
/// Documents must be asked for in the order of the corpus (some may be left out), because compressed files and row groups
/// only go forward: each is decoded once for a pass. What can be done for many documents at once is left to
/// [`Reader::text`], which takes the reader's corpus only.
pub(crate) struct Reader<'a> {
    corpus: &'a Corpus,
    open: Option<(u32, Stream)>,
}

/// A file that is being read.
enum Stream {
    /// A file of lines that can be sought in, and where it stands.
    Plain(BufReader<File>, u64),
    Lines(Lines),
    Rows(Box<Rows>),
}

/// A Parquet file, at some row group.
struct Rows {
    table: Table,
    group: Option<(u64, Texts)>,
    /// Rows at hand: the first one's number in the file, and the texts.
    batch: Option<(u64, TextColumn)>,
}

/// A document as far as it had to be read in order.
pub(crate) enum Raw {
    /// It is a file.
    InFile,
    /// A line.
    Line(Vec<u8>),
    /// A row's text.
    Text(String),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(corpus: &'a Corpus) -> Reader<'a> {
        Reader { corpus, open: None }
    }

    /// The next documents.
    pub(crate) fn read(&mut self, documents: &[DocumentRef]) -> Result<Vec<Raw>, DataError> {
        documents.iter().map(|d| self.next(d)).collect()
    }

    fn next(&mut self, document: &DocumentRef) -> Result<Raw, DataError> {
        let path = self.corpus.path(document);
        let column = match &self.corpus.form {
            Form::File => return Ok(Raw::InFile),
            Form::Line | Form::Json { .. } => None,
            Form::Row { column } => Some(column),
        };
        let changed = || DataError::Changed { path: path.to_path_buf() };
        if self.open.as_ref().is_none_or(|(file, _)| *file != document.file) {
            let stream = match column {
                None if Lines::compressed(path) => Stream::Lines(Lines::open(path)?),
                None => {
                    let file = File::open(path).map_err(|e| DataError::io("read", path, e))?;
                    Stream::Plain(BufReader::with_capacity(1 << 20, file), 0)
                }
                Some(_) => {
                    Stream::Rows(Box::new(Rows { table: Table::open(path)?, group: None, batch: None }))
                }
            };
            self.open = Some((document.file, stream));
        }
        match (&mut self.open, column) {
            (Some((_, Stream::Plain(file, at))), _) => {
                let ahead = document.offset.checked_sub(*at).and_then(|n| i64::try_from(n).ok());
                let mut bytes = vec![0; document.length as usize];
                let read =
                    file.seek_relative(ahead.ok_or_else(changed)?).and_then(|()| file.read_exact(&mut bytes));
                *at = document.offset + document.length;
                match read {
                    Ok(()) => Ok(Raw::Line(bytes)),
                    Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Err(changed()),
                    Err(e) => Err(DataError::io("read", path, e)),
                }
            }
            (Some((_, Stream::Lines(lines))), _) => loop {
                let line = lines.next()?.ok_or_else(changed)?;
                if line.number == document.line {
                    return Ok(Raw::Line(line.bytes.to_vec()));
                }
            },
            (Some((_, Stream::Rows(rows))), Some(column)) => {
                Ok(Raw::Text(rows.text(document, column)?.ok_or_else(changed)?))
            }
            _ => Err(changed()),
        }
    }

    /// A document's text; an error if it is not what was indexed.
    pub(crate) fn text(corpus: &Corpus, document: &DocumentRef, raw: Raw) -> Result<String, DataError> {
        let path = corpus.path(document);
        let changed = || DataError::Changed { path: path.to_path_buf() };
        let parse = |bytes: &[u8]| {
            text_of(&corpus.form, path, document.line, document.offset, bytes).map_err(|_| changed())
        };
        let text = match raw {
            Raw::InFile => parse(&std::fs::read(path).map_err(|e| DataError::io("read", path, e))?)?,
            Raw::Line(bytes) => parse(&bytes)?,
            Raw::Text(text) => text,
        };
        if xxh3_64(text.as_bytes()) == document.hash { Ok(text) } else { Err(changed()) }
    }
}

impl Rows {
    /// The text of a document; `None` if the file has no such row any more.
    fn text(&mut self, document: &DocumentRef, column: &str) -> Result<Option<String>, DataError> {
        if self.group.as_ref().is_none_or(|(group, _)| *group != document.offset) {
            let Ok(group) = usize::try_from(document.offset) else { return Ok(None) };
            self.batch = None;
            if group >= self.table.row_groups() {
                return Ok(None);
            }
            self.group = Some((document.offset, Texts::open(&self.table, group, column)?));
        }
        let row = document.line - 1;
        loop {
            if let Some((first, texts)) = &self.batch
                && row < first + texts.len() as u64
            {
                let index = row.checked_sub(*first).and_then(|i| usize::try_from(i).ok());
                return Ok(index.and_then(|i| texts.get(i)).map(str::to_string));
            }
            let Some((_, texts)) = &mut self.group else { return Ok(None) };
            self.batch = texts.next()?;
            if self.batch.is_none() {
                return Ok(None);
            }
        }
    }
}
