//! What the columns of a data file hold, for the checker.

use smolc_check::world::{Column, Holds};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

/// The columns of a file, and the state of the file they were read from.
type Seen = HashMap<PathBuf, (u64, Option<SystemTime>, Option<Vec<Column>>)>;

/// An editor asks at every keystroke, of files that do not change.
static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

/// The columns of a Parquet file or of JSON lines; `None` if it is neither, or cannot be read.
pub fn of(path: &Path) -> Option<Vec<Column>> {
    let metadata = std::fs::metadata(path).ok()?;
    let state = (metadata.len(), metadata.modified().ok());
    let mut seen = SEEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let seen = seen.get_or_insert_default();
    if let Some((length, modified, columns)) = seen.get(path)
        && (*length, *modified) == state
    {
        return columns.clone();
    }
    let columns = smolc_data::columns(path).ok().map(|columns| columns.into_iter().map(column).collect());
    let columns: Option<Vec<Column>> = columns;
    seen.insert(path.to_path_buf(), (state.0, state.1, columns.clone()));
    columns
}

fn column(column: smolc_data::FileColumn) -> Column {
    let holds = match column.holds {
        smolc_data::Holds::Integers => Holds::Integers,
        smolc_data::Holds::Numbers => Holds::Numbers,
        smolc_data::Holds::Truths => Holds::Truths,
        smolc_data::Holds::Texts => Holds::Texts,
        smolc_data::Holds::Other(other) => Holds::Other(other),
        smolc_data::Holds::Unknown => Holds::Unknown,
    };
    Column::new(column.name, holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, "{\"text\": \"x\", \"score\": null}\n{\"score\": 3}\n").unwrap();
        let first = vec![Column::new("text", Holds::Texts), Column::new("score", Holds::Numbers)];
        assert_eq!(of(&path), Some(first.clone()));
        assert_eq!(of(&path), Some(first));
        std::fs::write(&path, "{\"text\": \"x\", \"kept\": true, \"tags\": [1]}\n").unwrap();
        let second = vec![
            Column::new("text", Holds::Texts),
            Column::new("kept", Holds::Truths),
            Column::new("tags", Holds::Other("lists".into())),
        ];
        assert_eq!(of(&path), Some(second));
        std::fs::write(&path, "not json\n").unwrap();
        assert_eq!(of(&path), None);
        assert_eq!(of(&dir.path().join("none.jsonl")), None);
    }
}
