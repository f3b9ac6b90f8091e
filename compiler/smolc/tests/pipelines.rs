//! Pipelines, from a spec to a trained model: `where`, `thin`, `dedup`, `decontaminate`, `sample` and `split` on a Parquet
//! file and compressed JSON lines, with the real binary; and columns checked against the files before anything runs.
// Helpers of tests count as code to clippy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use common::{Project, spec, words};
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

const QUESTION: &str = "Which of these syllables was sung by the third of the seven sailors?";

struct Row {
    text: String,
    score: Option<f64>,
    language: Option<&'static str>,
}

/// A thousand rows: every tenth repeats an earlier one, and every fiftieth quotes the exam.
fn rows() -> Vec<Row> {
    let text = words(1, 1000, 14);
    let lines: Vec<&str> = text.lines().collect();
    (0..1000)
        .map(|i| Row {
            text: match (i % 10, i % 50) {
                (_, 6) => format!("{} {} {}", lines[i], QUESTION.to_uppercase(), lines[i + 1]),
                (3, _) if i > 10 => lines[i - 2].to_string(),
                _ => lines[i].to_string(),
            },
            score: (i % 13 != 5).then_some((i % 11) as f64 / 2.0),
            language: [Some("en"), Some("en"), Some("de"), Some("en"), None][i % 5],
        })
        .collect()
}

