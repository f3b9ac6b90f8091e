//! Preparing: from the plan's sources to tokenizers and shards in the run's directory.
//!
//! ```text
//! DIR/tokenizers/NAME/{tokenizer.json, manifest.json}
//! DIR/classifiers/NAME/{weights.f32, manifest.json}
//! DIR/data/DATASET/{train.tokens, train.ends, validation.tokens, validation.ends, skipped.jsonl, manifest.json}
//!                  removed.jsonl, where documents went through a pipeline
//! ```
//!
//! Each directory appears whole or not at all. One that is there, belongs to the plan and verifies is used as it is; its
//! sources are *not* read again, so a run under way does not notice that files were added to what it was prepared from.

mod classifier;
mod dataset;
mod manifest;
mod tokenizer;
mod tokens;
mod writer;

pub(crate) use classifier::prepare_classifier;
pub use classifier::{Classified, classified};
pub use dataset::{dataset_directory, prepare_dataset};
pub use manifest::Manifest;
pub(crate) use manifest::{BLOCK_BYTES, FORMAT_VERSION, SplitManifest, TokenType};
pub use tokenizer::{prepare_tokenizer, tokenizer_path};
pub use tokens::prepare_tokens;
pub(crate) use writer::hex;

use crate::error::DataError;
use serde::Serialize;
use std::path::Path;

/// Refuses a directory that was prepared for another plan, naming the first thing that differs.
fn same_request<T: Serialize>(path: &Path, what: &str, found: &T, planned: &T) -> Result<(), DataError> {
    let json = |value: &T| serde_json::to_value(value).unwrap_or(serde_json::Value::Null);
    difference(what, &json(found), &json(planned)).map_or(Ok(()), |(what, found, planned)| {
        Err(DataError::Mismatch { path: path.to_path_buf(), what, found, planned })
    })
}

/// Path and both values of the first difference.
fn difference(at: &str, a: &serde_json::Value, b: &serde_json::Value) -> Option<(String, String, String)> {
    use serde_json::Value::{Array, Object};
    if a == b {
        return None;
    }
    if let (Array(x), Array(y)) = (a, b)
        && x.len() == y.len()
    {
        return x.iter().zip(y).enumerate().find_map(|(i, (x, y))| difference(&format!("{at}[{i}]"), x, y));
    }
    if let (Object(x), Object(y)) = (a, b) {
        let keys = x.keys().chain(y.keys().filter(|k| !x.contains_key(*k)));
        let null = serde_json::Value::Null;
        for key in keys {
            let inner = format!("{at}.{key}");
            let found = difference(&inner, x.get(key).unwrap_or(&null), y.get(key).unwrap_or(&null));
            if found.is_some() {
                return found;
            }
        }
    }
    Some((at.to_string(), a.to_string(), b.to_string()))
}
