//! Formatting twice is formatting once, and the tree before is the tree after.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smolc_diag::FileId;
use smolc_syntax::format::format;
use smolc_syntax::{TokenKind, parse};

/// The tree without spans.
fn meaning(text: &str) -> String {
    let parsed = parse(FileId(0), text);
    let debug = format!("{:?}{:?}", parsed.file.docs, parsed.file.items);
    let mut out = String::new();
    let mut rest = debug.as_str();
    while let Some((before, behind)) = rest.split_once("Span {") {
        out.push_str(before);
        rest = behind.split_once('}').map_or("", |(_, r)| r);
    }
    out + rest
}

fn comments(text: &str) -> Vec<&str> {
    let parsed = parse(FileId(0), text);
    let kept = parsed.tokens.iter().filter(|t| t.kind == TokenKind::Comment);
    kept.map(|t| text[t.span.start as usize..t.span.end as usize].trim_end()).collect()
}

fuzz_target!(|text: &str| {
    let Ok(out) = format(text) else { return };
    assert_eq!(format(&out).as_ref(), Ok(&out));
    assert_eq!(meaning(&out), meaning(text));
    assert_eq!(comments(&out), comments(text));
});
