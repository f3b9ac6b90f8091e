//! Pipelines: filters, deduplication, decontamination and samples on every kind of source, against brute force.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]

mod common;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use common::*;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use smolc_data::pipeline::{
    Benchmarks, Bounds, Column, ColumnUse, Kind, MinHash, RowError, RowExpression, Step,
};
use smolc_data::{
    DataError, Pipeline, Silent, Split, Store, Tokenizer, dataset_directory, prepare_dataset_with,
    prepare_tokenizer,
};
use smolc_plan::{Dataset, Measured, Source};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// `.score >= least and .language == language`, with the bounds worked out by hand.
struct Good {
    columns: Vec<ColumnUse>,
    least: f64,
    language: &'static str,
    asked: AtomicUsize,
}

fn column(name: &str, kind: Kind) -> ColumnUse {
    ColumnUse { name: name.into(), kind }
}

fn good(least: f64, language: &'static str) -> Arc<Good> {
    let columns = vec![column("score", Kind::Number), column("language", Kind::Text)];
    Arc::new(Good { columns, least, language, asked: AtomicUsize::new(0) })
}

impl RowExpression for Good {
    fn columns(&self) -> &[ColumnUse] {
        &self.columns
    }

    fn eval(&self, columns: &[&Column<'_>], out: &mut [f64]) -> Result<(), RowError> {
        let [Column::Numbers(scores), Column::Texts(languages)] = columns else { panic!("{columns:?}") };
        assert!(scores.len() == out.len() && languages.len() == out.len());
        self.asked.fetch_add(out.len(), Ordering::Relaxed);
        for ((out, score), language) in out.iter_mut().zip(scores).zip(languages) {
            *out = f64::from(u8::from(*score >= self.least && *language == Some(self.language)));
        }
        Ok(())
    }

    fn may_be_true(&self, bounds: &[&Bounds]) -> bool {
        let score = match bounds[0] {
            Bounds::Numbers { max, .. } => *max >= self.least,
            Bounds::Missing => false,
            _ => true,
        };
        let language = match bounds[1] {
            Bounds::Texts { min, max, .. } => {
                min.as_slice() <= self.language.as_bytes() && self.language.as_bytes() <= max.as_slice()
            }
            Bounds::Missing => false,
            _ => true,
        };
        score && language
    }
}

/// The number in a column.
struct Number(Vec<ColumnUse>);

impl RowExpression for Number {
    fn columns(&self) -> &[ColumnUse] {
        &self.0
    }

    fn eval(&self, columns: &[&Column<'_>], out: &mut [f64]) -> Result<(), RowError> {
        match columns {
            [Column::Numbers(numbers)] => out.copy_from_slice(numbers),
            // Length of a text, for sources without numbers.
            [Column::Texts(texts)] => {
                out.iter_mut().zip(texts).for_each(|(o, t)| *o = f64::from(u8::from(t.unwrap().len() > 40)));
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }
}

struct Row {
    text: String,
    score: Option<f64>,
    language: Option<&'static str>,
}

/// Rows whose score rises slowly, so that row groups have ranges of their own.
fn rows(n: usize) -> Vec<Row> {
    (0..n)
        .map(|i| Row {
            text: format!("row number {i} {}", "and more ".repeat(i * 7 % 13)),
            score: (i % 11 != 3).then_some(i as f64 / n as f64 * 5.0 + (i % 5) as f64 * 0.1),
            language: [Some("en"), Some("de"), None, Some("en")][i * 7 % 4],
        })
        .collect()
}

fn write_parquet(path: &Path, rows: &[Row], rows_a_group: usize) {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..rows.len() as i64))),
        ("language", Arc::new(StringArray::from_iter(rows.iter().map(|r| r.language)))),
        ("text", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.text)))),
        ("score", Arc::new(Float64Array::from_iter(rows.iter().map(|r| r.score)))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_a_group)).build();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn write_jsonl(path: &Path, rows: &[Row]) {
    let line = |r: &Row| format!("{}\n", json!({ "text": r.text, "score": r.score, "language": r.language }));
    std::fs::write(path, rows.iter().map(line).collect::<String>()).unwrap();
}

