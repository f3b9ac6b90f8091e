//! No question panics on any text: prefixes of specs, as they are while being typed, and characters deleted.
// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use smolc_check::MemoryWorld;
use smolc_ide::*;
use std::path::Path;

fn texts() -> Vec<String> {
    let mut out = Vec::new();
    for folder in ["specs", "stdlib", "tests/fmt", "tests/ide"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "smol") {
                out.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    out
}

fn inside(text: &str, p: &Place) {
    if p.path == "a.smol" {
        assert!(text.get(p.start as usize..p.end as usize).is_some(), "{p:?} in {text:?}");
    }
}

/// Everything that can be asked, at one place.
fn ask(text: &str, offset: u32) {
    let world = MemoryWorld { home: Some("/h".into()), ..MemoryWorld::with_file("a.smol", text) };
    let a = Analysis::new(&world, "a.smol", &[]);
    let path = "a.smol";
    hover(&a, path, offset).iter().for_each(|h| inside(text, &h.place));
    for c in complete(&a, path, offset) {
        assert!(text.get(c.replace.0 as usize..c.replace.1 as usize).is_some());
    }
    signature(&a, path, offset);
    definition(&a, path, offset).iter().for_each(|p| inside(text, p));
    highlights(&a, path, offset).iter().for_each(|(p, _)| inside(text, p));
    selection(&a, path, offset).iter().for_each(|p| inside(text, p));
    for action in actions(&a, path, offset, offset) {
        action.edits.iter().for_each(|(p, _)| inside(text, p));
    }
    let _ = rename(&a, path, offset, "another");
    for t in semantic_tokens(&a, path) {
        assert!(text.get(t.start as usize..t.end as usize).is_some_and(|t| !t.contains('\n')));
    }
    for f in folds(&a, path) {
        assert!(f.start <= f.end && f.end as usize <= text.len());
    }
    for h in hints(&a, path) {
        assert!(text.is_char_boundary(h.offset as usize));
    }
    lenses(&a, path).iter().for_each(|l| inside(text, &l.place));
    document_symbols(&a, path).iter().for_each(|s| inside(text, &s.whole));
    workspace_symbols(&a, "a");
    document(&a, false);
}

#[test]
fn every_prefix_of_every_spec_can_be_asked_about() {
    let all = std::env::var_os("SMOLC_ALL_MUTANTS").is_some();
    let mut count = 0;
    for text in texts() {
        let places: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
        let stride = if all { 1 } else { places.len().div_ceil(12).max(1) };
        for &i in places.iter().step_by(stride) {
            ask(&text[..i], i as u32);
            ask(&text, i as u32);
            count += 2;
        }
    }
    println!("{count} texts");
}

#[test]
fn fixing_ends_on_broken_texts() {
    for text in texts() {
        let places: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        for &i in places.iter().step_by(places.len().div_ceil(8).max(1)) {
            let next = text[i..].chars().next().map_or(0, char::len_utf8);
            let broken = format!("{}{}", &text[..i], &text[i + next..]);
            let world = MemoryWorld::with_file("a.smol", &broken);
            for unsafe_too in [false, true] {
                // Guesses may undo each other; that is said, and nothing is changed.
                if let Ok(fixed) = fix(&world, "a.smol", &[], unsafe_too) {
                    assert!(fixed.applied.is_empty() == fixed.files.is_empty());
                }
            }
        }
    }
}
