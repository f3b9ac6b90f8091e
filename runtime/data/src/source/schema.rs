//! What the columns of a data file hold, told without reading all of it.

use super::lines::Lines;
use super::parquet::{Table, is_text};
use crate::error::DataError;
use crate::pipeline::row_type;
use arrow_schema::DataType;
use serde_json::Value;
use smolc_expr::row::{Need, RowKind};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Lines that the fields of JSON lines are told from.
const LINES: usize = 64;

/// A column of a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Whole numbers.
    Integers,
    /// Numbers. Those of JSON lines are all read as f64.
    Numbers,
    /// Truth values.
    Truths,
    /// Texts.
    Texts,
    /// Something that no filter reads, in words.
    Other(String),
    /// Nulls as far as was looked, or values of several kinds.
    Unknown,
}

/// Whether a file begins as Parquet does.
pub(super) fn is_parquet(path: &Path) -> Result<bool, DataError> {
    let mut magic = Vec::new();
    let read = File::open(path).and_then(|f| f.take(4).read_to_end(&mut magic));
    read.map_err(|e| DataError::io("read", path, e))?;
    Ok(magic == b"PAR1")
}

/// The columns of a Parquet file, by its metadata, or of JSON lines (also compressed), by the first of them.
///
/// Errors: the file cannot be read or is neither.
pub fn columns(path: &Path) -> Result<Vec<FileColumn>, DataError> {
    if is_parquet(path)? {
        let table = Table::open(path)?;
        Ok(table.columns().map(|(name, t)| FileColumn { name: name.to_string(), holds: holds(t) }).collect())
    } else {
        objects(path)
    }
}

fn holds(data_type: &DataType) -> Holds {
    match row_type(data_type, Need::Number).map(smolc_expr::row::DataType::kind) {
        Some(RowKind::Int) => Holds::Integers,
        Some(RowKind::Float) => Holds::Numbers,
        Some(RowKind::Truth) => Holds::Truths,
        Some(RowKind::Text) => Holds::Texts,
        None if is_text(data_type) => Holds::Texts,
        None => Holds::Other(data_type.to_string()),
    }
}

fn objects(path: &Path) -> Result<Vec<FileColumn>, DataError> {
    let mut found: Vec<(FileColumn, bool)> = Vec::new();
    let mut lines = Lines::open(path)?;
    for _ in 0..LINES {
        let Some(line) = lines.next()? else { break };
        if line.bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed: Result<serde_json::Map<String, Value>, _> = serde_json::from_slice(line.bytes);
        let object = parsed.map_err(|e| DataError::Json {
            path: path.to_path_buf(),
            line: line.number,
            column: e.column(),
            reason: e.to_string(),
        })?;
        for (name, value) in object {
            let holds = match value {
                Value::Null => None,
                Value::Bool(_) => Some(Holds::Truths),
                Value::Number(_) => Some(Holds::Numbers),
                Value::String(_) => Some(Holds::Texts),
                Value::Array(_) => Some(Holds::Other("lists".into())),
                Value::Object(_) => Some(Holds::Other("objects".into())),
            };
            match (found.iter_mut().find(|(c, _)| c.name == name), holds) {
                (None, holds) => {
                    let known = holds.is_some();
                    found.push((FileColumn { name, holds: holds.unwrap_or(Holds::Unknown) }, known));
                }
                (Some(_), None) => {}
                (Some((column, known)), Some(holds)) if !*known => {
                    (column.holds, *known) = (holds, true);
                }
                (Some((column, _)), Some(holds)) => {
                    if column.holds != holds {
                        column.holds = Holds::Unknown;
                    }
                }
            }
        }
    }
    Ok(found.into_iter().map(|(column, _)| column).collect())
}
