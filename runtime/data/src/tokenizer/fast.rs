//! The fast engine.
//!
//! A release candidate of the same library, which encodes twenty to thirty times as fast and can do nothing else. It is
//! trusted only for configurations on which it was compared with the general engine, and only after a probe of this very
//! tokenizer; everything else stays with the general engine.

use super::encoder::Encoder;
use super::probe;
use crate::error::DataError;
use crate::guard;
use serde_json::Value;
use tokenizers_fast::pipeline::encode_options::{EncodeOptions, Override};
use tokenizers_fast::pipeline::{PipelineToken, PipelineTokenizer};

/// Name and version, as a manifest records them.
pub(super) const NAME: &str = "tokenizers 1.0.0-rc.3";

/// A tokenizer of the fast engine, which takes every character as text.
pub(super) struct Fast {
    inner: PipelineTokenizer,
    options: EncodeOptions,
}

impl Fast {
    /// The fast engine for a `tokenizer.json`, or why it is not used.
    ///
    /// `reference` is the general engine on the same file and `special` the texts of its special tokens.
    pub(super) fn load(json: &[u8], reference: &dyn Encoder, special: &[String]) -> Result<Fast, String> {
        let text = std::str::from_utf8(json).map_err(|e| e.to_string())?;
        compared(text)?;
        let inner = guard::catch(|| {
            let canonical = tokenizers_fast::canonicalize_str(text).map_err(|e| e.to_string())?;
            tokenizers_fast::from_json(&canonical).map_err(|e| e.to_string())
        })?;
        let options = EncodeOptions {
            add_special_tokens: false,
            encode_special_tokens: true,
            padding: Override::Off,
            truncation: Override::Off,
        };
        let fast = Fast { inner, options };
        for text in probe::texts(special) {
            let wanted = reference.encode(&text).map_err(|e| e.to_string())?;
            if fast.encode(&text).map_err(|e| e.to_string())? != wanted {
                return Err(format!("it encodes {text:?} otherwise than the general engine"));
            }
        }
        Ok(fast)
    }
}

impl Encoder for Fast {
    fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        // A third of the bytes is more than most texts take.
        let mut ids: Vec<PipelineToken> = Vec::with_capacity(text.len() / 3 + 1);
        guard::catch(|| self.inner.encode_into(text, &self.options, &mut ids))
            .map_err(DataError::Tokenize)?;
        Ok(ids.into_iter().map(PipelineToken::id).collect())
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

/// Whether the configuration is of a kind on which the engines were compared at length: byte-level BPE without a normalizer,
/// cut by digits or by one of the usual patterns. Normalizers are out because the engines carry tables of different Unicode
/// versions, and a probe of a few hundred texts would not hit the characters on which they differ.
fn compared(json: &str) -> Result<(), String> {
    let config: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let model = config.get("model").unwrap_or(&Value::Null);
    // Files of older versions do not name the model's type; a list of merges tells it.
    let bpe = match model.get("type").and_then(Value::as_str) {
        Some(kind) => kind == "BPE",
        None => model.get("merges").is_some(),
    };
    let off = |field: &str| matches!(model.get(field), None | Some(Value::Null | Value::Bool(false)));
    let no_text = |field: &str| model.get(field).and_then(Value::as_str).is_none_or(str::is_empty);
    if !bpe {
        return Err("the model is not a BPE".into());
    }
    if !off("dropout")
        || !off("byte_fallback")
        || !no_text("continuing_subword_prefix")
        || !no_text("end_of_word_suffix")
    {
        return Err("the BPE has dropout, byte fallback or marks inside words".into());
    }
    if !config.get("normalizer").unwrap_or(&Value::Null).is_null() {
        return Err("it has a normalizer".into());
    }
    let splitter = config.get("pre_tokenizer").unwrap_or(&Value::Null);
    let splitters = match splitter.get("pretokenizers").and_then(Value::as_array) {
        Some(list) => list.iter().collect(),
        None => vec![splitter],
    };
    let kinds: Vec<&str> = splitters.iter().filter_map(|s| s.get("type").and_then(Value::as_str)).collect();
    match kinds.as_slice() {
        ["ByteLevel"] | ["Digits" | "Split", "ByteLevel"] => Ok(()),
        _ => Err(format!("its pre-tokenizer is {}", kinds.join(", "))),
    }
}
