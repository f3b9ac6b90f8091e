//! `tests/ide/*.smol`: a question in the first line (`//? hover`), cursors (`$0`) in the text, the answers beside it.
//!
//! `//- path` begins another file; the spec is the first. `SMOLC_BLESS=1 cargo test -p smolc-ide` rewrites the answers.
// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use smolc_check::MemoryWorld;
use smolc_diag::testing;
use smolc_ide::*;
use std::fmt::Write;
use std::path::Path;

/// A text without its cursors, and where they were.
fn cursors(text: &str) -> (String, Vec<u32>) {
    let mut out = String::new();
    let mut at = Vec::new();
    for (i, piece) in text.split("$0").enumerate() {
        if i > 0 {
            at.push(out.len() as u32);
        }
        out += piece;
    }
    (out, at)
}

struct Fixture {
    question: String,
    world: MemoryWorld,
    main: String,
    cursors: Vec<u32>,
}

fn read(text: &str) -> Fixture {
    let (head, body) = text.split_once('\n').unwrap();
    let question = head.strip_prefix("//? ").unwrap().to_owned();
    let mut world = MemoryWorld { home: Some("/home/u".into()), ..MemoryWorld::default() };
    let (mut main, mut places) = (String::new(), Vec::new());
    for (i, part) in format!("main.smol\n{body}").split("//- ").enumerate() {
        let (path, text) = part.split_once('\n').unwrap();
        let (text, at) = cursors(text);
        if i == 0 {
            main = text.clone();
            places = at;
        }
        world = world.file(path.trim(), &text);
    }
    Fixture { question, world, main, cursors: places }
}

/// A range as its text, with its line.
fn show(world: &MemoryWorld, p: &Place) -> String {
    let text = world.files.get(&p.path).map_or("", String::as_str);
    let line = text.get(..p.start as usize).map_or(0, |t| t.matches('\n').count()) + 1;
    let own = text.get(p.start as usize..p.end as usize).unwrap_or("");
    format!("{}:{line} `{}`", p.path, own.replace('\n', "⏎"))
}

