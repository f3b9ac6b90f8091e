//! What sources refuse, and what they leave out and say so.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm
)]

mod common;

use common::*;
use smolc_data::{DataError, prepare_dataset, prepare_tokenizer};
use smolc_plan::{Dataset, Source};
use std::path::Path;

/// Prepares the dataset with a tokenizer trained on another; returns the error.
fn refused(d: Dataset) -> DataError {
    try_prepare(d).unwrap_err()
}

/// What preparing found, its notes, and the files it wrote.
type Prepared = (smolc_plan::Measured, Vec<String>, Vec<(String, Vec<u8>)>);

fn try_prepare(d: Dataset) -> Result<Prepared, DataError> {
    let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_corpus(root.path());
    let plan = plan(vec![dataset("words", files(root.path(), "**/*.md")), d], 280);
    let notes = Notes::default();
    let tokenizer = prepare_tokenizer(&plan, 0, dir.path(), &notes).unwrap();
    let result = prepare_dataset(&plan, 1, &tokenizer, dir.path(), &notes);
    let data = if dir.path().join("data").exists() { tree(&dir.path().join("data")) } else { Vec::new() };
    if result.is_err() {
        assert!(data.is_empty(), "a failed dataset leaves nothing");
    }
    Ok((result?, notes.0.into_inner().unwrap(), data))
}

fn root(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    root
}

fn contains(error: &DataError, parts: &[&str]) {
    let text = error.to_string();
    assert!(parts.iter().all(|p| text.contains(p)), "{text}");
}

#[test]
fn patterns_that_match_nothing_or_are_none() {
    let r = root(&[("a/x.txt", b"x")]);
    let error = refused(dataset("d", text(r.path(), "a/no-such/*.txt")));
    contains(&error, &["dataset `d`", "no file matches", "a/no-such/*.txt", "exists is"]);
    assert!(matches!(&error, DataError::NoMatch { existing: Some(p), .. } if *p == r.path().join("a")));
    contains(&refused(dataset("d", text(r.path(), "a/[x.txt"))), &["a/[x.txt", "is not a pattern"]);
    contains(&refused(dataset("d", files(r.path(), "missing.txt"))), &["missing.txt"]);
    // One good pattern does not excuse the other.
    let two = Source::Text { patterns: vec![at(r.path(), "a/*.txt"), at(r.path(), "b/*.txt")] };
    contains(&refused(dataset("d", two)), &["b/*.txt"]);
}

#[test]
fn directories_as_files() {
    let r = root(&[("a/x.txt/inner", b"x"), ("a/y.txt", b"text of y")]);
    contains(&refused(dataset("d", text(r.path(), "a/x.txt"))), &["x.txt is a directory", "x.txt/*"]);
    contains(&refused(dataset("d", text(r.path(), "a/*.txt"))), &["x.txt is a directory"]);
    contains(&refused(dataset("d", files(r.path(), "a"))), &["is a directory"]);
    let (measured, notes, data) = try_prepare(dataset("d", files(r.path(), "a/*.txt"))).unwrap();
    assert_eq!(measured.documents, 1);
    assert!(notes[0].contains("1 of 2 files") && notes[0].contains("it is a directory"), "{notes:?}");
    let (_, listed) = data.iter().find(|(n, _)| n.ends_with("skipped.jsonl")).unwrap();
    assert!(String::from_utf8_lossy(listed).contains("x.txt"));
}

#[test]
fn bytes_that_are_not_utf8() {
    let r = root(&[
        ("bad.txt", b"good line\nbad \xff line\n"),
        ("good.txt", b"fine text"),
        ("cut.txt", b"x\xc3"),
    ]);
    let error = refused(dataset("d", text(r.path(), "bad.txt")));
    assert!(matches!(error, DataError::NotUtf8 { offset: 14, line: Some(2), .. }), "{error}");
    contains(&refused(dataset("d", text(r.path(), "cut.txt"))), &["offset 1 ", "line 1"]);
    let (measured, notes, _) = try_prepare(dataset("d", files(r.path(), "*.txt"))).unwrap();
    assert_eq!(measured.documents, 1);
    assert!(notes[0].contains("2 of 3 files") && notes[0].contains("offset 14"), "{notes:?}");
    let error = refused(dataset("d", files(r.path(), "bad.txt")));
    assert!(
        matches!(error, DataError::EmptyDataset { files: 1, skipped: 1, empty: 0, budget: None, .. }),
        "{error}"
    );
}

#[test]
fn json_lines() {
    let line = |text: &str| {
        let r = root(&[("a.jsonl", format!("{{\"text\": \"one\"}}\n{text}\n").as_bytes())]);
        let result = try_prepare(dataset("d", jsonl(r.path(), "a.jsonl")));
        result.map(|(m, notes, _)| (m.documents, notes))
    };
    let error = line("{\"text\": oops}").unwrap_err();
    assert!(matches!(error, DataError::Json { line: 2, column: 10, .. }), "{error}");
    contains(&error, &["a.jsonl:2:10: not a JSON object: expected value"]);
    contains(&line("[1]").unwrap_err(), &["a.jsonl:2:1", "a list"]);
    contains(&line("{\"text\": \"x\"} {").unwrap_err(), &["a.jsonl:2:"]);
    contains(
        &line("{\"content\": \"x\", \"id\": 1}").unwrap_err(),
        &["a.jsonl:2:", "no field `text`", "`content`, `id`"],
    );
    contains(&line("{\"text\": 5}").unwrap_err(), &["a.jsonl:2:", "`text` is a number, not a string"]);
    contains(&line("{\"text\": null}").unwrap_err(), &["null"]);
    contains(&line("{\"text\": \"\\ud800\"}").unwrap_err(), &["a.jsonl:2:"]);
    let (documents, notes) = line("{\"text\": \"\"}\n\n{\"text\": \"two\\nlines\"}").unwrap();
    assert_eq!(documents, 2);
    assert!(notes[0].contains("2 empty documents"), "{notes:?}");
}

