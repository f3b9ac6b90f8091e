//! Times the two engines on the same documents, and preparing a Parquet file and a compressed JSONL file with each:
//! `cargo bench -p smolc-data --bench encode [-- TOKENIZER.json]`.
//!
//! The text is that of the crates below CARGO_HOME (`*.md` and `*.rs`, 24 MB in the order of their paths). Without a
//! tokenizer, one of 32,768 tokens is trained on a part of it. The engines take turns, three times; the best time of each
//! counts.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;
use smolc_data::{Silent, Tokenizer, prepare_dataset, prepare_tokenizer};
use smolc_plan::{Dataset, PLAN_VERSION, Plan, Source, TokenizerSource};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const BYTES: usize = 24_000_000;

/// Documents of at most 64 KiB, `BYTES` of them together.
fn documents() -> Vec<String> {
    let home =
        std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
    let mut room = BYTES;
    let mut found = Vec::new();
    for ending in ["md", "rs"] {
        let mut part = BYTES / 2;
        for path in glob::glob(&format!("{home}/registry/src/*/*/**/*.{ending}")).unwrap().flatten() {
            let Ok(text) = std::fs::read_to_string(path) else { continue };
            if text.is_empty() || text.len() > 1 << 16 {
                continue;
            }
            if part.min(room) < text.len() {
                break;
            }
            part -= text.len();
            room -= text.len();
            found.push(text);
        }
    }
    found
}

fn dataset(source: Source) -> Dataset {
    Dataset {
        name: "d".into(),
        source,
        take: None,
        validation_per_million: 0,
        stated_tokens: None,
        stated_documents: None,
        columns: None,
        steps: Vec::new(),
        limit: None,
        measured: None,
    }
}

fn plan(source: Source) -> Plan {
    Plan {
        version: PLAN_VERSION,
        spec: "encode".into(),
        language: 1,
        compiler: "bench".into(),
        tokenizers: vec![smolc_plan::Tokenizer {
            name: "words".into(),
            source: TokenizerSource::Bpe { train: vec![0], bytes: 8_000_000, seed: 42, split_digits: true },
            eos: "<|endoftext|>".into(),
            bos: None,
            vocab: 32_768,
        }],
        datasets: vec![dataset(source)],
        classifiers: Vec::new(),
        evaluations: Vec::new(),
        sweeps: Vec::new(),
        runs: Vec::new(),
    }
}

fn write_parquet(path: &Path, documents: &[String]) {
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(documents));
    let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_max_row_group_row_count(Some(500))
        .build();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Best of three of each, in turns.
fn race(what: &str, bytes: usize, mut general: impl FnMut(), mut fast: impl FnMut()) {
    let mut best = [f64::MAX; 2];
    for _ in 0..3 {
        for (best, work) in best.iter_mut().zip([&mut general as &mut dyn FnMut(), &mut fast]) {
            let start = Instant::now();
            work();
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    let rate = |seconds: f64| bytes as f64 / 1e6 / seconds;
    println!(
        "{what}: general {:.2} MB/s, fast {:.1} MB/s, {:.1} times",
        rate(best[0]),
        rate(best[1]),
        best[0] / best[1]
    );
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let documents = documents();
    let bytes: usize = documents.iter().map(String::len).sum();
    write_parquet(&at("a.parquet"), &documents);
    let lines: String =
        documents.iter().map(|d| format!("{}\n", serde_json::json!({ "id": 1, "text": d }))).collect();
    std::fs::write(at("a.jsonl.zst"), zstd::encode_all(lines.as_bytes(), 3).unwrap()).unwrap();
    let patterns = |name: &str| vec![at(name).to_str().unwrap().to_string()];
    let parquet = plan(Source::Parquet { patterns: patterns("a.parquet"), text: "text".into() });
    let jsonl = plan(Source::Jsonl { patterns: patterns("a.jsonl.zst"), text: "text".into() });
    let given = std::env::args().skip(1).find(|a| !a.starts_with('-')).map(PathBuf::from);
    let tokenizer = match given {
        Some(path) => Tokenizer::load(&path).unwrap(),
        None => prepare_tokenizer(&parquet, 0, &at("tokenizer"), &Silent).unwrap(),
    };
    let tokenizer = tokenizer.with_end("<|endoftext|>").unwrap();
    println!(
        "{} threads; {} documents, {:.1} MB; {} tokens in the vocabulary",
        rayon::current_num_threads(),
        documents.len(),
        bytes as f64 / 1e6,
        tokenizer.vocab_size()
    );
    let start = Instant::now();
    println!("engine {:?}, loaded and probed in {:.3} s", tokenizer.engine(), start.elapsed().as_secs_f64());
    let slow = tokenizer.generally("the benchmark compares them");
    let tokens: usize = documents.par_iter().map(|d| tokenizer.encode_document(d).unwrap().len()).sum();
    println!("{tokens} tokens");
    let all = |t: &Tokenizer| {
        documents.par_iter().for_each(|d| {
            t.encode_document(d).unwrap();
        });
    };
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    race("encode, 1 thread", bytes, || one.install(|| all(&slow)), || one.install(|| all(&tokenizer)));
    race("encode, all threads", bytes, || all(&slow), || all(&tokenizer));
    for (name, plan) in [("Parquet (zstd)", &parquet), ("JSONL (.zst)", &jsonl)] {
        let prepare = |t: &Tokenizer| {
            let out = tempfile::tempdir().unwrap();
            prepare_dataset(plan, 0, t, out.path(), &Silent).unwrap();
        };
        race(&format!("prepare {name}, all threads"), bytes, || prepare(&slow), || prepare(&tokenizer));
    }
}
