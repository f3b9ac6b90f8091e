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

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use common::*;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use smolc_data::pipeline::MinHash;
use smolc_data::{
    DataError, Silent, Split, Store, Tokenizer, dataset_directory, prepare_dataset, prepare_tokenizer,
};
use smolc_expr::row::{RowExpr, TextMatch};
use smolc_expr::{Binary, Unary};
use smolc_plan::{
    Amount, Dataset, Dedup, Evaluation, Filter, Measured, Plan, Ratio, Source, Step, TokenizerSource,
};
use std::path::Path;
use std::sync::{Arc, OnceLock};

fn column(name: &str) -> Box<RowExpr> {
    Box::new(RowExpr::Column(name.into()))
}

fn binary(op: Binary, a: Box<RowExpr>, b: RowExpr) -> Box<RowExpr> {
    Box::new(RowExpr::Binary(op, a, Box::new(b)))
}

fn keep(expr: RowExpr) -> Step {
    Step::Where { filter: Filter { expr, scores: vec![] } }
}

fn at_least(least: f64) -> Box<RowExpr> {
    binary(Binary::Ge, column("score"), RowExpr::Float(least))
}

/// `.score >= least and .language == language`
fn good(least: f64, language: &str) -> Step {
    let language = binary(Binary::Eq, column("language"), RowExpr::Text(language.into()));
    keep(*binary(Binary::And, at_least(least), *language))
}

/// Texts of more than 40 characters.
fn long() -> Step {
    keep(*binary(Binary::Gt, Box::new(RowExpr::Length(column("text"))), RowExpr::Int(40)))
}

fn exact() -> Step {
    Step::Dedup { by: Dedup::Exact }
}

fn documents(n: u64, seed: u64) -> Step {
    Step::Sample { amount: Amount::Documents { n }, seed }
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
    against(d, steps, vec![])
}

fn against(d: Dataset, steps: Vec<Step>, evaluations: Vec<Evaluation>) -> Result<Done, DataError> {
    let dir = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer_of_words();
    let mut plan = Plan { evaluations, ..plan(vec![Dataset { steps, ..d }], 280) };
    plan.tokenizers[0].source = TokenizerSource::Hf { path: "given.json".into() };
    // Only what a plan may say is carried out.
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    let measured = prepare_dataset(&plan, 0, tokenizer, dir.path(), &Silent)?;
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
    let report = serde_json::to_value(&store.manifest_of().pipeline).unwrap();
    let removed = std::fs::read_to_string(directory.join("removed.jsonl")).unwrap_or_default();
    Ok(Done { measured, texts, report, removed })
}

/// Documents before and after each step.
fn counts(done: &Done) -> Vec<(u64, u64)> {
    let number = |v: &Value| v.as_u64().unwrap();
    done.report
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (number(&s["documents_before"]), number(&s["documents"])))
        .collect()
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
    let done = through(dataset("d", jsonl(r.path(), "a.jsonl")), vec![good(4.0, "en")]).unwrap();
    assert_eq!(done.texts, expected);
    let kept = expected.len() as u64;
    for rows_a_group in [1000, 150, 50] {
        write_parquet(&r.path().join("a.parquet"), &rows, rows_a_group);
        let done = through(dataset("d", parquet_source(r.path())), vec![good(4.0, "en")]).unwrap();
        assert_eq!(done.texts, expected);
        assert_eq!(done.report[0]["step"], "where(.score >= 4.0 and .language == \"en\")");
        assert_eq!(counts(&done), [(700, kept)]);
    }
}

/// Scores rise, so with small row groups most of them need not be read: what is not read may be damaged.
#[test]
fn row_groups_that_cannot_hold_a_row_are_not_read() {
    let r = tempfile::tempdir().unwrap();
    let path = r.path().join("a.parquet");
    write_parquet(&path, &rows(700), 50);
    let run = || through(dataset("d", parquet_source(r.path())), vec![good(4.0, "en")]);
    let expected = run().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let file = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let (begin, length) = file.metadata().row_group(0).column(2).byte_range();
    bytes[begin as usize..(begin + length) as usize].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    assert!(through(dataset("d", parquet_source(r.path())), vec![]).is_err());
    let found = run().unwrap();
    assert_eq!((found.texts, found.report), (expected.texts, expected.report));
}

