//! The items of a benchmark, as texts to look for.
//!
//! An item's text is what its prompt asks with: the columns that the prompt names, in order, a line each. What the prompt
//! says around them is the same for every item and is left out. Answers are not looked for. All rows of all files that
//! `data` names are items; splits of local files are not told apart, those of a dataset of the hub are.

use super::hub::{self, Wanted};
use super::parquet::{Table, TextColumn};
use super::pattern::SourceFile;
use super::{jsonl, lines::Lines, pattern, schema};
use crate::error::DataError;
use serde_json::Value;
use smolc_plan::{Evaluation, Items};
use std::path::Path;

/// Names in a prompt that are no columns.
const MADE: [&str; 3] = ["choice", "letter", "lettered_choices"];

/// The texts of a benchmark's items.
///
/// Errors: no file matches; a dataset of the hub is not in its cache; a file cannot be read, or lacks a column that the prompt names, or has no text there.
pub(crate) fn texts(evaluation: &Evaluation) -> Result<Vec<String>, DataError> {
    let prompt = evaluation.protocol.prompt().unwrap_or_default();
    let columns: Vec<&str> = placeholders(prompt).filter(|name| !MADE.contains(name)).collect();
    let place = format!("evaluation `{}`", evaluation.name);
    if columns.is_empty() {
        let reason = "it names no column, so there is nothing to look for".to_string();
        return Err(DataError::Filter { place, filter: format!("prompt \"{prompt}\""), reason });
    }
    let files = evaluation.protocol.items().map(|items| files(evaluation, items, &place)).transpose()?;
    let mut texts = Vec::new();
    for file in files.into_iter().flatten() {
        match schema::is_parquet(&file.path)? {
            true => rows(&file.path, &columns, &mut texts)?,
            false => objects(&file.path, &columns, &mut texts)?,
        }
    }
    Ok(texts)
}

fn files(evaluation: &Evaluation, items: &Items, place: &str) -> Result<Vec<SourceFile>, DataError> {
    if items.are_files() {
        return Ok(pattern::expand(&evaluation.name, std::slice::from_ref(&items.data), false)?.0);
    }
    let (repository, split) = (&items.data, &items.split);
    // The default subset where none is named.
    let subsets: Vec<Option<&str>> = match items.subsets.is_empty() {
        true => vec![None],
        false => items.subsets.iter().map(|s| Some(s.as_str())).collect(),
    };
    let mut files = Vec::new();
    for config in subsets {
        files.extend(hub::find(&Wanted { place, repository, config, split, revision: None })?.files);
    }
    Ok(files)
}

/// The names in braces. A text of a spec has its escaped braces as they are meant here.
fn placeholders(prompt: &str) -> impl Iterator<Item = &str> {
    prompt.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

fn rows(path: &Path, columns: &[&str], texts: &mut Vec<String>) -> Result<(), DataError> {
    let table = Table::open(path)?;
    let mut places = Vec::new();
    for column in columns {
        table.check_text(column)?;
        places.push(table.column(column)?.0);
    }
    for group in 0..table.row_groups() {
        let mut batches = table.read(group, &places)?;
        while let Some((_, batch)) = batches.next()? {
            let mut cells = Vec::new();
            for place in 0..places.len() {
                let array = batches.place(place).and_then(|i| batch.columns().get(i));
                let array =
                    array.ok_or_else(|| batches.corrupt(format!("it lacks column number {place}")))?;
                cells.push(TextColumn::new(array).ok_or_else(|| {
                    batches.corrupt(format!("column number {place} does not decode as text"))
                })?);
            }
            for row in 0..batch.num_rows() {
                let parts: Vec<&str> = cells.iter().filter_map(|c| c.get(row)).collect();
                texts.push(parts.join("\n"));
            }
        }
    }
    Ok(())
}

fn objects(path: &Path, columns: &[&str], texts: &mut Vec<String>) -> Result<(), DataError> {
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next()? {
        if line.bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut parts = Vec::new();
        for (value, column) in jsonl::fields(path, line.number, line.bytes, columns)?.into_iter().zip(columns)
        {
            match value {
                Value::String(text) => parts.push(text),
                other @ (Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_)) => {
                    return Err(DataError::FieldType {
                        path: path.to_path_buf(),
                        line: line.number,
                        field: (*column).to_string(),
                        found: jsonl::kind(&other),
                        expected: "a string, which the prompt asks with",
                    });
                }
            }
        }
        texts.push(parts.join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::placeholders;

    #[test]
    fn columns_of_a_prompt() {
        let names: Vec<&str> = placeholders("Question: {question}\n{choice} of {a_b}: {open").collect();
        assert_eq!(names, ["question", "choice", "a_b"]);
        assert_eq!(placeholders("none").count(), 0);
    }
}
