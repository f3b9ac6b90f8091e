//! Tokenizers: loading, encoding, decoding, training.
//!
//! A thin wrapper over the `tokenizers` crate, whose `tokenizer.json` is the format on disk. Documents are encoded by one of
//! two engines: the general one, whose ids are right by definition, or a much faster one, which stands in for it where a
//! probe shows that it gives the same ids.

mod encoder;
mod fast;
mod probe;
mod train;

pub(crate) use train::{BpeOptions, train};

use crate::error::DataError;
use encoder::{Encoder, General};
use fast::Fast;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A tokenizer. Two readings of text: [`Tokenizer::encode`] recognises special tokens written in it, as Hugging Face does;
/// [`Tokenizer::encode_document`] takes every character as text, so that no document can end itself.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    general: Arc<General>,
    /// The fast engine or why it is not used; tried when the first document is encoded.
    fast: Arc<OnceLock<Result<Fast, String>>>,
    json: Vec<u8>,
    vocab_size: usize,
    end: Option<(String, u32)>,
}

/// What encodes the documents of a tokenizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Name and version.
    pub name: &'static str,
    /// Why it is not the fast one, where it is not.
    pub why_general: Option<String>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("vocab_size", &self.vocab_size).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`, or the one in a directory.
    pub fn load(path: &Path) -> Result<Tokenizer, DataError> {
        let file: PathBuf = if path.is_dir() { path.join("tokenizer.json") } else { path.to_path_buf() };
        let json = std::fs::read(&file).map_err(|e| DataError::io("read", &file, e))?;
        Tokenizer::from_json(json, &file)
    }

    /// Takes the bytes of a `tokenizer.json`; `path` names them in errors.
    pub fn from_json(json: Vec<u8>, path: &Path) -> Result<Tokenizer, DataError> {
        let bad = |reason: String| DataError::BadTokenizer { path: path.to_path_buf(), reason };
        let inner = tokenizers::Tokenizer::from_bytes(&json).map_err(|e| bad(e.to_string()))?;
        let largest = inner.get_vocab(true).into_values().max();
        let vocab_size =
            largest.map(|id| id as usize + 1).ok_or_else(|| bad("its vocabulary is empty".into()))?;
        let mut inner = inner;
        // A file may ask for cutting or padding; a corpus is neither cut nor padded.
        inner.with_truncation(None).map_err(|e| bad(e.to_string()))?.with_padding(None);
        let mut plain = inner.clone();
        plain.set_encode_special_tokens(true);
        let general = Arc::new(General { plain });
        Ok(Tokenizer { inner, general, fast: Arc::default(), json, vocab_size, end: None })
    }

    /// The `tokenizer.json`, byte for byte as read.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// BLAKE3 of the `tokenizer.json`, in hexadecimal: the tokenizer's identity.
    pub fn hash(&self) -> String {
        blake3::hash(&self.json).to_hex().to_string()
    }

    /// Largest id plus one: rows an embedding must have.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The same tokenizer with its end-of-document token; `None` if it has no such token.
    pub fn with_end(mut self, token: &str) -> Option<Tokenizer> {
        self.end = Some((token.to_string(), self.token_id(token)?));
        Some(self)
    }

    /// Text and id of the end-of-document token, where one was stated.
    pub fn end(&self) -> Option<(&str, u32)> {
        self.end.as_ref().map(|(token, id)| (token.as_str(), *id))
    }

    /// Id of a token by its exact text.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Tokens of a text; special tokens written in it are recognised, none are added.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let encoding = self.inner.encode_fast(text, false).map_err(|e| DataError::Tokenize(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Tokens of a document of a corpus: special tokens written in it are ordinary text.
    pub fn encode_document(&self, text: &str) -> Result<Vec<u32>, DataError> {
        match self.fast() {
            // What the fast engine cannot do, the general one decides.
            Ok(fast) => fast.encode(text).or_else(|_| self.general.encode(text)),
            Err(_) => self.general.encode(text),
        }
    }

    /// The same by the general engine, whatever engine documents are encoded by.
    pub fn encode_document_generally(&self, text: &str) -> Result<Vec<u32>, DataError> {
        self.general.encode(text)
    }

    /// The engine that encodes documents; the first call loads and probes the fast one.
    pub fn engine(&self) -> Engine {
        match self.fast() {
            Ok(fast) => Engine { name: fast.name(), why_general: None },
            Err(why) => Engine { name: self.general.name(), why_general: Some(why.clone()) },
        }
    }

    /// The same tokenizer without the fast engine, for the reason given.
    pub fn generally(&self, why: &str) -> Tokenizer {
        Tokenizer { fast: Arc::new(OnceLock::from(Err(why.to_string()))), ..self.clone() }
    }

    /// The same tokenizer with the fast engine of another one: wrong on purpose.
    #[cfg(test)]
    pub(crate) fn with_engine_of(&self, other: &Tokenizer) -> Tokenizer {
        let fast = Fast::load(&other.json, &*other.general, &other.special_tokens());
        Tokenizer { fast: Arc::new(OnceLock::from(fast)), ..self.clone() }
    }

    fn fast(&self) -> Result<&Fast, &String> {
        self.fast.get_or_init(|| Fast::load(&self.json, &*self.general, &self.special_tokens())).as_ref()
    }

    /// Text of tokens, special ones included. Bytes that do not form UTF-8 become U+FFFD; ids beyond the vocabulary are an
    /// error.
    pub fn decode(&self, ids: &[u32]) -> Result<String, DataError> {
        if let Some(id) = ids.iter().find(|&&id| self.inner.id_to_token(id).is_none()) {
            return Err(DataError::Tokenize(format!(
                "there is no token with the id {id}; the vocabulary has {}",
                self.vocab_size
            )));
        }
        self.inner.decode(ids, false).map_err(|e| DataError::Tokenize(e.to_string()))
    }

    /// Texts of the special tokens, by id.
    pub fn special_tokens(&self) -> Vec<String> {
        let mut tokens: Vec<(u32, String)> = self
            .inner
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, t)| t.special)
            .map(|(id, t)| (id, t.content))
            .collect();
        tokens.sort();
        tokens.into_iter().map(|(_, t)| t).collect()
    }
}