fn write_parquet(project: &Project, rows: &[Row]) {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int32Array::from_iter_values(0..rows.len() as i32))),
        ("text", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.text)))),
        ("score", Arc::new(Float64Array::from_iter(rows.iter().map(|r| r.score)))),
        ("language", Arc::new(StringArray::from_iter(rows.iter().map(|r| r.language)))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(130)).build();
    let file = std::fs::File::create(project.path().join("web.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn write_gz(project: &Project, name: &str, lines: &[Value]) {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    lines.iter().for_each(|line| writeln!(gz, "{line}").unwrap());
    project.write(name, gz.finish().unwrap());
}

/// A project whose datasets go through pipelines.
fn project() -> (Project, Vec<Row>, Vec<Value>) {
    let project = Project::new(30);
    let rows = rows();
    write_parquet(&project, &rows);
    let text = words(2, 900, 9);
    let lists: Vec<Value> = text
        .lines()
        .enumerate()
        .map(|(i, line)| match i % 3 {
            0 => json!({ "body": line, "kept": true, "weight": 1 }),
            1 => json!({ "body": line, "kept": i % 2 == 0 }),
            _ => json!({ "body": line, "kept": null, "weight": null }),
        })
        .collect();
    write_gz(&project, "lists.jsonl.gz", &lists);
    project.write("exam.jsonl", format!("{}\n", json!({ "question": QUESTION, "answer": "ka" })));
    let tales = "parquet(\"web.parquet\") { text: .text }\n  |> where(.score >= 2 and .language == \"en\" and length(.text) < 4000)\n  \
                 |> dedup(exact)\n  |> decontaminate(against: exam, ngram: 8)\n  |> sample(200 documents, seed: 3)\n  ";
    let lists_ = "jsonl(\"lists.jsonl.gz\") { text: .body }\n  |> where(.kept or .weight > 0)\n  \
                  |> dedup(minhash(bands: 4, hashes: 8, ngram: 3))\n  |> sample(50%)\n  ";
    let exam = "eval exam = Generation {\n  data: \"exam.jsonl\", prompt: \"Question: \\{question\\}\\nAnswer:\", answer: .answer\n  \
                tokens: 8, metric: exact\n}\n";
    let spec = spec(30)
        .replace("text(\"tales.txt\") ", tales)
        .replace("text(\"lists.txt\") ", lists_)
        .replace("dataset tales", &format!("{exam}dataset tales"))
        .replace("use std.models", "use std.evals.{Generation}\nuse std.models");
    project.write("tiny.smol", spec);
    (project, rows, lists)
}

#[test]
fn a_run_behind_pipelines_says_what_each_step_kept() {
    let (project, rows, lists) = project();
    project.smolc(&["check", "tiny.smol"]).exits(0);
    let ran = project.smolc(&["run", "tiny.smol", "--threads", "2"]).exits(0);
    // By loops.
    let kept: Vec<&Row> = rows
        .iter()
        .filter(|r| r.score.is_some_and(|s| s >= 2.0) && r.language == Some("en") && r.text.len() < 4000)
        .collect();
    let mut seen = HashSet::new();
    let unique: Vec<&&Row> = kept.iter().filter(|r| seen.insert(&r.text)).collect();
    let clean = unique.iter().filter(|r| !r.text.contains(&QUESTION.to_uppercase())).count();
    assert!(kept.len() < 600 && unique.len() < kept.len() && clean < unique.len() && clean > 200);
    let public =
        lists.iter().filter(|l| l["kept"] == true || l["weight"].as_f64().is_some_and(|w| w > 0.0)).count();
    let expected_tales =
        [(1000, kept.len()), (kept.len(), unique.len()), (unique.len(), clean), (clean, 200)];
    let ledger = project.ledger("runs/tiny");
    let prepared: Vec<&Value> = ledger.iter().filter(|e| e["event"] == "prepared").collect();
    assert_eq!(prepared.len(), 2, "{prepared:?}");
    let counts = |event: &Value| -> Vec<(usize, usize)> {
        let number = |v: &Value| v.as_u64().unwrap() as usize;
        let steps = event["steps"].as_array().unwrap();
        steps.iter().map(|s| (number(&s["documents_before"]), number(&s["documents"]))).collect()
    };
    let of = |name: &str| *prepared.iter().find(|e| e["dataset"] == name).unwrap();
    assert_eq!(counts(of("tales")), expected_tales);
    let documents = |e: &Value| {
        e["documents"].as_u64().unwrap() as usize + e["validation_documents"].as_u64().unwrap() as usize
    };
    assert_eq!(documents(of("tales")), 200);
    let found = counts(of("lists"));
    assert_eq!((found[0], found[2].1, found.len()), ((900, public), found[1].1 / 2, 3), "{found:?}");
    assert_eq!(documents(of("lists")), found[2].1);
    // The terminal and the report say the same.
    ran.says(&["dataset `tales`: 1000 documents", "after decontaminate(exam)", "hold text of a benchmark"]);
    let report = project.read("runs/tiny/pretrain/report.html");
    assert!(report.contains("<h2>Pipelines</h2>") && report.contains("decontaminate(exam)"));
    let removed = project.read("runs/tiny/data/tales/removed.jsonl");
    assert_eq!(removed.lines().count(), unique.len() - clean);
    assert!(project.exists("runs/tiny/pretrain/model/model.safetensors"));
    // The plan in words has the filter as it was written.
    project.smolc(&["plan", "tiny.smol"]).exits(0).prints(&["where .score >= 2 and .language == \"en\""]);
    // Another pipeline is another run.
    project.write("tiny.smol", project.read("tiny.smol").replace(".score >= 2", ".score >= 3"));
    project.smolc(&["run", "tiny.smol"]).exits(5);
}

#[test]
fn columns_are_checked_against_the_files() {
    let (project, ..) = project();
    let good = project.read("tiny.smol");
    let cases: [(&str, &str, &[&str]); 8] = [
        (".score >= 2", ".scor >= 2", &["no column `scor`", "did you mean `.score`?"]),
        (
            ".score >= 2 and .language == \"en\"",
            ".language >= 2",
            &["`.language` is a text", "columns that hold numbers: `.id` and `.score`"],
        ),
        (
            ".score >= 2 and .language == \"en\"",
            ".score == \"en\"",
            &["`\"en\"` is a text, but", "`score` (numbers)"],
        ),
        (
            "length(.text)",
            "length(.id)",
            &["`.id` is an integer, but `length` needs a text", "`.text` and `.language`"],
        ),
        (".kept or", ".body or", &["`.body` is a text", "needs a truth value"]),
        (
            "{ text: .body }",
            "{ text: .weight }",
            &["`weight` of `lists` holds numbers, not text", "did you mean `.body`?"],
        ),
        (".weight > 0", ".weigth > 0", &["no column `weigth`", "did you mean `.weight`?"]),
        // Without a file, the expression alone tells.
        (
            ".score >= 2 and",
            ".score >= 2 and contains(.score, \"x\") and",
            &["`score` is taken for a number and for a text"],
        ),
    ];
    for (from, to, says) in cases {
        project.write("tiny.smol", good.replace(from, to));
        let ran = project.smolc(&["check", "tiny.smol"]).exits(1);
        // Lines are cut where the terminal ends.
        let said = ran.out.split_whitespace().filter(|w| *w != "│").collect::<Vec<_>>().join(" ");
        for text in says {
            assert!(said.contains(text), "{to}: no `{text}` in:\n{}", ran.out);
        }
    }
    // Datasets that begin from another one do not tell its mistakes again.
    let base =
        "dataset base = parquet(\"web.parquet\") { text: .text } |> where(.scor >= 2)\ndataset tales = base";
    project.write(
        "tiny.smol",
        spec(30)
            .replace("dataset tales = text(\"tales.txt\")", base)
            .replace("text(\"lists.txt\")", "base |> dedup(exact)"),
    );
    let ran = project.smolc(&["check", "tiny.smol"]).exits(1);
    assert_eq!(ran.out.matches("no column `scor`").count(), 1, "{}", ran.out);
    project
        .write("tiny.smol", good.replace("parquet(\"web.parquet\") { text: .text }", "text(\"tales.txt\")"));
    project.smolc(&["check", "tiny.smol"]).exits(1).prints(&["have the column `text` only, not `score`"]);
}

#[test]
fn what_is_not_carried_out_is_refused_by_name() {
    let (project, ..) = project();
    let good = project.read("tiny.smol");
    let exam = "data: \"exam.jsonl\"";
    project.write("tiny.smol", good.replace(exam, "data: \"https://example.org/exam.jsonl\""));
    let ran = project.smolc(&["run", "tiny.smol"]);
    ran.says(&["`exam`, whose items are at `https://example.org/exam.jsonl`", "dataset `tales`"]);
    assert!(!project.exists("runs/tiny/data"));
    let classifier =
        "classifier edu = linear_ngrams { train: lists, text: .body, label: .weight }\ndataset tales";
    project.write(
        "tiny.smol",
        good.replace("dataset tales", classifier).replace(".score >= 2", "edu(.text) >= 2"),
    );
    project.smolc(&["check", "tiny.smol"]).exits(0);
    // Every weight is 1, or there is none.
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&[
        "classifier `edu`, trained on dataset `lists`",
        "has the label 1, so there is nothing to tell apart",
    ]);
    assert!(!project.exists("runs/tiny/classifiers/edu"));
    project.write(
        "tiny.smol",
        good.replace("dataset tales", &classifier.replace("{ train", "{ ngrams: 17, train"))
            .replace(".score >= 2", "edu(.text) >= 2"),
    );
    project.smolc(&["check", "tiny.smol"]).exits(1).prints(&["`ngrams` is 17, and 16 is the most"]);
    project.write("tiny.smol", good.replace("sample(200 documents, seed: 3)", "sample(9000 tokens)"));
    project.smolc(&["run", "tiny.smol"]).says(&["`sample` in tokens of tokenizer `syllables`"]);
}

