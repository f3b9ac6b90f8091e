//! Specs with mistakes: each line says what it gets (`//~ error[code] text`), and the rendering is blessed beside it.
//!
//! `SMOLC_BLESS=1 cargo test -p smolc-check --test ui` rewrites the renderings.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smolc_check::allow::LINTS;
use smolc_check::{MemoryWorld, check};
use smolc_diag::{FileId, Severity, render, testing};
use std::path::Path;

/// Folders of `tests/ui` whose specs are checked; `syntax` belongs to the parser.
const FOLDERS: &[&str] = &["check", "language", "recipe", "users"];

/// The specs of a folder, by name.
fn specs(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|n| n.ends_with(".smol")).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// A warning that `#[allow]` may not name: of the language line, and of `#[allow]` itself.
const NOT_ALLOWED: &[&str] = &["smol::allow::reason", "smol::syntax::version"];

#[test]
fn every_spec_gets_what_it_announces() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ui");
    let mut problems = String::new();
    for folder in FOLDERS.iter().map(|f| root.join(f)) {
        let names = specs(&folder);
        for name in names {
            let text = std::fs::read_to_string(folder.join(&name)).unwrap();
            let checked = check(&MemoryWorld::with_file(&name, &text), &name, &[]);
            if let Err(e) = testing::compare(&checked.diagnostics, &checked.sources, FileId(0)) {
                problems += &format!("{}/{name}:\n{e}\n", folder.display());
            }
            for d in checked.diagnostics.iter().filter(|d| d.severity != Severity::Error) {
                if !LINTS.contains(&d.code) && !NOT_ALLOWED.contains(&d.code) {
                    problems += &format!("{name}: `{}` is a lint and missing in `allow::LINTS`\n", d.code);
                }
            }
            let rendered = render::graphical(&checked.diagnostics, &checked.sources, 100, false);
            if let Err(e) = testing::golden(&folder.join(name.replace(".smol", ".err")), &rendered) {
                problems += &e;
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
}
