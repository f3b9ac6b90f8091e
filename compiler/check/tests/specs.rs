//! Every spec of the repository checks without an error; what is left to say of each is here.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smolc_check::{Checked, MemoryWorld, check};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs")
}

/// Every `.smol` file below a folder, by its path from `specs`.
fn files(folder: &Path, out: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "smol") {
            out.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_string());
        }
    }
    out.sort();
}

fn world() -> MemoryWorld {
    let mut all = Vec::new();
    files(&root(), &mut all);
    let mut world = MemoryWorld { home: Some("/h".into()), ..MemoryWorld::default() };
    for file in &all {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        world.files.insert(file.clone(), text);
    }
    for path in ["smollm2/tokenizer.json", "tokenizer.json"] {
        world.tokenizers.insert(path.into(), Ok(49_152));
    }
    world
}

fn checked(name: &str) -> Checked {
    check(&world(), name, &[])
}

fn said(checked: &Checked) -> Vec<String> {
    checked.diagnostics.iter().map(|d| format!("{:?} {} {}", d.severity, d.code, d.message)).collect()
}

#[test]
fn every_spec_says_only_what_is_left_to_stand() {
    let mut all = Vec::new();
    files(&root(), &mut all);
    assert!(all.len() >= 14, "{all:?}");
    let mut problems = String::new();
    for name in all {
        let found = said(&checked(&name));
        let allowed: &[&str] = match name.as_str() {
            "smollm2-1.7b.smol" => {
                &["Warning smol::data::epochs stage `balance` reads `open_web_math` 8.3 times over"]
            }
            "smollm2/1.7b.smol"
            | "smollm2/ablations/math_anneal.smol"
            | "smollm2/ablations/code_anneal.smol" => {
                &["Warning smol::data::epochs stage `balance` reads `web.open_web_math` 8.3 times over"]
            }
            _ => &[],
        };
        if found != allowed {
            problems += &format!("{name}:\n  {}\n", found.join("\n  "));
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn the_complete_recipe_has_the_published_lengths() {
    let spec = checked("smollm2/1.7b.smol").spec;
    let runs: Vec<(&str, u64)> = spec.runs.iter().map(|r| (r.name.as_str(), r.steps.unwrap())).collect();
    // 61,135 preferences twice over, in batches of 128.
    assert_eq!(runs, [("pretrain", 5_240_000), ("long_context", 36_000), ("sft", 1907), ("dpo", 955)],);
    let parents: Vec<Option<(usize, u64)>> =
        spec.runs.iter().map(|r| r.parent.as_ref().map(|p| (p.run, p.step.unwrap()))).collect();
    assert_eq!(parents, [None, Some((0, 5_204_000)), Some((1, 36_000)), Some((2, 1907))]);
    let long = &spec.runs[1];
    let model = &long.model.as_ref().unwrap().model;
    assert_eq!((model.context, model.rope.theta), (8192, 130_000.0));
    assert_eq!(long.batch.as_ref().unwrap().sequences, 256);
    // The rate goes on where the trunk's is: 36,000 steps before its end.
    let lr = &long.lr.as_ref().unwrap().expr;
    for (t, rate) in [(0, 5e-4 * 36_000.0 / 524_000.0), (35_999, 5e-4 / 524_000.0)] {
        let found = smolc_check::run_time::at(lr, t, 36_000);
        assert!((found - rate).abs() <= 1e-12, "{t}: {found:e}, not {rate:e}");
    }
    assert_eq!(spec.runs[0].checkpoints.as_ref().unwrap().pinned, [5_204_000]);
}

/// A record that changes theta alone keeps what else was said of RoPE.
#[test]
fn smollm3_leaves_rope_out_of_every_fourth_layer_in_all_its_runs() {
    let spec = checked("smollm3.smol").spec;
    let ropes: Vec<(f64, Option<u64>)> = spec
        .runs
        .iter()
        .map(|r| &r.model.as_ref().unwrap().model.rope)
        .map(|r| (r.theta, r.skip_every))
        .collect();
    assert_eq!(ropes, [(5e4, Some(4)), (2e6, Some(4)), (5e6, Some(4))]);
}

#[test]
fn sweeps_make_a_run_for_each_value() {
    let names =
        |spec: &str| -> Vec<String> { checked(spec).spec.runs.iter().map(|r| r.name.clone()).collect() };
    assert_eq!(
        names("smollm2/ablations/web_ratio.smol"),
        [
            "web_ratio.mixture_only_fineweb_edu",
            "web_ratio.mixture_only_dclm",
            "web_ratio.mixture_web_40_60",
            "web_ratio.mixture_web_60_40"
        ]
    );
    let anneals = names("smollm2/ablations/math_anneal.smol");
    assert_eq!(anneals.len(), 7);
    assert_eq!(anneals[0], "base.pretrain");
    assert_eq!(anneals[1], "math_anneal.tested_web_open_web_math");
}

#[test]
fn provenance_names_every_place_and_the_winner() {
    let (checked, provenance) = smolc_check::trace(&world(), "smollm2/1.7b.smol", &[]);
    let at = |path: &str| {
        let found = smolc_check::provenance::at(&provenance, path);
        assert_eq!(found.len(), 1, "{path}");
        found[0].clone()
    };
    let place = |span: smolc_diag::Span| checked.sources.path(span.file).to_string();
    let theta = at("long_context.model.rope.theta");
    assert!(theta.value.starts_with("130,000"), "{theta:?}");
    let how: Vec<&str> = theta.touches.iter().map(|t| t.how.as_str()).collect();
    assert_eq!(how[0], "set here");
    assert!(how[1..].iter().any(|h| h.starts_with("replaced")), "{how:?}");
    assert_eq!(place(theta.touches.last().unwrap().span), "std.models");
    // Taken over along two runs.
    let decay = at("dpo.optimizer.betas");
    assert_eq!(decay.touches[0].how, "taken over from run `sft`");
    let lr = at("run.pretrain.lr");
    assert!(lr.touches.iter().any(|t| t.how == "made by `wsd`"), "{lr:?}");
    let mix = at("pretrain.foundation.mix");
    assert_eq!(mix.value, "90% web_60_40 + 10% web.starcoder_data");
}
