//! Whatever stands in a file, checking ends with diagnostics, not with a panic; and mixtures are summed exactly.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use smolc_check::{MemoryWorld, check};
use smolc_diag::Severity;
use std::path::Path;

fn quickstart() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/quickstart.smol");
    std::fs::read_to_string(path).unwrap()
}

/// Checks a text and holds what must hold of any: every span lies in its file, and a spec with an error is not complete.
fn survive(text: &str) {
    let world = MemoryWorld { home: Some("/h".into()), ..MemoryWorld::with_file("a.smol", text) };
    let checked = check(&world, "a.smol", &[]);
    for d in &checked.diagnostics {
        for label in std::iter::once(&d.primary).chain(&d.secondary) {
            let source = checked.sources.text(label.span.file);
            assert!(
                source.get(label.span.start as usize..label.span.end as usize).is_some(),
                "{d:?}\n{text}"
            );
        }
    }
    let errors = checked.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(checked.spec.complete, !errors);
}

/// Specs that use the whole language, mistakes included.
fn language() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ui/language");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "smol"));
    paths.sort();
    paths.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect()
}

/// Pieces of the language to throw into a spec.
const PIECES: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "=",
    "%",
    "0",
    "-1",
    "1e-300",
    "99999999999999999999999",
    "18446744073709551615",
    "5 steps",
    "0 tokens",
    "1k epochs",
    "rest ",
    "none",
    "true",
    "docs",
    "small",
    "words",
    "window",
    "pretrain",
    "with { }",
    "|> sample(1 bytes)",
    "at t => t",
    "if ",
    " then ",
    " else ",
    "wsd",
    "Llama",
    "\"",
    "\"{docs}\"",
    "\n",
    "..",
    "->",
    ".x",
    "é",
    "\u{0}",
    "let a = a\n",
    "|> where(.score >= 3)",
    "|> thin(.x)",
    "(5% -> 0%) ",
    "for 0..1T tokens until loss < 1",
    "until plateau(eval.x, over: 0 evals)",
    "run a from a { }\n",
    "run base with { }\n",
    "from base at 1 steps",
    "enter: blend over 100%",
    "drop model",
    "stages: []",
    "objective: Dpo { beta: 0 -> 1 }",
    "eval: needle_8k every 1 steps",
    "target: { count: 0 }",
    "sweep s over x in [base, 1, none] { run base with { lr: x } }\n",
    "base.one.mix",
    "1T..0 tokens",
    "heads: 0",
    "vocab: 0",
    "batch: 0 tokens",
    "layers: 18446744073709551615",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn cut_specs_survive(from in 0usize..2000, length in 0usize..200) {
        let text = quickstart();
        let kept: String = text.chars().enumerate().filter(|(i, _)| !(from..from + length).contains(i)).map(|(_, c)| c).collect();
        survive(&kept);
    }

    #[test]
    fn stuffed_specs_survive(edits in prop::collection::vec((0usize..2200, 0usize..PIECES.len(), 0usize..12), 1..4)) {
        let mut text: Vec<char> = quickstart().chars().collect();
        for (at, piece, drop) in edits {
            let at = at.min(text.len());
            let end = (at + drop).min(text.len());
            text.splice(at..end, PIECES[piece].chars());
        }
        survive(&text.into_iter().collect::<String>());
    }

    #[test]
    fn stuffed_specs_of_the_whole_language_survive(
        file in 0usize..6,
        edits in prop::collection::vec((0usize..4000, 0usize..PIECES.len(), 0usize..40), 1..5),
    ) {
        let texts = language();
        let mut text: Vec<char> = texts[file % texts.len()].chars().collect();
        for (at, piece, drop) in edits {
            let at = at.min(text.len());
            let end = (at + drop).min(text.len());
            text.splice(at..end, PIECES[piece].chars());
        }
        survive(&text.into_iter().collect::<String>());
    }

    /// Weights in hundredths of a percent: a mixture is accepted exactly if their integer sum is 10,000.
    #[test]
    fn mixtures_are_summed_exactly(mut parts in prop::collection::vec(1u64..4000, 1..12), close in any::<bool>()) {
        let sum: u64 = parts.iter().sum();
        if close && sum < 10_000 {
            parts.push(10_000 - sum);
        }
        let total: u64 = parts.iter().sum();
        let mut text = String::from("smol 1\n");
        let mut terms = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            text += &format!("dataset d{i} = text(\"{i}\")\n");
            terms.push(format!("{}.{:02}% d{i}", part / 100, part % 100));
        }
        text += &format!("mix all = {}\n", terms.join(" + "));
        let checked = check(&MemoryWorld::with_file("a.smol", &text), "a.smol", &[]);
        let codes: Vec<&str> = checked.diagnostics.iter().map(|d| d.code).collect();
        let expected: &[&str] = if total == 10_000 { &[] } else { &["smol::mix::sum"] };
        prop_assert_eq!(codes, expected);
    }
}

/// Chains and doublings that would exhaust the stack, the memory or the patience of whoever evaluates them naively.
#[test]
fn blow_ups_are_diagnosed() {
    let chain = |n: usize| {
        let lines: Vec<String> = (0..n).rev().map(|i| format!("let a{} = a{i} + 1", i + 1)).collect();
        format!("smol 1\n{}\nlet a0 = 1\n", lines.join("\n"))
    };
    let texts: Vec<String> = (0..64).map(|i| format!("let a{} = \"{{a{i}}}{{a{i}}}\"", i + 1)).collect();
    let texts = format!("smol 1\nlet a0 = \"x\"\n{}\n", texts.join("\n"));
    for text in [chain(3000), texts] {
        let checked = check(&MemoryWorld::with_file("a.smol", &text), "a.smol", &[]);
        let codes: Vec<&str> = checked.diagnostics.iter().map(|d| d.code).collect();
        assert!(!codes.is_empty() && codes.iter().all(|c| *c == "smol::eval::limit"), "{codes:?}");
    }
    // A schedule whose code doubles with every call.
    let calls: Vec<String> =
        (0..40).map(|i| format!("fn f{}(x: Float) -> Float = f{i}(x) + f{i}(x)", i + 1)).collect();
    let text = quickstart()
        .replace("lr: wsd(peak: 2e-3, warmup: 40 steps, decay: 20%)", "lr: at t => f40(t / end)")
        + &format!("fn f0(x: Float) -> Float = x\n{}\n", calls.join("\n"));
    let checked = check(&MemoryWorld::with_file("a.smol", &text), "a.smol", &[]);
    assert!(checked.diagnostics.iter().any(|d| d.code == "smol::eval::limit"), "{:?}", checked.diagnostics);
    let checked = check(&MemoryWorld::with_file("a.smol", &chain(70)), "a.smol", &[]);
    assert!(checked.diagnostics.is_empty(), "{:?}", checked.diagnostics);
}

#[test]
fn absurd_sizes_are_diagnosed() {
    for (from, to) in [
        ("layers: 6", "layers: 18446744073709551615"),
        ("hidden: 256", "hidden: 18446744073709551614"),
        ("batch: 2Ki tokens", "batch: 18446744073709551615 sequences"),
        ("for 620k tokens", "for 99999999T tokens"),
        ("let window = 256 tokens", "let window = 18446744073709551615 tokens"),
        ("vocab: 4096, train", "vocab: 99999999999, train"),
    ] {
        let text = quickstart().replacen(from, to, 1);
        assert_ne!(text, quickstart());
        let checked = check(&MemoryWorld::with_file("a.smol", &text), "a.smol", &[]);
        assert!(!checked.spec.complete, "{to}");
    }
}