/// A classifier learns from labelled JSON lines, filters, and is reported with its quality.
#[test]
fn a_classifier_is_trained_before_it_filters() {
    let project = Project::new(30);
    let text = words(3, 1500, 12);
    // Labels 0 to 3: how many of three words a line has.
    let lines = |from: usize, n: usize| -> Vec<Value> {
        let labelled = |(i, line): (usize, &str)| {
            let label = i % 4;
            let telling = ["theorem", "lemma", "proof"];
            json!({ "text": format!("{line} {}", telling[..label].join(" ")), "score": label })
        };
        text.lines().enumerate().skip(from).take(n).map(labelled).collect()
    };
    write_gz(&project, "labels.jsonl.gz", &lines(0, 1000));
    write_gz(&project, "web.jsonl.gz", &lines(1000, 500));
    let classifier = "dataset labels = jsonl(\"labels.jsonl.gz\") { text: .text }\n\
                      classifier edu = linear_ngrams { train: labels, text: .text, label: .score, buckets: 64Ki }\n\
                      dataset tales";
    let web = "jsonl(\"web.jsonl.gz\") { text: .text } |> where(edu(.text) >= 1.5) ";
    let spec = spec(30).replace("text(\"tales.txt\") ", web).replace("dataset tales", classifier);
    project.write("tiny.smol", spec);
    project.smolc(&["plan", "tiny.smol"]).exits(0).prints(&[
        "where edu(.text) >= 1.5",
        "trained on",
        "65,536",
        ".score from sequences of 1 to 2 words of .text",
    ]);
    let ran = project.smolc(&["run", "tiny.smol", "--threads", "2"]).exits(0);
    ran.says(&[
        "classifier `edu`: learned from",
        "documents of `labels`",
        "accuracy",
        "after where(edu(.text) >= 1.5)",
    ]);
    let ledger = project.ledger("runs/tiny");
    let prepared = ledger.iter().find(|e| e["event"] == "prepared" && e["dataset"] == "tales").unwrap();
    let kept = prepared["steps"][0]["documents"].as_u64().unwrap();
    // Half of 500 have a label of 2 or 3.
    assert!((235..=265).contains(&kept), "{prepared}");
    let learned = &prepared["classifiers"][0];
    let number = |key: &str| learned[key].as_u64().unwrap();
    assert_eq!((number("documents") + number("held_out"), number("unlabeled")), (1000, 0), "{learned}");
    let classes = &learned["quality"]["classes"];
    assert_eq!(classes["labels"], json!([0, 1, 2, 3]));
    assert!(classes["accuracy"].as_f64().unwrap() > 0.8, "{learned}");
    let report = project.read("runs/tiny/pretrain/report.html");
    assert!(report.contains("<h2>Classifiers</h2>") && report.contains("<h2>Confusion of classifiers</h2>"));
    // It is there whole, and is not trained again.
    assert!(project.exists("runs/tiny/classifiers/edu/weights.f32"));
    let again = project.smolc(&["run", "tiny.smol", "--threads", "2"]).exits(0);
    assert!(!again.err.contains("learned from"), "{}", again.err);
}

