//! The whole language through the real binary: plans of complete recipes, where values come from, and what is refused.
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

use common::{Project, run, smolc, spec, workspace};

#[test]
fn the_complete_recipe_is_planned() {
    let ran = run(smolc(&workspace(), &["plan", "specs/smollm2/1.7b.smol"])).exits(0);
    let ran = ran.prints(&[
        "pretrain after 5,204,000 steps, with its weights and optimizer moments",
        "fine-tuning on conversations, loss on all tokens, packed",
        "DPO, beta 0.5",
        "cluster · 256 x H100",
        "also drawn by pretrain",
    ]);
    assert!(ran.err.contains("8.3 times over"), "{}", ran.err);
    let json =
        run(smolc(&workspace(), &["plan", "specs/smollm2/1.7b.smol", "--format", "json"])).exits(0).json();
    assert_eq!(json["runs"].as_array().unwrap().len(), 4);
    assert_eq!(json["runs"][0]["checkpoints"]["pinned"][0], 5_204_000);
    assert_eq!(json["runs"][3]["objective"]["kind"], "dpo");
}

#[test]
fn explain_says_where_a_value_comes_from() {
    let explain = |path: &str| run(smolc(&workspace(), &["explain", "specs/smollm2/1.7b.smol", path]));
    explain("long_context.model.rope.theta").exits(0).prints(&["130,000", "set here", "replaced"]);
    explain("run.dpo.optimizer.betas").exits(0).prints(&["taken over from run `sft`"]);
    explain("pretrain.lr").exits(0).prints(&["wsd(peak: 5e-4", "made by `wsd`"]);
    explain("pretrain.lrr").exits(2).says(&["did you mean `pretrain.lr`?"]);
    run(smolc(&workspace(), &["explain", "specs/smollm2/1.7b.smol"]))
        .exits(0)
        .prints(&["sft.objective.mask\n"]);
    run(smolc(&workspace(), &["explain", "mix::sum", "pretrain.lr"])).exits(2);
}

#[test]
fn what_cannot_be_executed_yet_is_refused_before_any_work() {
    let project = Project::new(20);
    let more = "run next from RUN { lr: 1e-4\n  stage more for 5 steps { mix: 100% tales } }\n";
    let text = spec(20);
    let name = text
        .lines()
        .find_map(|l| l.strip_prefix("run "))
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_string();
    project.write("branch.smol", &(text.clone() + &more.replace("RUN", &name)));
    project.smolc(&["check", "branch.smol"]).exits(0);
    project
        .smolc(&["run", "branch.smol"])
        .exits(3)
        .says(&["run `next` cannot be executed", "beginning from run"]);
    // The other run of the spec is not held up by it.
    project.smolc(&["run", "branch.smol", "--run", &name]).exits(0).prints(&["finished"]);
    let remote = text.replace("text(\"tales.txt\")", "jsonl(\"s3://owner/tales.jsonl\") { text: .text }");
    project.write("remote.smol", &remote);
    project
        .smolc(&["run", "remote.smol"])
        .exits(3)
        .says(&["reading `s3://owner/tales.jsonl` of dataset `tales`"]);
    project.write("skipped.smol", text.replace("tied: true", "tied: true, rope: { skip_every: 2 }"));
    project.smolc(&["plan", "skipped.smol"]).exits(0).prints(&["none in layers 2, 4"]);
    project.smolc(&["run", "skipped.smol"]).exits(3).says(&["a model without RoPE in each layer 2, 4"]);
}
