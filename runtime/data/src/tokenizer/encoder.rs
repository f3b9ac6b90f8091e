//! What turns a document into ids: one trait, two engines.

use crate::error::DataError;

/// An engine that encodes documents: every character is text, no token is added.
pub(super) trait Encoder: Send + Sync {
    /// Ids of a text.
    fn encode(&self, text: &str) -> Result<Vec<u32>, DataError>;

    /// Name and version of the engine, for manifests.
    fn name(&self) -> &'static str;
}

/// The general engine: it reads every `tokenizer.json`, and what it says is right.
pub(super) struct General {
    /// Takes special tokens as text, cuts nothing, pads nothing.
    pub(super) plain: tokenizers::Tokenizer,
}

impl Encoder for General {
    fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let encoding = self.plain.encode_fast(text, false).map_err(|e| DataError::Tokenize(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    fn name(&self) -> &'static str {
        "tokenizers 0.23.2"
    }
}
