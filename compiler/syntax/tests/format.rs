//! The formatter: canonical, idempotent, and nothing but white space (and commas that separate nothing) moves.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use smolc_diag::{FileId, Severity, testing};
use smolc_syntax::{TokenKind, format::format, parse};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn smol_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            smol_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "smol") {
            out.push(path);
        }
    }
}

fn files(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    for folder in folders {
        smol_files(&workspace().join(folder), &mut paths);
    }
    paths.sort();
    paths.into_iter().map(|p| (p.clone(), std::fs::read_to_string(p).unwrap())).collect()
}

/// The tree without spans: what a text means.
fn meaning(text: &str) -> String {
    let parsed = parse(FileId(0), text);
    let debug = format!("{:?}{:?}", parsed.file.docs, parsed.file.items);
    let mut out = String::new();
    let mut rest = debug.as_str();
    while let Some(at) = rest.find("Span {") {
        out.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find('}').unwrap() + 1..];
    }
    out + rest
}

/// Every token but white space and commas.
fn tokens(text: &str) -> Vec<&str> {
    let parsed = parse(FileId(0), text);
    let kept = parsed.tokens.iter().filter(|t| !matches!(t.kind, TokenKind::Space | TokenKind::Newline));
    kept.map(|t| text[t.span.start as usize..t.span.end as usize].trim_end()).filter(|t| *t != ",").collect()
}

/// Holds everything against a text that must hold of every text; gives its layout if it parses.
fn hold(text: &str) -> Option<String> {
    let broken = parse(FileId(0), text).diagnostics.iter().any(|d| d.severity == Severity::Error);
    match format(text) {
        Err(diagnostics) => {
            assert!(broken && !diagnostics.is_empty());
            None
        }
        Ok(out) => {
            assert!(!broken, "a text with errors was formatted:\n{text}");
            assert_eq!(tokens(&out), tokens(text), "tokens moved:\n{text}\n---\n{out}");
            assert_eq!(meaning(&out), meaning(text), "the meaning changed:\n{text}\n---\n{out}");
            assert_eq!(format(&out).as_ref(), Ok(&out), "formatting again changes:\n{text}");
            assert!(out.lines().all(|l| l.trim_end() == l) && !out.contains("\n\n\n") && !out.contains('\r'));
            Some(out)
        }
    }
}

#[test]
fn layouts_are_what_was_approved() {
    let folder = workspace().join("tests/fmt");
    let mut problems = String::new();
    let mut count = 0;
    for (path, text) in files(&["tests/fmt"]) {
        let out =
            hold(&text).unwrap_or_else(|| panic!("{} does not parse: {:?}", path.display(), format(&text)));
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if let Err(e) = testing::golden(&folder.join(format!("{name}.formatted")), &out) {
            problems += &e;
        }
        count += 1;
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(count >= 5, "{count}");
}

#[test]
fn specs_and_the_standard_library_format_to_themselves() {
    for (path, text) in files(&["specs", "stdlib"]) {
        let out =
            hold(&text).unwrap_or_else(|| panic!("{} does not parse: {:?}", path.display(), format(&text)));
        testing::golden(&path, &out).unwrap();
    }
}

#[test]
fn every_spec_of_the_tests_keeps_its_meaning() {
    let mut formatted = 0;
    for (_, text) in files(&["tests", "compiler"]) {
        formatted += usize::from(hold(&text).is_some());
    }
    println!("{formatted} texts formatted");
    assert!(formatted > 10, "{formatted}");
}

/// White space put in and taken out wherever it may stand, lines broken and joined: one layout, or another valid one.
#[test]
fn mutated_texts_keep_their_meaning() {
    let all = std::env::var_os("SMOLC_ALL_MUTANTS").is_some();
    let mut texts = files(&["specs", "stdlib", "tests/fmt"]);
    texts.push((PathBuf::new(), include_str!("texts/complete.smol").to_owned()));
    let (mut tried, mut formatted) = (0, 0);
    for (_, text) in texts {
        let places: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        let stride = if all { 1 } else { places.len().div_ceil(60).max(1) };
        for (k, &i) in places.iter().enumerate().step_by(stride) {
            let c = text[i..].chars().next().unwrap();
            let piece = [" ", "\n", "\n  ", " // c\n", "\n\n\n", ",", "\t", "\r\n", "(", "\n// c\n"][k % 10];
            for mutant in [
                format!("{}{piece}{}", &text[..i], &text[i..]),
                format!("{}{}", &text[..i], &text[i + c.len_utf8()..]),
            ] {
                tried += 1;
                formatted += usize::from(hold(&mutant).is_some());
            }
        }
    }
    println!("{tried} mutants, {formatted} formatted");
    assert!(formatted * 4 > tried, "{formatted} of {tried}");
}

/// All line breaks at which the text still parses, taken out and put in one by one.
#[test]
fn any_break_that_parses_is_kept_or_moved_safely() {
    let text = include_str!("texts/complete.smol");
    let mut seen = 0;
    for (i, c) in text.char_indices() {
        if c == ' ' {
            seen += usize::from(hold(&format!("{}\n    {}", &text[..i], &text[i + 1..])).is_some());
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn a_broken_text_is_not_touched() {
    assert!(format("smol 1\nlet a = (1\n").is_err());
    assert_eq!(format(""), Ok(String::new()));
    assert_eq!(format("\n\n// only a comment"), Ok("// only a comment\n".to_owned()));
}
