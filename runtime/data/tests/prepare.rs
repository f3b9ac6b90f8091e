//! Preparing datasets: the same bytes everywhere, whole or not at all, used again only for the same plan.
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
use smolc_data::{DataError, Silent, Split, Store, dataset_directory, prepare_dataset, prepare_tokenizer};
use smolc_expr::row::RowExpr;
use smolc_plan::{Amount, Dedup, Filter, Plan, Step, TokenizerSource};
use std::path::Path;

fn sample_plan(root: &Path) -> Plan {
    let mut a = dataset("prose", files(root, "**/*.md"));
    a.validation_per_million = 200_000;
    a.take = take(8_000, 7);
    plan(vec![a, dataset("lines", text(root, "even/*.md"))], 300)
}

fn corpus() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write_corpus(root.path());
    root
}

#[test]
fn bytes_do_not_depend_on_threads_or_on_where_the_tree_stands() {
    let mut trees = Vec::new();
    for threads in [1, 2, 7] {
        let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let measured = pool.install(|| prepare(&sample_plan(root.path()), dir.path())).unwrap();
        // The manifests hold the patterns, which differ with the directory.
        let mut tree = tree(dir.path());
        tree.retain(|(name, _)| !name.ends_with("manifest.json"));
        trees.push((measured, tree));
    }
    assert!(trees.windows(2).all(|w| w[0] == w[1]));
}

#[test]
fn documents_come_back_in_order_each_with_its_separator() {
    let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
    let plan = plan(vec![dataset("all", files(root.path(), "**/*.md"))], 300);
    let measured = prepare(&plan, dir.path()).unwrap().remove(0);
    let tokenizer = tokenizer(&plan, dir.path());
    let store = Store::open(&dataset_directory(dir.path(), "all")).unwrap();
    let view = store.split(Split::Train);
    let mut tokens = vec![0; view.len() as usize];
    assert!(view.copy(0, &mut tokens));
    let mut expected = tree(root.path());
    expected.sort();
    assert_eq!((measured.documents, measured.tokens), (40, tokens.len() as u64));
    assert_eq!(measured.bytes, expected.iter().map(|(_, b)| b.len() as u64).sum::<u64>());
    let mut begin = 0;
    for ((_, bytes), &end) in expected.iter().zip(view.ends()) {
        let (text, eos) = tokens[begin..end as usize].split_at(end as usize - begin - 1);
        assert_eq!(tokenizer.decode(text).unwrap().as_bytes(), bytes);
        assert_eq!(eos, [0]);
        begin = end as usize;
    }
    assert_eq!(begin, tokens.len());
    assert!(!view.copy(1, &mut tokens) && !view.copy(u64::MAX, &mut tokens));
}

#[test]
fn a_sample_is_seeded_whole_and_within_its_size() {
    let root = corpus();
    let sizes = |bytes, seed| {
        let dir = tempfile::tempdir().unwrap();
        let mut d = dataset("d", files(root.path(), "**/*.md"));
        d.take = take(bytes, seed);
        let m = prepare(&plan(vec![d], 280), dir.path()).unwrap().remove(0);
        (m.bytes, m.uid)
    };
    let (a, b) = (sizes(4_000, 1), sizes(4_000, 2));
    assert!(a.0 <= 4_000 && a.0 > 3_000, "{a:?}");
    assert_eq!(a, sizes(4_000, 1));
    assert_ne!(a.1, b.1);
}

#[test]
fn copies_of_a_document_are_on_one_side() {
    let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lines: String = (0..400).map(|i| format!("document number {}\n", i % 100)).collect();
    std::fs::write(root.path().join("a.txt"), lines).unwrap();
    let mut d = dataset("d", text(root.path(), "a.txt"));
    d.validation_per_million = 300_000;
    let plan = plan(vec![d], 262);
    let m = prepare(&plan, dir.path()).unwrap().remove(0);
    assert!(m.validation_documents > 40 && m.documents > 200);
    assert!(m.documents.is_multiple_of(4) && m.validation_documents.is_multiple_of(4), "{m:?}");
    assert_eq!(m.documents + m.validation_documents, 400);
}

