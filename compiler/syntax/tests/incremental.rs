//! Parsing with a memo yields what parsing afresh does: tree, spans, tokens, diagnostics, after any edits.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use smolc_diag::FileId;
use smolc_syntax::{Memo, parse, parse_with};
use std::path::Path;

/// A linear congruential generator with Knuth's MMIX constants.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as usize
    }
}

/// Every text that the repository holds: specs, library, fixtures of diagnostics and of the editor.
fn texts(folders: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    let mut open: Vec<_> = folders.iter().map(|f| root.join(f)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false if path.extension().is_some_and(|e| e == "smol") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect()
}

fn same(memo: &mut Memo, file: FileId, text: &str) {
    let (warm, cold) = (parse_with(memo, file, text), parse(file, text));
    assert_eq!(warm.tokens, cold.tokens, "{text}");
    assert_eq!(warm.diagnostics, cold.diagnostics, "{text}");
    let (warm, cold) = (format!("{:?}", warm.file), format!("{:?}", cold.file));
    if warm != cold {
        let at = warm.bytes().zip(cold.bytes()).take_while(|(a, b)| a == b).count();
        let near = |s: &str| s.chars().skip(at.saturating_sub(200)).take(400).collect::<String>();
        panic!("trees differ\nwith a memo: {}\nafresh:      {}\nof {text}", near(&warm), near(&cold));
    }
}

/// Pieces that change what stands around them.
const PIECES: [&str; 44] = [
    "\n",
    "\r\n",
    "\r",
    " ",
    "  ",
    "\t",
    "\u{FEFF}",
    "é",
    "世",
    "\u{1F600}",
    "\"",
    "\\",
    "//",
    "///",
    "/// d\n",
    "//!",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "=",
    "=>",
    "%",
    "1",
    "1.5e",
    "run ",
    "\nrun r {\n",
    "stage s for 1 step {",
    "dataset d = ",
    "\nlet x = 1\n",
    "#[allow(smol::data::epochs)]\n",
    "  /// d\n",
    "smol 1\n",
    "use ",
    "if",
    "x",
    "_",
    "|>",
    "..",
    "-",
];

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn edited(random: &mut Random, text: &str) -> String {
    let a = boundary(text, random.below(text.len() + 1));
    let (before, after) = text.split_at(a);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    match random.below(6) {
        0 | 1 => format!("{before}{}{after}", PIECES[random.below(PIECES.len())]),
        2 => {
            let b = boundary(text, (a + 1 + random.below(12)).min(text.len()));
            format!("{before}{}", &text[b.max(a)..])
        }
        3 => {
            // Some lines move elsewhere.
            let (from, n) = (random.below(lines.len()), 1 + random.below(8));
            let to = random.below(lines.len());
            let moved: String = lines.iter().skip(from).take(n).copied().collect();
            let rest: Vec<&str> =
                lines.iter().take(from).chain(lines.iter().skip(from + n)).copied().collect();
            let to = to.min(rest.len());
            format!("{}{moved}{}", rest[..to].concat(), rest[to..].concat())
        }
        4 => {
            // Some lines stand twice.
            let (from, n) = (random.below(lines.len()), 1 + random.below(20));
            let more: String = lines.iter().skip(from).take(n).copied().collect();
            let end = (from + n).min(lines.len());
            format!("{}{more}{}", lines[..end].concat(), lines[end..].concat())
        }
        _ => {
            let b = boundary(text, random.below(text.len() + 1));
            let (a, b) = (a.min(b), a.max(b));
            // A letter of the text itself, elsewhere.
            let letter: String = text[b..].chars().take(1).collect();
            format!("{}{letter}{}", &text[..a], &text[a..])
        }
    }
}

/// One memo for all texts, as in an editor with many files open; whole texts, then the same texts again.
#[test]
fn one_memo_serves_every_text() {
    let mut memo = Memo::default();
    let mut all = texts(&["specs", "stdlib", "tests"]);
    all.push(include_str!("texts/complete.smol").to_owned());
    assert!(all.len() > 50);
    for (k, text) in all.iter().chain(&all).enumerate() {
        same(&mut memo, FileId(k as u32 % 5), text);
    }
}

/// Edits upon edits, so that items stand broken for a while and are whole again.
#[test]
fn after_any_edits_the_tree_is_that_of_a_fresh_parse() {
    let mut memo = Memo::default();
    let mut random = Random(20_251_125);
    let mut all = texts(&["specs", "stdlib"]);
    all.push(include_str!("texts/complete.smol").to_owned());
    for original in &all {
        let mut text = original.clone();
        for edit in 0..40 {
            text = edited(&mut random, &text);
            same(&mut memo, FileId(edit % 3), &text);
            // Twice, as when an edit is undone.
            if edit % 10 == 9 {
                text = original.clone();
                same(&mut memo, FileId(0), &text);
            }
        }
    }
}

/// A text typed letter by letter, as an editor sends it.
#[test]
fn while_a_text_is_typed() {
    let text = include_str!("texts/complete.smol");
    let mut memo = Memo::default();
    for end in (0..=text.len()).filter(|&e| text.is_char_boundary(e)).step_by(3) {
        same(&mut memo, FileId(0), &text[..end]);
    }
}

/// A memo that is full begins anew.
#[test]
fn a_full_memo_forgets_and_goes_on() {
    let mut memo = Memo::default();
    let filler = "x".repeat(1 << 18);
    for i in 0..12 {
        let text = format!("smol 1\nlet a{i} = 1\n// {i} {filler}\nlet b = a{i} + 1\n");
        same(&mut memo, FileId(0), &text);
        same(&mut memo, FileId(0), &format!("\n{text}"));
    }
}
