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
///
/// It wants a token for each of the 256 bytes, and vocabularies such as SmolLM2's lack some. The general engine leaves such
/// bytes out and joins what stands around them, which this one cannot; so it is given tokens for them, and a text in which
/// one of those turns up is the general engine's.
pub(super) struct Fast {
    inner: PipelineTokenizer,
    options: EncodeOptions,
    /// Ids from here on stand for bytes that the vocabulary lacks.
    lacking: u32,
}

impl Fast {
    /// The fast engine for a `tokenizer.json`, or why it is not used.
    ///
    /// `reference` is the general engine on the same file and `special` the texts of its special tokens.
    pub(super) fn load(json: &[u8], reference: &dyn Encoder, special: &[String]) -> Result<Fast, String> {
        let mut config: Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        compared(&config)?;
        let lacking = complete(&mut config)?;
        let inner = guard::catch(|| {
            let canonical = tokenizers_fast::canonicalize_str(&config.to_string());
            tokenizers_fast::from_json(&canonical.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
        })?;
        let options = EncodeOptions {
            add_special_tokens: false,
            encode_special_tokens: true,
            padding: Override::Off,
            truncation: Override::Off,
        };
        let fast = Fast { inner, options, lacking };
        let texts = probe::texts(special);
        let mut agreed = 0;
        for text in &texts {
            // A text that it cannot encode is left to the general engine, as any document would be.
            let Some(found) = fast.ids(text)? else { continue };
            if found != reference.encode(text).map_err(|e| e.to_string())? {
                return Err(format!("it encodes {text:?} otherwise than the general engine"));
            }
            agreed += 1;
        }
        if agreed * 2 < texts.len() {
            return Err(format!("it could encode {agreed} of {} texts only", texts.len()));
        }
        Ok(fast)
    }

    /// Ids of a text; `None` where it has bytes that the vocabulary lacks.
    fn ids(&self, text: &str) -> Result<Option<Vec<u32>>, String> {
        // A third of the bytes is more than most texts take.
        let mut ids: Vec<PipelineToken> = Vec::with_capacity(text.len() / 3 + 1);
        guard::catch(|| self.inner.encode_into(text, &self.options, &mut ids))?;
        let ids: Vec<u32> = ids.into_iter().map(PipelineToken::id).collect();
        Ok(ids.iter().all(|&id| id < self.lacking).then_some(ids))
    }
}

impl Encoder for Fast {
    fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let ids = self.ids(text).map_err(DataError::Tokenize)?;
        ids.ok_or_else(|| DataError::Tokenize("the text has bytes that the vocabulary lacks".into()))
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

/// Whether the configuration is of a kind on which the engines were compared at length: byte-level BPE without a normalizer,
/// cut by digits or by one of the usual patterns. Normalizers are out because the engines carry tables of different Unicode
/// versions, and a probe of a few hundred texts would not hit the characters on which they differ.
fn compared(config: &Value) -> Result<(), String> {
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

/// Gives a byte-level vocabulary a token for each byte that it lacks, behind all others; the first id of those.
fn complete(config: &mut Value) -> Result<u32, String> {
    let added = config.get("added_tokens").and_then(Value::as_array).into_iter().flatten();
    let added = added.filter_map(|t| t.get("id")?.as_u64()).max();
    let vocab = config.get_mut("model").and_then(|m| m.get_mut("vocab")).and_then(Value::as_object_mut);
    let vocab = vocab.ok_or("it has no vocabulary")?;
    let largest = vocab.values().filter_map(Value::as_u64).max().max(added);
    let first = largest.map_or(0, |id| id + 1);
    let mut next = first;
    for token in byte_level() {
        let token = token.to_string();
        if !vocab.contains_key(&token) {
            vocab.insert(token, next.into());
            next += 1;
        }
    }
    u32::try_from(first).map_err(|_| format!("its largest id is {}", first - 1))
}

/// The characters that stand for the 256 bytes in a byte-level vocabulary: printable ones for themselves, the others from
/// U+0100 on in their order (GPT-2's `bytes_to_unicode`).
fn byte_level() -> impl Iterator<Item = char> {
    let mut other = 0x100u32;
    (0..=255u8).filter_map(move |byte| {
        if matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff) {
            return Some(char::from(byte));
        }
        other += 1;
        char::from_u32(other - 1)
    })
}
