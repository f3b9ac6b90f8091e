//! Compressed sources: the tokens of the plain files, read once for each pass, damage named.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

mod common;

use common::*;
use smolc_data::DataError;
use smolc_plan::{Dataset, Source};
use std::io::Write;
use std::path::Path;

fn lines(n: usize) -> String {
    (0..n).map(|i| format!("line {i} of the été, {}\n", i * i % 97)).collect()
}

fn json(n: usize) -> String {
    (0..n)
        .map(|i| format!("{{\"id\": {i}, \"text\": \"row {i}\\n{}\", \"tags\": [{i}]}}\n", i * 7 % 31))
        .collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

fn sampled(source: Source, sample: Option<u64>) -> Dataset {
    let mut d = dataset("d", source);
    d.validation_per_million = 100_000;
    d.take = sample.and_then(|bytes| take(bytes, 3));
    d
}

#[test]
fn the_same_tokens_as_the_plain_file() {
    let r = tempfile::tempdir().unwrap();
    for dir in ["plain", "gz", "zst", "members"] {
        std::fs::create_dir(r.path().join(dir)).unwrap();
    }
    for (ending, text) in [("txt", lines(500)), ("jsonl", json(500))] {
        let middle = text.match_indices('\n').nth(200).unwrap().0 + 5;
        let (head, tail) = text.split_at(middle);
        std::fs::write(r.path().join(format!("plain/a.{ending}")), &text).unwrap();
        std::fs::write(r.path().join(format!("gz/a.{ending}.gz")), gzip(&text)).unwrap();
        std::fs::write(r.path().join(format!("zst/a.{ending}.zst")), zstandard(&text)).unwrap();
        // Two members make one text, cut in the middle of a line.
        std::fs::write(r.path().join(format!("members/a.{ending}.gz")), [gzip(head), gzip(tail)].concat())
            .unwrap();
        std::fs::write(
            r.path().join(format!("members/a.{ending}.zst")),
            [zstandard(head), zstandard(tail)].concat(),
        )
        .unwrap();
        let source = |pattern: &str| match ending {
            "txt" => text_source(r.path(), pattern),
            _ => jsonl(r.path(), pattern),
        };
        let plain = prepared(sampled(source(&format!("plain/a.{ending}")), None)).unwrap();
        assert_eq!(plain.1.documents + plain.1.validation_documents, 500);
        for name in ["gz/a.@.gz", "zst/a.@.zst", "members/a.@.gz", "members/a.@.zst"] {
            let pattern = name.replace('@', ending);
            assert!(prepared(sampled(source(&pattern), None)).unwrap() == plain, "{pattern}");
        }
        // A sample chooses by the file's name, which differs; that the size is kept is what must hold.
        let sample = prepared(sampled(source(&format!("zst/a.{ending}.zst")), Some(2_000))).unwrap().1;
        let bytes = sample.bytes + sample.validation_bytes;
        assert!(bytes <= 2_000 && bytes > 1_900, "{sample:?}");
    }
}

fn text_source(root: &Path, pattern: &str) -> Source {
    text(root, pattern)
}

#[test]
fn a_tokenizer_is_trained_on_compressed_text_too() {
    let (r, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(r.path().join("a.txt.zst"), zstandard(&lines(400))).unwrap();
    std::fs::write(r.path().join("a.txt"), lines(400)).unwrap();
    let hash = |name: &str, dir: &Path| {
        let plan = plan(vec![dataset("words", text(r.path(), name))], 265);
        tokenizer(&plan, dir).hash()
    };
    assert_eq!(hash("a.txt.zst", dir.path()), hash("a.txt", &dir.path().join("plain")));
}

#[test]
fn damage_is_named_by_line() {
    let r = tempfile::tempdir().unwrap();
    let all = lines(30_000);
    type Pack = fn(&str) -> Vec<u8>;
    for (ending, name, pack) in [("gz", "gzip", gzip as Pack), ("zst", "Zstandard", zstandard as Pack)] {
        let path = r.path().join(format!("a.txt.{ending}"));
        let whole = pack(&all);
        let refuse = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let error = prepared(dataset("d", text(r.path(), &format!("a.txt.{ending}")))).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("a.txt.") && said.contains(name), "{said}");
            match error {
                DataError::Decompress { line, .. } => line,
                other => panic!("{other}"),
            }
        };
        assert!(refuse(&whole[..whole.len() / 2]) > 1);
        assert_eq!(refuse(b"plain text, not compressed at all"), 1);
        assert!(refuse(&[&whole[..], b"rubbish behind it"].concat()) >= 1);
        // An empty file has no member: no text, or an error; never a silent success with documents.
        std::fs::write(&path, b"").unwrap();
        assert!(prepared(dataset("d", text(r.path(), &format!("a.txt.{ending}")))).is_err());
    }
}

#[test]
fn errors_in_the_text_are_placed_as_in_the_plain_file() {
    let r = tempfile::tempdir().unwrap();
    std::fs::write(r.path().join("a.jsonl.gz"), gzip("{\"text\": \"one\"}\n{\"txt\": \"two\"}\n")).unwrap();
    let error = prepared(dataset("d", jsonl(r.path(), "a.jsonl.gz"))).unwrap_err().to_string();
    assert!(error.contains("a.jsonl.gz:2: the object has no field `text`, did you mean `txt`?"), "{error}");
    let mut bytes = lines(10).into_bytes();
    bytes[50] = 0xff;
    std::fs::write(r.path().join("b.txt.zst"), zstd::encode_all(&bytes[..], 1).unwrap()).unwrap();
    let error = prepared(dataset("d", text(r.path(), "b.txt.zst"))).unwrap_err();
    assert!(matches!(error, DataError::NotUtf8 { offset: 50, line: Some(3), .. }), "{error}");
}

#[test]
fn other_compressions_say_what_to_do() {
    let r = tempfile::tempdir().unwrap();
    std::fs::write(r.path().join("a.jsonl.xz"), b"\xfd7zXZ").unwrap();
    let error = prepared(dataset("d", jsonl(r.path(), "a.jsonl.xz"))).unwrap_err().to_string();
    assert!(error.contains(".xz") && error.contains(".zst or .gz"), "{error}");
}
