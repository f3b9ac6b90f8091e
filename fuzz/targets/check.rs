//! Checking never panics, whatever the text; what it says points into files; a spec with an error is not complete.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smolc_check::{MemoryWorld, check};
use smolc_diag::{Severity, render};

fuzz_target!(|text: &str| {
    let world = MemoryWorld { home: Some("/h".into()), ..MemoryWorld::with_file("a.smol", text) };
    let checked = check(&world, "a.smol", &[]);
    for d in &checked.diagnostics {
        for label in std::iter::once(&d.primary).chain(&d.secondary) {
            let source = checked.sources.text(label.span.file);
            assert!(source.get(label.span.start as usize..label.span.end as usize).is_some());
        }
    }
    let errors = checked.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(checked.spec.complete, !errors);
    render::graphical(&checked.diagnostics, &checked.sources, 80, false);
});
