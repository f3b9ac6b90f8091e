//! Tokens a second of whole optimizer steps, and the time of every operator.

use super::shapes::{Batch, model};
use super::{failed, on_gpu, program};
use crate::cli::GpuTrainArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use smolc_plan::{AdamW, Device, Model, Recompute, Space, Target};
use std::time::Instant;

/// Dense bf16 peak of H100 and H200, FLOP/s: what model FLOPs utilization is stated against.
const PEAK: f64 = 989.4e12;

/// FLOPs of a token, forward and backward: six a weight of a product, and causal attention (half the square) six times
/// `layers · T · heads · head_dim`.
fn flops_per_token(model: &Model, window: u64) -> f64 {
    let (d, h) = (model.hidden, model.head_dim);
    let qkv = (model.heads + 2 * model.kv_heads) * h;
    let layer = d * qkv + model.heads * h * d + 3 * d * model.ffn;
    let weights = model.layers * layer + model.vocab * d;
    6.0 * weights as f64 + 6.0 * (model.layers * window * model.heads * h) as f64
}

pub fn execute(args: &GpuTrainArgs, console: &Console) -> Result<Exit, Failure> {
    let Some(model) = model(&args.model) else {
        return Err(Failure::usage(format!(
            "no model `{}`; there are 135m, 360m, 1.7b, tiny-gqa3, …",
            args.model
        )));
    };
    let (plan, parameters) = program(&model, args.micro, args.window, args.chunk, args.precision.into())?;
    let mut gpu = on_gpu(&model, &plan, &parameters)?;
    gpu.initialize(1).map_err(|e| failed(&e))?;
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let batches: Vec<Batch> = (0..args.accumulate)
        .map(|i| Batch::new(i + 1, model.vocab, size(args.micro), size(args.window), args.documents))
        .collect();
    let targets: f64 = batches.iter().map(Batch::targets).sum();
    let optimizer = AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip: Some(1.0) };
    let tokens = args.micro * args.window * args.accumulate;
    let mut step = 0;
    let mut one = |gpu: &mut smolc_engine::Engine<smolc_engine::Cuda>| -> Result<f64, Failure> {
        step += 1;
        for (i, batch) in batches.iter().enumerate() {
            gpu.accumulate(&batch.micro(), (1.0 / targets) as f32, i == 0).map_err(|e| failed(&e))?;
        }
        let sums = gpu.update(&optimizer, 3e-4, step).map_err(|e| failed(&e))?;
        Ok(sums.loss / targets)
    };
    for _ in 0..args.warmup {
        one(&mut gpu)?;
    }
    // A step ends where the next one's loss is known: the update of one runs while the host prepares the next.
    let (begin, mut times, mut losses) = (Instant::now(), Vec::new(), Vec::new());
    // Two at least: what compares runs needs steps that follow one another.
    while times.len() < 2 || begin.elapsed().as_secs_f64() < args.seconds {
        let start = Instant::now();
        losses.push(one(&mut gpu)?);
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        times.get((share * (times.len() - 1) as f64).round() as usize).copied().unwrap_or(f64::NAN)
    };
    let rate = tokens as f64 / at(0.5);
    let utilization = rate * flops_per_token(&model, args.window) / PEAK;
    let line = format!(
        "smolc,{},{},{},{},{},{},{:.6},{:.6},{:.6},{rate:.1},{utilization:.4},{},{},{:.6}\n",
        args.model,
        args.window,
        args.micro,
        args.accumulate,
        smolc_plan::Precision::from(args.precision).name(),
        times.len(),
        at(0.5),
        at(0.1),
        at(0.9),
        gpu.allocated_bytes(),
        planned(&model, args),
        losses.last().copied().unwrap_or(f64::NAN),
    );
    console.out.print(
        "system,model,window,micro,accumulate,precision,steps,median_s,p10_s,p90_s,tokens_per_s,mfu_causal,allocated,planned,loss\n",
    )?;
    console.out.print(&line)?;
    if let Some(path) = &args.losses {
        let text: String = losses.iter().map(|l| format!("{:016x} {l}\n", l.to_bits())).collect();
        std::fs::write(path, text).map_err(|e| Failure::environment(format!("{}: {e}", path.display())))?;
    }
    if let Some(path) = &args.kernels {
        let copy = copy_bandwidth(gpu.backend_mut())?;
        let mut csv = String::from(
            "operator,layers,milliseconds_one_layer,milliseconds,launches_milliseconds_one_layer,bytes,share_of_copy,launches\n",
        );
        let share = |bytes: u64, ms: f32| bytes as f64 / f64::from(ms) / 1e6 / copy;
        let cuda = gpu.backend_mut();
        for (id, (layers, bytes)) in cuda.operators().into_iter().enumerate() {
            // Once to warm up, then the best of five of each.
            let mut best: Vec<(String, f32)> = Vec::new();
            for run in 0..6 {
                let times = cuda.time(id, 0).map_err(|e| failed(&e))?;
                if run <= 1 {
                    best = times;
                } else {
                    best.iter_mut().zip(times).for_each(|(best, (_, time))| best.1 = best.1.min(time));
                }
            }
            let whole: f32 = best.iter().map(|(_, time)| time).sum();
            let launches: f32 =
                best.iter().filter(|(name, _)| !name.starts_with("product")).map(|(_, time)| time).sum();
            let reached = if bytes > 0 { format!("{:.3}", share(bytes, launches)) } else { String::new() };
            let names: Vec<String> = best.iter().map(|(name, time)| format!("{name} {time:.5}")).collect();
            csv.push_str(&format!(
                "{id},{layers},{whole:.5},{:.5},{launches:.5},{bytes},{reached},{}\n",
                whole * layers as f32,
                names.join(" + ").replace(',', ";")
            ));
        }
        // The sums are waited for, the update is not: over many, the device's time for both.
        let (count, begin) = (20, Instant::now());
        for i in 0..count {
            gpu.update(&optimizer, 3e-4, i + 1).map_err(|e| failed(&e))?;
        }
        let ms = (begin.elapsed().as_secs_f64() * 1e3 / count as f64) as f32;
        let each = if plan.tensors.iter().any(|t| t.space == Space::Rounded) { 34 } else { 32 };
        let bytes = each * gpu.stored_values() as u64;
        csv.push_str(&format!("norm and adamw,1,{ms:.5},{ms:.5},{ms:.5},{bytes},{:.3},\n", share(bytes, ms)));
        csv.push_str(&format!("copy within the device,,,,,,,{copy:.1} GB/s read and written\n"));
        std::fs::write(path, csv).map_err(|e| Failure::environment(format!("{}: {e}", path.display())))?;
    }
    Ok(Exit::Done)
}

