//! Generation on the GPU against the CPU: the logits of every step, and every token by the CPU's own sampler from the device's
//! logits, which must be the same one.

use super::shapes::{Batch, model};
use super::{failed, for_one_text, on_gpu, relative};
use crate::failure::Failure;
use smolc_engine::{CudaDecoder, Engine, Stepping};
use smolc_eval::{Decoder, Sampling, Weights};
use smolc_plan::Precision;

/// Error bar of a row of logits.
fn bar(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-4,
        // Activations, keys and values have eight bits of mantissa.
        Precision::Bf16 => 2e-2,
    }
}

/// Prompts and tokens drawn behind them: one token; a tile that fills the cache; one short of a chunk of the cache, which
/// the continuation crosses. All end with the cache exactly full.
const CASES: [(usize, usize); 3] = [(1, 7), (64, 1), (255, 6)];

/// What was compared, the error, and its bar.
pub fn case(name: &str, precision: Precision) -> Result<Vec<(String, f64, f64)>, Failure> {
    let Some(model) = model(name) else { return Err(Failure::usage(format!("no model `{name}`"))) };
    let mut found = Vec::new();
    for (length, count) in CASES {
        let context = length + count - 1;
        let window = context as u64;
        let exact = for_one_text(&model, window, Precision::F32)?;
        let threads = crate::threads::count(None);
        let mut cpu = Engine::new(&exact.0, &model, &exact.1, threads).map_err(|e| failed(&e))?;
        cpu.initialize(1).map_err(|e| failed(&e))?;
        let weights = Weights::of(&cpu, &exact.0).map_err(|e| failed(&e))?;
        let mut reference = Decoder::new(weights, &model, length + count, threads).map_err(|e| failed(&e))?;
        let (plan, parameters) = for_one_text(&model, window, precision)?;
        let mut gpu = on_gpu(&model, &plan, &parameters)?;
        gpu.initialize(1).map_err(|e| failed(&e))?;
        let batch = Batch::new(3, model.vocab, 1, length, false);
        let prompt = batch.micro().tokens;
        let (mut worst, mut misdrawn, mut unlike) = (0f64, 0, 0);
        for temperature in [0.0, 0.9] {
            let sampling = Sampling { temperature, top_k: Some(60), top_p: 0.95, min_p: 0.01, seed: 7 };
            let settings = sampling.on_a_device();
            let mut tokens = Vec::new();
            let stepping = Stepping { graph: true, ahead: false };
            let mut decoder =
                CudaDecoder::new(&mut gpu, &plan, &model, context, stepping).map_err(|e| failed(&e))?;
            decoder.begin(prompt, &settings, count).map_err(|e| failed(&e))?;
            reference.reset();
            let mut unread = prompt.to_vec();
            for i in 0..count {
                let token = decoder.token().map_err(|e| failed(&e))?.unwrap_or(u32::MAX);
                let logits = decoder.logits().map_err(|e| failed(&e))?;
                misdrawn += usize::from(sampling.choose(&logits, i as u64) != Some(token));
                worst = worst.max(relative(&logits, reference.read(&unread).map_err(|e| failed(&e))?));
                unread = vec![token];
                tokens.push(token);
            }
            drop(decoder);
            // However the steps reach the device.
            for (graph, ahead) in [(true, true), (false, true)] {
                let stepping = Stepping { graph, ahead };
                let mut decoder =
                    CudaDecoder::new(&mut gpu, &plan, &model, context, stepping).map_err(|e| failed(&e))?;
                decoder.begin(prompt, &settings, count).map_err(|e| failed(&e))?;
                for token in &tokens {
                    unlike += usize::from(decoder.token().map_err(|e| failed(&e))? != Some(*token));
                }
            }
        }
        found.push((format!("logits of {count} tokens behind {length}"), worst, bar(precision)));
        found.push((format!("tokens behind {length} that the CPU draws otherwise"), misdrawn as f64, 0.0));
        found.push((
            format!("tokens behind {length} that depend on how steps are queued"),
            unlike as f64,
            0.0,
        ));
    }
    Ok(found)
}
