//! `--emit`: the layers of a small spec, some against what they were when somebody last looked (`SMOLC_BLESS=1` rewrites
//! them).
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
use std::path::Path;

const SPEC: &str = r#"smol 1
use std.schedules.{wsd}
use std.models.{Llama}
param peak: Rate = 1e-3
dataset a = text("a.txt") { tokens: 40k }
tokenizer t = hf("t.json") { vocab: 64, eos: "<e>" }
model m = Llama { layers: 1, hidden: 16, ffn: 32, heads: 2, kv_heads: 1, vocab: 64, context: 16 tokens, tied: true }
run r {
  model: m
  tokenizer: t
  batch: 64 tokens
  optimizer: AdamW { betas: [0.9, 0.95], weight_decay: 0.1 }
  lr: wsd(peak: peak, warmup: 10 steps, decay: 20%)
  checkpoint: every 50 steps, keep 1
  stage only for 100 steps { mix: 100% a }
}
"#;

fn golden(layer: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emit").join(format!("{layer}.txt"));
    if std::env::var_os("SMOLC_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let want = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(want == text, "{layer} differs; SMOLC_BLESS=1 rewrites it:\n{text}");
}

fn project() -> Project {
    let project = Project::new(30);
    project.write("s.smol", SPEC);
    project.write("a.txt", "a\n");
    project
}

#[test]
fn tree_and_expressions_are_what_they_were() {
    let project = project();
    for layer in ["tree", "ir"] {
        let ran = project.smolc(&["check", "s.smol", "--emit", layer]).exits(0);
        golden(layer, &ran.out);
        assert_eq!(project.smolc(&["plan", "s.smol", "--emit", layer]).exits(0).out, ran.out, "{layer}");
    }
}

/// The other two are as the compiler holds them, and change with it.
#[test]
fn the_checked_spec_and_the_step_program_are_whole() {
    let project = project();
    let typed = project.smolc(&["plan", "s.smol", "--emit", "typed"]).exits(0);
    assert!(!typed.out.contains("Span {"), "a place is said as people say it\n{}", typed.out);
    typed.prints(&["Spec {", "name: \"a\",\n            span: 5:9,", "peak", "complete: true,\n}\n"]);
    let step = project.smolc(&["plan", "s.smol", "--emit", "step"]).exits(0);
    assert!(step.out.starts_with("program step("), "{}", step.out);
    step.prints(&["tensors {", "embed.weight", "x[0] = embed(tokens, embed.weight)", "grad.embed.weight +="]);
}

#[test]
fn machine_layers_have_their_shape() {
    let project = project();
    let ran = project.smolc(&["plan", "s.smol", "--emit", "clif"]);
    if ran.code == 2 {
        assert!(ran.err.contains("built without machine code"), "{}", ran.err);
        return;
    }
    // The calling convention's name and the width of a pointer are the host's.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    golden("clif", &ran.out);
    let (head, body) = ran.out.split_once("\nblock0").unwrap();
    assert!(head.starts_with("; run r.lr: wsd(") && head.contains("\nfunction u0:"), "{head}");
    assert!(
        body.contains("= select ") && body.trim_end().ends_with('}') && body.contains("return "),
        "{body}"
    );
    let asm = project.smolc(&["plan", "s.smol", "--emit", "asm"]).exits(0).out;
    assert!(asm.starts_with("; run r.lr: wsd(") && asm.lines().count() > 10, "{asm}");
    assert!(asm.contains("block0:") && asm.contains("ret"), "{asm}");
    #[cfg(target_arch = "x86_64")]
    assert!(asm.contains("%xmm"), "{asm}");
}

#[test]
fn a_spec_with_errors_still_has_a_tree() {
    let project = project();
    project.write("bad.smol", SPEC.replace("100% a", "90% a"));
    let ran = project.smolc(&["check", "bad.smol", "--emit", "tree"]).exits(1);
    ran.prints(&["stage only", "weighted"]).says(&["90%"]);
    project.smolc(&["check", "bad.smol", "--emit", "typed"]).exits(1).prints(&["complete: false"]);
    project.smolc(&["check", "bad.smol", "--emit", "ir"]).exits(1).says(&["only `tree` and `typed`"]);
    project.smolc(&["check", "s.smol", "--emit", "tree", "--format", "json"]).exits(2);
}

/// Schedules, guards and filters; machine code of each, whatever it reads.
#[test]
fn every_run_time_expression_is_listed() {
    let project = project();
    let spec = SPEC
        .replace(
            "text(\"a.txt\") { tokens: 40k }",
            "jsonl(\"a.jsonl\") { text: .text, tokens: 40k } |> where(.score >= 3 and .language == \"en\")",
        )
        .replace("weight_decay: 0.1", "weight_decay: at t => 0.1 * (t / end)")
        .replace("for 100 steps", "for 50..100 steps until loss.ema(10 steps) < 2.4");
    project.write("a.jsonl", "{\"text\": \"a\", \"score\": 3, \"language\": \"en\"}\n");
    project.write("all.smol", &spec);
    let names = [
        "dataset a, step 1, where: .score >= 3 and .language == \"en\"",
        "run r.lr: wsd(",
        "run r.optimizer.weight_decay: ",
        "run r.only.until: loss.ema(10 steps) < 2.4",
    ];
    project.smolc(&["plan", "all.smol", "--emit", "ir"]).exits(0).prints(&names);
    let ran = project.smolc(&["plan", "all.smol", "--emit", "asm"]);
    if ran.code == 0 {
        assert_eq!(ran.out.matches("block0:").count(), names.len(), "{}", ran.out);
        ran.prints(&names);
        let clif = project.smolc(&["plan", "all.smol", "--emit", "clif"]).exits(0);
        assert_eq!(clif.out.matches("function u0:").count(), names.len(), "{}", clif.out);
        clif.prints(&["; columns score f64, language text32; made for the types", "popcnt"]);
    }
}
