//! The process grows by what the plan and the kernels' scratch memory add up to, at a shape where that is megabytes.
//!
//! One test in a process of its own, so that nothing else grows it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // helpers of tests count as code to clippy

use smolc_engine::{Engine, Micro};
use smolc_lower::program::{Decay, ProgramOptions, build};
use smolc_plan::{AdamW, Family, Init, Model, Recompute, Rope};

fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split_whitespace().nth(1)?.parse::<u64>().ok()? * 4096)
}

#[test]
fn the_process_grows_by_what_is_planned() {
    let model = Model {
        name: "growth".into(),
        family: Family::Llama,
        layers: 4,
        hidden: 128,
        ffn: 352,
        heads: 4,
        kv_heads: 2,
        head_dim: 32,
        vocab: 2048,
        context: 128,
        tied: true,
        norm_eps: 1e-5,
        rope: Rope { theta: 10_000.0, scaling: None, skip_every: None },
        init: Init { std: 0.02 },
    };
    let options = ProgramOptions {
        batch: 4,
        window: 128,
        head_chunk: 128,
        decay: Decay::All,
        recompute: Recompute::None,
        training: true,
    };
    let (program, parameters) = build(&model, &options).unwrap();
    let Some(before) = resident() else {
        println!("SKIPPED: this system does not say how much memory a process has");
        return;
    };
    let mut engine = Engine::new(&program, &model, &parameters, 2).unwrap();
    engine.initialize(3).unwrap();
    let n = engine.tokens();
    let tokens: Vec<u32> = (0..n as u32).map(|i| i * 7919 % 2048).collect();
    let positions: Vec<u32> = (0..n as u32).map(|i| i % 128).collect();
    let (weights, starts) = (vec![1.0; n], vec![0; n]);
    let micro = Micro {
        tokens: &tokens,
        targets: &tokens,
        weights: &weights,
        positions: &positions,
        document_start: &starts,
    };
    let optimizer = AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip: Some(1.0) };
    for step in 1..3 {
        engine.micro_step(&micro, 1.0 / n as f32, true).unwrap();
        engine.update(&optimizer, 1e-3, step).unwrap();
    }
    let grown = resident().unwrap_or(before).saturating_sub(before);
    let planned = engine.allocated_bytes();
    // Stacks, code touched for the first time and the binding itself come on top.
    assert!(grown <= planned + (8 << 20), "grew by {grown}, planned {planned}");
    // And the arena is really used: nearly all of it is resident.
    assert!(grown >= program.arena_bytes * 9 / 10, "grew by {grown}, arena {}", program.arena_bytes);
    println!("planned {planned} bytes (arena {}), grew by {grown}", program.arena_bytes);
}
