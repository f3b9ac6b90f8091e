//! Times preparing a corpus such as quickstart's and filling batches from it:
//! `cargo bench -p smolc-data --bench corpus [-- DIR]`. DIR keeps what was prepared; without one it is removed.
//!
//! The text is that of the crates below CARGO_HOME, 12 MB of `*.md` and 24 MB of `*.rs`.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use smolc_data::order::StageOrder;
use smolc_data::{Batch, Loader, Progress, Store, dataset_directory, prepare_dataset, prepare_tokenizer};
use smolc_plan::{Dataset, PLAN_VERSION, Plan, Ratio, Source, Take, TokenizerSource};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

struct Print;

impl Progress for Print {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) {
        println!("  {what}: {} {unit}", total.unwrap_or(0));
    }
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        println!("  note: {text}");
    }
}

fn dataset(name: &str, pattern: String, bytes: u64) -> Dataset {
    Dataset {
        name: name.into(),
        source: Source::Files { patterns: vec![pattern] },
        take: Some(Take { bytes, seed: 42 }),
        validation_per_million: 20_000,
        stated_tokens: None,
        stated_documents: None,
        columns: None,
        steps: Vec::new(),
        limit: None,
        measured: None,
    }
}

fn timed<T>(what: &str, bytes: u64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {seconds:.2} s, {:.2} MB/s", bytes as f64 / 1e6 / seconds);
    result
}

fn main() {
    let home =
        std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
    let pattern = |ending: &str| format!("{home}/registry/src/*/*/**/*.{ending}");
    let plan = Plan {
        version: PLAN_VERSION,
        spec: "corpus".into(),
        language: 1,
        compiler: "bench".into(),
        tokenizers: vec![smolc_plan::Tokenizer {
            name: "words".into(),
            source: TokenizerSource::Bpe {
                train: vec![0, 1],
                bytes: 4_000_000,
                seed: 42,
                split_digits: true,
            },
            eos: "<|endoftext|>".into(),
            bos: None,
            vocab: 4096,
        }],
        datasets: vec![
            dataset("docs", pattern("md"), 12_000_000),
            dataset("code", pattern("rs"), 24_000_000),
        ],
        classifiers: vec![],
        evaluations: vec![],
        sweeps: vec![],
        runs: Vec::new(),
    };
    let temporary = tempfile::tempdir().unwrap();
    let kept = std::env::args().skip(1).find(|a| !a.starts_with('-')).map(PathBuf::from);
    let dir = kept.unwrap_or_else(|| temporary.path().to_path_buf());
    println!("{} threads", rayon::current_num_threads());
    let tokenizer =
        timed("train the tokenizer", 8_000_000, || prepare_tokenizer(&plan, 0, &dir, &Print).unwrap());
    for (index, d) in plan.datasets.iter().enumerate() {
        let bytes = d.take.as_ref().unwrap().bytes;
        let m = timed(&format!("prepare {}", d.name), bytes, || {
            prepare_dataset(&plan, index, &tokenizer, &dir, &Print).unwrap()
        });
        println!("  {m:?}");
        timed(&format!("verify {}", d.name), m.tokens * 2, || {
            prepare_dataset(&plan, index, &tokenizer, &dir, &Print).unwrap()
        });
    }
    let stores = plan
        .datasets
        .iter()
        .map(|d| Arc::new(Store::open(&dataset_directory(&dir, &d.name)).unwrap()))
        .enumerate()
        .collect();
    let mix = vec![(0, Ratio::new(3, 10).unwrap()), (1, Ratio::new(7, 10).unwrap())];
    let loader = Loader::new(42, &[StageOrder { samples: 1 << 20, mix }], stores, 2, 256, true).unwrap();
    let (steps, rows) = (2000u64, 16);
    let mut batch = Batch::default();
    let start = Instant::now();
    for step in 0..steps {
        loader.fill(step * rows, rows as usize, &mut batch);
    }
    let seconds = start.elapsed().as_secs_f64();
    let tokens = (steps * rows * 256) as f64;
    println!(
        "fill with document mask: {:.1} million tokens/s, {:.1} us a step of 4096",
        tokens / seconds / 1e6,
        seconds / steps as f64 * 1e6
    );
    println!(
        "unigram entropy of the first {tokens} targets: {:.4} nats",
        loader.unigram_entropy(steps * rows)
    );
}
