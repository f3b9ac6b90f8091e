//! Training a byte-level BPE.

use crate::error::DataError;
use crate::progress::Progress;
use std::path::Path;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, PreTokenizerWrapper};

/// What is trained.
#[derive(Clone, Debug)]
pub(crate) struct BpeOptions {
    /// Tokens, the special ones included.
    pub(crate) vocab: usize,
    /// Special tokens; they get the first ids.
    pub(crate) special: Vec<String>,
    /// Every digit is a token of its own.
    pub(crate) split_digits: bool,
}

/// Trains on the texts and returns the bytes of a `tokenizer.json`, the same for the same texts in any number of threads.
///
/// The alphabet is all 256 bytes, so every text can be encoded and comes back unchanged.
pub(crate) fn train(
    options: &BpeOptions,
    texts: &[String],
    path: &Path,
    progress: &dyn Progress,
) -> Result<Vec<u8>, DataError> {
    let failed = |e: tokenizers::Error| DataError::Tokenize(format!("training {}: {e}", path.display()));
    let byte_level = ByteLevel::new(false, true, true);
    let mut splitters: Vec<PreTokenizerWrapper> = Vec::new();
    if options.split_digits {
        splitters.push(Digits::new(true).into());
    }
    splitters.push(byte_level.into());

    let mut tokenizer = tokenizers::Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(Sequence::new(splitters)));
    tokenizer.with_decoder(Some(byte_level));
    let special = options.special.iter().map(|t| AddedToken::from(t.clone(), true)).collect();
    let mut trainer: TrainerWrapper = BpeTrainerBuilder::new()
        .vocab_size(options.vocab)
        .special_tokens(special)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .show_progress(false)
        .build()
        .into();
    let bytes = texts.iter().map(|t| t.len() as u64).sum();
    progress.begin("train the tokenizer", Some(bytes), "bytes");
    let trained = tokenizer.train(
        &mut trainer,
        texts.iter().map(|text| {
            progress.advance(text.len() as u64);
            text.as_str()
        }),
    );
    progress.end();
    trained.map_err(failed)?;
    let mut json = tokenizer.to_string(true).map_err(failed)?;
    json.push('\n');
    Ok(json.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::tokenizer::Tokenizer;
    use proptest::prelude::*;
    use std::sync::OnceLock;

    fn options(split_digits: bool) -> BpeOptions {
        BpeOptions { vocab: 290, special: vec!["<|endoftext|>".into(), "<|bos|>".into()], split_digits }
    }

    fn texts() -> Vec<String> {
        (0..200)
            .map(|i| {
                format!("fn item_{i}() {{ let x = {}; /* été, 世界 */ }}\nThe quick brown fox {i}.\n", i * i)
            })
            .collect()
    }

    fn trained() -> &'static Tokenizer {
        static TRAINED: OnceLock<Tokenizer> = OnceLock::new();
        TRAINED.get_or_init(|| {
            let json = train(&options(true), &texts(), Path::new("t.json"), &Silent).unwrap();
            Tokenizer::from_json(json, Path::new("t.json")).unwrap()
        })
    }

    #[test]
    fn same_texts_same_bytes_in_any_number_of_threads() {
        let train = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| train(&options(true), &texts(), Path::new("t.json"), &Silent).unwrap())
        };
        let one = train(1);
        for threads in [1, 2, 3, 8] {
            assert!(train(threads) == one, "{threads} threads");
        }
    }

    #[test]
    fn special_tokens_come_first_and_text_cannot_contain_them() {
        let t = trained();
        assert_eq!(
            (t.token_id("<|endoftext|>"), t.token_id("<|bos|>"), t.vocab_size()),
            (Some(0), Some(1), 290)
        );
        assert_eq!(t.special_tokens(), ["<|endoftext|>", "<|bos|>"]);
        let text = "end<|endoftext|>begin";
        assert!(t.encode(text).unwrap().contains(&0));
        let document = t.encode_document(text).unwrap();
        assert!(!document.contains(&0));
        assert_eq!(t.decode(&document).unwrap(), text);
        assert!(t.decode(&[290]).unwrap_err().to_string().contains("290"));
    }

    #[test]
    fn digits_are_split_on_request() {
        assert_eq!(trained().encode("12345").unwrap().len(), 5);
        let texts: Vec<String> = (0..100).map(|_| "12345 12345".to_string()).collect();
        let json = train(&options(false), &texts, Path::new("t.json"), &Silent).unwrap();
        assert_eq!(Tokenizer::from_json(json, Path::new("t")).unwrap().encode("12345").unwrap().len(), 1);
    }

    #[test]
    fn every_byte_survives() {
        let t = trained();
        let all: String = (0u32..0x3000).chain(0x1F000..0x1F700).filter_map(char::from_u32).collect();
        assert_eq!(t.decode(&t.encode_document(&all).unwrap()).unwrap(), all);
    }

    proptest! {
        #[test]
        fn decode_inverts_encode(text in "\\PC*|(?s:.){0,60}") {
            let t = trained();
            prop_assert_eq!(t.decode(&t.encode_document(&text).unwrap()).unwrap(), text);
        }
    }
}
