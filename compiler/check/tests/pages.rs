//! Every code of this crate has a page whose wrong example gives the code and whose right example does not.
//!
//! Examples are short: what they leave out is filled in from [`ITEMS`] and [`RUN`], whose parts give way to those of the
//! same name in the example.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smolc_check::world::{Column, Holds};
use smolc_check::{MemoryWorld, check};
use smolc_diag::{Severity, codes};

const ITEMS: &[&str] = &[
    "use std.models.{Llama}",
    "use std.schedules.{wsd}",
    "dataset web = text(\"corpora/web.txt\") { tokens: 10B }",
    "dataset code = text(\"corpora/code.txt\") { tokens: 10B }",
    "dataset math = text(\"corpora/math.txt\") { tokens: 10B }",
    "tokenizer words = bpe { vocab: 4096, train: [web, code, math], eos: \"<|endoftext|>\" }",
    "model small = Llama { layers: 2, hidden: 256, ffn: 704, heads: 8, vocab: 4096, context: 512 tokens }",
];

const RUN: &[&str] = &[
    "  model: small",
    "  tokenizer: words",
    "  batch: 64Ki tokens",
    "  optimizer: AdamW { weight_decay: 0.1, clip: 1.0 }",
    "  lr: wsd(peak: 1e-3, warmup: 100 steps, decay: 10%)",
    "  stage main for 1B tokens { mix: 50% web + 30% code + 20% math }",
];

const FILES: &[&str] = &[
    "web.txt",
    "code.txt",
    "math.txt",
    "web.parquet",
    "web.jsonl",
    "typo.jsonl",
    "chat.jsonl",
    "pairs.jsonl",
    "scored.jsonl",
];

/// Codes of this crate whose examples are command lines or need more than one file: tested elsewhere.
const ELSEWHERE: &[&str] = &["smol::file::read", "smol::param::unknown", "smol::param::value"];

const AREAS: &[&str] = &[
    "allow",
    "batch",
    "call",
    "data",
    "eval",
    "file",
    "mix",
    "model",
    "name",
    "objective",
    "optimizer",
    "param",
    "record",
    "run",
    "schedule",
    "stage",
    "target",
    "time",
    "type",
];

fn is_item(line: &str) -> bool {
    const WORDS: &[&str] = &[
        "use ",
        "param ",
        "let ",
        "fn ",
        "tokenizer ",
        "dataset ",
        "classifier ",
        "mix ",
        "model ",
        "schedule ",
        "eval ",
        "suite ",
        "run ",
        "sweep ",
        "target ",
    ];
    WORDS.iter().any(|k| line.starts_with(k) && !line.contains("eval: "))
}

/// `dataset web`, `batch`, `stage`: what a line defines.
fn key(line: &str) -> &str {
    let line = line.trim();
    match line.split_once(['=', ':']) {
        _ if line.starts_with("stage") => "stage",
        Some((key, _)) => key.trim(),
        None => line,
    }
}

fn whole(example: &str) -> String {
    let lines: Vec<&str> = example.lines().collect();
    let items = lines.iter().any(|l| is_item(l));
    let keys: Vec<&str> = lines.iter().map(|l| key(l)).collect();
    let mut text = String::from("smol 1\n");
    for item in ITEMS {
        if !keys.contains(&key(item)) {
            text += &format!("{item}\n");
        }
    }
    if items {
        text += example;
    }
    // Runs that begin from another one begin from this.
    if !lines.iter().any(|l| l.starts_with("run "))
        || example.contains("from example")
        || example.contains("run next from")
    {
        text += "run example {\n";
        for member in RUN {
            if items || !keys.contains(&key(member)) {
                text += &format!("{member}\n");
            }
        }
        if !items {
            lines.iter().for_each(|l| text += &format!("  {l}\n"));
        }
        text += "}\n";
    }
    text
}

#[test]
fn every_example_does_what_its_page_says() {
    let mut problems = String::new();
    let mut count = 0;
    for code in codes::all() {
        let area = code.split("::").nth(1).unwrap();
        if !AREAS.contains(&area) || ELSEWHERE.contains(&code) {
            continue;
        }
        count += 1;
        let page = codes::page(code).unwrap();
        for (heading, wrong) in [("## Wrong", true), ("## Right", false)] {
            let text = whole(&codes::example(page, heading).unwrap());
            let world = MemoryWorld {
                patterns: Some(FILES.iter().map(|n| format!("corpora/{n}")).collect()),
                columns: [("corpora/typo.jsonl".to_string(), vec![Column::new("text", Holds::Texts)])].into(),
                ..MemoryWorld::with_file("example.smol", &text)
            };
            let found = check(&world, "example.smol", &[]).diagnostics;
            let good = if wrong {
                found.iter().any(|d| d.code == code)
            } else {
                found.iter().all(|d| d.code != code && d.severity != Severity::Error)
            };
            // One mistake, one diagnostic: no example of an error may bring a second error with it.
            let alone = found.iter().filter(|d| d.severity == Severity::Error).count() <= 1;
            if !good || !alone {
                let list: Vec<String> =
                    found.iter().map(|d| format!("  {}: {}", d.code, d.message)).collect();
                problems += &format!("{code} {heading}:\n{text}{}\n\n", list.join("\n"));
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(count > 40, "{count} pages");
}
