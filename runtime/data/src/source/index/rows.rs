//! One document a row of a Parquet file.

use super::Found;
use crate::error::DataError;
use crate::pipeline::{Bound, Filters};
use crate::progress::Progress;
use crate::source::parquet::{ParquetError, Table, TextColumn};
use crate::source::pattern::SourceFile;
use crate::source::{Corpus, DocumentRef, sample};
use arrow_array::ArrayRef;
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
        let mut types = Vec::new();
        for (name, need) in filters.columns() {
            let (place, data_type) = table.filter_column(name, *need)?;
            types.push(data_type);
            places.push(columns.iter().position(|&c| c == place).unwrap_or_else(|| {
                columns.push(place);
                columns.len() - 1
            }));
        }
        let bound = filters.bind(&types, &file.path.display().to_string())?;
        let group = |group: usize| {
            let mut found = Found::default();
            if !filters.may_pass(&|name| table.bounds(group, name)) {
                found.dropped = table.rows(group);
            } else {
                let wanted =
                    Wanted { columns: &columns, places: &places, text: column, filters, bound: &bound };
                group_rows(&table, group, &wanted, (index, file), &mut found)?;
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

/// What is read of a row group.
struct Wanted<'a> {
    /// The text's column and those that filters read, each once.
    columns: &'a [usize],
    /// Where each column that filters read stands among them.
    places: &'a [usize],
    text: &'a str,
    filters: &'a Filters,
    bound: &'a Bound,
}

fn group_rows(
    table: &Table,
    group: usize,
    wanted: &Wanted<'_>,
    (index, file): (u32, &SourceFile),
    found: &mut Found,
) -> Result<(), DataError> {
    let (column, filters) = (wanted.text, wanted.filters);
    let mut batches = table.read(group, wanted.columns)?;
    while let Some((first, batch)) = batches.next()? {
        let array = |place: usize| {
            let column = batches.place(place).and_then(|i| batch.columns().get(i));
            column.ok_or_else(|| batches.corrupt(format!("it lacks column number {place}")))
        };
        let texts = TextColumn::new(array(0)?)
            .ok_or_else(|| batches.corrupt(format!("the column `{column}` does not decode as text")))?;
        let read: Vec<ArrayRef> =
            wanted.places.iter().map(|&place| array(place).cloned()).collect::<Result<_, _>>()?;
        let draw = |seed, row: usize| sample::key(seed, &file.key, first + row as u64 + 1);
        let marks = match filters.is_empty() {
            true => Vec::new(),
            false => wanted.bound.marks(texts.len(), &read, draw).map_err(|reason| {
                let place = format!("{} (from row {first} on)", table.path().display());
                DataError::filters(place.as_ref(), reason)
            })?,
        };
        for (row, i) in (first..).zip(0..texts.len()) {
            let mark = marks.get(i).copied();
            if let Some(mark) = mark.filter(|m| !filters.passes(*m)) {
                found.judged(filters, mark, None);
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
            match mark {
                Some(mark) => found.judged(filters, mark, Some(document)),
                None => found.unasked(document),
            }
        }
    }
    Ok(())
}
