//! The table of mistakes in `tests/ui/README.md` is complete and true: every number is there, every file exists and gives the
//! code, and every file of a mistake is in it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ui")
}

/// What stands in backticks.
fn quoted(cell: &str) -> Option<&str> {
    cell.trim().strip_prefix('`')?.strip_suffix('`')
}

#[test]
fn every_mistake_has_its_file_and_its_code() {
    let text = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut numbers = BTreeSet::new();
    for line in text.lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, file, code] = cells[..] else { panic!("{line}") };
        if !number.bytes().skip(1).all(|b| b.is_ascii_digit()) || number.len() < 2 {
            continue;
        }
        assert!(numbers.insert(number.to_owned()), "{number} stands twice");
        let Some(file) = quoted(file) else {
            assert!(file.starts_with("cannot: ") && file.len() > 20 && code.is_empty(), "{line}");
            continue;
        };
        let spec = std::fs::read_to_string(folder().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(spec.contains(&format!("[{}]", quoted(code).unwrap())), "{file} announces no {code}");
        let said = std::fs::read_to_string(folder().join(file).with_extension("err")).unwrap();
        assert!(said.lines().any(|l| Some(l) == quoted(code)), "{file} does not give {code}");
    }
    let wanted = [("R", 13), ("U", 25), ("T", 32)];
    let wanted: BTreeSet<String> =
        wanted.iter().flat_map(|(l, n)| (1..=*n).map(move |i| format!("{l}{i}"))).collect();
    assert_eq!(numbers, wanted);
}

#[test]
fn every_file_of_a_mistake_is_in_the_table() {
    let text = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for area in ["recipe", "users"] {
        for entry in std::fs::read_dir(folder().join(area)).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            assert!(!name.ends_with(".smol") || text.contains(&format!("`{area}/{name}`")), "{area}/{name}");
        }
    }
}
