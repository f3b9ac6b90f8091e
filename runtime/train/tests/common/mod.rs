//! A run small enough to be trained hundreds of times: one layer, 30 steps, synthetic tokens.
#![allow(dead_code)] // each test program uses its part

use smolc_expr::{Binary, Expr};
use smolc_lower::program::{Decay, ProgramOptions, build};
use smolc_plan::*;
use smolc_train::event::Event;
use smolc_train::{Options, Outcome, Samples, TrainError, train_on};
use std::path::Path;
use std::sync::atomic::AtomicBool;

pub const VOCAB: u64 = 64;
pub const WINDOW: u64 = 16;
pub const SEQUENCES: u64 = 4;
pub const STEPS: u64 = 30;

pub fn ratio(num: u64, den: u64) -> Ratio {
    Ratio::new(num, den).unwrap()
}

pub fn dataset(name: &str, uid: u64) -> Dataset {
    Dataset {
        name: name.into(),
        source: Source::Text { patterns: vec![format!("{name}.txt")] },
        take: None,
        validation_per_million: 100_000,
        stated_tokens: None,
        stated_documents: None,
        columns: None,
        steps: Vec::new(),
        limit: None,
        measured: Some(Measured {
            uid,
            tokens: 4096,
            documents: 8,
            validation_tokens: 256,
            validation_documents: 2,
            bytes: 9000,
            validation_bytes: 500,
        }),
    }
}

/// Warm-up over 5 steps, then linear to zero.
pub fn schedule() -> Schedule {
    let (t, end) = (Expr::Var("t".into()), Expr::Var("end".into()));
    let binary = |op, a: &Expr, b: &Expr| Expr::Binary(op, Box::new(a.clone()), Box::new(b.clone()));
    let peak = Expr::Const(1e-2);
    let up = binary(
        Binary::Mul,
        &peak,
        &binary(Binary::Div, &binary(Binary::Add, &t, &Expr::Const(1.0)), &Expr::Const(5.0)),
    );
    let down = binary(Binary::Mul, &peak, &binary(Binary::Div, &binary(Binary::Sub, &end, &t), &end));
    let early = binary(Binary::Lt, &t, &Expr::Const(4.0));
    Schedule {
        expr: Expr::Select(Box::new(early), Box::new(up), Box::new(down)),
        source: "warm-up over 5 steps, then linear".into(),
    }
}

pub fn plan(micro: u64) -> Plan {
    let model = Model {
        name: "tiny".into(),
        family: Family::Llama,
        layers: 1,
        hidden: 16,
        ffn: 24,
        heads: 2,
        kv_heads: 1,
        head_dim: 8,
        vocab: VOCAB,
        context: WINDOW,
        tied: true,
        norm_eps: 1e-5,
        rope: Rope { theta: 1e4, scaling: None, skip_every: None },
        init: Init { std: 0.02 },
    };
    let options = ProgramOptions {
        batch: micro,
        window: WINDOW,
        head_chunk: 32,
        decay: Decay::All,
        recompute: Recompute::None,
        training: true,
    };
    let (program, parameters) = build(&model, &options).unwrap();
    let stage = |name: &str, first_step, steps, a, b| Stage {
        name: name.into(),
        first_step,
        steps,
        asked_tokens: steps * SEQUENCES * WINDOW,
        mix: vec![
            MixEntry { dataset: 0, weight: ratio(a, 10) },
            MixEntry { dataset: 1, weight: ratio(b, 10) },
        ],
        part: None,
        until: None,
    };
    Plan {
        version: PLAN_VERSION,
        spec: "tiny".into(),
        language: 1,
        compiler: "test".into(),
        tokenizers: vec![Tokenizer {
            name: "bytes".into(),
            source: TokenizerSource::Hf { path: "tokenizer.json".into() },
            eos: "<|endoftext|>".into(),
            bos: None,
            vocab: VOCAB,
        }],
        datasets: vec![dataset("docs", 11), dataset("code", 22)],
        classifiers: vec![],
        evaluations: vec![],
        sweeps: vec![],
        runs: vec![Run {
            name: "pretrain".into(),
            model,
            tokenizer: 0,
            batch: Batch { sequences: SEQUENCES, window: WINDOW, micro },
            steps: STEPS,
            seed: 7,
            optimizer: AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip: Some(1.0) },
            lr: schedule(),
            stages: vec![stage("prose", 0, 18, 8, 2), stage("programs", 18, 12, 3, 7)],
            checkpoints: Checkpoints { every: 7, keep: 2, pinned: Vec::new() },
            validation: Validation { every: Some(10), stage_end: true, end: false, tokens: 3 * WINDOW },
            document_mask: true,
            precision: Default::default(),
            parent: None,
            objective: Objective::NextToken,
            evaluations: vec![],
            target: None,
            weight_decay: None,
            parameters: parameters.into(),
            program: program.into(),
        }],
    }
}

