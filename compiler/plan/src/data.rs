//! Tokenizers and datasets: where text comes from and how it becomes tokens.

use crate::filter::Filter;
use crate::ratio::Ratio;
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
    /// Size stated in the spec, in documents (rows).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_documents: Option<u64>,
    /// What a document is made of, when it is not one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// What is done to the documents, in order, before the sample is taken and the validation split set aside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Passes over it that all runs of a lineage together may make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Ratio>,
    /// Size as measured by preparing it; not part of the plan's hash.
    pub measured: Option<Measured>,
}

/// Documents that are not one text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Columns {
    /// A conversation: a list of messages, each with a role and a content.
    Messages {
        /// The column.
        messages: String,
    },
    /// A prompt with a preferred and a rejected answer.
    Preference {
        /// The prompt; `None` when `chosen` and `rejected` are whole conversations that share their beginning.
        prompt: Option<String>,
        /// The preferred answer.
        chosen: String,
        /// The other one.
        rejected: String,
    },
}

/// A step of a dataset's pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Keeps documents for which the filter is true.
    Where {
        /// The condition.
        filter: Filter,
    },
    /// Keeps each document with a probability of its own.
    Thin {
        /// The probability, 0 to 1.
        filter: Filter,
        /// Seed of the choice.
        seed: u64,
    },
    /// Drops documents that repeat an earlier one.
    Dedup {
        /// How repetition is found.
        by: Dedup,
    },
    /// Drops documents that hold text of a benchmark.
    Decontaminate {
        /// Names of evaluations of the plan.
        against: Vec<String>,
        /// Length of the word sequences compared.
        ngram: u64,
        /// Share of a benchmark item's words that must be covered by common sequences; `None`: one sequence is enough.
        overlap: Option<Ratio>,
    },
    /// A seeded sample of so many tokens or documents, whole documents. Samples in bytes are [`Take`].
    Sample {
        /// How much.
        amount: Amount,
        /// Seed of the choice.
        seed: u64,
    },
}

/// How repeated documents are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Dedup {
    /// Equal text, byte for byte.
    Exact,
    /// MinHash with locality-sensitive hashing (Broder, 1997): documents that agree in all hashes of a band are one.
    MinHash {
        /// Number of bands.
        bands: u64,
        /// Hashes in a band.
        hashes: u64,
        /// Words in a shingle.
        ngram: u64,
        /// Seed of the hash functions.
        seed: u64,
    },
}

/// An amount of data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "unit", rename_all = "snake_case", deny_unknown_fields)]
pub enum Amount {
    /// Tokens of the run's tokenizer.
    Tokens {
        /// How many.
        n: u64,
    },
    /// Documents.
    Documents {
        /// How many.
        n: u64,
    },
    /// A share of the documents.
    Share {
        /// Above 0, at most 1.
        of: Ratio,
    },
}

/// A classifier that filters call: trained before the datasets that use it are filtered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classifier {
    /// Name in the spec.
    pub name: String,
    /// Dataset of the plan it is trained on.
    pub train: usize,
    /// Column of text.
    pub text: String,
    /// Column of scores it learns to predict.
    pub label: String,
    /// Longest word sequence used as a feature.
    pub ngrams: u64,
    /// Number of hashed features.
    pub buckets: u64,
    /// Passes over the training set.
    pub epochs: u64,
    /// Seed of order and initialization.
    pub seed: u64,
}

impl Classifier {
    /// Longest word sequence that a classifier may look at: longer ones hardly ever occur twice.
    pub const MAX_NGRAMS: u64 = 16;
    /// Most features: a weight of four bytes each.
    pub const MAX_BUCKETS: u64 = 1 << 28;
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
    /// One document a JSON object a line; `.jsonl`, `.jsonl.gz` or `.jsonl.zst`.
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
    /// A dataset of a hub, by its identifier.
    Hub {
        /// `HuggingFaceFW/fineweb-edu`
        repository: String,
        /// Subset; `None` = the dataset's default.
        config: Option<String>,
        /// Split.
        split: String,
        /// Commit; `None` = whatever is there when it is prepared.
        revision: Option<String>,
        /// The column that holds the text.
        text: String,
    },
    /// Shards that are tokenized already.
    Tokens {
        /// Glob patterns.
        patterns: Vec<String>,
        /// How they are laid out.
        format: TokenFormat,
    },
}

/// Layout of shards of token ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFormat {
    /// This project's own shards.
    Smolc,
    /// Megatron-LM's `.bin` with `.idx`.
    Megatron,
    /// datatrove's `.ds` with its index.
    Datatrove,
}

impl Source {
    /// Glob patterns or URLs it reads; none for a hub.
    pub fn patterns(&self) -> &[String] {
        match self {
            Source::Files { patterns }
            | Source::Text { patterns }
            | Source::Jsonl { patterns, .. }
            | Source::Parquet { patterns, .. }
            | Source::Tokens { patterns, .. } => patterns,
            Source::Hub { .. } => &[],
        }
    }
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