fn answer(f: &Fixture) -> String {
    let (question, argument) = f.question.split_once(' ').unwrap_or((&f.question, ""));
    let analysis = Analysis::new(&f.world, "main.smol", &[]);
    let path = "main.smol";
    let mut out = String::new();
    let place = |p: &Place| show(&f.world, p);
    let at = |start: u32, end: u32| place(&Place { path: path.to_owned(), start, end });
    for (i, &cursor) in f.cursors.iter().enumerate() {
        if f.cursors.len() > 1 {
            let line = f.main[..cursor as usize].rsplit('\n').next().unwrap();
            let rest = f.main[cursor as usize..].lines().next().unwrap_or("");
            writeln!(out, "# {} {}$0{}", i + 1, line.trim_start(), rest).unwrap();
        }
        match question {
            "hover" => match hover(&analysis, path, cursor) {
                Some(h) => writeln!(out, "{}\n{}", place(&h.place), h.text).unwrap(),
                None => out += "nothing\n",
            },
            "complete" => {
                for c in complete(&analysis, path, cursor) {
                    let replaced = &f.main[c.replace.0 as usize..c.replace.1 as usize];
                    let text = c.insert.replace('\n', "⏎");
                    writeln!(out, "{} {:?} ({}) `{replaced}` → `{text}`", c.label, c.kind, c.detail).unwrap();
                }
            }
            "definition" => match definition(&analysis, path, cursor) {
                Some(p) => writeln!(out, "{}", place(&p)).unwrap(),
                None => out += "nothing\n",
            },
            "references" => {
                let p = definition(&analysis, path, cursor).unwrap();
                for (p, declares) in occurrences(&analysis, &p) {
                    writeln!(out, "{}{}", place(&p), if declares { " (defines)" } else { "" }).unwrap();
                }
            }
            "rename" => match rename(&analysis, path, cursor, argument) {
                Ok(edits) => {
                    for (p, text) in edits {
                        writeln!(out, "{} → `{text}`", place(&p)).unwrap();
                    }
                }
                Err(e) => writeln!(out, "refused: {e}").unwrap(),
            },
            "signature" => match signature(&analysis, path, cursor) {
                Some(s) => {
                    let active = s.active.map_or("none", |i| &s.parameters[i]);
                    writeln!(out, "{}\nactive: {active}\n{}", s.label, s.doc).unwrap();
                }
                None => out += "nothing\n",
            },
            "selection" => {
                for p in selection(&analysis, path, cursor) {
                    writeln!(out, "{}", place(&p)).unwrap();
                }
            }
            "actions" => {
                for a in actions(&analysis, path, cursor, cursor) {
                    writeln!(
                        out,
                        "{:?} {}{}",
                        a.kind,
                        a.title,
                        if a.preferred { " (preferred)" } else { "" }
                    )
                    .unwrap();
                    for (p, text) in a.edits {
                        writeln!(out, "  {} → `{}`", place(&p), text.replace('\n', "⏎")).unwrap();
                    }
                }
            }
            other => panic!("no question `{other}` at a cursor"),
        }
    }
    if f.cursors.is_empty() {
        match question {
            "symbols" => {
                document_symbols(&analysis, path).iter().for_each(|s| outline(&mut out, s, 0, &f.world))
            }
            "workspace" => {
                for s in workspace_symbols(&analysis, argument) {
                    writeln!(out, "{} {} {}", s.detail, s.name, place(&s.place)).unwrap();
                }
            }
            "hints" => {
                for h in hints(&analysis, path) {
                    let before = f.main[..h.offset as usize].rsplit('\n').next().unwrap();
                    writeln!(out, "{before}⟨{}⟩  // {}", h.label, h.tooltip.replace('\n', "; ")).unwrap();
                }
            }
            "tokens" => {
                for t in semantic_tokens(&analysis, path) {
                    let bits = |i: &usize| t.modifiers >> i & 1 == 1;
                    let modifiers: Vec<&str> =
                        (0..MODIFIERS.len()).filter(bits).map(|i| MODIFIERS[i]).collect();
                    let own = &f.main[t.start as usize..t.end as usize];
                    writeln!(out, "{own} {} {}", TOKEN_TYPES[t.ty as usize], modifiers.join(" ")).unwrap();
                }
            }
            "folds" => {
                for fold in folds(&analysis, path) {
                    writeln!(out, "{:?} {}", fold.kind, at(fold.start, fold.end)).unwrap();
                }
            }
            "lenses" => {
                for l in lenses(&analysis, path) {
                    writeln!(out, "{} {} {} {}", place(&l.place), l.title, l.command, l.run).unwrap();
                }
            }
            "fix" => {
                let fixed = fix(&f.world, path, &[], argument == "unsafe").unwrap();
                for a in &fixed.applied {
                    writeln!(out, "{}: `{}` → `{}`", a.code, a.before, a.after.replace('\n', "⏎")).unwrap();
                }
                for (path, text) in &fixed.files {
                    writeln!(out, "--- {path}\n{text}").unwrap();
                }
                for d in &fixed.left {
                    writeln!(out, "left: {} {}", d.code, d.message).unwrap();
                }
            }
            "doc" => {
                for module in document(&analysis, true) {
                    writeln!(out, "{} {}", module.path, module.docs).unwrap();
                    for i in module.items {
                        writeln!(out, "- {} = {} | {} | {:?}", i.head, i.value, i.docs, i.fields).unwrap();
                    }
                }
            }
            other => panic!("no question `{other}` without a cursor"),
        }
    }
    out.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

fn outline(out: &mut String, s: &SymbolNode, depth: usize, world: &MemoryWorld) {
    writeln!(out, "{}{:?} {} {} {}", "  ".repeat(depth), s.kind, s.detail, s.name, show(world, &s.place))
        .unwrap();
    s.children.iter().for_each(|c| outline(out, c, depth + 1, world));
}

#[test]
fn questions_get_the_answers_that_were_approved() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ide");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "smol"));
    paths.sort();
    assert!(paths.len() >= 15, "{}", paths.len());
    let mut problems = String::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let answered = answer(&read(&text));
        if let Err(e) = testing::golden(&path.with_extension("out"), &answered) {
            problems += &format!("{e}\n");
        }
    }
    assert!(problems.is_empty(), "{problems}");
}