fn parquet_source(root: &Path) -> Source {
    Source::Parquet { patterns: vec![at(root, "a.parquet")], text: "text".into() }
}

fn tokenizer_of_words() -> &'static Tokenizer {
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    TOKENIZER.get_or_init(|| {
        let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_corpus(root.path());
        tokenizer(&plan(vec![dataset("words", files(root.path(), "**/*.md"))], 280), dir.path())
    })
}

struct Done {
    measured: Measured,
    texts: Vec<String>,
    report: Value,
    removed: String,
}

fn through(d: Dataset, steps: Vec<Step>) -> Result<Done, DataError> {
    let dir = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer_of_words();
    let plan = plan(vec![d], 280);
    let pipeline = Pipeline { identity: json!(format!("{steps:?}")), steps };
    let measured = prepare_dataset_with(&plan, 0, &pipeline, tokenizer, dir.path(), &Silent)?;
    let directory = dataset_directory(dir.path(), &plan.datasets[0].name);
    let store = Store::open(&directory).unwrap();
    let view = store.split(Split::Train);
    let mut ids = vec![0; view.len() as usize];
    assert!(view.copy(0, &mut ids));
    let mut begin = 0;
    let mut texts = Vec::new();
    for &end in view.ends() {
        texts.push(tokenizer.decode(&ids[begin..end as usize - 1]).unwrap());
        begin = end as usize;
    }
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let report = serde_json::from_str(&read("pipeline.json")).unwrap();
    Ok(Done { measured, texts, report, removed: read("removed.jsonl") })
}

#[test]
fn filters_keep_what_a_loop_keeps() {
    let r = tempfile::tempdir().unwrap();
    let rows = rows(700);
    let expected: Vec<&str> = rows
        .iter()
        .filter(|r| r.score.is_some_and(|s| s >= 4.0) && r.language == Some("en"))
        .map(|r| r.text.as_str())
        .collect();
    assert!(expected.len() > 30);
    write_jsonl(&r.path().join("a.jsonl"), &rows);
    let done = through(dataset("d", jsonl(r.path(), "a.jsonl")), vec![Step::Where(good(4.0, "en"))]).unwrap();
    assert_eq!(done.texts, expected);
    for rows_a_group in [1000, 150, 50] {
        write_parquet(&r.path().join("a.parquet"), &rows, rows_a_group);
        let filter = good(4.0, "en");
        let done =
            through(dataset("d", parquet_source(r.path())), vec![Step::Where(filter.clone())]).unwrap();
        assert_eq!(done.texts, expected);
        // Scores rise: with small row groups most of them need not be read.
        let asked = filter.asked.load(Ordering::Relaxed);
        match rows_a_group {
            1000 => assert_eq!(asked, 700),
            _ => assert!(asked <= 250, "{asked} rows were read with {rows_a_group} a group"),
        }
        assert_eq!(done.report[0]["step"], "where");
        assert_eq!(done.report[0]["documents"], expected.len());
    }
}

