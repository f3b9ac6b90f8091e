//! Parquet sources.
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

use arrow_array::{
    ArrayRef, BinaryArray, DictionaryArray, Int64Array, LargeStringArray, RecordBatch, StringArray,
    StringViewArray, types::Int32Type,
};
use common::*;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use smolc_data::{DataError, ParquetError};
use smolc_plan::Source;
use std::path::Path;
use std::sync::Arc;

fn texts(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("row {i} of the table, été {}", "word ".repeat(i * 7 % 40))).collect()
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>, rows_a_group: usize, compression: Compression) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(rows_a_group))
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn strings(texts: &[String]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

fn ids(n: usize) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(0..n as i64))
}

fn table(root: &Path, pattern: &str) -> Source {
    Source::Parquet { patterns: vec![at(root, pattern)], text: "text".into() }
}

fn refused(root: &Path, pattern: &str) -> ParquetError {
    match prepared(dataset("d", table(root, pattern))).unwrap_err() {
        DataError::Parquet(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn rows_are_documents_whatever_the_layout() {
    let r = tempfile::tempdir().unwrap();
    let texts = texts(500);
    std::fs::write(r.path().join("a.txt"), texts.join("\n")).unwrap();
    let plain = prepared(dataset("d", text(r.path(), "a.txt"))).unwrap();
    assert_eq!(plain.1.documents, 500);
    let dictionary: DictionaryArray<Int32Type> = texts.iter().map(String::as_str).collect();
    let layouts: Vec<(&str, ArrayRef)> = vec![
        ("utf8", strings(&texts)),
        ("large", Arc::new(LargeStringArray::from_iter_values(&texts))),
        ("view", Arc::new(StringViewArray::from_iter_values(&texts))),
        ("dictionary", Arc::new(dictionary)),
    ];
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
    let gzip = Compression::GZIP(Default::default());
    for (name, column) in layouts {
        for compression in [zstd, Compression::SNAPPY, Compression::LZ4_RAW, gzip, Compression::UNCOMPRESSED]
        {
            // Row groups that are no multiple of the rows decoded at a time.
            for rows in [1_000, 130, 7] {
                let columns = vec![("id", ids(500)), ("text", column.clone()), ("more", ids(500))];
                write(&r.path().join("a.parquet"), columns, rows, compression);
                let found = prepared(dataset("d", table(r.path(), "a.parquet"))).unwrap();
                assert!(found == plain, "{name}, {compression}, {rows} rows a group");
            }
        }
    }
}

#[test]
fn samples_and_splits_do_not_depend_on_row_groups() {
    let r = tempfile::tempdir().unwrap();
    let mut found = Vec::new();
    for rows in [10, 64, 1_000] {
        write(&r.path().join("a.parquet"), vec![("text", strings(&texts(600)))], rows, Compression::SNAPPY);
        let mut d = dataset("d", table(r.path(), "*.parquet"));
        d.take = take(9_000, 5);
        d.validation_per_million = 200_000;
        found.push(prepared(d).unwrap());
    }
    assert!(found.windows(2).all(|w| w[0] == w[1]));
    let measured = &found[0].1;
    let bytes = measured.bytes + measured.validation_bytes;
    assert!(bytes <= 9_000 && bytes > 8_700 && measured.validation_documents > 0, "{measured:?}");
}

#[test]
fn several_files_and_empty_rows() {
    let r = tempfile::tempdir().unwrap();
    let mut texts = texts(50);
    texts[20] = String::new();
    write(&r.path().join("a.parquet"), vec![("text", strings(&texts))], 16, Compression::SNAPPY);
    write(&r.path().join("b.parquet"), vec![("text", strings(&texts))], 16, Compression::SNAPPY);
    write(&r.path().join("c.parquet"), vec![("text", strings(&[]))], 16, Compression::SNAPPY);
    let measured = prepared(dataset("d", table(r.path(), "*.parquet"))).unwrap().1;
    assert_eq!(measured.documents, 98);
    let error = prepared(dataset("d", table(r.path(), "c.parquet"))).unwrap_err();
    assert!(matches!(error, DataError::EmptyDataset { .. }), "{error}");
}

#[test]
fn columns_that_are_not_there_or_hold_something_else() {
    let r = tempfile::tempdir().unwrap();
    let path = r.path().join("a.parquet");
    write(&path, vec![("txt", strings(&texts(5))), ("id", ids(5))], 10, Compression::SNAPPY);
    let error = refused(r.path(), "a.parquet");
    assert!(matches!(error, ParquetError::MissingColumn { .. }));
    let said = error.to_string();
    assert!(said.contains("no column `text`, did you mean `txt`?") && said.contains("`txt`, `id`"), "{said}");
    write(&path, vec![("text", ids(5))], 10, Compression::SNAPPY);
    let said = refused(r.path(), "a.parquet").to_string();
    assert!(said.contains("`text` holds Int64, not text"), "{said}");
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values([b"abc"]));
    write(&path, vec![("text", bytes)], 10, Compression::SNAPPY);
    let said = refused(r.path(), "a.parquet").to_string();
    assert!(said.contains("bytes without a text annotation"), "{said}");
}

#[test]
fn a_null_is_named_by_row() {
    let r = tempfile::tempdir().unwrap();
    let mut texts: Vec<Option<String>> = texts(100).into_iter().map(Some).collect();
    texts[73] = None;
    let column: ArrayRef = Arc::new(StringArray::from(texts));
    write(&r.path().join("a.parquet"), vec![("text", column)], 30, Compression::SNAPPY);
    let error = refused(r.path(), "a.parquet");
    assert!(matches!(error, ParquetError::Null { row_group: 2, row: 73, .. }), "{error}");
    assert!(error.to_string().contains("null in row 73 (row group 2)"), "{error}");
}

#[test]
fn files_that_are_no_parquet() {
    let r = tempfile::tempdir().unwrap();
    let path = r.path().join("a.parquet");
    write(&path, vec![("text", strings(&texts(200)))], 50, Compression::SNAPPY);
    let whole = std::fs::read(&path).unwrap();
    for bytes in [
        &b""[..],
        b"PAR1",
        b"plain text that is longer than a footer",
        &whole[..whole.len() / 2],
        &whole[8..],
    ] {
        std::fs::write(&path, bytes).unwrap();
        let said = refused(r.path(), "a.parquet").to_string();
        assert!(said.contains("a.parquet"), "{said}");
    }
}

/// Whatever byte is wrong: an error with the file's name, or (where the byte is not checked by the format) texts; never a
/// panic that leaves the reader.
#[test]
fn any_damaged_byte_is_an_error_or_harmless() {
    let (root, r, dir) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_corpus(root.path());
    let path = r.path().join("a.parquet");
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
    let plan = plan(
        vec![dataset("words", files(root.path(), "**/*.md")), dataset("d", table(r.path(), "a.parquet"))],
        280,
    );
    let tokenizer = tokenizer(&plan, dir.path());
    let (mut refused, mut tried) = (0, 0);
    for compression in [zstd, Compression::SNAPPY, Compression::UNCOMPRESSED] {
        write(&path, vec![("id", ids(60)), ("text", strings(&texts(60)))], 25, compression);
        let whole = std::fs::read(&path).unwrap();
        // The footer most densely, where lengths and offsets lie.
        let places = (0..whole.len()).filter(|i| *i % 61 == 0 || (*i % 5 == 0 && *i > whole.len() * 3 / 4));
        for place in places {
            for flip in [0x01, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] ^= flip;
                std::fs::write(&path, &bytes).unwrap();
                let out = tempfile::tempdir().unwrap();
                tried += 1;
                match smolc_data::prepare_dataset(&plan, 1, &tokenizer, out.path(), &smolc_data::Silent) {
                    Ok(measured) => assert!(measured.documents <= 60),
                    Err(DataError::Changed { .. } | DataError::EmptyDataset { .. }) => refused += 1,
                    Err(error) => {
                        refused += 1;
                        assert!(error.to_string().contains("a.parquet"), "{error}");
                    }
                }
            }
        }
    }
    assert!(refused > tried / 10 && tried > 300, "{refused} of {tried}");
}
