//! One document a row of a Parquet file.

use super::Found;
use crate::error::DataError;
use crate::pipeline::{Column, Filters, Kind};
use crate::progress::Progress;
use crate::source::parquet::{Cells, ParquetError, Table, TextColumn};
use crate::source::pattern::SourceFile;
use crate::source::{Corpus, DocumentRef, sample};
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// One document a row. Row groups are read in parallel; those that no filter can keep a row of are not read.
pub(in crate::source) fn rows(
    corpus: &Corpus,
    column: &str,
    filters: &Filters,
    progress: &dyn Progress,
) -> Result<Found, DataError> {
    let mut found = Found::default();
    for (index, file) in (0u32..).zip(&corpus.files) {
        let table = Table::open(&file.path)?;
        table.check_text(column)?;
        // The text first, then what filters read, each column once.
        let mut columns = vec![table.column(column)?.0];
        let mut places = Vec::new();
        for wanted in filters.columns() {
            let place = table.check_kind(&wanted.name, wanted.kind)?;
            places.push(columns.iter().position(|&c| c == place).unwrap_or_else(|| {
                columns.push(place);
                columns.len() - 1
            }));
        }
        let group = |group: usize| {
            let mut found = Found::default();
            if !filters.may_pass(&table.bounds(group, filters.columns())) {
                found.dropped = table.rows(group);
            } else {
                group_rows(&table, group, &columns, &places, (index, file, column), filters, &mut found)?;
            }
            progress.advance(table.bytes(group));
            Ok(found)
        };
        let groups: Vec<Result<Found, DataError>> =
            (0..table.row_groups()).into_par_iter().map(group).collect();
        for group in groups {
            found.append(group?);
        }
    }
    Ok(found)
}

fn group_rows(
    table: &Table,
    group: usize,
    columns: &[usize],
    places: &[usize],
    (index, file, column): (u32, &SourceFile, &str),
    filters: &Filters,
    found: &mut Found,
) -> Result<(), DataError> {
    let mut batches = table.read(group, columns)?;
    while let Some((first, batch)) = batches.next()? {
        let array = |place: usize| {
            let column = batches.place(place).and_then(|i| batch.columns().get(i));
            column.ok_or_else(|| batches.corrupt(format!("it lacks column number {place}")))
        };
        let texts = TextColumn::new(array(0)?)
            .ok_or_else(|| batches.corrupt(format!("the column `{column}` does not decode as text")))?;
        let mut cells = Vec::with_capacity(places.len());
        for (wanted, &place) in filters.columns().iter().zip(places) {
            let read = Cells::new(array(place)?, wanted.kind);
            cells.push(read.ok_or_else(|| {
                batches.corrupt(format!("the column `{}` does not decode as its type", wanted.name))
            })?);
        }
        let values: Vec<Column<'_>> = cells.iter().map(Cells::column).collect();
        debug_assert!(filters.columns().iter().all(|c| matches!(c.kind, Kind::Number | Kind::Text)));
        let draw = |seed, row: usize| sample::key(seed, &file.key, first + row as u64 + 1);
        let marks =
            if filters.is_empty() { Vec::new() } else { filters.marks(texts.len(), &values, draw)? };
        for (row, i) in (first..).zip(0..texts.len()) {
            let mark = marks.get(i).copied();
            let passes = mark.is_none_or(|m| filters.passes(m));
            if !passes {
                found.dropped += 1;
                continue;
            }
            let text = texts.get(i).ok_or_else(|| ParquetError::Null {
                path: table.path().to_path_buf(),
                column: column.to_string(),
                row_group: group,
                row,
            })?;
            let document = DocumentRef {
                file: index,
                offset: group as u64,
                length: 0,
                line: row + 1,
                bytes: text.len() as u64,
                hash: xxh3_64(text.as_bytes()),
            };
            found.judged(true, mark, document);
        }
    }
    Ok(())
}
