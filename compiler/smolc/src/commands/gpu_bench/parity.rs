//! A Hugging Face folder on the GPU: logits, every gradient, and the losses of a few AdamW steps, as raw f32 files that
//! `tests/gpu/parity.py` compares with transformers.

use super::{failed, on_gpu, program};
use crate::cli::GpuParityArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use serde::Deserialize;
use smolc_engine::{Micro, hf};
use smolc_plan::AdamW;
use std::path::Path;

/// Batches as the script writes them; every list has `sequences · window` values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sequences: u64,
    window: u64,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    clip: Option<f64>,
    batches: Vec<Tokens>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    tokens: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    positions: Vec<u32>,
    document_start: Vec<u32>,
}

impl Tokens {
    fn micro(&self) -> Micro<'_> {
        Micro {
            tokens: &self.tokens,
            targets: &self.targets,
            weights: &self.weights,
            positions: &self.positions,
            document_start: &self.document_start,
        }
    }

    fn scale(&self) -> f32 {
        1.0 / self.weights.iter().sum::<f32>()
    }
}

pub fn execute(args: &GpuParityArgs, console: &Console) -> Result<Exit, Failure> {
    let io = |path: &Path, e: std::io::Error| Failure::environment(format!("{}: {e}", path.display()));
    let bytes = std::fs::read(&args.batches).map_err(|e| io(&args.batches, e))?;
    let file: File = serde_json::from_slice(&bytes).map_err(|e| failed(&e))?;
    let model = hf::read_config(&args.model).map_err(|e| failed(&e))?.model;
    let (plan, parameters) = program(
        &model,
        file.sequences,
        file.window,
        smolc_plan::Precision::from(args.precision).head_chunk(),
        args.precision.into(),
    )?;
    let mut gpu = on_gpu(&model, &plan, &parameters)?;
    hf::load(&args.model, &mut gpu).map_err(|e| failed(&e))?;
    std::fs::create_dir_all(args.out.join("gradients")).map_err(|e| io(&args.out, e))?;
    let write = |name: &str, values: &[f32]| {
        let path = args.out.join(format!("{name}.f32"));
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(&path, bytes).map_err(|e| io(&path, e))
    };
    let Some(first) = file.batches.first() else { return Err(Failure::usage("no batch")) };
    let vocab = usize::try_from(model.vocab).unwrap_or(usize::MAX);
    let mut logits = vec![0f32; gpu.tokens().saturating_mul(vocab)];
    gpu.logits(&first.micro(), &mut logits).map_err(|e| failed(&e))?;
    write("logits", &logits)?;
    let o = AdamW {
        beta1: file.beta1,
        beta2: file.beta2,
        eps: file.eps,
        weight_decay: file.weight_decay,
        clip: file.clip,
    };
    let mut losses = Vec::new();
    for (i, batch) in file.batches.iter().enumerate() {
        let loss = gpu.micro_step(&batch.micro(), batch.scale(), true).map_err(|e| failed(&e))?;
        losses.push(loss * f64::from(batch.scale()));
        if i == 0 {
            for p in &parameters {
                write(
                    &format!("gradients/{}", p.name),
                    &gpu.read_gradient(&p.name).map_err(|e| failed(&e))?,
                )?;
            }
        }
        gpu.update(&o, file.lr, i as u64 + 1).map_err(|e| failed(&e))?;
    }
    let path = args.out.join("losses.json");
    std::fs::write(&path, serde_json::json!(losses).to_string()).map_err(|e| io(&path, e))?;
    console.out.line(&format!("{} on {}: {} losses", model.name, gpu.device(), losses.len()))?;
    Ok(Exit::Done)
}
