//! Classifiers: trained before what they filter, once, on labelled documents of JSON lines or Parquet.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may panic

mod common;

use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray};
use common::{at, dataset, files, jsonl, plan, tokenizer, write_corpus};
use parquet::arrow::ArrowWriter;
use smolc_data::{Silent, Store, Tokenizer, classified, dataset_directory, prepare_dataset};
use smolc_expr::Binary;
use smolc_expr::row::RowExpr;
use smolc_plan::{Classifier, Filter, Plan, Score, Source, Step};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Texts of words that say nothing, and of `n % 4` that do: labels.
fn documents(n: usize) -> Vec<(String, i64)> {
    let telling = ["theorem", "lemma", "proof"];
    (0..n)
        .map(|i| {
            let label = i % 4;
            let mut words: Vec<String> =
                (0..12).map(|j| format!("w{}", (i * 7919 + j * 104_729) % 211)).collect();
            words.extend(telling[..label].iter().map(|w| (*w).to_string()));
            (words.join(" "), label as i64)
        })
        .collect()
}

fn write_jsonl(path: &Path, documents: &[(String, i64)]) {
    let lines: Vec<String> = documents
        .iter()
        .map(|(text, label)| serde_json::json!({ "text": text, "score": label }).to_string() + "\n")
        .collect();
    std::fs::write(path, lines.concat()).unwrap();
}

fn classifier() -> Classifier {
    Classifier {
        name: "edu".into(),
        train: 0,
        text: "text".into(),
        label: "score".into(),
        ngrams: 2,
        buckets: 1 << 14,
        epochs: 5,
        seed: 3,
    }
}

/// `where(edu(.text) >= 1.5)`
fn at_least_half() -> Step {
    let score = Score { classifier: "edu".into(), column: "text".into() };
    let column = Box::new(RowExpr::Column(score.to_string()));
    let expr = RowExpr::Binary(Binary::Ge, column, Box::new(RowExpr::Float(1.5)));
    Step::Where { filter: Filter { expr, scores: vec![score] } }
}

/// Dataset 0 has the labels, dataset 1 is filtered.
fn filtered(labels: Source, web: Source, steps: Vec<Step>) -> Plan {
    let mut web = dataset("web", web);
    web.steps = steps;
    let mut plan = plan(vec![dataset("labels", labels), web], 300);
    plan.classifiers = vec![classifier()];
    plan
}

/// A tokenizer of other texts, trained once for all tests.
fn words() -> &'static Tokenizer {
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    TOKENIZER.get_or_init(|| {
        let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_corpus(root.path());
        tokenizer(&plan(vec![dataset("words", files(root.path(), "**/*.md"))], 280), dir.path())
    })
}

fn prepare_web(plan: &Plan, dir: &Path) -> Result<Store, smolc_data::DataError> {
    prepare_dataset(plan, 1, words(), dir, &Silent)?;
    Store::open(&dataset_directory(dir, "web"))
}

