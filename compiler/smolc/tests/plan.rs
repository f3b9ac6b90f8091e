//! `smolc plan`: the facts a person plans by.
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

use common::{Project, run, smolc, workspace};
use smolc_plan::Plan;

#[test]
fn smollm2_is_planned_to_the_last_token() {
    let text = run(smolc(&workspace(), &["plan", "specs/smollm2-1.7b.smol"])).exits(0);
    text.says(&["open_web_math"]).prints(&[
        "1,711,376,384 parameters",
        "foundation",
        "6,000,000,106,496",
        "8.3",
        "memory",
        "2,097,152 tokens = 1,024 sequences of 2,048",
    ]);
}

#[test]
fn json_is_the_plan_itself() {
    let args = ["plan", "specs/smollm2-1.7b.smol", "--format", "json"];
    let json = run(smolc(&workspace(), &args)).exits(0);
    let plan = Plan::from_json(json.out.as_bytes()).unwrap();
    assert_eq!(plan.runs[0].model.parameters(), Some(1_711_376_384));
    assert_eq!(plan.runs[0].stages.len(), 4);
    // Byte for byte the same again, and the same hash as the text shows.
    assert_eq!(run(smolc(&workspace(), &args)).out, json.out);
    let text = run(smolc(&workspace(), &args[..2]));
    assert!(text.out.contains(&plan.hash().unwrap().short()));
}

#[test]
fn text_has_every_section() {
    let project = Project::new(30);
    project.smolc(&["plan", "tiny.smol"]).exits(0).prints(&[
        "plan tiny",
        "run pretrain",
        "stages",
        "80% tales + 20% lists",
        "tokens drawn",
        "learning rate",
        "4e-3",
        "memory",
        "total",
        "data",
        "tales.txt",
        "syllables",
        "7,680 tokens",
    ]);
}

#[test]
fn the_step_program_is_printed() {
    let project = Project::new(30);
    let text = project.smolc(&["plan", "tiny.smol", "--emit", "step"]).exits(0);
    text.prints(&[
        "forward {",
        "backward {",
        "head_cross_entropy",
        "repeat layer in 0..2",
        "attention_backward",
    ]);
}

#[test]
fn plans_go_to_files_and_runs_are_selected() {
    let project = Project::new(30);
    assert_eq!(project.smolc(&["plan", "tiny.smol", "--out", "plan.txt"]).exits(0).out, "");
    assert!(project.read("plan.txt").contains("run pretrain"));
    project.smolc(&["plan", "tiny.smol", "--out", "no/such/plan.txt"]).exits(3).says(&["no/such/plan.txt"]);
    project.smolc(&["plan", "tiny.smol", "--run", "pretrain"]).exits(0);
    project.smolc(&["plan", "tiny.smol", "--run", "other"]).exits(2).says(&["its runs are `pretrain`"]);
}

#[test]
fn a_page_is_written() {
    let project = Project::new(30);
    project.smolc(&["plan", "tiny.smol", "--format", "html", "--out", "plan.html"]).exits(0);
    let html = project.read("plan.html");
    assert!(html.starts_with("<!doctype html>") && html.contains("30% tales") && html.contains("<svg"));
    project.smolc(&["plan", "tiny.smol", "--format", "html", "--emit", "step"]).exits(2);
}
