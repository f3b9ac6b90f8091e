//! The fast engine gives the ids of the general one, or is not used.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm
)]

mod common;

use common::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use smolc_data::{Tokenizer, prepare_tokenizer};
use smolc_plan::TokenizerSource;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn shared(name: &str) -> Option<PathBuf> {
    // A checkout elsewhere can be told where the data is.
    let shared = std::env::var_os("SMOLC_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let path = shared.join("data").join(name);
    if !path.exists() {
        println!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn trained(split_digits: bool) -> Tokenizer {
    // Trained on the source of this crate.
    let (root, dir) = (Path::new(env!("CARGO_MANIFEST_DIR")), tempfile::tempdir().unwrap());
    let mut plan = plan(vec![dataset("words", files(root, "src/**/*.rs"))], 2000);
    plan.tokenizers[0].source =
        TokenizerSource::Bpe { train: vec![0], bytes: 1 << 20, seed: 1, split_digits };
    plan.tokenizers[0].bos = Some("<|im_start|>".into());
    prepare_tokenizer(&plan, 0, dir.path(), &smolc_data::Silent).unwrap()
}

fn both() -> &'static [Tokenizer; 2] {
    static BOTH: OnceLock<[Tokenizer; 2]> = OnceLock::new();
    BOTH.get_or_init(|| [trained(true), trained(false)])
}

#[track_caller]
fn same(tokenizer: &Tokenizer, text: &str) {
    assert_eq!(
        tokenizer.encode_document(text).unwrap(),
        tokenizer.encode_document_generally(text).unwrap(),
        "{text:?}"
    );
}

#[track_caller]
fn is_fast(tokenizer: &Tokenizer) {
    let engine = tokenizer.engine();
    assert_eq!((engine.name, engine.why_general), ("tokenizers 1.0.0-rc.3", None));
}

#[test]
fn a_trained_bpe_is_encoded_by_the_fast_engine() {
    for tokenizer in both() {
        is_fast(tokenizer);
        let slow = tokenizer.generally("a test says so");
        assert_eq!(slow.engine().name, "tokenizers 0.23.2");
        assert_eq!(slow.engine().why_general.as_deref(), Some("a test says so"));
        // Special tokens in a document are text for both.
        let text = "one<|endoftext|>two <|im_start|>user";
        same(tokenizer, text);
        assert!(tokenizer.encode_document(text).unwrap().iter().all(|&id| id > 1));
        assert_eq!(tokenizer.decode(&tokenizer.encode_document(text).unwrap()).unwrap(), text);
    }
}

fn arbitrary_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,8}",
        "(?s:.){0,8}",
        "[0-9]{1,12}",
        "[a-z\u{0}-\u{1f}]{1,6}",
        "[ \t\r\n\u{a0}\u{3000}]{1,6}",
        "[a-zA-Z']{1,12}",
        "[\u{300}-\u{36f}\u{1f300}-\u{1f6ff}\u{200d}]{1,4}",
        Just("<|endoftext|>".to_string()),
        Just("<|im_start|>".to_string()),
        Just("\u{0}".to_string()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn engines_agree_on_a_trained_bpe(text in arbitrary_text()) {
        for tokenizer in both() {
            prop_assert_eq!(
                tokenizer.encode_document(&text).unwrap(),
                tokenizer.encode_document_generally(&text).unwrap()
            );
        }
    }
}

/// Lines of a JSONL file with a field `text`, at most so many bytes.
fn texts(path: &Path, bytes: usize) -> Vec<String> {
    let mut room = bytes;
    let file = std::fs::read_to_string(path).unwrap();
    let texts = file
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_string());
    texts
        .take_while(|t| {
            let fits = t.len() <= room;
            room = room.saturating_sub(t.len());
            fits
        })
        .collect()
}

fn engines_agree_on_real_text(tokenizer: &Tokenizer) {
    let mut checked = 0;
    for name in ["corpora/wikipedia_intros.jsonl", "corpora/openstax_statistics.jsonl"] {
        for text in shared(name).map(|p| texts(&p, 400_000)).unwrap_or_default() {
            same(tokenizer, &text);
            checked += text.len();
        }
    }
    for name in ["corpora/tinyshakespeare.txt", "corpora/wikitext-2.test.txt", "corpora/the-verdict.txt"] {
        if let Some(path) = shared(name) {
            let text = std::fs::read_to_string(path).unwrap();
            let end = text.floor_char_boundary(300_000);
            same(tokenizer, &text[..end]);
            checked += end;
        }
    }
    assert!(checked > 500_000, "{checked} bytes");
}