/// Null is not true and not false (Kleene): `not (.score < 4)` keeps no row without a score.
#[test]
fn nulls_are_neither() {
    let r = tempfile::tempdir().unwrap();
    let rows = rows(300);
    write_jsonl(&r.path().join("a.jsonl"), &rows);
    write_parquet(&r.path().join("a.parquet"), &rows, 40);
    let not = |x| RowExpr::Unary(Unary::Not, Box::new(x));
    let below = || *binary(Binary::Lt, column("score"), RowExpr::Int(4));
    let count = |f: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| f(r)).count() as u64;
    let cases: Vec<(RowExpr, u64)> = vec![
        (not(below()), count(&|r| r.score.is_some_and(|s| s >= 4.0))),
        (RowExpr::IsNull(column("score")), count(&|r| r.score.is_none())),
        (not(RowExpr::IsNull(column("language"))), count(&|r| r.language.is_some())),
        (
            *binary(Binary::Or, Box::new(below()), RowExpr::IsNull(column("score"))),
            count(&|r| r.score.is_none_or(|s| s < 4.0)),
        ),
        (
            *binary(Binary::Ne, column("language"), RowExpr::Text("en".into())),
            count(&|r| r.language.is_some_and(|l| l != "en")),
        ),
        (
            RowExpr::Match(TextMatch::EndsWith, column("text"), Box::new(RowExpr::Text("more ".into()))),
            count(&|r| r.text.ends_with("more ")),
        ),
    ];
    for (expr, expected) in cases {
        assert!(expected > 0 && expected < 300, "{expr}: {expected}");
        for source in [jsonl(r.path(), "a.jsonl"), parquet_source(r.path())] {
            let done = through(dataset("d", source), vec![keep(expr.clone())]).unwrap();
            assert_eq!(counts(&done), [(300, expected)], "{expr}");
        }
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
    let run = |least| through(dataset("d", parquet_source(r.path())), vec![good(least, "en")]);
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
    let filter = || good(4.0, "en");
    assert_eq!(has(&through(d(), vec![filter(), exact()]).unwrap()), 1);
    let done = through(d(), vec![exact(), filter()]).unwrap();
    assert_eq!(has(&done), 0);
    let left = done.texts.len() as u64;
    assert_eq!(counts(&done), [(63, 61), (61, left)]);
    // Filters before any other step are told one by one.
    let english = binary(Binary::Eq, column("language"), RowExpr::Text("en".into()));
    let one_by_one = through(d(), vec![keep(*at_least(4.0)), keep(*english), exact()]).unwrap();
    let scored = rows.iter().filter(|r| r.score.is_some_and(|s| s >= 4.0)).count() as u64;
    assert_eq!(counts(&one_by_one), [(63, scored), (scored, left + 2), (left + 2, left + 1)]);
    assert!(one_by_one.report[0]["bytes"].is_null() && one_by_one.report[1]["bytes"].is_u64());
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
    let thin = |seed| Step::Thin { filter: Filter { expr: *column("score"), scores: vec![] }, seed };
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
    let expected: Vec<&String> = lines.iter().filter(|l| l.len() > 40).collect();
    assert!(expected.len() > 5);
    for source in [text(r.path(), "a.txt"), files(r.path(), "*.md")] {
        let done = through(dataset("d", source), vec![long()]).unwrap();
        assert_eq!(done.texts.iter().collect::<Vec<_>>(), expected);
    }
    for source in [text(r.path(), "a.txt"), files(r.path(), "*.md")] {
        let error = through(dataset("d", source), vec![good(1.0, "en")]);
        assert!(
            error.map(|d| d.texts).unwrap_err().to_string().contains("`text` only, not `score` as a number")
        );
    }
}