#[test]
fn the_text_of_dropped_rows_may_be_null_and_that_of_kept_ones_not() {
    let r = tempfile::tempdir().unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("text", Arc::new(StringArray::from(vec![Some("one"), None, Some("three")]))),
        ("score", Arc::new(Float64Array::from(vec![5.0, 1.0, 5.0]))),
        ("language", Arc::new(StringArray::from(vec!["en"; 3]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(r.path().join("a.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let run = |least| through(dataset("d", parquet_source(r.path())), vec![Step::Where(good(least, "en"))]);
    assert_eq!(run(4.0).unwrap().texts, ["one", "three"]);
    assert!(run(0.0).map(|d| d.texts).unwrap_err().to_string().contains("null in row 1"));
}

#[test]
fn filters_after_other_steps_wait_for_their_turn() {
    let r = tempfile::tempdir().unwrap();
    // Copies of one text: the first has a low score, so the order of the steps decides whether any is left.
    let row = |score| Row { text: "the same text".into(), score: Some(score), language: Some("en") };
    let mut rows = rows(60);
    rows.extend([row(1.0), row(5.0), row(5.0)]);
    write_jsonl(&r.path().join("a.jsonl"), &rows);
    let d = || dataset("d", jsonl(r.path(), "a.jsonl"));
    let has = |done: &Done| done.texts.iter().filter(|t| *t == "the same text").count();
    let filter = || Step::Where(good(4.0, "en"));
    assert_eq!(has(&through(d(), vec![filter(), Step::DedupExact]).unwrap()), 1);
    let done = through(d(), vec![Step::DedupExact, filter()]).unwrap();
    assert_eq!(has(&done), 0);
    assert_eq!(done.report[0]["documents_before"], 63);
    assert_eq!(done.report[0]["documents"], 61);
    assert_eq!(done.report[1]["documents_before"], 61);
}

#[test]
fn thinning_keeps_the_share_asked_for() {
    let r = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..3000)
        .map(|i| Row {
            text: format!("text {i}"),
            score: [Some(0.3), Some(1.0), Some(0.0), None][i % 4],
            language: None,
        })
        .collect();
    write_jsonl(&r.path().join("a.jsonl"), &rows);
    write_parquet(&r.path().join("a.parquet"), &rows, 400);
    let thin = |seed| Step::Thin { probability: Arc::new(Number(vec![column("score", Kind::Number)])), seed };
    let done = |seed| through(dataset("d", parquet_source(r.path())), vec![thin(seed)]).unwrap().texts;
    let texts = done(1);
    let of = |class: usize| {
        let class = texts.iter().filter(|t| t["text ".len()..].parse::<usize>().unwrap() % 4 == class);
        class.count()
    };
    // 750 draws at 0.3: a deviation of 12.5.
    assert!((165..=285).contains(&of(0)), "{}", of(0));
    assert_eq!((of(1), of(2), of(3)), (750, 0, 0));
    assert_eq!(done(1), texts);
    assert_ne!(done(2), texts);
}

#[test]
fn sources_without_columns_have_their_text() {
    let r = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..50).map(|i| format!("line {i} {}", "x".repeat(i))).collect();
    std::fs::write(r.path().join("a.txt"), lines.join("\n")).unwrap();
    for (i, line) in lines.iter().enumerate() {
        std::fs::write(r.path().join(format!("{i:02}.md")), line).unwrap();
    }
    let long = || vec![Step::Where(Arc::new(Number(vec![column("text", Kind::Text)])))];
    let expected: Vec<&String> = lines.iter().filter(|l| l.len() > 40).collect();
    assert!(expected.len() > 5);
    for source in [text(r.path(), "a.txt"), files(r.path(), "*.md")] {
        let done = through(dataset("d", source), long()).unwrap();
        assert_eq!(done.texts.iter().collect::<Vec<_>>(), expected);
    }
    for source in [text(r.path(), "a.txt"), files(r.path(), "*.md")] {
        let error = through(dataset("d", source), vec![Step::Where(good(1.0, "en"))]);
        assert!(
            error.map(|d| d.texts).unwrap_err().to_string().contains("`text` only, not `score` as a number")
        );
    }
}

#[test]
fn columns_of_another_type_are_named() {
    let r = tempfile::tempdir().unwrap();
    write_parquet(&r.path().join("a.parquet"), &rows(10), 10);
    let wrong = |name, kind| {
        let steps = vec![Step::Where(Arc::new(Number(vec![column(name, kind)])))];
        through(dataset("d", parquet_source(r.path())), steps).map(|d| d.texts).unwrap_err().to_string()
    };
    assert!(wrong("scores", Kind::Number).contains("did you mean `score`?"));
    assert!(wrong("language", Kind::Number).contains("holds Utf8, not numbers"));
    assert!(wrong("id", Kind::Text).contains("holds Int64, not text"));
    std::fs::write(r.path().join("a.jsonl"), "{\"text\": \"a\", \"score\": \"high\"}\n").unwrap();
    let steps = vec![Step::Where(Arc::new(Number(vec![column("score", Kind::Number)])))];
    let error = through(dataset("d", jsonl(r.path(), "a.jsonl")), steps).map(|d| d.texts).unwrap_err();
    assert!(error.to_string().contains("a.jsonl:1: the field `score` is a string, not a number"), "{error}");
}

#[test]
fn a_pipeline_that_leaves_nothing_says_where_it_went() {
    let r = tempfile::tempdir().unwrap();
    write_jsonl(&r.path().join("a.jsonl"), &rows(40));
    let steps = vec![Step::DedupExact, Step::Where(good(100.0, "en"))];
    let error = through(dataset("d", jsonl(r.path(), "a.jsonl")), steps).map(|d| d.texts).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("of 40 documents") && said.contains("dedup(exact): 40, where: 0"), "{said}");
}

fn near_copies() -> Vec<String> {
    let mut texts = Vec::new();
    for i in 0..60usize {
        let words: Vec<String> =
            (0..40).map(|j| format!("w{}", (i / 3 * 1009 + j * j * 31) % 5000)).collect();
        let mut text = words.join(" ");
        // Every third is changed a little, and one in five is laid out anew.
        if i % 3 == 1 {
            text = text.replace(&words[20], "changed");
        }
        if i % 5 == 2 {
            text = text.to_uppercase().replace(' ', ",  ");
        }
        texts.push(text);
    }
    texts
}

/// MinHash in files of every kind and with any number of threads: what comparing all pairs of band keys gives.
#[test]
fn minhash_keeps_the_first_of_each_cluster() {
    let r = tempfile::tempdir().unwrap();
    let texts = near_copies();
    std::fs::write(r.path().join("a.txt"), texts.join("\n")).unwrap();
    for (bands, hashes) in [(1, 10), (14, 8), (20, 2), (1, 1)] {
        let family = MinHash::new(bands, hashes, 5, 7).unwrap();
        let keys: Vec<Vec<u128>> = texts.iter().map(|t| family.bands(t)).collect();
        // Clusters by walking over all pairs until nothing changes.
        let mut first: Vec<usize> = (0..texts.len()).collect();
        loop {
            let before = first.clone();
            for i in 0..texts.len() {
                for j in 0..texts.len() {
                    if keys[i].iter().zip(&keys[j]).any(|(a, b)| a == b) {
                        first[i] = first[i].min(first[j]);
                    }
                }
            }
            if before == first {
                break;
            }
        }
        let expected: Vec<&String> = (0..texts.len()).filter(|&i| first[i] == i).map(|i| &texts[i]).collect();
        assert!(expected.len() < 60 && expected.len() > 1);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let steps = vec![Step::DedupMinHash(family.clone())];
            let done = pool.install(|| through(dataset("d", text(r.path(), "a.txt")), steps)).unwrap();
            assert_eq!(done.texts.iter().collect::<Vec<_>>(), expected, "{bands} bands of {hashes}");
        }
    }
}

#[test]
fn decontamination_reports_what_it_removed() {
    let r = tempfile::tempdir().unwrap();
    let question = "Natalia sold clips to 48 of her friends in April and then she sold half as many in May";
    let lines: Vec<String> = (0..30)
        .map(|i| match i {
            7 => format!("A leak: {}!", question.to_uppercase()),
            19 => format!("Quoted, \u{201c}{question}\u{201d}."),
            20 => question.split(' ').take(12).collect::<Vec<_>>().join(" "),
            _ => format!("line {i}"),
        })
        .collect();
    std::fs::write(r.path().join("a.txt"), lines.join("\n")).unwrap();
    let benchmarks = Benchmarks::new(13, None, [("gsm8k", vec!["short".into(), question.into()])]);
    let steps = vec![Step::Decontaminate(Arc::new(benchmarks))];
    let done = through(dataset("d", text(r.path(), "a.txt")), steps).unwrap();
    assert_eq!(done.texts.len(), 28);
    assert!(!done.texts.iter().any(|t| *t == lines[7] || *t == lines[19]) && done.texts.contains(&lines[20]));
    let removed: Vec<Value> = done.removed.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let places: Vec<(u64, u64)> =
        removed.iter().map(|r| (r["line"].as_u64().unwrap(), r["item"].as_u64().unwrap())).collect();
    assert_eq!(places, [(8, 1), (20, 1)]);
    assert_eq!(removed[0]["benchmark"], "gsm8k");
    assert!(removed[0]["ngram"].as_str().unwrap().starts_with("natalia sold clips to 48"));
    let coverage = &done.report[0]["coverage"][0];
    assert_eq!((&coverage["items"], &coverage["too_short"]), (&json!(2), &json!(1)));
}

#[test]
fn samples_of_documents_are_seeded_and_come_before_the_sample_of_bytes() {
    let r = tempfile::tempdir().unwrap();
    let rows = rows(300);
    write_parquet(&r.path().join("a.parquet"), &rows, 40);
    let sample = |documents, seed| {
        through(dataset("d", parquet_source(r.path())), vec![Step::Sample { documents, seed }]).unwrap().texts
    };
    assert_eq!(sample(50, 1).len(), 50);
    assert_eq!(sample(50, 1), sample(50, 1));
    assert_ne!(sample(50, 1), sample(50, 2));
    assert!(sample(50, 1).iter().all(|t| sample(100, 1).contains(t)), "samples of one seed are nested");
    assert_eq!(sample(1000, 1).len(), 300);
    // Files with a sample of bytes are read to the end when a pipeline comes first.
    for (i, row) in rows.iter().enumerate() {
        std::fs::write(r.path().join(format!("{i:03}.md")), &row.text).unwrap();
    }
    let mut d = dataset("d", files(r.path(), "*.md"));
    d.take = take(2_000, 3);
    let done = through(d, vec![Step::Sample { documents: 10, seed: 1 }]).unwrap();
    assert!(done.measured.documents <= 10 && done.measured.bytes <= 2_000, "{:?}", done.measured);
}

#[test]
fn another_pipeline_is_another_dataset() {
    let (r, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_jsonl(&r.path().join("a.jsonl"), &rows(60));
    let plan = plan(vec![dataset("d", jsonl(r.path(), "a.jsonl"))], 280);
    let prepare = |steps: Vec<Step>| {
        let pipeline = Pipeline { identity: json!(format!("{steps:?}")), steps };
        prepare_dataset_with(&plan, 0, &pipeline, tokenizer_of_words(), dir.path(), &Silent)
    };
    let first = prepare(vec![Step::DedupExact]).unwrap();
    assert_eq!(prepare(vec![Step::DedupExact]).unwrap(), first);
    let error = prepare(vec![Step::DedupExact, Step::Where(good(4.0, "en"))]).unwrap_err();
    assert!(error.is_mismatch() && error.to_string().contains("d.pipeline"), "{error}");
    let nameless = Pipeline { identity: Value::Null, steps: vec![Step::DedupExact] };
    let error =
        prepare_dataset_with(&plan, 0, &nameless, tokenizer_of_words(), dir.path(), &Silent).unwrap_err();
    assert!(matches!(error, DataError::NoIdentity { .. }), "{error}");
}

/// A tokenizer is trained on what its datasets' pipelines leave.
#[test]
fn tokenizers_are_trained_behind_the_pipeline() {
    let r = tempfile::tempdir().unwrap();
    let rows = rows(200);
    write_jsonl(&r.path().join("a.jsonl"), &rows);
    let kept: Vec<Row> =
        rows.into_iter().filter(|r| r.score.is_some_and(|s| s >= 4.0) && r.language == Some("en")).collect();
    std::fs::create_dir(r.path().join("kept")).unwrap();
    write_jsonl(&r.path().join("kept/a.jsonl"), &kept);
    let hash = |pattern: &str, steps: Vec<Step>| {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(vec![dataset("d", jsonl(r.path(), pattern))], 265);
        let pipeline = Pipeline { identity: json!(format!("{steps:?}")), steps };
        let pipelines = std::iter::once((0, pipeline)).collect();
        let found =
            smolc_data::prepare_tokenizer_with(&plan, 0, &pipelines, dir.path(), &Silent).unwrap().hash();
        // The pipeline is part of what the tokenizer is kept for.
        assert!(prepare_tokenizer(&plan, 0, dir.path(), &Silent).unwrap_err().is_mismatch());
        found
    };
    assert_eq!(
        hash("a.jsonl", vec![Step::Where(good(4.0, "en"))]),
        hash("kept/a.jsonl", vec![Step::DedupExact])
    );
}
