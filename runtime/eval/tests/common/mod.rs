//! Small models with known answers: the engine's golden cases.
#![allow(dead_code)] // each test binary uses a part

use safetensors::SafeTensors;
use smolc_engine::{Engine, hf};
use smolc_lower::program::{Decay, ProgramOptions, build};
use smolc_plan::{Model, Program, Recompute};
use std::path::{Path, PathBuf};

pub const CASES: [&str; 7] = ["base", "untied", "theta130k", "hd64", "mha", "qwen2", "llama3rope"];

pub struct Case {
    pub name: &'static str,
    pub folder: PathBuf,
    pub model: Model,
    /// The first sequence of the first batch.
    pub tokens: Vec<u32>,
    /// Its logits `[tokens, V]`, computed in double precision.
    pub logits: Vec<f32>,
    /// Greedy continuation of its first eight tokens.
    pub greedy: Vec<u32>,
}

pub fn case(name: &'static str) -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/golden").join(name);
    let bytes = std::fs::read(folder.join("ref64.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let integers = |name: &str| -> Vec<u32> {
        let words = file.tensor(name).unwrap().data().as_chunks::<8>().0;
        words.iter().map(|b| u32::try_from(i64::from_le_bytes(*b)).unwrap()).collect()
    };
    let logits = file.tensor("logits").unwrap();
    let window = logits.shape()[1];
    let model = hf::read_config(&folder.join("hf")).unwrap().model;
    let floats = logits.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
    Case {
        name,
        tokens: integers("batch0.input_ids")[..window].to_vec(),
        logits: floats.take(window * model.vocab as usize).collect(),
        greedy: integers("greedy"),
        folder,
        model,
    }
}

impl Case {
    /// An engine for evaluation with the case's weights.
    pub fn engine(&self, batch: u64, window: u64, threads: usize) -> (Engine, Program) {
        let (mut engine, program) = self.blank(batch, window, threads);
        hf::load(&self.folder.join("hf"), &mut engine).unwrap();
        (engine, program)
    }

    /// An engine whose weights are all zero.
    pub fn blank(&self, batch: u64, window: u64, threads: usize) -> (Engine, Program) {
        let options = ProgramOptions {
            batch,
            window,
            head_chunk: 7,
            decay: Decay::All,
            recompute: Recompute::None,
            training: false,
        };
        let (program, parameters) = build(&self.model, &options).unwrap();
        let engine = Engine::new(&program, &self.model, &parameters, threads).unwrap();
        (engine, program)
    }
}

/// ‖a − b‖ / ‖b‖
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |x: f64| x * x;
    let error: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    (error / b.iter().map(|b| square(f64::from(*b))).sum::<f64>()).sqrt()
}
