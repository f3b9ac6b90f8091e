//! The real machine, as the compiler may see it.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smolc_check::world::{Column, World};
use std::fmt;
use std::io::{self, BufReader};
use std::path::Path;

/// Files, environment and home directory of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealWorld;

impl World for RealWorld {
    fn read_file(&self, path: &str) -> io::Result<String> {
        if Path::new(path).is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        std::fs::read_to_string(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn home(&self) -> Option<String> {
        std::env::home_dir().and_then(|p| p.into_os_string().into_string().ok())
    }

    fn exists(&self, path: &str) -> Option<bool> {
        Path::new(path).try_exists().ok()
    }

    fn matches(&self, pattern: &str) -> Option<bool> {
        // An unreadable directory on the way is not a match; the data layer names it when it reads.
        Some(glob::glob(pattern).ok()?.filter_map(Result::ok).any(|path| path.is_file()))
    }

    fn columns(&self, pattern: &str) -> Option<Vec<Column>> {
        // What cannot be read is no column either; the data layer says why when it reads.
        let path = glob::glob(pattern).ok()?.filter_map(Result::ok).find(|path| path.is_file())?;
        crate::columns::of(&path)
    }

    fn tokenizer_vocab(&self, path: &str) -> Result<Option<u64>, String> {
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.to_string()),
        };
        let tokenizer: TokenizerFile = serde_json::from_reader(BufReader::new(file))
            .map_err(|e| format!("not a tokenizer.json: {e}"))?;
        let added = tokenizer.added_tokens.iter().map(|t| t.id + 1).max().unwrap_or(0);
        Ok(Some(tokenizer.model.vocab.0.max(added)))
    }
}

/// The two places of a `tokenizer.json` that give out ids.
#[derive(serde::Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: TokenizerModel,
}

#[derive(serde::Deserialize)]
struct AddedToken {
    id: u64,
}

#[derive(serde::Deserialize)]
struct TokenizerModel {
    vocab: VocabSize,
}

/// Largest id plus one of a vocabulary, without keeping the vocabulary.
struct VocabSize(u64);

impl<'de> Deserialize<'de> for VocabSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VocabSize, D::Error> {
        deserializer.deserialize_any(VocabVisitor)
    }
}

struct VocabVisitor;

impl<'de> Visitor<'de> for VocabVisitor {
    type Value = VocabSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vocabulary: an object from token to id, or a list of tokens")
    }

    /// BPE, WordPiece, WordLevel.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VocabSize, A::Error> {
        let mut size = 0;
        while let Some((_, id)) = map.next_entry::<IgnoredAny, u64>()? {
            size = size.max(id.saturating_add(1));
        }
        Ok(VocabSize(size))
    }

    /// Unigram: the id is the place in the list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<VocabSize, A::Error> {
        let mut size = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            size += 1;
        }
        Ok(VocabSize(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocab(text: &str) -> Result<Option<u64>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        std::fs::write(&path, text).unwrap();
        RealWorld.tokenizer_vocab(path.to_str().unwrap())
    }

    #[test]
    fn vocabulary_is_the_largest_id_plus_one() {
        assert_eq!(vocab(r#"{"model":{"vocab":{"a":0,"b":7}}}"#), Ok(Some(8)));
        assert_eq!(
            vocab(r#"{"added_tokens":[{"id":9,"content":"x"}],"model":{"vocab":{"a":0}}}"#),
            Ok(Some(10))
        );
        assert_eq!(vocab(r#"{"model":{"type":"Unigram","vocab":[["a",0.1],["b",0.2]]}}"#), Ok(Some(2)));
        assert!(vocab("{").unwrap_err().contains("not a tokenizer.json"));
        assert!(vocab(r#"{"model":{"vocab":3}}"#).is_err());
        assert_eq!(RealWorld.tokenizer_vocab("/nonexistent/tokenizer.json"), Ok(None));
    }

    #[test]
    fn a_directory_is_an_error_and_a_pattern_needs_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        assert_eq!(RealWorld.read_file(path).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(RealWorld.matches(&format!("{path}/*")), Some(false));
        std::fs::write(dir.path().join("a.md"), "x").unwrap();
        assert_eq!(RealWorld.matches(&format!("{path}/*.md")), Some(true));
        std::fs::write(dir.path().join("bad"), [0xff, 0xfe]).unwrap();
        assert_eq!(
            RealWorld.read_file(&format!("{path}/bad")).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
