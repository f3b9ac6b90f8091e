//! What a prepared dataset says about itself.

use crate::pipeline::StepReport;
use serde::{Deserialize, Serialize};
use smolc_plan::{Measured, Separator, Source, Take};

/// Version of the shards' format, of the document split and of the sample.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Bytes under one checksum.
pub(crate) const BLOCK_BYTES: usize = 16 << 20;

/// How a token is stored. Two bytes hold ids up to 65,535, that is vocabularies up to 65,536 tokens, at half the disk and
/// memory; larger vocabularies need four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// Two bytes, little-endian.
    U16,
    /// Four bytes, little-endian.
    U32,
}

impl TokenType {
    pub(crate) fn for_vocabulary(size: usize) -> TokenType {
        if size <= 1 << 16 { TokenType::U16 } else { TokenType::U32 }
    }

    pub(crate) fn bytes(self) -> u64 {
        match self {
            TokenType::U16 => 2,
            TokenType::U32 => 4,
        }
    }
}

/// What was asked for: a directory is used again only if this is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) format: u32,
    pub(crate) source: Source,
    pub(crate) take: Option<Take>,
    pub(crate) validation_per_million: u32,
    pub(crate) separator: Separator,
    pub(crate) eos: String,
    pub(crate) eos_id: u32,
    /// BLAKE3 of the tokenizer's file.
    pub(crate) tokenizer: String,
    /// What the pipeline is, as whoever gave it says.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub(crate) pipeline: serde_json::Value,
}

/// One split's files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SplitManifest {
    pub(crate) tokens: u64,
    pub(crate) documents: u64,
    /// Bytes of UTF-8 text.
    pub(crate) text_bytes: u64,
    /// Smallest and largest token id; `None` in an empty split.
    pub(crate) token_range: Option<(u32, u32)>,
    /// XXH3-64 of each 16 MiB of the tokens file, hexadecimal.
    pub(crate) token_blocks: Vec<String>,
    /// XXH3-64 of each 16 MiB of the file of document ends.
    pub(crate) end_blocks: Vec<String>,
}

/// `manifest.json` of a prepared dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the dataset.
    pub dataset: String,
    pub(crate) request: Request,
    pub(crate) token_type: TokenType,
    pub(crate) vocabulary: u64,
    /// Name and version of the engine that encoded the documents; the ids do not depend on it.
    #[serde(default)]
    pub engine: String,
    pub(crate) train: SplitManifest,
    pub(crate) validation: SplitManifest,
    /// Commit of the hub's repository that was read; `None` for other sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Files the sources matched.
    pub files: u64,
    /// Files that could not be used, listed in `skipped.jsonl`.
    pub skipped: u64,
    /// Documents without text, left out.
    pub empty_documents: u64,
    /// What each step of the pipeline kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pipeline: Vec<StepReport>,
    /// BLAKE3 over key number, length and hash of every document used, in order.
    pub(crate) sources: String,
    /// Content identity: the first eight bytes of the BLAKE3 of what follows from the request and the files' checksums.
    pub uid: u64,
}

impl Manifest {
    /// The content identity: what the tokens are, not where they came from or what the dataset is called.
    pub(crate) fn content_uid(&self) -> u64 {
        let content = serde_json::json!({
            "format": self.request.format,
            "tokenizer": self.request.tokenizer,
            "separator": self.request.separator,
            "eos": self.request.eos_id,
            "type": self.token_type,
            "train": self.train,
            "validation": self.validation,
        });
        let hash = blake3::hash(content.to_string().as_bytes());
        hash.as_bytes().iter().take(8).rev().fold(0, |uid, &b| uid << 8 | u64::from(b))
    }

    /// Sizes, as a plan records them.
    pub fn measured(&self) -> Measured {
        Measured {
            uid: self.uid,
            tokens: self.train.tokens,
            documents: self.train.documents,
            validation_tokens: self.validation.tokens,
            validation_documents: self.validation.documents,
            bytes: self.train.text_bytes,
            validation_bytes: self.validation.text_bytes,
        }
    }
}
