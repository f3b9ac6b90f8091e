//! From a spec to a trained model, generated text and a score.
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

use common::{Project, spec};
use serde_json::Value;

fn events<'a>(ledger: &'a [Value], event: &str) -> Vec<&'a Value> {
    ledger.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn a_spec_becomes_a_model_that_speaks() {
    let project = Project::new(60);
    let ran = project.smolc(&["run", "tiny.smol", "--threads", "2"]).exits(0);
    assert!(!ran.err.contains('\u{1b}'), "escape sequences outside a terminal: {}", ran.err);
    let ran = ran.says(&["step", "loss", "validation", "stage second begins"]).prints(&[
        "finished",
        "unigram entropy",
        "runs/tiny/pretrain/model",
        "report.html",
        "smolc generate runs/tiny",
    ]);
    assert!(ran.err.lines().count() < 60, "too many lines: {}", ran.err);

    for file in [
        "plan.json",
        "ledger.jsonl",
        "report.html",
        "checkpoints",
        "model/config.json",
        "model/model.safetensors",
        "model/tokenizer.json",
        "model/generation_config.json",
    ] {
        assert!(project.exists(&format!("runs/tiny/pretrain/{file}")), "{file}");
    }
    the_ledger_is_complete(&project);
    text_is_generated(&project);
    texts_are_scored(&project);

    // Again: nothing to do, and it says so. Another spec in the same place: refused, with what differs.
    let before = project.ledger("runs/tiny").len();
    project.smolc(&["run", "tiny.smol"]).exits(0).prints(&["had finished", "smolc generate"]);
    assert_eq!(project.ledger("runs/tiny").len(), before);
    project.smolc(&["run", "tiny.smol", "--set", "peak=1e-3"]).exits(5).says(&["lr"]);
    project.write("tiny.smol", spec(60).replace("80% tales + 20% lists", "70% tales + 30% lists"));
    project.smolc(&["run", "tiny.smol"]).exits(5).says(&["80%", "70%", "--out"]);
    assert_eq!(project.ledger("runs/tiny").len(), before);
}

fn the_ledger_is_complete(project: &Project) {
    let ledger = project.ledger("runs/tiny");
    let steps = events(&ledger, "step");
    assert_eq!(steps.len(), 60);
    for (i, step) in steps.iter().enumerate() {
        assert_eq!(step["step"], i as u64 + 1);
        assert_eq!(step["tokens"], 256 * (i as u64 + 1));
        for key in ["loss", "lr", "grad_norm", "tokens_per_second"] {
            assert!(step[key].is_number(), "{key} of {step}");
        }
        assert!(step["stage"].is_string());
    }
    for event in ["start", "stage", "checkpoint", "validation"] {
        assert!(!events(&ledger, event).is_empty(), "{event}");
    }
    for v in events(&ledger, "validation") {
        assert!(
            v["dataset"].is_string() && v["loss"].is_number() && v["step"].is_u64() && v["tokens"].is_u64()
        );
    }
    let end = events(&ledger, "end");
    assert_eq!(end.len(), 1);
    assert_eq!(end[0]["status"], "finished");
    let (entropy, loss) =
        (end[0]["unigram_entropy"].as_f64().unwrap(), end[0]["final_loss"].as_f64().unwrap());
    assert!(loss < entropy, "sixty steps beat counting: {loss} against {entropy}");
}

fn text_is_generated(project: &Project) {
    let generate = |model: &str, more: &[&str]| {
        let args = [&["generate", model, "--prompt", "kalo mi", "--max-tokens", "20"], more].concat();
        project.smolc(&args).exits(0).out
    };
    let text = generate("runs/tiny", &["--seed", "3"]);
    assert!(text.starts_with("kalo mi") && text.len() > "kalo mi\n".len(), "{text}");
    assert_eq!(text, generate("runs/tiny/pretrain", &["--seed", "3"]));
    assert_eq!(text, generate("runs/tiny/pretrain/model", &["--seed", "3", "--threads", "1"]));
    let greedy = generate("runs/tiny", &["--temperature", "0"]);
    assert_eq!(greedy, generate("runs/tiny", &["--temperature", "0", "--seed", "9"]));
    assert_eq!(greedy, generate("runs/tiny", &["--top-k", "1"]));
    // An empty prompt begins a text.
    project.smolc(&["generate", "runs/tiny", "--prompt", "", "--max-tokens", "5"]).exits(0);
    let long = "kalo mi ".repeat(200);
    project.smolc(&["generate", "runs/tiny", "--prompt", &long]).exits(3).says(&["context holds 32"]);
    project.smolc(&["generate", "no/such", "--prompt", "x"]).exits(3).says(&["no/such"]);
    project.smolc(&["generate", "tiny.smol", "--prompt", "x"]).exits(3).says(&["is a file"]);
    project.smolc(&["generate", ".", "--prompt", "x"]).exits(3).says(&["no trained model"]);
}

fn texts_are_scored(project: &Project) {
    project.write("text.txt", common::words(7, 10, 12));
    let bytes = project.read("text.txt").len() as u64;
    let json =
        project.smolc(&["score", "runs/tiny", "--text", "text.txt", "--format", "json"]).exits(0).json();
    let tokens = json["tokens"].as_array().unwrap();
    let sum: f64 = tokens.iter().filter_map(|t| t["log_probability"].as_f64()).sum();
    let scored = tokens.iter().filter(|t| t["log_probability"].is_number()).count();
    assert_eq!(scored, tokens.len() - 1);
    assert!(tokens.iter().all(|t| t["id"].is_u64()) && tokens[0]["log_probability"].is_null());
    assert_eq!(json["bytes"], bytes);
    let perplexity = (-sum / scored as f64).exp();
    assert!((json["perplexity"].as_f64().unwrap() / perplexity - 1.0).abs() < 1e-5);
    let bits = -sum / std::f64::consts::LN_2 / bytes as f64;
    assert!((json["bits_per_byte"].as_f64().unwrap() / bits - 1.0).abs() < 1e-5);
    project
        .smolc(&["score", "runs/tiny", "--text", "text.txt"])
        .exits(0)
        .prints(&["perplexity", "bits per byte"]);

    project.write("empty.txt", "");
    project.smolc(&["score", "runs/tiny", "--text", "empty.txt"]).exits(3);
    project.write("latin.txt", b"caf\xe9");
    project.smolc(&["score", "runs/tiny", "--text", "latin.txt"]).exits(3).says(&["offset 3", "UTF-8"]);
    project.smolc(&["score", "runs/tiny", "--text", "missing.txt"]).exits(3).says(&["missing.txt"]);
    project.smolc(&["score", "runs/tiny", "--text", "."]).exits(3);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let project = Project::new(30);
    project.smolc(&["run", "tiny.smol", "--out", "one", "--threads", "1"]).exits(0);
    project.smolc(&["run", "tiny.smol", "--out", "three", "--threads", "3"]).exits(0);
    let weights =
        |out: &str| std::fs::read(project.path().join(out).join("pretrain/model/model.safetensors")).unwrap();
    assert!(weights("one") == weights("three"));
}
