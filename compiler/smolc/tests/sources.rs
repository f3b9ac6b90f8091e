//! A run on a Parquet file and a compressed JSONL file: the same model as on the plain texts.
// Helpers of tests count as code to clippy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use common::{Project, spec, words};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::path::Path;
use std::sync::Arc;

fn write_parquet(path: &Path, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..lines.len() as i64))),
        ("content", Arc::new(StringArray::from_iter_values(&lines))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(70)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn write_jsonl_zst(path: &Path, text: &str) {
    let lines: String =
        text.lines().map(|l| format!("{}\n", serde_json::json!({ "id": 1, "body": l }))).collect();
    std::fs::write(path, zstd::encode_all(lines.as_bytes(), 3).unwrap()).unwrap();
}

#[test]
fn parquet_and_compressed_jsonl_train_the_same_model_as_text() {
    let plain = Project::new(30);
    plain.smolc(&["run", "tiny.smol", "--threads", "2"]).exits(0);
    let project = Project::new(30);
    write_parquet(&project.path().join("tales.parquet"), &words(1, 400, 20));
    write_jsonl_zst(&project.path().join("lists.jsonl.zst"), &words(2, 800, 8));
    std::fs::remove_file(project.path().join("tales.txt")).unwrap();
    std::fs::remove_file(project.path().join("lists.txt")).unwrap();
    project.write(
        "tiny.smol",
        spec(30)
            .replace("text(\"tales.txt\")", "parquet(\"tales.parquet\") { text: .content }")
            .replace("text(\"lists.txt\")", "jsonl(\"lists.jsonl.zst\") { text: .body }"),
    );
    project.smolc(&["check", "tiny.smol"]).exits(0);
    project.smolc(&["run", "tiny.smol", "--threads", "2"]).exits(0);
    // The tokenizer is trained on documents chosen by the names of files, so only what does not depend on it is compared.
    let measured = |p: &Project| {
        let plan: serde_json::Value = serde_json::from_str(&p.read("runs/tiny/pretrain/plan.json")).unwrap();
        let of =
            |d: &serde_json::Value| [&d["measured"]["bytes"], &d["measured"]["documents"]].map(Clone::clone);
        plan["datasets"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(measured(&project), measured(&plain));
    assert!(measured(&project)[0][0].as_u64().unwrap() > 10_000);
    assert!(project.exists("runs/tiny/pretrain/model/model.safetensors"));
}

#[test]
fn a_column_that_is_not_there_is_named() {
    let project = Project::new(30);
    write_parquet(&project.path().join("tales.parquet"), &words(1, 400, 20));
    project.write(
        "tiny.smol",
        spec(30).replace("text(\"tales.txt\")", "parquet(\"tales.parquet\") { text: .contents }"),
    );
    // Before anything runs, by the first file; another one is looked at when it is read.
    project.smolc(&["run", "tiny.smol"]).exits(1).says(&["no column `contents`", "did you mean `.content`?"]);
    write_parquet(&project.path().join("a.parquet"), &words(1, 400, 20));
    let odd = RecordBatch::try_from_iter([("contend", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)])
        .unwrap();
    let file = std::fs::File::create(project.path().join("b.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, odd.schema(), None).unwrap();
    writer.write(&odd).unwrap();
    writer.close().unwrap();
    project.write(
        "tiny.smol",
        spec(30).replace("text(\"tales.txt\")", "parquet(\"[ab].parquet\") { text: .content }"),
    );
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["b.parquet", "did you mean `contend`?"]);
}

#[test]
fn a_cut_file_is_named() {
    let project = Project::new(30);
    let path = project.path().join("tales.parquet");
    write_parquet(&path, &words(1, 400, 20));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    project.write(
        "tiny.smol",
        spec(30).replace("text(\"tales.txt\")", "parquet(\"tales.parquet\") { text: .content }"),
    );
    project.smolc(&["run", "tiny.smol"]).exits(3).says(&["tales.parquet", "not a readable Parquet file"]);
}

/// Rows to spare are a warning with both numbers, in the ledger and on the terminal; too few rows are an error.
#[test]
fn a_tokenizer_smaller_than_the_vocabulary_is_a_warning() {
    let project = Project::new(30);
    project.smolc(&["run", "tiny.smol", "--threads", "2"]).exits(0);
    let own = project.read("runs/tiny/tokenizers/syllables/tokenizer.json");
    project.write("own/tokenizer.json", own);
    let with = |vocab: u64| {
        spec(30)
            .replace("bpe { vocab: 320, train: [tales, lists], eos", "hf(\"own/tokenizer.json\") { eos")
            .replace("vocab: 320", &format!("vocab: {vocab}"))
    };
    project.write("tiny.smol", with(384));
    let ran = project.smolc(&["run", "tiny.smol", "--threads", "2", "--out", "spare"]).exits(0);
    ran.says(&["warning:", "`syllables` has 320 tokens", "384 rows", "64 embedding rows"]);
    let ledger = project.ledger("spare");
    let warning = ledger.iter().find(|e| e["event"] == "warning").unwrap();
    assert!(
        warning["message"].as_str().unwrap().contains("has 320 tokens and the model 384 rows"),
        "{warning}"
    );
    project.write("tiny.smol", with(300));
    project.smolc(&["run", "tiny.smol", "--out", "few"]).exits(1).says(&["320", "300"]);
}

/// A path in a repository, and what writes it.
type File<'a> = (&'a str, &'a dyn Fn(&Path));

/// A dataset of the hub as its tools leave it in their cache, with what a subset and a split are in its README.
fn hub(cache: &Path, repository: &str, readme: &str, files: &[File<'_>]) {
    let commit = "89abcdef0123456789abcdef0123456789abcdef";
    let repository = cache.join(format!("datasets--{}", repository.replace('/', "--")));
    let root = repository.join("snapshots").join(commit);
    std::fs::create_dir_all(repository.join("refs")).unwrap();
    std::fs::write(repository.join("refs/main"), commit).unwrap();
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("README.md"), readme).unwrap();
    for (name, write) in files {
        std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        write(&root.join(name));
    }
}

#[test]
fn a_dataset_of_the_hub_is_read_from_its_cache_and_cleaned_of_a_benchmark_of_the_hub() {
    let project = Project::new(30);
    let cache = project.path().join("hub");
    let question = "Which of these syllables was sung by the third of the seven sailors?";
    let text = words(1, 400, 20) + &format!("lo ra {question} mi\n");
    let exam = |path: &Path| {
        let line = serde_json::json!({ "question": question, "answer": "ka" });
        std::fs::write(path, format!("{line}\n")).unwrap();
    };
    let other = |path: &Path| write_parquet(path, &words(9, 30, 9));
    let header = "---\nconfigs:\n- config_name: deduplicated\n  data_files:\n  - split: train\n    path: clean/train-*\n---\n";
    let files: [File<'_>; 2] = [
        ("clean/train-00000.parquet", &|path| write_parquet(path, &text)),
        ("raw/train-00000.parquet", &other),
    ];
    let spec = spec(30)
        .replace("text(\"tales.txt\")", "hub(\"who/tales\") { config: \"deduplicated\", split: \"train\", text: .content }\n  |> decontaminate(against: exam, ngram: 8)")
        .replace(
            "dataset tales",
            "eval exam = Generation {\n  data: \"who/exam\", split: \"test\", prompt: \"Question: \\{question\\}\\nAnswer:\"\n  \
             answer: .answer, tokens: 8, metric: exact\n}\ndataset tales",
        )
        .replace("use std.models", "use std.evals.{Generation}\nuse std.models");
    project.write("tiny.smol", spec);
    project.smolc(&["check", "tiny.smol"]).exits(0);
    let smolc = || {
        let mut command = project.command(&["run", "tiny.smol", "--threads", "2"]);
        command.env("HF_HUB_CACHE", &cache);
        common::run(command)
    };
    smolc()
        .exits(3)
        .says(&["`who/exam` of the hub is not in the cache", "hf download --repo-type dataset who/exam"]);
    hub(&cache, "who/exam", "", &[("test.jsonl", &exam)]);
    smolc().exits(3).says(&["dataset `tales`: `who/tales` of the hub is not in the cache"]);
    hub(&cache, "who/tales", header, &files);
    smolc().exits(0).says(&[
        "`who/tales` of the hub at commit 89abcdef",
        "1 file(s)",
        "401 documents, 400 after decontaminate(exam)",
    ]);
    assert!(project.exists("runs/tiny/pretrain/model/model.safetensors"));

    // What was prepared says of which commit it is, and is not silently of another one than the cache has now.
    let root = cache.join("datasets--who--tales");
    let manifest =
        std::fs::read_to_string(project.path().join("runs/tiny/data/tales/manifest.json")).unwrap();
    assert!(manifest.contains("\"commit\": \"89abcdef"), "{manifest}");
    let (old, new) = (std::fs::read_to_string(root.join("refs/main")).unwrap(), "fedcba9876543210");
    std::fs::rename(root.join("snapshots").join(old.trim()), root.join("snapshots").join(new)).unwrap();
    std::fs::write(root.join("refs/main"), new).unwrap();
    smolc().exits(0).says(&["was prepared from commit 89abcdef", "has fedcba9876543210 now"]);
}
