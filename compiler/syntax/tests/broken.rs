//! Broken texts: every prefix, every deletion. Nothing panics, every span lies on character boundaries inside its
//! file, the tokens stay the text, and the tolerant parser agrees with the strict grammar on what is wrong.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::time::Instant;

use smolc_diag::{FileId, Severity, Sources, render};
use smolc_syntax::{parse, strict};

const COMPLETE: &str = include_str!("texts/complete.smol");

fn texts() -> Vec<(&'static str, String)> {
    let quickstart = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/quickstart.smol");
    let odd = "smol 1\n// é 世界 \u{1F600}\nlet a = \"é世界 {b} \u{1F600}\" // \u{FEFF}\r\n/// ünïcode\nlet ß = 1\u{A0}token\nmix m = 60% a + “rest” b\n";
    vec![
        ("quickstart", std::fs::read_to_string(quickstart).unwrap()),
        ("complete", COMPLETE.to_owned()),
        ("odd", odd.to_owned()),
    ]
}

/// Errors of a text, after holding everything against it that must always hold.
fn errors(text: &str) -> usize {
    let file = FileId(0);
    let parsed = parse(file, text);
    let mut at = 0;
    for t in &parsed.tokens {
        assert_eq!(t.span.start as usize, at, "tokens leave a gap");
        assert!(text.is_char_boundary(t.span.end as usize));
        at = t.span.end as usize;
    }
    assert_eq!(at, text.len(), "tokens do not reach the end");
    for d in &parsed.diagnostics {
        let edits = d.fix.iter().flat_map(|f| &f.edits).map(|e| e.span);
        for span in std::iter::once(d.primary.span).chain(d.secondary.iter().map(|l| l.span)).chain(edits) {
            let (s, e) = (span.start as usize, span.end as usize);
            assert!(s <= e && e <= text.len(), "{d:?} in {text:?}");
            assert!(text.is_char_boundary(s) && text.is_char_boundary(e), "{d:?} in {text:?}");
        }
    }
    parsed.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
}

fn shown(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("mutant.smol", text);
    render::short(&parse(file, text).diagnostics, &sources)
}

/// Mean and largest number of errors among the broken ones of some mutants, and where tolerant and strict disagree.
fn study(name: &str, mutants: &[String], mean_at_most: f64) {
    // A part of them, evenly spread; all if asked.
    let all = std::env::var_os("SMOLC_ALL_MUTANTS").is_some();
    let stride = if all { 1 } else { mutants.len().div_ceil(40).max(1) };
    let mutants: Vec<&String> = mutants.iter().step_by(stride).collect();
    let (mut broken, mut total, mut most) = (0usize, 0usize, (0usize, String::new()));
    let mut disagree = Vec::new();
    for &m in &mutants {
        let n = errors(m);
        if (n == 0) != strict::accepts(m) {
            disagree.push(m.clone());
        }
        broken += usize::from(n > 0);
        total += n;
        if n > most.0 {
            most = (n, m.clone());
        }
    }
    let mean = total as f64 / broken.max(1) as f64;
    println!("{name}: {} mutants, {broken} broken, {mean:.3} errors each, most {}", mutants.len(), most.0);
    if std::env::var_os("SMOLC_SHOW").is_some() {
        println!("{}\n{}", most.1, shown(&most.1));
    }
    if let Some(m) = disagree.first() {
        let full = format!("{}\n{m}\n{}", disagree.len(), shown(m));
        panic!("{name}: strict and tolerant disagree on {full}");
    }
    assert!(
        mean <= mean_at_most,
        "{name}: {mean} errors a mutant; the worst:\n{}\n{}",
        most.1,
        shown(&most.1)
    );
}

#[test]
fn prefixes() {
    for (name, text) in texts() {
        let cuts: Vec<String> = text.char_indices().map(|(i, _)| text[..i].to_owned()).collect();
        study(&format!("{name}: file cut"), &cuts, 1.5 + errors(&text) as f64);
    }
}

