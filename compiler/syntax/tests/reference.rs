//! The examples of `docs/language.md` parse.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use smolc_diag::{Sources, render};
use smolc_syntax::parse;

#[test]
fn examples_of_the_reference_parse() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language.md");
    let text = std::fs::read_to_string(path).unwrap();
    let examples: Vec<&str> =
        text.split("```smol\n").skip(1).map(|e| e.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let whole =
            if example.starts_with("smol 1") { example.to_owned() } else { format!("smol 1\n{example}") };
        let mut sources = Sources::default();
        let file = sources.add("docs/language.md", whole.clone());
        let diagnostics = parse(file, &whole).diagnostics;
        assert!(diagnostics.is_empty(), "{}", render::graphical(&diagnostics, &sources, 100, false));
    }
}