/// Tokens that are a function of the sample's index: mostly predictable, so that the loss falls.
pub struct Synthetic;

fn mix(mut x: u64) -> u64 {
    x ^= x >> 31;
    x = x.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^ (x >> 29)
}

fn fill_row(seed: u64, batch: &mut smolc_data::Batch) {
    let start = mix(seed) % VOCAB;
    for i in 0..WINDOW {
        let token = |i: u64| {
            if mix(seed * 1000 + i).is_multiple_of(9) {
                mix(seed + i) % VOCAB
            } else {
                (start + 5 * i) % VOCAB
            }
        };
        let cut = 3 + seed % 7;
        batch.tokens.push(token(i) as u32);
        batch.targets.push(token(i + 1) as u32);
        // A document ends inside every row.
        batch.weights.push(if i + 1 == cut { 0.0 } else { 1.0 });
        batch.positions.push(if i < cut { i } else { i - cut } as u32);
        batch.document_start.push(if i < cut { 0 } else { cut } as u32);
    }
}

fn clear(batch: &mut smolc_data::Batch) {
    batch.tokens.clear();
    batch.targets.clear();
    batch.weights.clear();
    batch.positions.clear();
    batch.document_start.clear();
}

impl Samples for Synthetic {
    fn fill(&self, first: u64, n: usize, batch: &mut smolc_data::Batch) -> Result<(), TrainError> {
        clear(batch);
        (first..first + n as u64).for_each(|g| fill_row(g + 1, batch));
        Ok(())
    }

    fn dataset(&self, sample: u64) -> usize {
        usize::from(sample % 10 >= 8)
    }

    fn counts(&self, samples: u64) -> Vec<u64> {
        let code = (0..samples).filter(|g| self.dataset(*g) == 1).count() as u64;
        vec![samples - code, code]
    }

    fn validation_windows(&self, _: usize, tokens: u64) -> u64 {
        (tokens / WINDOW).clamp(1, 5)
    }

    fn fill_validation(
        &self,
        dataset: usize,
        windows: u64,
        first: u64,
        n: usize,
        batch: &mut smolc_data::Batch,
    ) -> Result<(), TrainError> {
        clear(batch);
        for row in first..first + n as u64 {
            fill_row(1_000_000 + 100 * dataset as u64 + row, batch);
            if row >= windows {
                let n = batch.weights.len();
                batch.weights[n - WINDOW as usize..].fill(0.0);
            }
        }
        Ok(())
    }
}

pub fn train(
    plan: &Plan,
    dir: &Path,
    threads: usize,
    stop: &AtomicBool,
    mut observer: impl FnMut(&Event),
) -> Result<Outcome, TrainError> {
    let backend = smolc_train::on_cpu(threads);
    let options = Options { threads, backend: &backend, stop, tokenizer: None };
    let special = smolc_engine::hf::Special::default();
    train_on(plan, &plan.runs[0], dir, &options, &Synthetic, &special, &mut observer)
}

/// Trains to the end with nobody watching.
pub fn finish(plan: &Plan, dir: &Path, threads: usize) -> Outcome {
    train(plan, dir, threads, &AtomicBool::new(false), |_| {}).unwrap()
}

/// The final weights as bytes.
pub fn weights(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("pretrain/model/model.safetensors")).unwrap()
}

pub fn ledger(dir: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(dir.join("pretrain/ledger.jsonl")).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// (step, loss bits, rate bits, norm bits) of every step line.
pub fn steps(dir: &Path) -> Vec<(u64, u64, u64, u64)> {
    let bits = |v: &serde_json::Value| v.as_f64().unwrap().to_bits();
    ledger(dir)
        .iter()
        .filter(|v| v["event"] == "step")
        .map(|v| (v["step"].as_u64().unwrap(), bits(&v["loss"]), bits(&v["lr"]), bits(&v["grad_norm"])))
        .collect()
}

/// Everything but times that a ledger says about training, in order.
pub fn story(dir: &Path) -> Vec<String> {
    ledger(dir)
        .iter()
        .filter(|v| ["step", "validation", "stage"].iter().any(|e| v["event"] == *e))
        .map(|v| format!("{} {} {} {}", v["event"], v["step"], v["dataset"], v["loss"]))
        .collect()
}