#[test]
fn characters_deleted() {
    for (name, text) in texts() {
        let mutants: Vec<String> = text
            .char_indices()
            .map(|(i, c)| format!("{}{}", &text[..i], &text[i + c.len_utf8()..]))
            .collect();
        study(&format!("{name}: one character deleted"), &mutants, 1.5 + errors(&text) as f64);
    }
}

#[test]
fn lines_deleted() {
    for (name, text) in texts() {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mutants: Vec<String> =
            (0..lines.len()).map(|k| [&lines[..k], &lines[k + 1..]].concat().concat()).collect();
        study(&format!("{name}: one line deleted"), &mutants, 1.5 + errors(&text) as f64);
    }
}

#[test]
fn braces_deleted() {
    for (name, text) in texts() {
        for brace in ["}", "{", "(", ")", "[", "]", "\"", ",", ":"] {
            let mutants: Vec<String> =
                text.match_indices(brace).map(|(i, _)| format!("{}{}", &text[..i], &text[i + 1..])).collect();
            study(&format!("{name}: one `{brace}` deleted"), &mutants, 1.5 + errors(&text) as f64);
        }
    }
}

#[test]
fn rests_of_lines_deleted() {
    for (name, text) in texts() {
        let mut mutants = Vec::new();
        for (i, c) in text.char_indices() {
            let end = text[i..].find('\n').map_or(text.len(), |e| i + e);
            if c != '\n' {
                mutants.push(format!("{}{}", &text[..i], &text[end..]));
            }
        }
        study(&format!("{name}: rest of a line deleted"), &mutants, 1.5 + errors(&text) as f64);
    }
}

#[test]
fn characters_inserted() {
    let all = std::env::var_os("SMOLC_ALL_MUTANTS").is_some();
    for (_, text) in texts() {
        for (k, (i, _)) in text.char_indices().enumerate().step_by(if all { 1 } else { 29 }) {
            let c = [
                "é", "{", "}", "(", ")", "[", "]", "\"", ",", ":", "\n", "=", "世", "\u{0}", "#", "///",
                "\r", "-", " x ",
            ][k % 19];
            let m = format!("{}{c}{}", &text[..i], &text[i..]);
            assert_eq!(errors(&m) == 0, strict::accepts(&m), "{m}\n{}", shown(&m));
        }
    }
}

#[test]
fn deep_nesting_ends_quickly() {
    let started = Instant::now();
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{ a: ", "}"),
        ("f(", ")"),
        ("-", ""),
        ("not ", ""),
        ("if a then b else ", ""),
    ] {
        for n in [60, 100, 3_000] {
            for closed in [true, false] {
                let tail = if closed { close.repeat(n) } else { String::new() };
                let text = format!("smol 1\nlet a = {}1{tail}\nlet b = 2\n", open.repeat(n));
                let parsed = parse(FileId(0), &text);
                let errors = parsed.diagnostics.len();
                let fits = n <= 64 && (closed || close.is_empty());
                assert_eq!(
                    errors,
                    usize::from(!fits),
                    "{open} {n} {closed}\n{}",
                    shown(&text).chars().take(600).collect::<String>()
                );
                assert_eq!(parsed.file.items.len(), 2);
                assert_eq!(strict::accepts(&text), fits, "{open} {n} {closed}");
            }
        }
    }
    let parens = format!("smol 1\nlet a = {}\nlet b = 2\n", "(".repeat(100_000));
    assert_eq!(parse(FileId(0), &parens).diagnostics.len(), 1);
    let sum = format!("smol 1\nlet a = 1{}\n", " + 1".repeat(20_000));
    assert_eq!(parse(FileId(0), &sum).diagnostics.len(), 1);
    // Nothing here may depend on the machine; a quadratic step at 100,000 brackets takes minutes on any.
    println!("deep nesting: {:?}", started.elapsed());
}
