//! The GPU against the CPU back end, whose own numbers are tested against PyTorch: losses, every gradient, parameters after
//! three steps, and bits over repeats; its optimizer against f64 arithmetic on its own gradients; and before all that, the
//! instructions that the kernels are made of.

use super::adamw::Reference;
use super::conformance;
use super::shapes::{Batch, model};
use super::verify_decode;
use super::{failed, on_gpu, program, relative, relative_to};
use crate::cli::GpuVerifyArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use smolc_engine::{Engine, Stored};
use smolc_plan::{AdamW, Precision};

/// What AdamW may differ from f64 arithmetic, per parameter tensor: a few roundings of f32.
const OPTIMIZER_BAR: f64 = 1e-6;

/// Error bars: of the loss, of the worst gradient, of all parameters together after three steps.
fn bars(precision: Precision) -> [f64; 3] {
    match precision {
        Precision::F32 => [1e-5, 1e-4, 1e-4],
        // Activations have eight bits of mantissa.
        Precision::Bf16 => [5e-3, 6e-2, 2e-2],
    }
}

pub fn execute(args: &GpuVerifyArgs, console: &Console) -> Result<Exit, Failure> {
    let mut csv = String::from("model,precision,window,what,error,bar,verdict\n");
    let mut bad = 0;
    for (name, different) in conformance::run()? {
        bad += usize::from(different > 0);
        let verdict = if different == 0 { "ok" } else { "FAILED" };
        let line =
            format!("instructions,,,{},{different} bytes differ,0,{verdict}\n", name.replace(',', ";"));
        console.out.print(&line)?;
        csv.push_str(&line);
    }
    for name in &args.models {
        for precision in [Precision::F32, Precision::Bf16] {
            let mut compared = |window: &str, found: Vec<(String, f64, f64)>| -> Result<(), Failure> {
                for (what, error, bar) in found {
                    let good = error <= bar;
                    bad += usize::from(!good);
                    let verdict = if good { "ok" } else { "FAILED" };
                    let precision = precision.name();
                    let line =
                        format!("{name},{precision},{window},{what},{error:.3e},{bar:.0e},{verdict}\n");
                    console.out.print(&line)?;
                    csv.push_str(&line);
                }
                Ok(())
            };
            for window in &args.windows {
                compared(&window.to_string(), case(name, precision, *window, args.repeats)?)?;
            }
            compared("", verify_decode::case(name, precision)?)?;
        }
    }
    std::fs::write(&args.out, csv)
        .map_err(|e| Failure::environment(format!("{}: {e}", args.out.display())))?;
    console.out.line(if bad == 0 { "verify: everything within its bar" } else { "verify: FAILED" })?;
    Ok(if bad == 0 { Exit::Done } else { Exit::Numerics })
}

fn case(
    name: &str,
    precision: Precision,
    window: usize,
    repeats: usize,
) -> Result<Vec<(String, f64, f64)>, Failure> {
    let Some(model) = model(name) else { return Err(Failure::usage(format!("no model `{name}`"))) };
    let (sequences, chunk) = (2usize, 64);
    let exact = program(&model, sequences as u64, window as u64, chunk, Precision::F32)?;
    let mut cpu =
        Engine::new(&exact.0, &model, &exact.1, crate::threads::count(None)).map_err(|e| failed(&e))?;
    let (plan, parameters) = program(&model, sequences as u64, window as u64, chunk, precision)?;
    let mut gpu = on_gpu(&model, &plan, &parameters)?;
    cpu.initialize(1).map_err(|e| failed(&e))?;
    gpu.initialize(1).map_err(|e| failed(&e))?;
    let [loss_bar, gradient_bar, parameter_bar] = bars(precision);
    let optimizer = AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip: Some(1.0) };
    let mut exact_optimizer = Reference::new(&gpu, &parameters)?;
    let mut found = Vec::new();
    for step in 1..=3u64 {
        let batch = Batch::new(step, model.vocab, sequences, window, step != 2);
        let scale = (1.0 / batch.targets()) as f32;
        let theirs = cpu.micro_step(&batch.micro(), scale, true).map_err(|e| failed(&e))?;
        let ours = gpu.micro_step(&batch.micro(), scale, true).map_err(|e| failed(&e))?;
        found.push((format!("loss of step {step}"), ((ours - theirs) / theirs).abs(), loss_bar));
        if step == 1 {
            let mut worst = (0.0, String::new());
            for p in &parameters {
                let ours = gpu.read_gradient(&p.name).map_err(|e| failed(&e))?;
                // One token attends to itself whatever q and k are: their gradients are zero, and what is computed is
                // rounding, small beside the gradient of v.
                let like = match window {
                    1 => p.name.replace(".q_proj.", ".v_proj.").replace(".k_proj.", ".v_proj."),
                    _ => p.name.clone(),
                };
                let [theirs, like] = [&p.name, &like].map(|name| cpu.gradient(name).unwrap_or_default());
                let error = relative_to(&ours, theirs, like);
                if error >= worst.0 {
                    worst = (error, p.name.clone());
                }
            }
            found.push((format!("worst gradient ({})", worst.1), worst.0, gradient_bar));
            let first = bits(&gpu, &parameters)?;
            let mut different = 0;
            for _ in 0..repeats {
                gpu.micro_step(&batch.micro(), scale, true).map_err(|e| failed(&e))?;
                different += usize::from(bits(&gpu, &parameters)? != first);
            }
            found.push((format!("repeats of {repeats} with other bits"), different as f64, 0.0));
        }
        exact_optimizer.update(&gpu, &optimizer, 1e-3, step as i32)?;
        cpu.update(&optimizer, 1e-3, step).map_err(|e| failed(&e))?;
        gpu.update(&optimizer, 1e-3, step).map_err(|e| failed(&e))?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // Of a gradient that is rounding alone, Adam makes steps of the learning rate: with one token these parameters differ by
    // what no kernel is to blame for. Their update is held against f64 below.
    let by_rounding = |name: &str| window == 1 && (name.contains(".q_proj.") || name.contains(".k_proj."));
    for p in parameters.iter().filter(|p| !by_rounding(&p.name)) {
        ours.extend(gpu.read_parameter(&p.name).map_err(|e| failed(&e))?);
        theirs.extend_from_slice(cpu.parameter(&p.name).unwrap_or_default());
    }
    found.push(("parameters after three steps".into(), relative(&ours, &theirs), parameter_bar));
    let worst = exact_optimizer.worst(&gpu)?;
    found.push(("parameters by f64 AdamW on its own gradients".into(), worst, OPTIMIZER_BAR));
    let mut moments = vec![0f32; gpu.stored_values()];
    gpu.read_stored(Stored::Moments2, 0, &mut moments).map_err(|e| failed(&e))?;
    let wrong = moments.iter().filter(|v| !v.is_finite() || **v < 0.0).count();
    found.push(("second moments below 0 or not finite".into(), wrong as f64, 0.0));
    Ok(found)
}

/// A hash of every gradient's bits.
fn bits(gpu: &Engine<smolc_engine::Cuda>, parameters: &[smolc_plan::Parameter]) -> Result<u64, Failure> {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for p in parameters {
        for value in gpu.read_gradient(&p.name).map_err(|e| failed(&e))? {
            hash = (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Ok(hash)
}
