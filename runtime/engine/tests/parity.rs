//! Parity with the PyTorch oracle: see `golden/README.md` for how the vectors were made.
//!
//! Bars: relative L2 of 1e-5 for logits, token losses, the loss, the gradient norm and every gradient; 1e-4 for every
//! parameter after three AdamW steps, without exempting outliers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // helpers of tests count as code to clippy

mod common;

use common::{CASES, Case, golden, relative};
use smolc_engine::{Engine, inverse_frequencies};

fn check(what: &str, ours: &[f32], case: &Case, key: &str, bar: f64, worst: &mut f64) {
    let error = relative(ours, &case.vectors[key]);
    assert!(error <= bar, "{what}: {key}: relative L2 {error:.2e} exceeds {bar:.0e}");
    *worst = worst.max(error);
}

fn gradients(what: &str, case: &Case, engine: &Engine) -> f64 {
    let mut worst = 0.0;
    for p in engine.parameter_table() {
        let ours = engine.gradient(&p.name).unwrap();
        check(what, ours, case, &format!("grad.{}", p.name), 1e-5, &mut worst);
    }
    let expected = case.vectors.keys().filter(|k| k.starts_with("grad.")).count();
    assert_eq!(engine.parameter_table().len(), expected, "{what}: parameters");
    worst
}

/// All of a case: returns the worst relative error of (logits and losses, gradients, parameters).
pub fn case(name: &str, case: &Case) -> (f64, f64, f64) {
    let (mut forward, mut after) = (0.0, 0.0);
    let frequencies: Vec<f32> = inverse_frequencies(&case.model.rope, case.model.head_dim as usize)
        .iter()
        .map(|f| *f as f32)
        .collect();
    check(name, &frequencies, case, "rope.inv_freq", 1e-6, &mut 0.0);

    let mut engine = case.engine(case.batch, 2);
    let first = &case.batches[0];
    let mut logits = vec![0.0; engine.tokens() * case.model.vocab as usize];
    engine.logits(&first.micro(), &mut logits).unwrap();
    check(name, &logits, case, "logits", 1e-5, &mut forward);
    check(name, engine.nll(), case, "nll", 1e-5, &mut forward);
    let evaluated = engine.evaluate(&first.micro()).unwrap() as f32 * first.scale();
    check(name, &[evaluated], case, "loss", 1e-5, &mut forward);

    let mut worst = 0.0;
    for (k, batch) in case.batches.iter().enumerate() {
        let loss = engine.micro_step(&batch.micro(), batch.scale(), true).unwrap() as f32 * batch.scale();
        if k == 0 {
            check(name, engine.nll(), case, "nll", 1e-5, &mut forward);
            worst = gradients(name, case, &engine);
        }
        check(name, &[loss], case, &format!("step{k}.loss"), 1e-5, &mut forward);
        let sums = engine.update(&case.optimizer, case.lr, k as u64 + 1).unwrap();
        check(name, &[sums.norm as f32], case, &format!("step{k}.grad_norm"), 1e-5, &mut forward);
    }
    let last = case.batches.len() - 1;
    for p in engine.parameter_table() {
        let ours = engine.parameter(&p.name).unwrap();
        check(name, ours, case, &format!("step{last}.param.{}", p.name), 1e-4, &mut after);
    }
    (forward, worst, after)
}

#[test]
fn every_case_agrees_with_the_oracle() {
    for name in CASES {
        let (forward, gradient, after) = case(name, &Case::load(&golden().join(name)));
        println!(
            "{name:10} logits and losses {forward:.1e}  gradients {gradient:.1e}  parameters {after:.1e}"
        );
    }
}

#[test]
fn micro_batches_add_up_to_the_batch() {
    for name in CASES {
        let case = Case::load(&golden().join(name));
        let mut engine = case.engine(1, 2);
        let batch = &case.batches[0];
        let (window, n) = (case.window as usize, batch.tokens.len());
        let mut loss = 0.0;
        for from in (0..n).step_by(window) {
            let micro = batch.rows(from, from + window);
            loss += engine.micro_step(&micro, batch.scale(), from == 0).unwrap();
        }
        check(name, &[loss as f32 * batch.scale()], &case, "loss", 1e-5, &mut 0.0);
        gradients(name, &case, &engine);
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for name in ["base", "docmask", "hd64", "qwen2"] {
        let case = Case::load(&golden().join(name));
        let bits = |threads| {
            let mut engine = case.engine(case.batch, threads);
            for (k, batch) in case.batches.iter().enumerate() {
                engine.micro_step(&batch.micro(), batch.scale(), true).unwrap();
                engine.update(&case.optimizer, case.lr, k as u64 + 1).unwrap();
            }
            let all = [engine.parameters(), engine.moments1(), engine.moments2(), engine.nll()].concat();
            all.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let one = bits(1);
        assert!(one == bits(2) && one == bits(3), "{name}");
    }
}

#[test]
fn an_evaluation_program_gives_the_same_losses_from_less_memory() {
    let case = Case::load(&golden().join("base"));
    let (program, parameters) = case.program(case.batch, false);
    let mut small = Engine::new(&program, &case.model, &parameters, 2).unwrap();
    smolc_engine::hf::load(&case.folder.join("hf"), &mut small).unwrap();
    let mut large = case.engine(case.batch, 2);
    let micro = case.batches[0].micro();
    assert_eq!(small.evaluate(&micro).unwrap(), large.evaluate(&micro).unwrap());
    assert!(program.arena_bytes < case.program(case.batch, true).0.arena_bytes / 2);
    assert!(small.micro_step(&micro, 1.0, true).is_err());
    assert!(small.update(&case.optimizer, 1e-3, 1).is_err());
}

/// The oracle's own shapes, megabytes a case: made on the spot when `SMOLC_PYTHON` names a Python with torch and
/// transformers.
#[test]
fn the_oracle_s_full_shapes_agree() {
    let oracle = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracle/oracle.py");
    let Some(python) = std::env::var_os("SMOLC_PYTHON").filter(|_| oracle.exists()) else {
        println!("SKIPPED: set SMOLC_PYTHON to a Python with torch, and have {}", oracle.display());
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let made = std::process::Command::new(python)
        .arg(&oracle)
        .arg("make")
        .args(CASES)
        .arg("--out")
        .arg(out.path())
        .status()
        .unwrap();
    assert!(made.success());
    for name in CASES {
        let (forward, gradient, after) = case(name, &Case::load(&out.path().join(name)));
        println!(
            "{name:10} logits and losses {forward:.1e}  gradients {gradient:.1e}  parameters {after:.1e}"
        );
    }
}
