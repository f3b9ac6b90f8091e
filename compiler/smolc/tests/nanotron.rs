//! `smolc import nanotron` and `smolc export nanotron`: what is written checks, and comes back as it was.
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
use std::path::Path;

fn fixture() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nanotron/tests/fixtures/stage1.yaml");
    std::fs::read_to_string(path).unwrap()
}

/// The plan of an imported file, with its checks passed.
fn planned(project: &Project, spec: &str) -> serde_json::Value {
    project.smolc(&["plan", spec, "--format", "json"]).exits(0).json()
}

#[test]
fn an_imported_file_checks_and_an_exported_one_comes_back_the_same() {
    let project = Project::new(30);
    project.write("a.yaml", fixture().replace("vocab_size:", "no_rope_layer: 4\n    vocab_size:"));
    let ran = project.smolc(&["import", "nanotron", "a.yaml", "--out", "a.smol"]).exits(0);
    ran.says(&["assumed: a.yaml: tokenizer", "2 findings"]);
    project.smolc(&["check", "a.smol"]).exits(0);
    project.smolc(&["fmt", "--check", "a.smol"]).exits(0);
    let plan = planned(&project, "a.smol");
    let run = &plan["runs"][0];
    assert_eq!(
        (&run["steps"], &run["batch"]["sequences"], &run["batch"]["window"]),
        (&1000.into(), &16.into(), &128.into())
    );
    project.smolc(&["export", "nanotron", "a.smol", "--out", "b.yaml"]).exits(0);
    project.smolc(&["import", "nanotron", "b.yaml", "--out", "b.smol"]).exits(0);
    let again = planned(&project, "b.smol");
    let back = &again["runs"][0];
    for field in [
        "steps",
        "batch",
        "optimizer",
        "seed",
        "lr",
        "stages",
        "checkpoints",
        "document_mask",
        "precision",
        "parameters",
        "program",
    ] {
        assert_eq!(run[field], back[field], "{field}");
    }
    assert_eq!(plan["datasets"], again["datasets"]);
    assert_eq!(plan["tokenizers"], again["tokenizers"]);
    let weights = |r: &serde_json::Value| {
        r["stages"][0]["mix"].as_array().unwrap().iter().map(|m| m["weight"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(weights(run), weights(back));
}

#[test]
fn odd_schedules_and_sums_still_check() {
    let project = Project::new(30);
    for (name, from, to) in [
        ("sum", "[0.875, 0.125]", "[0.875, 0.13065]"),
        ("early", "lr_decay_starting_step: 900", "lr_decay_starting_step: 600"),
        ("cut", "lr_decay_steps: 100", "lr_decay_steps: 200"),
        ("cosine", "lr_decay_style: linear", "lr_decay_style: cosine"),
        ("sqrt", "lr_decay_style: linear", "lr_decay_style: 1-sqrt"),
        ("never", "lr_decay_starting_step: 900", "lr_decay_starting_step: 1000"),
        ("nowarmup", "lr_warmup_steps: 20", "lr_warmup_steps: 0"),
        ("level", "min_decay_lr: 0", "min_decay_lr: 0.0005"),
        ("floor", "min_decay_lr: 0", "min_decay_lr: 0.00005"),
    ] {
        project.write("x.yaml", fixture().replace(from, to));
        project.smolc(&["import", "nanotron", "x.yaml", "--out", "x.smol"]).exits(0);
        let ran = project.smolc(&["check", "x.smol", "--format", "short"]);
        assert_eq!(ran.code, 0, "{name}: {}\n{}", ran.out, project.read("x.smol"));
        // Back again, the rates are the same. The decay that ends early, on a floor, is found too.
        if name == "sum" || name == "cut" || name == "never" {
            continue;
        }
        project.smolc(&["export", "nanotron", "x.smol", "--out", "y.yaml"]).exits(0);
        let said = project.smolc(&["import", "nanotron", "y.yaml", "--out", "y.smol"]).exits(0);
        let lr = |spec: &str| planned(&project, spec)["runs"][0]["lr"]["expr"].clone();
        assert_eq!(lr("x.smol"), lr("y.smol"), "{name}\n{}\n{}", said.err, project.read("y.yaml"));
    }
}

#[test]
fn what_nanotron_cannot_say_is_refused_field_by_field() {
    let project = Project::new(30);
    let ran = project.smolc(&["export", "nanotron", "tiny.smol"]).exits(1);
    assert_eq!(ran.out, "");
    ran.says(&["nanotron cannot say run `pretrain`", "run pretrain.tokenizer: is trained by smolc", "hf(…)"]);
    // What is learned: refused. What happens beside it: left out, and named.
    let known = project.read("tiny.smol");
    let from = known.find("tokenizer syllables").unwrap();
    let to = from + known[from..].find('\n').unwrap();
    let hf = "tokenizer syllables = hf(\"t.json\") { vocab: 320, eos: \"<e>\" }";
    let spec = format!("{}{hf}{}", &known[..from], &known[to..])
        .replace("wsd(peak: peak, warmup: 10 steps, decay: 20%)", "peak");
    project.write("a.smol", &spec);
    let ran = project.smolc(&["export", "nanotron", "a.smol"]).exits(0);
    ran.says(&[
        "lost: run pretrain.validate: is left out",
        "assumed: run pretrain.document_mask: needs a nanotron whose Qwen2",
        "assumed: run pretrain.stages: read `tales`, `lists`",
    ])
    .prints(&["_use_doc_masking: true", "lr_warmup_steps: 0", "- \"datasets/tales\""]);
    project.write("e.smol", spec.replace("weight_decay: 0.1", "weight_decay: 0.1, decay: no_embedding"));
    let exported = project.smolc(&["export", "nanotron", "e.smol", "--out", "e.yaml"]).exits(0);
    exported.says(&["assumed"]);
    project
        .smolc(&["import", "nanotron", "e.yaml"])
        .exits(0)
        .prints(&["decay: no_embedding", "document_mask: true"]);
    for (from, to, said) in [
        (
            "weight_decay: 0.1",
            "weight_decay: 0.1, decay: matrices",
            "run pretrain.optimizer.decay: leaves out",
        ),
        (
            "weight_decay: 0.1",
            "weight_decay: at t => 0.1 * (t / end)",
            "run pretrain.optimizer.weight_decay: changes",
        ),
        ("lr: peak", "lr: at t => peak * (t / end) * (t / end)", "nanotron's linear warm-up has"),
        ("heads: 4, kv", "heads: 4, head_dim: 4, kv", "run pretrain.model.head_dim"),
    ] {
        let changed = spec.replace(from, to);
        assert_ne!(changed, spec, "{from}");
        project.write("b.smol", &changed);
        project.smolc(&["export", "nanotron", "b.smol"]).exits(1).says(&[said]);
    }
}

#[test]
fn the_1_7b_run_is_exported_with_the_published_numbers() {
    let yaml = run(smolc(&workspace(), &["export", "nanotron", "specs/smollm2-1.7b.smol"])).exits(0).out;
    for line in [
        "train_steps: 5240000",
        "lr_decay_starting_step: 4716000",
        "lr_decay_steps: 524000",
        "lr_warmup_steps: 2000",
        "learning_rate: 5.0e-4",
        "start_training_step: 2861024",
        "hidden_size: 2048",
    ] {
        assert!(yaml.contains(line), "{line} in\n{yaml}");
    }
}

/// Every published file at hand becomes a spec that checks.
#[test]
fn published_files_check() {
    let shared = [workspace().join("../../shared/data/configs"), workspace().join("../shared/data/configs")];
    let Some(root) = shared.iter().find(|p| p.exists()) else {
        eprintln!("SKIPPED: {} is missing", shared[1].display());
        return;
    };
    let project = Project::new(30);
    let sets: [&[&str]; 7] = [
        &["smollm/text/pretraining/smollm2/config_smollm2_1B.yaml"],
        &["smollm/text/pretraining/smollm2/config_smollm2_360M.yaml"],
        &["smollm/text/pretraining/smollm2/config_smollm2_135M.yaml"],
        &["smollm/text/pretraining/smollm1/config_smollm1_1B.yaml"],
        &[
            "smollm/text/pretraining/smollm3/stage1_8T.yaml",
            "smollm/text/pretraining/smollm3/stage2_8T_9T.yaml",
            "smollm/text/pretraining/smollm3/stage3_9T_11T.yaml",
        ],
        &["nanotron/examples/config_nanoset.yaml"],
        &[
            "smollm/text/pretraining/continual-pretraining/finemath/160B-runs/fwedu-finemath-infiwebmath-4plus.yaml",
        ],
    ];
    for files in sets {
        let paths: Vec<String> =
            files.iter().map(|f| root.join(f).canonicalize().unwrap().display().to_string()).collect();
        let mut args = vec!["import", "nanotron", "--out", "x.smol"];
        args.extend(paths.iter().map(String::as_str));
        project.smolc(&args).exits(0);
        let ran = project.smolc(&["check", "x.smol", "--format", "short"]);
        assert_eq!(ran.code, 0, "{files:?}: {}", ran.out);
    }
}