#[test]
fn a_finished_dataset_is_used_again_even_if_its_sources_are_gone() {
    let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
    let plan = sample_plan(root.path());
    let first = prepare(&plan, dir.path()).unwrap();
    let before = tree(dir.path());
    root.close().unwrap();
    assert_eq!(prepare(&plan, dir.path()).unwrap(), first);
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn what_an_interrupted_attempt_left_is_removed() {
    let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
    let plan = sample_plan(root.path());
    let partial = dir.path().join("data/prose.partial");
    std::fs::create_dir_all(&partial).unwrap();
    std::fs::write(partial.join("train.tokens"), [1, 2, 3]).unwrap();
    std::fs::create_dir_all(dir.path().join("tokenizers/words.partial")).unwrap();
    prepare(&plan, dir.path()).unwrap();
    assert!(tree(dir.path()).iter().all(|(name, _)| !name.contains("partial")));
}

#[test]
fn another_plan_is_refused_by_name() {
    let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
    let plan = sample_plan(root.path());
    prepare(&plan, dir.path()).unwrap();
    type Change = fn(&mut Plan);
    let changes: [(&str, Change); 4] = [
        ("train[0].take.bytes is 8000, this plan's 9000", |p| p.datasets[0].take = take(9_000, 7)),
        ("validation_per_million is 200000", |p| p.datasets[0].validation_per_million = 1),
        ("tokenizer.vocab is 300, this plan's 290", |p| p.tokenizers[0].vocab = 290),
        ("source.seed is 1, this plan's 2", |p| {
            p.tokenizers[0].source =
                TokenizerSource::Bpe { train: vec![0], bytes: 1 << 20, seed: 2, split_digits: true };
        }),
    ];
    for (expected, change) in changes {
        let mut other = plan.clone();
        change(&mut other);
        let error = prepare(&other, dir.path()).unwrap_err();
        assert!(error.is_mismatch(), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    // A dataset that the tokenizer is not trained on: only that dataset differs.
    let mut other = plan.clone();
    other.datasets[1].take = take(100, 1);
    let error = prepare(&other, dir.path()).unwrap_err();
    assert!(error.is_mismatch() && error.to_string().contains("lines.take is null"), "{error}");
    // What does not change a result may change.
    let mut same = plan.clone();
    same.datasets[0].stated_tokens = Some(5);
    same.datasets[0].measured = Some(prepare(&plan, dir.path()).unwrap().remove(0));
    assert!(prepare(&same, dir.path()).is_ok());
}

/// Every byte of every file of a prepared dataset matters, and a damaged one is named.
#[test]
fn damage_is_found_and_named() {
    let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
    let plan = sample_plan(root.path());
    prepare(&plan, dir.path()).unwrap();
    let store = dataset_directory(dir.path(), "prose");
    for name in ["train.tokens", "train.ends", "validation.tokens", "validation.ends"] {
        let path = store.join(name);
        let good = std::fs::read(&path).unwrap();
        assert!(!good.is_empty(), "{name}");
        let check = |bytes: &[u8], expected: &str| {
            std::fs::write(&path, bytes).unwrap();
            let error = Store::open(&store).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, DataError::Corrupt { .. }), "{text}");
            assert!(text.contains(name) && text.contains(expected), "{text}");
            assert!(prepare(&plan, dir.path()).is_err());
        };
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        check(&flipped, "block 0");
        check(&good[..good.len() - 1], &format!("it has {} bytes", good.len() - 1));
        check(&[], "it has 0 bytes");
        check(&[&good[..], &[0; 8]].concat(), "bytes, the manifest says");
        std::fs::remove_file(&path).unwrap();
        assert!(Store::open(&store).unwrap_err().to_string().contains(name));
        std::fs::write(&path, &good).unwrap();
    }
    let path = store.join("manifest.json");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [("\"uid\": ", "\"uid\": 1"), ("{", "[")] {
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let error = Store::open(&store).unwrap_err();
        assert!(
            matches!(error, DataError::Corrupt { .. }) && error.to_string().contains("manifest.json"),
            "{error}"
        );
    }
    std::fs::write(&path, &good).unwrap();
    assert!(Store::open(&store).is_ok());
    // The tokenizer's copy too.
    let path = dir.path().join("tokenizers/words/tokenizer.json");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(b" \n");
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(prepare(&plan, dir.path()), Err(DataError::Corrupt { .. })));
}

#[test]
fn a_failed_dataset_leaves_nothing() {
    let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
    let plan = sample_plan(root.path());
    let tokenizer = prepare_tokenizer(&plan, 0, dir.path(), &Silent).unwrap();
    // The directory of datasets is a file: nothing can be written below it.
    std::fs::write(dir.path().join("data"), b"").unwrap();
    let error = prepare_dataset(&plan, 0, &tokenizer, dir.path(), &Silent).unwrap_err();
    assert!(error.to_string().contains("prose.partial"), "{error}");
    assert_eq!(tree(dir.path()).iter().filter(|(n, _)| n.starts_with("data")).count(), 1);
}

#[test]
fn vocabularies_are_checked() {
    let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
    let mut too_many = sample_plan(root.path());
    too_many.tokenizers[0].vocab = 60_000;
    let error = prepare(&too_many, dir.path()).unwrap_err();
    assert!(matches!(error, DataError::Vocabulary { planned: 60_000, .. }), "{error}");
    let mut too_few = sample_plan(root.path());
    too_few.tokenizers[0].vocab = 100;
    let error = prepare(&too_few, dir.path()).unwrap_err();
    assert!(error.to_string().contains("alone need 257"), "{error}");
    assert_eq!(tree(dir.path()).len(), 0, "nothing is kept of a tokenizer that does not fit its plan");
}