#[test]
fn line_ends_and_last_lines() {
    let r = root(&[("a.txt", b"one\r\ntwo\n\nthree")]);
    let (measured, notes, _) = try_prepare(dataset("d", text(r.path(), "a.txt"))).unwrap();
    assert_eq!((measured.documents, measured.bytes), (3, 11));
    assert!(notes[0].contains("1 empty"), "{notes:?}");
}

#[test]
fn empty_datasets() {
    let r = root(&[("a.txt", b""), ("b.txt", b""), ("c.md", b"long enough text")]);
    let error = refused(dataset("d", files(r.path(), "*.txt")));
    assert!(matches!(error, DataError::EmptyDataset { files: 2, empty: 2, budget: None, .. }), "{error}");
    assert!(matches!(refused(dataset("d", text(r.path(), "a.txt"))), DataError::EmptyDataset { .. }));
    for source in [files(r.path(), "c.md"), text(r.path(), "c.md")] {
        let mut d = dataset("d", source);
        d.take = take(5, 1);
        contains(&refused(d), &["none of the others fits the sample of 5 bytes"]);
    }
}

#[test]
fn a_file_matched_twice_is_read_once() {
    let r = root(&[("a/x.txt", b"text of x"), ("a/y.txt", b"text of y")]);
    let patterns = vec![at(r.path(), "a/*.txt"), at(r.path(), "a/x.txt"), at(r.path(), "**/y.txt")];
    let (measured, _, _) = try_prepare(dataset("d", Source::Files { patterns })).unwrap();
    assert_eq!(measured.documents, 2);
}

#[cfg(unix)]
#[test]
fn links_and_loops() {
    use std::os::unix::fs::symlink;
    let r = root(&[("a/x.txt", b"text of x"), ("b/y.txt", b"text of y")]);
    symlink(r.path().join("a"), r.path().join("a/loop")).unwrap();
    symlink(r.path().join("self.txt"), r.path().join("self.txt")).unwrap();
    symlink(r.path().join("gone"), r.path().join("dangling.txt")).unwrap();
    symlink(r.path().join("b/y.txt"), r.path().join("z.txt")).unwrap();
    let (measured, notes, _) = try_prepare(dataset("d", files(r.path(), "**/*.txt"))).unwrap();
    assert_eq!(measured.documents, 2, "the link to y is y");
    assert!(notes.iter().any(|n| n.contains("2 of 4")), "{notes:?}");
    assert!(matches!(
        refused(dataset("d", text(r.path(), "self.txt"))),
        DataError::Io { .. } | DataError::NoMatch { .. }
    ));
}

#[cfg(unix)]
#[test]
fn unreadable_files() {
    use std::os::unix::fs::PermissionsExt;
    let r = root(&[("a.txt", b"secret"), ("b.txt", b"public text")]);
    std::fs::set_permissions(r.path().join("a.txt"), PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::read(r.path().join("a.txt")).is_ok() {
        println!("SKIPPED: this user may read every file");
        return;
    }
    contains(&refused(dataset("d", text(r.path(), "a.txt"))), &["cannot read", "a.txt"]);
    let (measured, notes, _) = try_prepare(dataset("d", files(r.path(), "*.txt"))).unwrap();
    assert_eq!(measured.documents, 1);
    assert!(notes[0].contains("1 of 2"));
}

/// SmolLM2's tokenizer against ids made by another build of it.
#[test]
fn smollm2_vectors() {
    // A checkout elsewhere can be told where the data is.
    let shared = std::env::var_os("SMOLC_SHARED").map(std::path::PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let shared = shared.join("data/tokenizers/smollm2");
    let file = shared.join("tokenizer.json");
    if !file.exists() {
        println!("SKIPPED: {} is not there", file.display());
        return;
    }
    let tokenizer = smolc_data::Tokenizer::load(&file).unwrap();
    assert_eq!((tokenizer.vocab_size(), tokenizer.token_id("<|endoftext|>")), (49_152, Some(0)));
    let mut checked = 0;
    for name in ["vectors_generated.jsonl", "vectors_public.jsonl"] {
        for line in std::fs::read_to_string(shared.join(name)).unwrap().lines() {
            let v: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = v["text"].as_str().unwrap();
            let ids: Vec<u32> = serde_json::from_value(v["ids"].clone()).unwrap();
            assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text:?}");
            if v["decoded_equals_text"] == true {
                assert_eq!(tokenizer.decode(&ids).unwrap(), text);
            }
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked} vectors");
}