#[test]
fn columns_of_another_type_are_named() {
    let r = tempfile::tempdir().unwrap();
    write_parquet(&r.path().join("a.parquet"), &rows(10), 10);
    let wrong = |expr: RowExpr| {
        through(dataset("d", parquet_source(r.path())), vec![keep(expr)])
            .map(|d| d.texts)
            .unwrap_err()
            .to_string()
    };
    let three = || RowExpr::Int(3);
    assert!(wrong(*binary(Binary::Ge, column("scores"), three())).contains("did you mean `score`?"));
    let said = wrong(*binary(Binary::Ge, column("language"), three()));
    assert!(said.contains("a.parquet: .language >= 3: `.language` is a text"), "{said}");
    let said = wrong(*binary(Binary::Eq, column("id"), RowExpr::Text("3".into())));
    assert!(said.contains("`\"3\"` is a text, but the other side of a comparison needs a number"), "{said}");
    let lines = "{\"text\": \"a\", \"score\": 3}\n{\"text\": \"b\", \"score\": \"high\"}\n";
    std::fs::write(r.path().join("a.jsonl"), lines).unwrap();
    let json = |expr: RowExpr| {
        let d = dataset("d", jsonl(r.path(), "a.jsonl"));
        through(d, vec![keep(expr)]).map(|d| d.texts).unwrap_err().to_string()
    };
    let said = json(*at_least(1.0));
    assert!(said.contains("a.jsonl:2: the field `score` is a string, not a number"), "{said}");
    let said = json(*binary(Binary::Eq, column("score"), *column("other")));
    assert!(said.contains("nothing tells whether it is a number or a text"), "{said}");
    // Two filters that disagree.
    let both =
        vec![keep(*at_least(1.0)), keep(*binary(Binary::Eq, column("score"), RowExpr::Text("x".into())))];
    let said = through(dataset("d", jsonl(r.path(), "a.jsonl")), both).map(|d| d.texts).unwrap_err();
    assert!(said.to_string().contains("taken for a text, and by another filter for a number"), "{said}");
}

