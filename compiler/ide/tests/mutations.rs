//! Files with N mistakes, N = 1 to 20, made from the specs: how many diagnostics a mistake costs, and where the first is.
//!
//! Each mistake is on a line of its own. The bar: no panic, at most 1.5 diagnostics a mistake on average, and the first
//! diagnostic of a file on the line of a mistake in at least 95% of the files. `--nocapture` prints the table.
// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use smolc_check::MemoryWorld;
use smolc_diag::{Diagnostic, Severity, Sources, render};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A linear congruential generator with Knuth's MMIX constants.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as usize
    }
}

fn specs() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|e| e == "smol") => paths.push(path),
                false => {}
            }
        }
    }
    paths.sort();
    // Specs that import others are left out: the copies here stand alone.
    let read = |p: &PathBuf| {
        (p.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(p).unwrap())
    };
    paths.iter().map(read).filter(|(_, t)| !t.contains("\nuse \"")).collect()
}

fn check(text: &str) -> (Vec<Diagnostic>, Sources) {
    let world = MemoryWorld { home: Some("/h".into()), ..MemoryWorld::with_file("a.smol", text) };
    smolc_ide::diagnostics(&world, "a.smol", &[])
}

/// The kinds of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mistake {
    FieldMisspelled,
    NameMisspelled,
    WrongUnit,
    WeightOff,
    FieldTwice,
    ColonLost,
    QuoteLost,
    BadMagnitude,
    ValueLost,
    OperatorTwice,
    TextForNumber,
    BracketLost,
}

const ALL: [Mistake; 12] = [
    Mistake::FieldMisspelled,
    Mistake::NameMisspelled,
    Mistake::WrongUnit,
    Mistake::WeightOff,
    Mistake::FieldTwice,
    Mistake::ColonLost,
    Mistake::QuoteLost,
    Mistake::BadMagnitude,
    Mistake::ValueLost,
    Mistake::OperatorTwice,
    Mistake::TextForNumber,
    Mistake::BracketLost,
];

/// The line with a mistake in it, if it has a place for one of this kind.
fn spoil(line: &str, kind: Mistake) -> Option<String> {
    let code = line.split("//").next().unwrap();
    let key = code.trim_start().split(':').next().unwrap();
    let is_field = code.starts_with("  ")
        && code.contains(": ")
        && !key.is_empty()
        && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let swap = |from: &str, to: &str| code.contains(from).then(|| line.replacen(from, to, 1));
    match kind {
        // The last letter but one is lost: `laers`.
        Mistake::FieldMisspelled if is_field && key.len() > 4 => {
            let wrong = format!("{}{}", &key[..key.len() - 2], &key[key.len() - 1..]);
            Some(line.replacen(&format!("{key}:"), &format!("{wrong}:"), 1))
        }
        Mistake::NameMisspelled => [
            "docs }",
            "code }",
            "web_60_40",
            "web_40_60",
            "stack_edu +",
            "cosmo2",
            "smollm2_1b7",
            "words",
            "wsd(",
        ]
        .iter()
        .filter(|n| code.starts_with(' ') && code.contains(**n))
        .find_map(|n| swap(n, &format!("q{n}"))),
        Mistake::WrongUnit => [("steps", "bytes"), ("sequences", "bytes"), (" tokens", " bytes")]
            .iter()
            .filter(|_| code.starts_with(' '))
            .find_map(|(from, to)| swap(from, to)),
        Mistake::WeightOff => {
            let at = code.find("% ").filter(|_| code.contains('+'))?;
            let digit = code[..at].chars().last().filter(char::is_ascii_digit)?;
            let other = if digit == '9' { '8' } else { '9' };
            Some(format!("{}{other}{}", &line[..at - 1], &line[at..]))
        }
        Mistake::FieldTwice if is_field && !code.contains('{') && !code.contains(", ") => {
            Some(format!("{line}\n{line}"))
        }
        Mistake::ColonLost if is_field && !code.contains(", ") => Some(line.replacen(": ", " ", 1)),
        Mistake::QuoteLost => {
            let at = code.rfind('"')?;
            Some(format!("{}{}", &line[..at], &line[at + 1..]))
        }
        Mistake::BadMagnitude => {
            [("Mi ", "Mj "), ("T tokens", "Q tokens"), ("B tokens", "Q tokens"), ("M tokens", "Q tokens")]
                .iter()
                .find_map(|(from, to)| swap(from, to))
        }
        Mistake::ValueLost if is_field && !code.contains('{') && !code.contains(", ") => {
            Some(format!("  {key}:"))
        }
        Mistake::OperatorTwice => swap(" + ", " + * ").or_else(|| swap(" |> ", " |> |> ")),
        Mistake::TextForNumber => {
            [("layers: ", 6), ("heads: ", 6), ("seed: ", 6), ("clip: ", 6)].iter().find_map(|(key, _)| {
                let at = code.find(key)? + key.len();
                let end = at + code[at..].find([',', ' ', '}']).unwrap_or(code.len() - at);
                Some(format!("{}\"x\"{}", &line[..at], &line[end..]))
            })
        }
        Mistake::BracketLost => {
            let at = code.rfind([')', ']'])?;
            Some(format!("{}{}", &line[..at], &line[at + 1..]))
        }
        Mistake::FieldMisspelled | Mistake::FieldTwice | Mistake::ColonLost | Mistake::ValueLost => None,
    }
}

