//! Golden cases: what the oracle wrote, and an engine that begins where it began.
#![allow(dead_code)] // each test binary uses a part
#![allow(clippy::wildcard_enum_match_arm)] // the oracle writes two element types

use safetensors::{Dtype, SafeTensors};
use smolc_engine::{Engine, Micro, hf};
use smolc_lower::program::{Decay, ProgramOptions, build};
use smolc_plan::{AdamW, Model, Parameter, Program, Recompute};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Every case of the golden folder.
pub const CASES: [&str; 8] = ["base", "untied", "docmask", "theta130k", "hd64", "mha", "qwen2", "llama3rope"];

pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

pub struct Batch {
    pub tokens: Vec<u32>,
    pub targets: Vec<u32>,
    pub weights: Vec<f32>,
    pub positions: Vec<u32>,
    pub document_start: Vec<u32>,
}

impl Batch {
    pub fn micro(&self) -> Micro<'_> {
        self.rows(0, self.tokens.len())
    }

    pub fn rows(&self, from: usize, to: usize) -> Micro<'_> {
        Micro {
            tokens: &self.tokens[from..to],
            targets: &self.targets[from..to],
            weights: &self.weights[from..to],
            positions: &self.positions[from..to],
            document_start: &self.document_start[from..to],
        }
    }

    pub fn scale(&self) -> f32 {
        1.0 / self.weights.iter().sum::<f32>()
    }
}

pub struct Case {
    pub folder: PathBuf,
    pub model: Model,
    pub batch: u64,
    pub window: u64,
    pub optimizer: AdamW,
    pub lr: f64,
    pub vectors: HashMap<String, Vec<f32>>,
    pub batches: Vec<Batch>,
}

impl Case {
    pub fn load(folder: &Path) -> Case {
        let bytes = std::fs::read(folder.join("ref64.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut vectors = HashMap::new();
        let mut integers = HashMap::new();
        for (name, view) in file.tensors() {
            let data = view.data();
            match view.dtype() {
                Dtype::F32 => {
                    let values = data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                    vectors.insert(name, values);
                }
                Dtype::I64 => {
                    let values: Vec<i64> =
                        data.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
                    integers.insert(name, values);
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        let meta: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("meta.json")).unwrap()).unwrap();
        let window = meta["seq"].as_u64().unwrap();
        let steps = meta["steps"].as_u64().unwrap();
        let batches = (0..steps).map(|k| batch(&integers, k, window as usize)).collect();
        let o = &meta["optimizer"];
        let number = |v: &serde_json::Value| v.as_f64().unwrap();
        assert_eq!(o["decay"], "all");
        let optimizer = AdamW {
            beta1: number(&o["betas"][0]),
            beta2: number(&o["betas"][1]),
            eps: number(&o["eps"]),
            weight_decay: number(&o["weight_decay"]),
            clip: Some(number(&o["clip"])),
        };
        Case {
            folder: folder.to_path_buf(),
            model: hf::read_config(&folder.join("hf")).unwrap().model,
            batch: meta["batch"].as_u64().unwrap(),
            window,
            optimizer,
            lr: number(&o["lr"]),
            vectors,
            batches,
        }
    }

    /// The program for micro-batches of `batch` sequences.
    pub fn program(&self, batch: u64, training: bool) -> (Program, Vec<Parameter>) {
        self.program_with(batch, training, Recompute::None)
    }

    /// As [`Case::program`], keeping less for the backward pass.
    pub fn program_with(
        &self,
        batch: u64,
        training: bool,
        recompute: Recompute,
    ) -> (Program, Vec<Parameter>) {
        // A chunk that divides nothing, so that the last one is short.
        let options = ProgramOptions {
            batch,
            window: self.window,
            head_chunk: 7,
            decay: Decay::All,
            recompute,
            training,
        };
        build(&self.model, &options).unwrap()
    }

    /// An engine with the case's initial weights.
    pub fn engine(&self, batch: u64, threads: usize) -> Engine {
        let (program, parameters) = self.program(batch, true);
        let mut engine = Engine::new(&program, &self.model, &parameters, threads).unwrap();
        hf::load(&self.folder.join("hf"), &mut engine).unwrap();
        engine
    }
}

fn batch(integers: &HashMap<String, Vec<i64>>, k: u64, window: usize) -> Batch {
    let get = |name: &str| &integers[&format!("batch{k}.{name}")];
    let u32s = |list: &[i64]| list.iter().map(|v| u32::try_from(*v).unwrap()).collect::<Vec<_>>();
    let targets = get("targets");
    let documents = get("doc_ids");
    let mut document_start = Vec::new();
    for (i, doc) in documents.iter().enumerate() {
        let t = i % window;
        let same = t > 0 && documents[i - 1] == *doc;
        document_start.push(if same { document_start[i - 1] } else { t as u32 });
    }
    Batch {
        tokens: u32s(get("input_ids")),
        weights: targets.iter().map(|t| if *t < 0 { 0.0 } else { 1.0 }).collect(),
        targets: u32s(&targets.iter().map(|t| (*t).max(0)).collect::<Vec<_>>()),
        positions: u32s(get("positions")),
        document_start,
    }
}

/// ‖a - b‖ / ‖b‖, in f64.
pub fn relative(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |x: f64| x * x;
    let difference: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let norm: f64 = b.iter().map(|b| square(f64::from(*b))).sum();
    (difference / norm.max(f64::MIN_POSITIVE)).sqrt()
}