/// No kind of a row expression holds integers beyond 63 bits: such a file is refused with the number, not misread.
#[test]
fn unsigned_integers_are_exact_or_refused() {
    let r = tempfile::tempdir().unwrap();
    let write = |ids: Vec<u64>| {
        let texts: Vec<String> = ids.iter().map(|i| format!("text {i}")).collect();
        let columns: Vec<(&str, ArrayRef)> =
            vec![("text", Arc::new(StringArray::from(texts))), ("id", Arc::new(UInt64Array::from(ids)))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = std::fs::File::create(r.path().join("a.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    let exact = (1 << 53) + 1;
    let filter = || vec![keep(*binary(Binary::Ge, column("id"), RowExpr::Int(exact)))];
    write(vec![1 << 53, exact as u64, 7]);
    let done = through(dataset("d", parquet_source(r.path())), filter()).unwrap();
    assert_eq!(done.texts, [format!("text {exact}")]);
    write(vec![1 << 53, u64::MAX]);
    let said = through(dataset("d", parquet_source(r.path())), filter()).map(|d| d.texts).unwrap_err();
    assert!(said.to_string().contains("`id` is 18446744073709551615 in row 1"), "{said}");
}

#[test]
fn a_pipeline_that_leaves_nothing_says_where_it_went() {
    let r = tempfile::tempdir().unwrap();
    write_jsonl(&r.path().join("a.jsonl"), &rows(40));
    let steps = vec![exact(), good(100.0, "en")];
    let error = through(dataset("d", jsonl(r.path(), "a.jsonl")), steps).map(|d| d.texts).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("of 40 documents") && said.contains("dedup(exact): 40, where(.score >= 100.0"),
        "{said}"
    );
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
            let steps = vec![Step::Dedup { by: Dedup::MinHash { bands, hashes, ngram: 5, seed: 7 } }];
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
    let items =
        [json!({ "question": "short", "answer": "4" }), json!({ "question": question, "answer": "72" })];
    let text_of_items: String = items.iter().map(|i| format!("{i}\n")).collect();
    std::fs::write(r.path().join("bench.jsonl"), &text_of_items).unwrap();
    let compressed = zstd::encode_all(text_of_items.as_bytes(), 1).unwrap();
    std::fs::write(r.path().join("bench.jsonl.zst"), compressed).unwrap();
    let questions: ArrayRef = Arc::new(StringArray::from(vec!["short", question]));
    let batch = RecordBatch::try_from_iter([("question", questions)]).unwrap();
    let file = std::fs::File::create(r.path().join("bench.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let step = |ngram| Step::Decontaminate { against: vec!["gsm8k".into()], ngram, overlap: None };
    let run = |name: &str| {
        let bench = benchmark("gsm8k", at(r.path(), name));
        against(dataset("d", text(r.path(), "a.txt")), vec![step(13)], vec![bench])
    };
    let done = run("bench.jsonl").unwrap();
    for other in ["bench.jsonl.zst", "bench.parquet"] {
        let found = run(other).unwrap();
        assert_eq!((&found.texts, &found.removed), (&done.texts, &done.removed), "{other}");
    }
    let said = run("none.jsonl").map(|d| d.texts).unwrap_err().to_string();
    assert!(said.contains("no file matches"), "{said}");
    std::fs::write(r.path().join("odd.jsonl"), "{\"question\": 3}\n").unwrap();
    let said = run("odd.jsonl").map(|d| d.texts).unwrap_err().to_string();
    assert!(said.contains("odd.jsonl:1: the field `question` is a number"), "{said}");
    assert_eq!(done.report[0]["step"], "decontaminate(gsm8k)");
    assert_eq!(counts(&done), [(30, 28)]);
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
    let sample =
        |n, seed| through(dataset("d", parquet_source(r.path())), vec![documents(n, seed)]).unwrap().texts;
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
    let done = through(d, vec![documents(10, 1)]).unwrap();
    assert!(done.measured.documents <= 10 && done.measured.bytes <= 2_000, "{:?}", done.measured);
    assert_eq!(counts(&done), [(300, 10), (10, done.measured.documents)]);
    assert_eq!(done.report[1]["step"], "sample(2000 bytes)");
}

#[test]
fn samples_of_shares_and_of_tokens() {
    let r = tempfile::tempdir().unwrap();
    write_parquet(&r.path().join("a.parquet"), &rows(300), 40);
    let sample = |amount| {
        through(dataset("d", parquet_source(r.path())), vec![Step::Sample { amount, seed: 1 }]).unwrap()
    };
    let share = sample(Amount::Share { of: Ratio::new(1, 7).unwrap() });
    assert_eq!(counts(&share), [(300, 42)]);
    assert_eq!(
        share.texts,
        through(dataset("d", parquet_source(r.path())), vec![documents(42, 1)]).unwrap().texts
    );
    let all = sample(Amount::Documents { n: 300 }).measured.tokens;
    for n in [all / 3, all - 1, all, 2 * all] {
        let found = sample(Amount::Tokens { n }).measured;
        // Whole documents, of less than 200 tokens each here.
        assert!(found.tokens <= n && found.tokens + 200 > n.min(all), "{n}: {found:?}");
    }
    // A tokenizer cannot be trained on a sample of its own tokens.
    let dir = tempfile::tempdir().unwrap();
    let step = Step::Sample { amount: Amount::Tokens { n: 10 }, seed: 1 };
    let plan = plan(vec![Dataset { steps: vec![step], ..dataset("d", parquet_source(r.path())) }], 280);
    let said = prepare_tokenizer(&plan, 0, dir.path(), &Silent).err().unwrap().to_string();
    assert!(said.contains("tokenizer `words`, which is trained on that sample"), "{said}");
}

#[test]
fn another_pipeline_is_another_dataset() {
    let (r, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_jsonl(&r.path().join("a.jsonl"), &rows(60));
    let prepare = |steps: Vec<Step>| {
        let plan = plan(vec![Dataset { steps, ..dataset("d", jsonl(r.path(), "a.jsonl")) }], 280);
        prepare_dataset(&plan, 0, tokenizer_of_words(), dir.path(), &Silent)
    };
    let first = prepare(vec![exact()]).unwrap();
    assert_eq!(prepare(vec![exact()]).unwrap(), first);
    let error = prepare(vec![exact(), good(4.0, "en")]).unwrap_err();
    assert!(error.is_mismatch() && error.to_string().contains("d.pipeline"), "{error}");
    let error = prepare(vec![]).unwrap_err();
    assert!(error.is_mismatch(), "{error}");
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
        let mut plan = plan(vec![Dataset { steps, ..dataset("d", jsonl(r.path(), pattern)) }], 265);
        let found = prepare_tokenizer(&plan, 0, dir.path(), &Silent).unwrap().hash();
        // The pipeline is part of what the tokenizer is kept for.
        plan.datasets[0].steps.clear();
        assert!(prepare_tokenizer(&plan, 0, dir.path(), &Silent).unwrap_err().is_mismatch());
        found
    };
    assert_eq!(hash("a.jsonl", vec![good(4.0, "en")]), hash("kept/a.jsonl", vec![exact()]));
}
