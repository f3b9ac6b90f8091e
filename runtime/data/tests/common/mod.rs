//! Plans and corpora for tests.
#![allow(dead_code)]

use smolc_data::{DataError, Progress, Silent, Tokenizer, prepare_dataset, prepare_tokenizer};
use smolc_plan::{
    Dataset, Evaluation, Items, Measured, Metric, PLAN_VERSION, Plan, Protocol, ShotsOrder, Source, Take,
    TokenizerSource,
};
use std::path::Path;
use std::sync::Mutex;

pub fn dataset(name: &str, source: Source) -> Dataset {
    Dataset {
        name: name.into(),
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

pub fn files(root: &Path, pattern: &str) -> Source {
    Source::Files { patterns: vec![at(root, pattern)] }
}

pub fn text(root: &Path, pattern: &str) -> Source {
    Source::Text { patterns: vec![at(root, pattern)] }
}

pub fn jsonl(root: &Path, pattern: &str) -> Source {
    Source::Jsonl { patterns: vec![at(root, pattern)], text: "text".into() }
}

pub fn at(root: &Path, pattern: &str) -> String {
    root.join(pattern).to_str().unwrap().to_string()
}

/// A plan of one tokenizer, trained on its first dataset, and no runs.
pub fn plan(datasets: Vec<Dataset>, vocab: u64) -> Plan {
    Plan {
        version: PLAN_VERSION,
        spec: "test".into(),
        language: 1,
        compiler: "test".into(),
        tokenizers: vec![smolc_plan::Tokenizer {
            name: "words".into(),
            source: TokenizerSource::Bpe { train: vec![0], bytes: 1 << 20, seed: 1, split_digits: true },
            eos: "<|endoftext|>".into(),
            bos: None,
            vocab,
        }],
        datasets,
        classifiers: vec![],
        evaluations: vec![],
        sweeps: vec![],
        runs: Vec::new(),
    }
}

/// A benchmark of the items in a file.
pub fn benchmark(name: &str, data: String) -> Evaluation {
    let items = Items {
        data,
        subsets: vec![],
        split: "test".into(),
        shots: 0,
        shots_from: None,
        shots_order: ShotsOrder::Sequential,
    };
    let protocol = Protocol::Generation {
        items,
        prompt: "Question: {question}\nAnswer:".into(),
        answer: "answer".into(),
        tokens: 8,
        stop: vec![],
        extract: None,
        metric: Metric::Exact,
        chat: false,
    };
    Evaluation { name: name.into(), protocol }
}

pub fn tokenizer(plan: &Plan, dir: &Path) -> Tokenizer {
    prepare_tokenizer(plan, 0, dir, &Silent).unwrap()
}

/// Prepares the tokenizer and every dataset.
pub fn prepare(plan: &Plan, dir: &Path) -> Result<Vec<Measured>, DataError> {
    let tokenizer = prepare_tokenizer(plan, 0, dir, &Silent)?;
    (0..plan.datasets.len()).map(|i| prepare_dataset(plan, i, &tokenizer, dir, &Silent)).collect()
}

/// Files by name, and sizes.
pub type Prepared = (Vec<(String, Vec<u8>)>, Measured);

/// What preparing a dataset found, and the files it wrote but the manifest, which holds the patterns. The tokenizer is
/// trained once for all tests.
pub fn prepared(d: Dataset) -> Result<Prepared, DataError> {
    static TOKENIZER: std::sync::OnceLock<Tokenizer> = std::sync::OnceLock::new();
    let tokenizer = TOKENIZER.get_or_init(|| {
        let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_corpus(root.path());
        tokenizer(&plan(vec![dataset("words", files(root.path(), "**/*.md"))], 280), dir.path())
    });
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(vec![d], 280);
    let measured = prepare_dataset(&plan, 0, tokenizer, dir.path(), &Silent)?;
    let mut files = tree(&smolc_data::dataset_directory(dir.path(), &plan.datasets[0].name));
    files.retain(|(name, _)| name != "manifest.json");
    Ok((files, measured))
}

pub fn take(bytes: u64, seed: u64) -> Option<Take> {
    Some(Take { bytes, seed })
}

/// One of many words.
fn word(n: u64) -> String {
    let syllables = ["ka", "lo", "mi", "ner", "sta", "tu", "ver", "xi", "zor", "pal", "que"];
    let hash = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..4).map(|place| syllables[(hash >> (12 * place + 8)) as usize % syllables.len()]).collect()
}

/// Forty files of different lengths in two directories, each with words of its own.
pub fn write_corpus(root: &Path) {
    for i in 0..40u64 {
        let dir = root.join(if i % 2 == 0 { "even" } else { "odd/deep" });
        std::fs::create_dir_all(&dir).unwrap();
        let text: String = (0..5 + i * 7 % 23)
            .map(|j| format!("{} of {i}, été {}.\n", word(i * 31 + j), word(j * j)))
            .collect();
        std::fs::write(dir.join(format!("{i:02}.md")), text).unwrap();
    }
}

/// Every file below a directory with its bytes, sorted.
pub fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Keeps notes.
#[derive(Default)]
pub struct Notes(pub Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _: &str, _: Option<u64>, _: &str) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.into());
    }
}