/// What `check` says that a device holds for such a run, bytes.
fn planned(model: &Model, args: &GpuTrainArgs) -> u64 {
    let target = Target {
        name: String::new(),
        device: Device { name: String::new(), memory: u64::MAX, bandwidth: 1.0, peak: 1.0 },
        count: 1,
        data_parallel: 1,
        tensor_parallel: 1,
        pipeline_parallel: 1,
        zero: 0,
        precision: args.precision.into(),
        recompute: Recompute::None,
        head_chunk: args.chunk,
        utilization: 1.0,
        price: None,
    };
    let batch =
        smolc_plan::Batch { sequences: args.micro * args.accumulate, window: args.window, micro: args.micro };
    smolc_plan::memory::memory(model, &batch, &target, false).map_or(0, |m| m.peak() as u64)
}

/// GB/s of a copy within the device, bytes read and bytes written: the best of ten.
pub fn copy_bandwidth(cuda: &mut smolc_engine::Cuda) -> Result<f64, Failure> {
    let device = cuda.device_mut();
    // More than any cache holds, less than what is left beside the arena.
    let free = device.free_memory().map_err(|e| failed(&e))?;
    let bytes = (free / 8).min(1 << 30) / 256 * 256;
    let [from, to] = [
        device.allocate(bytes, "a copy's source").map_err(|e| failed(&e))?,
        device.allocate(bytes, "a copy's destination").map_err(|e| failed(&e))?,
    ];
    let [begin, end] = [device.event().map_err(|e| failed(&e))?, device.event().map_err(|e| failed(&e))?];
    let mut best = f32::INFINITY;
    for _ in 0..10 {
        device.record(&begin).map_err(|e| failed(&e))?;
        device.copy(to.address(), from.address(), bytes as usize).map_err(|e| failed(&e))?;
        device.record(&end).map_err(|e| failed(&e))?;
        end.wait().map_err(|e| failed(&e))?;
        best = best.min(end.milliseconds_since(&begin).map_err(|e| failed(&e))?);
    }
    Ok(2.0 * bytes as f64 / f64::from(best) / 1e6)
}
