//! `tests/ui/syntax/*.smol`: broken specs, what must be said about them, and how it looks.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::path::Path;

use smolc_diag::{Sources, render, testing};
use smolc_syntax::parse;

#[test]
fn broken_specs_are_told_what_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ui/syntax");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "smol"));
    paths.sort();
    let mut problems = String::new();
    for path in &paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut sources = Sources::default();
        let file = sources.add(name.clone(), std::fs::read_to_string(path).unwrap());
        let diagnostics = parse(file, sources.text(file)).diagnostics;
        // Whoever does not know how it is written is shown: by an example, or by an edit.
        for d in &diagnostics {
            if d.fix.is_none() && !d.help.iter().any(|help| help.contains('`')) {
                problems.push_str(&format!("{name}: neither an example nor a fix: {}\n", d.message));
            }
        }
        let narrow = name.starts_with("narrow");
        let drawn = render::graphical(&diagnostics, &sources, if narrow { 50 } else { 100 }, false);
        for result in [
            testing::compare(&diagnostics, &sources, file),
            testing::golden(&path.with_extension("err"), &drawn),
        ] {
            if let Err(e) = result {
                problems.push_str(&format!("{name}:\n{e}\n"));
            }
        }
    }
    assert!(paths.len() >= 10);
    assert!(problems.is_empty(), "{problems}");
}