/// A copy of a spec with so many mistakes, and the lines they are on (from 1); fewer if it has no more places.
fn mutant(text: &str, n: usize, random: &mut Random) -> (String, BTreeMap<u32, Mistake>) {
    let lines: Vec<&str> = text.lines().collect();
    let mut spoiled: BTreeMap<usize, (Mistake, String)> = BTreeMap::new();
    for _ in 0..n * 60 {
        if spoiled.len() == n {
            break;
        }
        let (at, kind) = (random.below(lines.len()), ALL[random.below(ALL.len())]);
        if lines[at].trim_start().starts_with("//") || spoiled.contains_key(&at) {
            continue;
        }
        if let Some(line) = spoil(lines[at], kind) {
            spoiled.insert(at, (kind, line));
        }
    }
    let (mut out, mut places) = (String::new(), BTreeMap::new());
    let mut number = 0;
    for (i, line) in lines.iter().enumerate() {
        let (kind, text) = match spoiled.get(&i) {
            Some((kind, text)) => (Some(*kind), text.as_str()),
            None => (None, *line),
        };
        for piece in text.lines() {
            number += 1;
            if let Some(kind) = kind {
                places.insert(number, kind);
            }
            out += piece;
            out.push('\n');
        }
    }
    (out, places)
}

#[test]
fn many_mistakes_get_few_diagnostics_in_the_right_places() {
    let files = if std::env::var_os("SMOLC_ALL_MUTANTS").is_some() { 200 } else { 12 };
    let mut random = Random(7);
    let (mut mistakes, mut said, mut right, mut all, mut found) = (0usize, 0usize, 0usize, 0usize, 0usize);
    let mut table =
        String::from("mistakes  files  diagnostics a mistake  first on a right line  mistakes found\n");
    let mut worst = (0.0, String::new());
    let mut elsewhere: BTreeMap<String, usize> = BTreeMap::new();
    for n in 1..=20 {
        let row = (mistakes, said, right, all, found);
        for (name, text) in specs() {
            let known: BTreeSet<(&str, String)> =
                check(&text).0.into_iter().map(|d| (d.code, d.message)).collect();
            for _ in 0..files {
                let (broken, places) = mutant(&text, n, &mut random);
                let count = places.values().count()
                    - places.values().filter(|k| **k == Mistake::FieldTwice).count() / 2;
                if count < n {
                    continue;
                }
                let (list, sources) = check(&broken);
                let new: Vec<&Diagnostic> = list
                    .iter()
                    .filter(|d| d.severity != Severity::Info && !known.contains(&(d.code, d.message.clone())))
                    .collect();
                let line = |d: &Diagnostic| sources.line_column(d.primary.span.file, d.primary.span.start).0;
                let lines: BTreeSet<u32> = new.iter().map(|d| line(d)).collect();
                assert!(!new.is_empty(), "{name}: nothing is said about\n{broken}");
                all += 1;
                mistakes += n;
                said += new.len();
                found += n.min(places.keys().filter(|l| lines.contains(l)).count());
                match places.contains_key(&line(new[0])) {
                    true => right += 1,
                    false => {
                        *elsewhere
                            .entry(format!("{} {:?}", new[0].code, places.values().next().unwrap()))
                            .or_default() += 1
                    }
                }
                let share = new.len() as f64 / n as f64;
                if n > 3 && share > worst.0 {
                    worst = (share, format!("{places:?}\n{broken}\n{}", render::short(&list, &sources)));
                }
            }
        }
        let (m, s, r, a, f) = (mistakes - row.0, said - row.1, right - row.2, all - row.3, found - row.4);
        if a > 0 {
            table += &format!(
                "{n:8}  {a:5}  {:21.3}  {:20.1}%  {:13.1}%\n",
                s as f64 / m as f64,
                100.0 * r as f64 / a as f64,
                100.0 * f as f64 / m as f64
            );
        }
    }
    let (mean, first) = (said as f64 / mistakes as f64, right as f64 / all as f64);
    table += &format!(
        "all       {all:5}  {mean:21.3}  {:20.1}%  {:13.1}%\n",
        100.0 * first,
        100.0 * found as f64 / mistakes as f64
    );
    println!("{table}\nfirst elsewhere: {elsewhere:?}");
    if std::env::var_os("SMOLC_SHOW").is_some() {
        println!("the worst, {} a mistake:\n{}", worst.0, worst.1);
    }
    assert!(all > 100, "{all} files");
    assert!(mean <= 1.5, "{table}\n{}", worst.1);
    assert!(first >= 0.95, "{table}\n{elsewhere:?}");
}
