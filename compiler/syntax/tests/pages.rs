//! Every page of `smol::syntax::*` is true: its wrong example gives its code, its right one gives nothing.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use smolc_diag::{FileId, Sources, codes, render};
use smolc_syntax::parse;

#[test]
fn examples_of_the_pages_are_what_they_say() {
    let mut count = 0;
    for code in codes::all().filter(|c| c.starts_with("smol::syntax::")) {
        let page = codes::page(code).unwrap();
        let wrong = codes::example(page, "## Wrong").unwrap();
        let found: Vec<&str> = parse(FileId(0), &wrong).diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(found, [code], "the wrong example of {code}");
        let right = codes::example(page, "## Right").unwrap();
        let mut sources = Sources::default();
        let file = sources.add("right.smol", right.clone());
        let diagnostics = parse(file, &right).diagnostics;
        assert!(
            diagnostics.is_empty(),
            "the right example of {code}\n{}",
            render::short(&diagnostics, &sources)
        );
        count += 1;
    }
    assert!(count >= 19, "only {count} pages");
}

#[test]
fn every_code_has_a_page() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for piece in text.split("\"smol::").skip(1) {
                let code = format!("smol::{}", piece.split('"').next().unwrap());
                assert!(codes::page(&code).is_some(), "{}: {code} has no page", path.display());
            }
        }
    }
}
