//! Tokenizers and datasets: where text comes from and how it becomes tokens.

use serde::{Deserialize, Serialize};

/// A tokenizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokenizer {
    /// Name in the spec.
    pub name: String,
    /// Where it comes from.
    pub source: TokenizerSource,
    /// Text of the token that ends a document, `"<|endoftext|>"`.
    pub eos: String,
    /// Text of the token that begins a document, if the model uses one. SmolLM2 puts none between documents.
    pub bos: Option<String>,
    /// Number of tokens: stated, or read from the file when it could be read.
    pub vocab: u64,
}

/// Where a tokenizer comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenizerSource {
    /// A Hugging Face `tokenizer.json`.
    Hf {
        /// Path of the file.
        path: String,
    },
    /// A byte-level BPE trained on the first `bytes` bytes of each dataset named, before anything else runs.
    Bpe {
        /// Datasets of the plan it is trained on, by index.
        train: Vec<usize>,
        /// Bytes of text taken from each dataset at most.
        bytes: u64,
        /// Seed of the choice of documents.
        seed: u64,
        /// Digits become tokens of their own (as in SmolLM2's tokenizer).
        split_digits: bool,
    },
}

/// A dataset: a source and what is done to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Name in the spec; a dataset of an imported file keeps its path, `data.fineweb_edu`.
    pub name: String,
    /// What is read.
    pub source: Source,
    /// How much of it is taken.
    pub take: Option<Take>,
    /// Share of the documents set aside for validation, in documents per million; 0 = no validation split.
    pub validation_per_million: u32,
    /// Size stated in the spec, in tokens.
    pub stated_tokens: Option<u64>,
    /// Size as measured by preparing it; not part of the plan's hash.
    pub measured: Option<Measured>,
}

/// What a dataset reads. Patterns are globs, already expanded to absolute or working-directory-relative form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// One document a file.
    Files {
        /// Glob patterns.
        patterns: Vec<String>,
    },
    /// One document a line of a text file.
    Text {
        /// Glob patterns.
        patterns: Vec<String>,
    },
    /// One document a JSON object a line; `.jsonl`, later `.gz` and `.zst` too.
    Jsonl {
        /// Glob patterns.
        patterns: Vec<String>,
        /// The field that holds the text.
        text: String,
    },
    /// One document a row.
    Parquet {
        /// Glob patterns.
        patterns: Vec<String>,
        /// The column that holds the text.
        text: String,
    },
}

/// How a document is described while filtering. Room for columns; today only text.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The text, valid UTF-8.
    pub text: String,
}

/// A seeded, order-independent sample of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// At most so many bytes of text, whole documents.
    pub bytes: u64,
    /// Seed of the choice.
    pub seed: u64,
}

/// What stands between documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Separator {
    /// EOS after every document, no BOS (SmolLM2).
    Eos,
}

/// What preparing a dataset found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Content identity: hash of the shard manifest (token bytes, tokenizer, separator, filters). Keys the order.
    pub uid: u64,
    /// Tokens in the training split.
    pub tokens: u64,
    /// Documents in the training split.
    pub documents: u64,
    /// Tokens in the validation split.
    pub validation_tokens: u64,
    /// Documents in the validation split.
    pub validation_documents: u64,
    /// Bytes of UTF-8 text in the training split.
    pub bytes: u64,
    /// Bytes of UTF-8 text in the validation split.
    pub validation_bytes: u64,
}
