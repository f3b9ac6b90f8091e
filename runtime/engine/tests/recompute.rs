//! What is computed again has the bits it had: losses, gradients and parameters do not depend on what is kept.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests count as code to clippy

mod common;

use common::{CASES, Case, golden};
use smolc_engine::{Engine, hf};
use smolc_plan::Recompute;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Losses, gradients and parameters of three steps in two micro-batches each; and a validation in between, which may share
/// memory with all of it.
fn run(case: &Case, level: Recompute) -> (u64, Vec<Vec<u32>>) {
    let (program, parameters) = case.program_with(case.batch, true, level);
    let mut engine = Engine::new(&program, &case.model, &parameters, 2).unwrap();
    hf::load(&case.folder.join("hf"), &mut engine).unwrap();
    let mut all = Vec::new();
    for (k, batch) in case.batches.iter().enumerate() {
        for first in [true, false] {
            let loss = engine.micro_step(&batch.micro(), batch.scale(), first).unwrap();
            all.push(vec![(loss.to_bits() >> 32) as u32, loss.to_bits() as u32]);
            all.push(bits(engine.nll()));
        }
        all.extend(parameters.iter().map(|p| bits(engine.gradient(&p.name).unwrap())));
        engine.evaluate(&batch.micro()).unwrap();
        engine.update(&case.optimizer, case.lr, k as u64 + 1).unwrap();
    }
    all.extend(parameters.iter().map(|p| bits(engine.parameter(&p.name).unwrap())));
    (program.activation_bytes, all)
}

#[test]
fn no_bit_depends_on_what_is_kept() {
    for name in CASES {
        let case = Case::load(&golden().join(name));
        let [none, elementwise, layers] = Recompute::ALL.map(|level| run(&case, level));
        assert!(none.1 == elementwise.1, "{name}: norms and SwiGLU again");
        assert!(none.1 == layers.1, "{name}: layers again");
        assert!(elementwise.0 < none.0 && layers.0 < none.0, "{name}: no memory is saved");
    }
}
