//! Texts that parse: the specs, the standard library, and every construct of the language.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use smolc_diag::{FileId, Severity, Sources, render};
use smolc_syntax::visit::walk;
use smolc_syntax::{Parsed, TokenKind, parse, strict};
use std::collections::{BTreeSet, HashSet};

fn workspace() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn clean(name: &str, text: &str) -> Parsed {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let parsed = parse(file, text);
    let errors: Vec<_> =
        parsed.diagnostics.iter().filter(|d| d.severity != Severity::Info).cloned().collect();
    assert!(errors.is_empty(), "{}", render::graphical(&errors, &sources, 100, false));
    assert!(strict::accepts(text), "{name}: the strict grammar refuses it");
    parsed
}

#[test]
fn specs_and_the_standard_library_parse() {
    for folder in ["specs", "stdlib"] {
        for entry in std::fs::read_dir(workspace().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "smol") {
                let text = std::fs::read_to_string(&path).unwrap();
                clean(&path.display().to_string(), &text);
            }
        }
    }
}

#[test]
fn every_construct_parses() {
    let text = include_str!("texts/complete.smol");
    let parsed = clean("complete.smol", text);
    assert_eq!(parsed.file.version.map(|v| v.0), Some(1));
    let golden = workspace().join("compiler/syntax/tests/texts/complete.tree");
    smolc_diag::testing::golden(&golden, &outline(&parsed)).unwrap();
}

#[test]
fn tokens_are_the_text() {
    let text = include_str!("texts/complete.smol");
    let parsed = parse(FileId(0), text);
    let joined: String =
        parsed.tokens.iter().map(|t| &text[t.span.start as usize..t.span.end as usize]).collect();
    assert_eq!(joined, text);
}

/// A span begins and ends with a token of what it is the span of, not with white space or a comment beside it.
#[test]
fn spans_hold_nothing_else() {
    let mut texts = vec![
        include_str!("texts/complete.smol").to_owned(),
        "run r { validate: every 5 steps // why\n}\n".to_owned(),
    ];
    for folder in ["specs", "stdlib", "specs/smollm2", "tests/ui/check", "tests/ui/users"] {
        for entry in std::fs::read_dir(workspace().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "smol") {
                texts.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut wrong = BTreeSet::new();
    for text in texts {
        let parsed = parse(FileId(0), &text);
        let parts: Vec<_> = parsed.tokens.iter().filter(|t| !t.kind.is_trivia()).collect();
        let starts: HashSet<u32> = parts.iter().map(|t| t.span.start).collect();
        let ends: HashSet<u32> = parts.iter().map(|t| t.span.end).collect();
        let texts: Vec<_> = parts.iter().filter(|t| t.kind == TokenKind::Text).map(|t| t.span).collect();
        walk(&parsed.file, &mut |node| {
            let span = node.span();
            // What a text interpolates is within one token.
            if texts.iter().any(|t| t.start < span.start && span.end < t.end) {
                return;
            }
            if !starts.contains(&span.start) || !ends.contains(&span.end) {
                wrong.insert(text[span.start as usize..span.end as usize].to_owned());
            }
        });
    }
    assert!(wrong.is_empty(), "{:#?}", wrong.iter().take(20).collect::<Vec<_>>());
}

fn outline(parsed: &Parsed) -> String {
    let mut out = String::new();
    for item in &parsed.file.items {
        let text = format!("{:?}\n", item.kind);
        out.push_str(&strip_spans(&text));
    }
    out
}

/// Spans say nothing to a reader of the outline; other tests hold them against the text.
fn strip_spans(debug: &str) -> String {
    let mut out = String::new();
    let mut rest = debug;
    while let Some(at) = rest.find("Span {") {
        let (before, behind) = rest.split_at(at);
        out.push_str(before.trim_end_matches("span: "));
        let end = behind.find('}').map_or(behind.len(), |e| e + 1);
        rest = behind[end..].trim_start_matches(", ");
    }
    out.push_str(rest);
    out.replace(",  }", " }").replace(", }", " }")
}
