//! `smolc simulate`: the real binary over a spec and over a finished run.
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

use common::Project;

#[test]
fn a_spec_and_its_run_are_walked() {
    let project = Project::new(60);
    let text = project.smolc(&["simulate", "tiny.smol"]).exits(0);
    text.prints(&[
        "60 steps, 480 draws",
        "agree with the plan's token ledger, to",
        "not prepared",
        "4e-3",
        "worst prefix",
    ]);

    project.smolc(&["run", "tiny.smol"]).exits(0);
    let json = project.smolc(&["simulate", "runs/tiny", "--full", "--format", "json"]).exits(0).json();
    let run = &json["runs"][0];
    assert_eq!((&run["mismatches"], &run["permutation"]), (&serde_json::json!([]), &true.into()));
    assert!(run["datasets"].as_array().unwrap().iter().all(|d| d["measured"] == true));
    // What was walked is what the run did: its events, its rates, its tokens.
    let ledger = project.ledger("runs/tiny");
    let count = |event: &str| ledger.iter().filter(|l| l["event"] == event).count() as u64;
    assert_eq!(run["steps"], count("step"));
    assert_eq!(run["events"]["stages"], count("stage"));
    assert_eq!(run["events"]["checkpoints"], count("checkpoint"));
    assert_eq!(run["events"]["validations"].as_u64().unwrap() * 2, count("validation"), "two datasets each");
    let rates: Vec<f64> =
        ledger.iter().filter(|l| l["event"] == "step").map(|l| l["lr"].as_f64().unwrap()).collect();
    let max = rates.iter().copied().fold(0.0, f64::max);
    assert_eq!(run["learning_rate"]["max"]["value"].as_f64(), Some(max));
    let at = run["learning_rate"]["min"]["step"].as_u64().unwrap() as usize;
    assert_eq!(run["learning_rate"]["min"]["value"].as_f64(), Some(rates[at]));
    let tokens: u64 = run["datasets"].as_array().unwrap().iter().map(|d| d["tokens"].as_u64().unwrap()).sum();
    assert_eq!(Some(tokens), ledger.iter().rev().find_map(|l| l["tokens"].as_u64()));
}

#[test]
fn what_cannot_be_walked_is_named() {
    let project = Project::new(30);
    project.smolc(&["simulate", "no.smol"]).exits(3);
    project.smolc(&["simulate", "tiny.smol", "--run", "other"]).exits(2).says(&["its runs are `pretrain`"]);
    project.smolc(&["simulate", "."]).exits(3).says(&["plan.json"]);
    project.write("bad.json", "{}");
    project.smolc(&["simulate", "bad.json"]).exits(3).says(&["bad.json"]);
}
