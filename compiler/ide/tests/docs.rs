//! The book: every block of code is compiled, every page is reached, and the pages of diagnostics are those of the codes.
//!
//! Blocks of a page follow each other: one that begins with `smol 1` begins a spec, the next ones go on with it, and the whole
//! has no error. A block marked `smol,wrong` has one. `SMOLC_BLESS=1` rewrites the pages of diagnostics
//! and of fields.
// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use smolc_check::schema::Presence;
use smolc_check::{MemoryWorld, check};
use smolc_diag::{Severity, codes, render, testing};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Blocks of a page: whether it must be wrong, and the text.
fn blocks(page: &str) -> Vec<(bool, String)> {
    let mut out = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in page.lines() {
        match (&mut open, line) {
            (None, "```smol") => open = Some((false, String::new())),
            (None, "```smol,wrong") => open = Some((true, String::new())),
            (Some(_), "```") => out.extend(open.take()),
            (Some((_, text)), _) => *text += &format!("{line}\n"),
            _ => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    out
}

/// Errors of a spec, rendered.
fn errors(text: &str) -> String {
    let checked = check(&MemoryWorld::with_file("example.smol", text), "example.smol", &[]);
    let bad: Vec<_> = checked.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect();
    render::short(&bad, &checked.sources)
}

#[test]
fn every_block_of_the_guide_is_compiled() {
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(root().join("docs/guide")).unwrap().map(|e| e.unwrap().path()).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    let mut count = 0;
    for page in pages {
        let name = page.display();
        let mut spec = String::new();
        for (wrong, block) in blocks(&std::fs::read_to_string(&page).unwrap()) {
            count += 1;
            if wrong {
                assert_ne!(errors(&format!("{spec}{block}")), "", "{name}: nothing is wrong with\n{block}");
                continue;
            }
            if block.starts_with("smol 1") {
                assert_eq!(errors(&spec), "", "{name}\n{spec}");
                spec.clear();
            }
            spec += &block;
        }
        assert_eq!(errors(&spec), "", "{name}\n{spec}");
    }
    assert!(count >= 15, "{count} blocks");
}

/// Examples of the reference show one thing and leave the rest out: they have no other error than names and fields that are not
/// there.
#[test]
fn every_block_of_the_reference_is_compiled_as_far_as_it_goes() {
    let page = std::fs::read_to_string(root().join("docs/language.md")).unwrap();
    let mut problems = String::new();
    for (wrong, block) in blocks(&page) {
        assert!(!wrong);
        let text = if block.starts_with("smol 1") { block } else { format!("smol 1\n{block}") };
        let world = MemoryWorld::with_file("example.smol", &text)
            .file("data.smol", "smol 1\ndataset web = text(\"w\")\n");
        let checked = check(&world, "example.smol", &[]);
        let left_out = ["smol::name::unknown", "smol::record::missing"];
        let bad: Vec<_> = checked
            .diagnostics
            .into_iter()
            .filter(|d| d.severity == Severity::Error && !left_out.contains(&d.code))
            .collect();
        problems += &render::short(&bad, &checked.sources);
    }
    assert!(problems.is_empty(), "{problems}");
}

/// The pages of an area, each a section of one page.
fn area_page(area: &str, list: &[&str]) -> String {
    let mut out = format!("# {area}\n\nMade from the pages that `smolc explain` shows.\n");
    for code in list {
        out += &format!("\n## {code}\n");
        let mut fenced = false;
        for line in codes::page(code).unwrap().lines().skip(1) {
            fenced ^= line.starts_with("```");
            let deeper = if !fenced && line.starts_with('#') { format!("#{line}") } else { line.to_owned() };
            out += &format!("{deeper}\n");
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

#[test]
fn the_pages_of_diagnostics_are_those_of_the_codes() {
    let docs = root().join("docs");
    let mut areas: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for code in codes::all() {
        areas.entry(code.split("::").nth(1).unwrap()).or_default().push(code);
    }
    let mut index = String::from(
        "# Diagnostics\n\nEvery code that a diagnostic may carry, by area. `smolc explain CODE` shows its page.\n\n| code | |\n| --- | --- |\n",
    );
    let mut problems = String::new();
    for (area, list) in &areas {
        for code in list {
            let page = codes::page(code).unwrap();
            let mut lines = page.lines().skip(1).skip_while(|l| l.trim().is_empty());
            let first: Vec<&str> = lines.by_ref().take_while(|l| !l.trim().is_empty()).collect();
            let anchor = code.replace("::", "");
            let what = first.join(" ").replace('|', "\\|");
            index += &format!("| [`{code}`](diagnostics/{area}.md#{anchor}) | {what} |\n");
        }
        let path = docs.join(format!("diagnostics/{area}.md"));
        if let Err(e) = testing::golden(&path, &area_page(area, list)) {
            problems += &format!("{e}\n");
        }
    }
    if let Err(e) = testing::golden(&docs.join("diagnostics.md"), &index) {
        problems += &e;
    }
    // The part of the summary that lists them.
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let (head, _) = summary.split_once("- [Diagnostics](diagnostics.md)\n").unwrap();
    let list: String = areas.keys().map(|a| format!("  - [{a}](diagnostics/{a}.md)\n")).collect();
    let whole = format!("{head}- [Diagnostics](diagnostics.md)\n{list}");
    if let Err(e) = testing::golden(&docs.join("SUMMARY.md"), &whole) {
        problems += &e;
    }
    assert!(problems.is_empty(), "{problems}");
}

/// Every code that stands in the compiler's sources has a page.
#[test]
fn every_code_has_a_page() {
    let known: Vec<&str> = codes::all().collect();
    let mut folders = vec![root().join("compiler")];
    let (mut seen, mut missing) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|n| n != "tests" && n != "codes") {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|e| e != "rs") || path.ends_with("tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            // What a module's own tests make up is no code of the compiler's.
            let text = text.split("#[cfg(test)]").next().unwrap();
            for code in text.split("\"smol::").skip(1).filter_map(|t| t.split('"').next()) {
                let whole = format!("smol::{code}");
                if code.split("::").filter(|part| !part.is_empty()).count() == 2
                    && code.chars().all(|c| c.is_ascii_lowercase() || c == ':' || c == '_')
                {
                    seen += 1;
                    if !known.contains(&whole.as_str()) {
                        missing.push(format!("{whole} in {}", path.display()));
                    }
                }
            }
        }
    }
    assert!(seen > 100, "{seen}");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Every record of the language with its fields, from the tables that the checker reads.
#[test]
fn the_page_of_fields_is_that_of_the_schemas() {
    let mut page = String::from(
        "# Fields\n\nEvery record and its fields, made from the tables that the checker, completion and hover read. A record is \
         closed: another\nfield is an error.\n",
    );
    let cell = |text: &str| text.replace('|', "\\|");
    for schema in smolc_check::schema::ALL {
        page += &format!("\n## {}\n\n{}\n", schema.name, schema.doc);
        if schema.fields.is_empty() {
            continue;
        }
        page += "\n| field | takes | default | |\n| --- | --- | --- | --- |\n";
        for field in schema.fields {
            let default = match field.presence {
                Presence::Required => "required",
                Presence::Default(words) => words,
            };
            let (takes, doc) = (cell(&field.ty.phrase()), cell(field.doc));
            page += &format!("| `{}` | {takes} | {} | {doc} |\n", field.name, cell(default));
        }
    }
    if let Err(e) = testing::golden(&root().join("docs/fields.md"), &page) {
        panic!("{e}");
    }
}

#[test]
fn every_page_is_in_the_summary_and_every_link_leads_somewhere() {
    let docs = root().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let mut folders = vec![docs.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&docs).unwrap().to_string_lossy().into_owned();
            if !name.ends_with(".md") {
                continue;
            }
            assert!(
                name == "SUMMARY.md" || summary.contains(&format!("({name})")),
                "{name} is in no chapter"
            );
            let text = std::fs::read_to_string(&path).unwrap();
            for target in text.split("](").skip(1).map(|t| t.split(')').next().unwrap()) {
                let file = target.split('#').next().unwrap();
                if !file.is_empty() && !target.contains("://") {
                    assert!(path.parent().unwrap().join(file).exists(), "{name}: {target} leads nowhere");
                }
            }
        }
    }
}