#[test]
fn a_classifier_is_trained_once_and_filters() {
    let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_jsonl(&root.path().join("labels.jsonl"), &documents(1200));
    let web = documents(1600).split_off(1200);
    write_jsonl(&root.path().join("web.jsonl"), &web);
    let steps = vec![
        Step::Where {
            filter: Filter {
                expr: RowExpr::Binary(
                    Binary::Lt,
                    Box::new(RowExpr::Column("score".into())),
                    Box::new(RowExpr::Int(3)),
                ),
                scores: vec![],
            },
        },
        at_least_half(),
    ];
    let plan = filtered(jsonl(root.path(), "labels.jsonl"), jsonl(root.path(), "web.jsonl"), steps);
    let store = prepare_web(&plan, dir.path()).unwrap();
    let reports = &store.manifest_of().pipeline;
    assert_eq!(reports[1].step, "where(edu(.text) >= 1.5)");
    // A quarter has each label: 300 of 400 are below 3, and 100 of these are 2.
    assert_eq!((reports[0].documents, reports[1].documents_before), (300, 300));
    assert!((90..=110).contains(&reports[1].documents), "{reports:?}");

    let found = classified(dir.path(), "edu").unwrap();
    assert_eq!((found.documents + found.held_out, found.unlabeled), (1200, 0));
    let quality = found.quality.unwrap();
    assert!(quality.rmse < 0.5 && quality.rmse_of_mean > 1.0, "{quality:?}");
    let classes = quality.classes.unwrap();
    assert_eq!(classes.labels, [0, 1, 2, 3]);
    assert!(classes.accuracy > 0.9, "{classes:?}");

    // It is used again: the labels may be gone, and other documents filtered.
    let weights = std::fs::read(dir.path().join("classifiers/edu/weights.f32")).unwrap();
    std::fs::remove_dir_all(dataset_directory(dir.path(), "web")).unwrap();
    std::fs::write(root.path().join("labels.jsonl"), "").unwrap();
    let again = prepare_web(&plan, dir.path()).unwrap();
    assert_eq!(again.measured().uid, store.measured().uid);
    assert_eq!(std::fs::read(dir.path().join("classifiers/edu/weights.f32")).unwrap(), weights);

    // Another classifier under the same name is not taken for it, nor what it filtered.
    let mut other = plan.clone();
    other.classifiers[0].epochs = 4;
    assert!(prepare_web(&other, dir.path()).unwrap_err().is_mismatch());
    std::fs::remove_dir_all(dataset_directory(dir.path(), "web")).unwrap();
    let error = prepare_web(&other, dir.path()).unwrap_err();
    assert!(error.is_mismatch() && error.to_string().contains("epochs is 5"), "{error}");

    // Damage is found.
    let mut damaged = weights.clone();
    damaged[5] ^= 1;
    std::fs::write(dir.path().join("classifiers/edu/weights.f32"), &damaged).unwrap();
    let error = prepare_web(&plan, dir.path()).unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    let root = tempfile::tempdir().unwrap();
    write_jsonl(&root.path().join("labels.jsonl"), &documents(900));
    let plan = filtered(
        jsonl(root.path(), "labels.jsonl"),
        jsonl(root.path(), "labels.jsonl"),
        vec![at_least_half()],
    );
    let bits = |threads: usize| {
        let dir = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let store = pool.install(|| prepare_web(&plan, dir.path())).unwrap();
        let read = |name: &str| std::fs::read(dir.path().join("classifiers/edu").join(name)).unwrap();
        (read("weights.f32"), read("manifest.json"), store.measured().uid)
    };
    assert!(bits(1) == bits(4));
}

fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties =
        parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(130)).build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The same documents from Parquet: same weights, whatever the type of the label. Rows without a label are left out.
#[test]
fn labels_of_parquet() {
    let root = tempfile::tempdir().unwrap();
    let all = documents(700);
    write_jsonl(&root.path().join("web.jsonl"), &all);
    let texts: ArrayRef = Arc::new(StringArray::from_iter(
        all.iter().map(|(text, _)| Some(text.as_str())).chain([Some("no label")]),
    ));
    let whole: ArrayRef = Arc::new(Int64Array::from_iter(all.iter().map(|(_, n)| Some(*n)).chain([None])));
    let real: ArrayRef =
        Arc::new(Float32Array::from_iter(all.iter().map(|(_, n)| Some(*n as f32)).chain([None])));
    let nan: ArrayRef =
        Arc::new(Float32Array::from_iter(all.iter().map(|(_, n)| *n as f32).chain([f32::NAN])));
    let path = root.path().join("labels.parquet");
    let columns =
        vec![("text", texts.clone()), ("score", whole), ("real", real), ("nan", nan), ("word", texts)];
    write_parquet(&path, columns);
    let parquet =
        || Source::Parquet { patterns: vec![at(root.path(), "labels.parquet")], text: "text".into() };
    let weights = |plan: &Plan| {
        let dir = tempfile::tempdir().unwrap();
        prepare_web(plan, dir.path())?;
        let found = classified(dir.path(), "edu")?;
        Ok::<_, smolc_data::DataError>((
            std::fs::read(dir.path().join("classifiers/edu/weights.f32")).unwrap(),
            found.unlabeled,
        ))
    };
    let web = || jsonl(root.path(), "web.jsonl");
    let lines = weights(&filtered(web(), web(), vec![at_least_half()])).unwrap();
    assert_eq!(lines.1, 0);
    for label in ["score", "real"] {
        let mut plan = filtered(parquet(), web(), vec![at_least_half()]);
        plan.classifiers[0].label = label.into();
        let rows = weights(&plan).unwrap();
        assert!(rows.0 == lines.0, "{label}");
        assert_eq!(rows.1, 1);
    }
    let refused = |label: &str| {
        let mut plan = filtered(parquet(), web(), vec![at_least_half()]);
        plan.classifiers[0].label = label.into();
        weights(&plan).unwrap_err().to_string()
    };
    assert!(refused("word").contains("holds Utf8, not numbers"), "{}", refused("word"));
    assert!(refused("scores").contains("did you mean `score`?"), "{}", refused("scores"));
    assert!(refused("nan").contains("`nan` is NaN in row 700"), "{}", refused("nan"));
}