#[test]
fn a_tokenizer_file_is_copied_and_watched() {
    let (root, dir) = (corpus(), tempfile::tempdir().unwrap());
    let trained = prepare_tokenizer(&sample_plan(root.path()), 0, dir.path(), &Silent).unwrap();
    let file = root.path().join("tokenizer.json");
    std::fs::write(&file, trained.json()).unwrap();
    let mut plan = sample_plan(root.path());
    plan.tokenizers[0].source = TokenizerSource::Hf { path: file.to_str().unwrap().into() };
    let other = tempfile::tempdir().unwrap();
    assert_eq!(prepare_tokenizer(&plan, 0, other.path(), &Silent).unwrap().hash(), trained.hash());
    // Gone: the copy serves. Changed: refused.
    std::fs::write(&file, [trained.json(), b" "].concat()).unwrap();
    let error = prepare_tokenizer(&plan, 0, other.path(), &Silent).unwrap_err();
    assert!(error.is_mismatch(), "{error}");
    std::fs::remove_file(&file).unwrap();
    assert!(prepare_tokenizer(&plan, 0, other.path(), &Silent).is_ok());
    // A fresh directory needs the file; a file that is no tokenizer is named.
    let fresh = tempfile::tempdir().unwrap();
    let error = prepare_tokenizer(&plan, 0, fresh.path(), &Silent).unwrap_err();
    assert!(error.to_string().contains("tokenizer.json"), "{error}");
    std::fs::write(&file, b"{\"version\": 3}").unwrap();
    let error = prepare_tokenizer(&plan, 0, fresh.path(), &Silent).unwrap_err();
    assert!(matches!(error, DataError::BadTokenizer { .. }), "{error}");
    std::fs::write(&file, trained.json()).unwrap();
    plan.tokenizers[0].eos = "</s>".into();
    let error = prepare_tokenizer(&plan, 0, fresh.path(), &Silent).unwrap_err();
    assert!(error.to_string().contains("`</s>`") && error.to_string().contains("`<|endoftext|>`"), "{error}");
}

/// [`sample_plan`], and JSON lines that go through every kind of step.
fn plan_with_a_pipeline(root: &Path) -> Plan {
    let mut plan = sample_plan(root);
    let line = |i: u64| format!("{{\"text\": \"{i} is a text of several words\", \"score\": {}}}\n", i % 7);
    std::fs::write(root.join("a.jsonl"), (0..900).map(|i| line(i % 600)).collect::<String>()).unwrap();
    std::fs::write(root.join("bench.jsonl"), "{\"question\": \"5 is a text of several words\"}\n").unwrap();
    let score = RowExpr::Binary(
        smolc_expr::Binary::Ge,
        Box::new(RowExpr::Column("score".into())),
        Box::new(RowExpr::Int(2)),
    );
    let mut d = dataset("through", jsonl(root, "a.jsonl"));
    d.validation_per_million = 100_000;
    d.steps = vec![
        Step::Where { filter: Filter { expr: score, scores: vec![] } },
        Step::Dedup { by: Dedup::MinHash { bands: 4, hashes: 8, ngram: 2, seed: 1 } },
        Step::Decontaminate { against: vec!["bench".into()], ngram: 13, overlap: None },
        Step::Sample { amount: Amount::Documents { n: 200 }, seed: 3 },
    ];
    plan.datasets.push(d);
    plan.evaluations = vec![benchmark("bench", at(root, "bench.jsonl"))];
    plan
}

/// What [`kill_nine`] starts and kills; does nothing by itself.
#[test]
fn child_that_prepares() {
    let (Some(root), Some(dir)) = (std::env::var_os("SMOLC_TEST_ROOT"), std::env::var_os("SMOLC_TEST_DIR"))
    else {
        return;
    };
    prepare(&plan_with_a_pipeline(Path::new(&root)), Path::new(&dir)).unwrap();
}

/// Killed at any moment, preparing again gives the bytes of an undisturbed preparation.
#[test]
fn kill_nine() {
    let (root, undisturbed) = (corpus(), tempfile::tempdir().unwrap());
    let plan = plan_with_a_pipeline(root.path());
    let start = std::time::Instant::now();
    let measured = prepare(&plan, undisturbed.path()).unwrap();
    let span = start.elapsed() * 2;
    let expected = tree(undisturbed.path());
    for attempt in 0..12u32 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_prepares"])
            .env("SMOLC_TEST_ROOT", root.path())
            .env("SMOLC_TEST_DIR", dir.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(span * attempt / 12);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(prepare(&plan, dir.path()).unwrap(), measured);
        assert_eq!(tree(dir.path()), expected);
    }
}