/// Shards of another run, and Megatron-LM's, are the tokens of the text they were made from, and train.
#[test]
fn tokens_are_read_as_they_are() {
    let project = Project::new(30);
    project.smolc(&["run", "tiny.smol", "--threads", "2"]).exits(0);
    let tokenizer = project.read("runs/tiny/tokenizers/syllables/tokenizer.json");
    project.write("own/tokenizer.json", tokenizer);
    let of = |tales: &str| {
        spec(30)
            .replace("bpe { vocab: 320, train: [tales, lists], eos", "hf(\"own/tokenizer.json\") { eos")
            .replace("text(\"tales.txt\") |> split(validation: 10%)", tales)
    };
    // Another order than from the text, since what is drawn is keyed by all that is known of a dataset; the same tokens.
    let measured = |out: &str| {
        let plan: Value = serde_json::from_str(&project.read(&format!("{out}/pretrain/plan.json"))).unwrap();
        plan["datasets"][0]["measured"].clone()
    };
    let same = |out: &str, what: &[&str]| {
        let (found, expected) = (measured(out), measured("runs/tiny"));
        what.iter().for_each(|what| assert_eq!(found[what], expected[what], "{what}"));
        assert!(project.exists(&format!("{out}/pretrain/model/model.safetensors")));
    };
    let run = |out: &str| project.smolc(&["run", "tiny.smol", "--threads", "2", "--out", out]);
    project.write("tiny.smol", of("tokens(\"runs/tiny/data/tales\")"));
    run("own-shards").exits(0);
    same("own-shards", &["tokens", "documents", "validation_tokens", "validation_documents"]);
    // A prepared run does not need its sources.
    std::fs::rename(project.path().join("runs/tiny/data/tales"), project.path().join("gone")).unwrap();
    run("own-shards").exits(0);
    // The tokens of the training split, as Megatron-LM writes them: one sequence a document.
    let ids = std::fs::read(project.path().join("gone/train.tokens")).unwrap();
    let ends = std::fs::read(project.path().join("gone/train.ends")).unwrap();
    let ends: Vec<i64> = ends.chunks(8).map(|c| i64::from_le_bytes(c.try_into().unwrap())).collect();
    let mut index = b"MMIDIDX\0\0".to_vec();
    index.extend(1u64.to_le_bytes());
    index.push(8);
    index.extend((ends.len() as u64).to_le_bytes());
    index.extend((ends.len() as u64 + 1).to_le_bytes());
    let begins: Vec<i64> = std::iter::once(0).chain(ends.iter().copied()).take(ends.len()).collect();
    begins.iter().zip(&ends).for_each(|(b, e)| index.extend(((e - b) as i32).to_le_bytes()));
    begins.iter().for_each(|b| index.extend((2 * b).to_le_bytes()));
    (0..=ends.len() as i64).for_each(|i| index.extend(i.to_le_bytes()));
    project.write("tales.bin", ids);
    project.write("tales.idx", index);
    project.write("tiny.smol", of("tokens(\"tales.bin\") { format: megatron }"));
    run("megatron").exits(0);
    same("megatron", &["tokens", "documents"]);
    assert_eq!(measured("megatron")["documents"], ends.len());
    // What cannot be done to tokens is refused by name, before any work.
    let tokens = "tokens(\"tales.bin\") { format: megatron }";
    project.write("tiny.smol", of(&format!("{tokens} |> dedup(exact)")));
    run("dedup").says(&["a step other than `split` behind `tokens`, in dataset `tales`"]);
    project.write("tiny.smol", spec(30).replace("text(\"tales.txt\")", tokens));
    run("bpe").says(&["a tokenizer that is trained on dataset `tales`, which is tokenized already"]);
    assert!(!project.exists("dedup/data") && !project.exists("bpe/tokenizers"));
}
