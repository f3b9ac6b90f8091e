//! Tokens a second of a full training step (forward, backward, clip, AdamW), one JSON object a line.
//!
//! ```text
//! train_step [--shape 10m|135m] [--threads N] [--reps N] [--seconds S] [--batch B] [--window T] [--chunk N]
//! ```
//!
//! One line a step with its time, then one with the share of each operator kind. With `--serve 1` it warms up, says so,
//! and then takes turns: for each number on standard input it runs so many steps and prints their time, which is how
//! `bench/compare.py` interleaves it with PyTorch.
#![allow(clippy::print_stdout)] // its output is the measurement

use smolc_engine::{Engine, Micro};
use smolc_lower::program::{Decay, ProgramOptions, build};
use smolc_plan::{AdamW, Family, Init, Model, Recompute, Rope};
use std::error::Error;
use std::time::Instant;

struct Options {
    shape: String,
    threads: usize,
    reps: usize,
    seconds: f64,
    batch: Option<u64>,
    window: u64,
    chunk: u64,
    serve: bool,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut o = Options {
        shape: "10m".into(),
        threads: 2,
        reps: 8,
        seconds: 40.0,
        batch: None,
        window: 512,
        chunk: 256,
        serve: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--shape" => o.shape = value,
            "--threads" => o.threads = value.parse()?,
            "--reps" => o.reps = value.parse()?,
            "--seconds" => o.seconds = value.parse()?,
            "--batch" => o.batch = Some(value.parse()?),
            "--window" => o.window = value.parse()?,
            "--chunk" => o.chunk = value.parse()?,
            "--serve" => o.serve = value == "1",
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    Ok(o)
}

/// The shapes of the PyTorch benchmark, and its batch.
fn shape(name: &str) -> Result<(Model, u64), Box<dyn Error>> {
    let (layers, hidden, ffn, heads, kv_heads, vocab, batch) = match name {
        "10m" => (8, 256, 704, 4, 4, 8192, 4),
        "135m" => (30, 576, 1536, 9, 3, 49_152, 1),
        other => return Err(format!("unknown shape {other}").into()),
    };
    let model = Model {
        name: name.into(),
        family: Family::Llama,
        layers,
        hidden,
        ffn,
        heads,
        kv_heads,
        head_dim: hidden / heads,
        vocab,
        context: 2048,
        tied: true,
        norm_eps: 1e-6,
        rope: Rope { theta: 10_000.0, scaling: None, skip_every: None },
        init: Init { std: 0.02 },
    };
    Ok((model, batch))
}

fn main() -> Result<(), Box<dyn Error>> {
    let o = options()?;
    let (model, default_batch) = shape(&o.shape)?;
    let batch = o.batch.unwrap_or(default_batch);
    let options = ProgramOptions {
        batch,
        window: o.window,
        head_chunk: o.chunk,
        decay: Decay::All,
        recompute: Recompute::None,
        training: true,
    };
    let (program, parameters) = build(&model, &options)?;
    let mut engine = Engine::new(&program, &model, &parameters, o.threads)?;
    engine.initialize(0)?;

    let n = engine.tokens();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % model.vocab) as u32
    };
    let tokens: Vec<u32> = (0..n).map(|_| draw()).collect();
    let window = o.window as usize;
    // As the PyTorch script: the last token of a row predicts nothing.
    let weights: Vec<f32> = (0..n).map(|i| if i % window == window - 1 { 0.0 } else { 1.0 }).collect();
    let targets: Vec<u32> = (0..n).map(|i| tokens.get(i + 1).copied().unwrap_or(0)).collect();
    let positions: Vec<u32> = (0..n).map(|i| (i % window) as u32).collect();
    let document_start = vec![0u32; n];
    let micro = Micro {
        tokens: &tokens,
        targets: &targets,
        weights: &weights,
        positions: &positions,
        document_start: &document_start,
    };
    let scale = 1.0 / weights.iter().sum::<f32>();
    let optimizer = AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip: Some(1.0) };

    let mut step = 0u64;
    let mut run = |engine: &mut Engine, steps: u64| -> Result<(f64, f64), Box<dyn Error>> {
        let (start, mut loss) = (Instant::now(), 0.0);
        for _ in 0..steps {
            step += 1;
            loss = engine.micro_step(&micro, scale, true)? * f64::from(scale);
            engine.update(&optimizer, 3e-4, step)?;
        }
        Ok((start.elapsed().as_secs_f64(), loss))
    };
    let (warm_up, _) = run(&mut engine, 2)?;
    engine.reset_times();
    if o.serve {
        println!(r#"{{"ready":true,"step_seconds":{:.6}}}"#, warm_up / 2.0);
        for line in std::io::stdin().lines() {
            let steps: u64 = line?.trim().parse()?;
            let (seconds, loss) = run(&mut engine, steps)?;
            println!(r#"{{"seconds":{seconds:.6},"steps":{steps},"tokens":{n},"loss":{loss:.6}}}"#);
        }
    } else {
        let begin = Instant::now();
        for rep in 0..o.reps.max(1) {
            if rep > 0 && begin.elapsed().as_secs_f64() > o.seconds {
                break;
            }
            let (seconds, loss) = run(&mut engine, 1)?;
            let rate = n as f64 / seconds;
            println!(
                r#"{{"seconds":{seconds:.6},"tokens":{n},"tokens_per_second":{rate:.1},"loss":{loss:.6}}}"#
            );
        }
    }
    let total: f64 = engine.times().iter().map(|(_, t)| t.as_secs_f64()).sum();
    let shares: Vec<String> = engine
        .times()
        .iter()
        .map(|(name, t)| format!(r#""{name}":{:.4}"#, t.as_secs_f64() / total.max(f64::MIN_POSITIVE)))
        .collect();
    println!(
        r#"{{"shares":{{{}}},"parameters":{},"flops":{},"arena_bytes":{},"allocated_bytes":{},"threads":{}}}"#,
        shares.join(","),
        model.parameters().unwrap_or(0),
        program.flops,
        program.arena_bytes,
        engine.allocated_bytes(),
        engine.threads()
    );
    Ok(())
}