#[test]
fn engines_agree_on_smollm2() {
    let Some(path) = shared("tokenizers/smollm2/tokenizer.json") else { return };
    let tokenizer = Tokenizer::load(&path).unwrap();
    is_fast(&tokenizer);
    engines_agree_on_real_text(&tokenizer);
    // Bytes that its vocabulary lacks are left out by the general engine, and what stands around them may be joined.
    for text in ["the\u{4}re", "a\u{6}\u{13}b", "\u{1d}", "x\u{40000}y", "th\u{14}e \u{16}q"] {
        same(&tokenizer, text);
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1000));
    runner
        .run(&arbitrary_text(), |text| {
            prop_assert_eq!(
                tokenizer.encode_document(&text).unwrap(),
                tokenizer.encode_document_generally(&text).unwrap()
            );
            Ok(())
        })
        .unwrap();
}

/// GPT-2's tokenizer from its two original files, against ids that other programs published.
#[test]
fn engines_agree_on_gpt2() {
    let Some(directory) = shared("tokenizers/gpt2") else { return };
    let vocab: Value =
        serde_json::from_slice(&std::fs::read(directory.join("encoder.json")).unwrap()).unwrap();
    let merges = std::fs::read_to_string(directory.join("vocab.bpe")).unwrap();
    let merges: Vec<&str> = merges.lines().filter(|l| !l.starts_with("#version") && !l.is_empty()).collect();
    let level =
        json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    let file = json!({
        "version": "1.0",
        "added_tokens": [{
            "id": 50256, "content": "<|endoftext|>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        }],
        "normalizer": null, "pre_tokenizer": level, "post_processor": null, "decoder": level,
        "model": { "type": "BPE", "vocab": vocab, "merges": merges },
    });
    let tokenizer = Tokenizer::from_json(file.to_string().into_bytes(), Path::new("gpt2.json")).unwrap();
    is_fast(&tokenizer);
    engines_agree_on_real_text(&tokenizer);
    let mut checked = 0;
    for name in ["vectors_generated.jsonl", "vectors_llamacpp.jsonl"] {
        for line in std::fs::read_to_string(directory.join(name)).unwrap().lines() {
            let v: Value = serde_json::from_str(line).unwrap();
            let ids: Vec<u32> = serde_json::from_value(v["ids"].clone()).unwrap();
            let text = v["text"].as_str().unwrap();
            if !text.contains("<|endoftext|>") {
                assert_eq!(tokenizer.encode_document(text).unwrap(), ids, "{text:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked} vectors");
}

#[test]
fn what_was_not_compared_stays_with_the_general_engine() {
    let mut config: Value = serde_json::from_slice(both()[0].json()).unwrap();
    let general = |config: &Value| {
        let tokenizer = Tokenizer::from_json(config.to_string().into_bytes(), Path::new("t.json")).unwrap();
        let engine = tokenizer.engine();
        assert_eq!(engine.name, "tokenizers 0.23.2");
        same(&tokenizer, "some text, été");
        engine.why_general.unwrap()
    };
    config["normalizer"] = json!({ "type": "NFC" });
    assert!(general(&config).contains("normalizer"));
    config["normalizer"] = Value::Null;
    config["model"]["byte_fallback"] = json!(true);
    assert!(general(&config).contains("byte fallback"));
    config["model"]["byte_fallback"] = json!(false);
    config["pre_tokenizer"] = json!({ "type": "Whitespace" });
    assert!(general(&config).contains("Whitespace"));
    // A pattern that the fast engine does not know: it loads, if at all, and fails the probe.
    let split = json!({ "type": "Split", "pattern": { "Regex": "[aeiou]+|." }, "behavior": "Isolated", "invert": false });
    let level =
        json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false });
    config["pre_tokenizer"] = json!({ "type": "Sequence", "pretokenizers": [split, level] });
    assert!(!general(&config).is_empty());
}

#[test]
fn the_manifest_names_the_engine() {
    let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_corpus(root.path());
    let plan = plan(vec![dataset("d", files(root.path(), "**/*.md"))], 280);
    prepare(&plan, dir.path()).unwrap();
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("data/d/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["engine"], "tokenizers 1.0.0-rc.3");
}
