//! The tolerant parser finds an error exactly where the strict grammar refuses; tokens are the text; every span lies on
//! character boundaries inside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smolc_diag::{FileId, Severity};
use smolc_syntax::visit::walk;
use smolc_syntax::{TokenKind, parse, strict};
use std::collections::HashSet;

fuzz_target!(|text: &str| {
    let parsed = parse(FileId(0), text);
    let inside = |start: u32, end: u32| {
        assert!(start <= end && text.get(start as usize..end as usize).is_some(), "{start}..{end}");
    };
    let mut at = 0;
    for t in &parsed.tokens {
        assert_eq!(t.span.start, at);
        inside(t.span.start, t.span.end);
        at = t.span.end;
    }
    assert_eq!(at as usize, text.len());
    for d in &parsed.diagnostics {
        inside(d.primary.span.start, d.primary.span.end);
        d.secondary.iter().for_each(|l| inside(l.span.start, l.span.end));
        d.fix.iter().flat_map(|f| &f.edits).for_each(|e| inside(e.span.start, e.span.end));
    }
    walk(&parsed.file, &mut |node| inside(node.span().start, node.span().end));
    let clean = parsed.diagnostics.iter().all(|d| d.severity != Severity::Error);
    // Of what parses, a span ends with a token that means something, not with a comment behind it, or within a text.
    if clean {
        let parts = parsed.tokens.iter().filter(|t| !t.kind.is_trivia());
        let ends: HashSet<u32> = parts
            .flat_map(|t| match t.kind {
                TokenKind::Text => t.span.start + 1..t.span.end + 1,
                _ => t.span.end..t.span.end + 1,
            })
            .collect();
        walk(&parsed.file, &mut |node| assert!(ends.contains(&node.span().end)));
    }
    assert_eq!(clean, strict::accepts(text));
});