#[test]
fn labels_that_cannot_be_learned_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("labels.jsonl");
    write_jsonl(&root.path().join("web.jsonl"), &documents(40));
    let refused = |lines: &str| {
        std::fs::write(&path, lines).unwrap();
        let plan = filtered(
            jsonl(root.path(), "labels.jsonl"),
            jsonl(root.path(), "web.jsonl"),
            vec![at_least_half()],
        );
        let dir = tempfile::tempdir().unwrap();
        prepare_web(&plan, dir.path()).unwrap_err().to_string()
    };
    let text = "some words to train a tokenizer on, and some more of them";
    let line = |score: &str| format!("{{\"text\": \"{text}\", \"score\": {score}}}\n");
    let message = refused(&(line("1") + &line("\"two\"")));
    assert!(message.contains("labels.jsonl:2: the field `score` is a string, not a number"), "{message}");
    let message = refused(&(line("null") + &format!("{{\"text\": \"{text}\"}}\n")));
    assert!(message.contains("classifier `edu`, trained on dataset `labels`"), "{message}");
    assert!(message.contains("no document has a label"), "{message}");
    let other = |i: usize| format!("{{\"text\": \"{text} {i}\", \"score\": 2}}\n");
    let message = refused(&(0..50).map(other).collect::<String>());
    assert!(message.contains("has the label 2, so there is nothing to tell apart"), "{message}");
}

/// What a classifier is trained on may be filtered by another one.
#[test]
fn classifiers_may_stand_behind_each_other() {
    let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_jsonl(&root.path().join("labels.jsonl"), &documents(1000));
    let mut plan = filtered(
        jsonl(root.path(), "labels.jsonl"),
        jsonl(root.path(), "labels.jsonl"),
        vec![at_least_half()],
    );
    let mut last = dataset("last", jsonl(root.path(), "labels.jsonl"));
    let second = Score { classifier: "second".into(), column: "text".into() };
    let expr = RowExpr::Binary(
        Binary::Ge,
        Box::new(RowExpr::Column(second.to_string())),
        Box::new(RowExpr::Float(2.5)),
    );
    last.steps = vec![Step::Where { filter: Filter { expr, scores: vec![second] } }];
    plan.datasets.push(last);
    plan.classifiers.push(Classifier { name: "second".into(), train: 1, ..classifier() });
    prepare_dataset(&plan, 2, words(), dir.path(), &Silent).unwrap();
    // Labels 2 and 3 of 0 to 3 are left to learn from.
    let found = classified(dir.path(), "second").unwrap();
    assert!((470..=530).contains(&(found.documents + found.held_out)), "{found:?}");
    assert!(dir.path().join("classifiers/edu/manifest.json").exists());
    // One that stands before what filters its documents would wait for itself.
    plan.classifiers.swap(0, 1);
    let elsewhere = tempfile::tempdir().unwrap();
    let error = prepare_dataset(&plan, 2, words(), elsewhere.path(), &Silent).unwrap_err();
    assert!(error.to_string().contains("classifier `edu`, which the plan lacks,"), "{error}");
}
