//! Attention alone, bf16: forward, and the backward pass with dq summed in a fixed order against the same kernel without
//! one. Both run in turn, so that the clock's changes meet both; each time is the best of its repeats.
//!
//! Before the times: the ordered pass must have the same bits every time, and the unordered one nearly the same numbers.

use super::{failed, relative};
use crate::cli::GpuAttentionArgs;
use crate::device;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use smolc_kernels_cuda::Launch;
use smolc_kernels_cuda::host::{Cubins, CudaError, Device, Memory, Prepared};
use smolc_kernels_cuda::launch::attention::{self, Backward, Forward, Path, Shape};
use smolc_kernels_cuda::launch::{Dtype, LaunchError, fill_normal};

/// What the order may move dq by, relative: a rounding of f32 sums, then of bf16.
const BAR: f64 = 5e-3;

const HEADER: &str = "heads,kv_heads,head_dim,window,batch,pass,milliseconds,tflops,launches\n";

/// Runs it.
pub fn execute(args: &GpuAttentionArgs, console: &Console) -> Result<Exit, Failure> {
    let search = device::search();
    let cubins = Cubins::new(&device::cache(), &search);
    let mut gpu = Device::open(&search, &cubins, crate::threads::count(None)).map_err(|e| failed(&e))?;
    let path = if gpu.info().arch().hopper() { Path::Hopper } else { Path::Portable };
    let (mut csv, mut bad) = (String::from(HEADER), 0);
    console.out.print(HEADER)?;
    for &window in &args.windows {
        let shape = Shape {
            batch: (args.tokens / window.max(1)).max(1),
            window,
            heads: args.heads,
            kv_heads: args.kv_heads,
            head_dim: args.head_dim,
        };
        let case = Case::new(&mut gpu, path, shape, args.documents)?;
        let times = case.measure(&mut gpu, args.repeats)?;
        for pass in &times {
            let line = pass.line(shape, args.documents);
            console.out.print(&line)?;
            csv.push_str(&line);
        }
        for problem in case.problems(&mut gpu, args.repeats)? {
            bad += 1;
            console.out.line(&format!("FAILED at a window of {window}: {problem}"))?;
        }
        if let [_, ordered, unordered] = times.as_slice() {
            let cost =
                100.0 * (f64::from(ordered.milliseconds()) / f64::from(unordered.milliseconds()) - 1.0);
            console
                .out
                .line(&format!("# window {window}: the order of dq costs {cost:.1}% of the backward pass"))?;
        }
    }
    std::fs::write(&args.out, csv)
        .map_err(|e| Failure::environment(format!("{}: {e}", args.out.display())))?;
    Ok(if bad == 0 { Exit::Done } else { Exit::Numerics })
}

/// The launches of a pass with the best time of each.
struct Pass {
    name: &'static str,
    /// FLOPs of a product, causal, over the whole batch; and how many products count.
    flops: f64,
    launches: Vec<(String, f32)>,
}

impl Pass {
    fn milliseconds(&self) -> f32 {
        self.launches.iter().map(|(_, ms)| ms).sum()
    }

    fn line(&self, s: Shape, documents: bool) -> String {
        let ms = self.milliseconds();
        // Documents hide scores, which are not counted.
        let rate = if documents { String::new() } else { format!("{:.1}", self.flops / f64::from(ms) / 1e9) };
        let launches: Vec<String> =
            self.launches.iter().map(|(name, ms)| format!("{name} {ms:.5}")).collect();
        format!(
            "{},{},{},{},{},{},{ms:.5},{rate},{}\n",
            s.heads,
            s.kv_heads,
            s.head_dim,
            s.window,
            s.batch,
            self.name,
            launches.join(" + ")
        )
    }
}

/// One shape with its tensors on the device.
struct Case {
    shape: Shape,
    forward: Vec<Prepared>,
    ordered: Vec<Prepared>,
    /// Where the device has such a kernel.
    unordered: Option<Vec<Prepared>>,
    /// `dqkv`, and all that must stay allocated.
    results: Memory,
    _others: Vec<Memory>,
}

fn refused(error: &LaunchError) -> Failure {
    failed(error)
}

fn prepared<'l>(
    gpu: &mut Device,
    launches: impl IntoIterator<Item = &'l Launch>,
) -> Result<Vec<Prepared>, Failure> {
    launches.into_iter().map(|l| gpu.prepare(l)).collect::<Result<_, CudaError>>().map_err(|e| failed(&e))
}

impl Case {
    fn new(gpu: &mut Device, path: Path, shape: Shape, documents: bool) -> Result<Case, Failure> {
        let tokens = shape.batch * shape.window;
        let values = shape.heads * shape.head_dim;
        let scratch = attention::backward_scratch(Dtype::Bf16, path, shape).max(16);
        let sizes = [
            ("qkv", 2 * tokens * shape.row()),
            ("document starts", 4 * tokens),
            ("out", 2 * tokens * values),
            ("lse", 4 * tokens * shape.heads),
            ("dout", 2 * tokens * values),
            ("delta", 4 * tokens * shape.heads),
            ("scratch", scratch),
        ];
        let memory: Vec<Memory> = sizes
            .iter()
            .map(|(what, bytes)| gpu.allocate(*bytes as u64, what))
            .collect::<Result<_, CudaError>>()
            .map_err(|e| failed(&e))?;
        let results = gpu.allocate((2 * tokens * shape.row()) as u64, "dqkv").map_err(|e| failed(&e))?;
        let at: Vec<u64> = memory.iter().map(Memory::address).collect();
        let [qkv, document_start, out, lse, dout, delta, scratch] = at.as_slice() else {
            return Err(Failure::environment("seven tensors were allocated".to_string()));
        };
        for (address, elements, stream) in [(*qkv, tokens * shape.row(), 0), (*dout, tokens * values, 1)] {
            let fill =
                fill_normal(Dtype::Bf16, address, elements, 1.0, 42, stream).map_err(|e| refused(&e))?;
            gpu.run(&fill).map_err(|e| failed(&e))?;
        }
        // Eight documents a window, or one.
        let length = if documents { shape.window.div_ceil(8).max(1) } else { shape.window };
        let starts: Vec<u8> = (0..tokens)
            .map(|t| (t % shape.window / length * length) as u32)
            .flat_map(u32::to_le_bytes)
            .collect();
        gpu.write(*document_start, &starts).map_err(|e| failed(&e))?;
        let (qkv, document_start, out, lse) = (*qkv, *document_start, *out, *lse);
        let forward = Forward { qkv, document_start, out, lse, shape };
        let backward = Backward {
            qkv,
            document_start,
            out,
            lse,
            dout: *dout,
            delta: *delta,
            dqkv: results.address(),
            scratch: *scratch,
            rotation: None,
            shape,
        };
        let launches = attention::forward(Dtype::Bf16, path, forward).map_err(|e| refused(&e))?;
        let forward = prepared(gpu, [&launches])?;
        let launches = attention::backward(Dtype::Bf16, path, backward).map_err(|e| refused(&e))?;
        let ordered = prepared(gpu, &launches)?;
        let unordered = match path {
            Path::Portable => None,
            Path::Hopper => {
                let launches = attention::backward_unordered(backward).map_err(|e| refused(&e))?;
                Some(prepared(gpu, &launches)?)
            }
        };
        Ok(Case { shape, forward, ordered, unordered, results, _others: memory })
    }

    /// Each pass in turn, `repeats` times and once to warm up.
    fn measure(&self, gpu: &mut Device, repeats: usize) -> Result<Vec<Pass>, Failure> {
        let s = self.shape;
        let product = s.batch as f64 * s.heads as f64 * (s.window as f64).powi(2) * s.head_dim as f64;
        let passes = [
            Some(("forward", 2.0 * product, &self.forward)),
            Some(("backward", 5.0 * product, &self.ordered)),
            self.unordered.as_ref().map(|launches| ("backward unordered", 5.0 * product, launches)),
        ];
        let mut best: Vec<Pass> = Vec::new();
        for run in 0..=repeats {
            for (number, (name, flops, launches)) in passes.iter().flatten().enumerate() {
                let times = timed(gpu, launches).map_err(|e| failed(&e))?;
                match best.get_mut(number) {
                    Some(pass) if run > 1 => {
                        pass.launches
                            .iter_mut()
                            .zip(times)
                            .for_each(|(best, (_, ms))| best.1 = best.1.min(ms));
                    }
                    Some(pass) => pass.launches = times,
                    None => best.push(Pass { name, flops: *flops, launches: times }),
                }
            }
        }
        Ok(best)
    }

    /// What is wrong with the results.
    fn problems(&self, gpu: &mut Device, repeats: usize) -> Result<Vec<String>, Failure> {
        let mut problems = Vec::new();
        let first = self.gradients(gpu, &self.ordered)?;
        for repeat in 1..repeats.max(2) {
            if self.gradients(gpu, &self.ordered)? != first {
                problems.push(format!("repeat {repeat} of the ordered backward pass has other bits"));
                break;
            }
        }
        let wide =
            |bits: &[u16]| -> Vec<f32> { bits.iter().map(|b| f32::from_bits(u32::from(*b) << 16)).collect() };
        if let Some(unordered) = &self.unordered {
            let distance = relative(&wide(&self.gradients(gpu, unordered)?), &wide(&first));
            if distance > BAR {
                problems.push(format!(
                    "the unordered backward pass differs by {distance:.1e}, more than {BAR:.0e}"
                ));
            }
        }
        Ok(problems)
    }

    /// dqkv as bf16, after it held NaN.
    fn gradients(&self, gpu: &mut Device, launches: &[Prepared]) -> Result<Vec<u16>, Failure> {
        let mut bytes = vec![0xff; self.results.bytes() as usize];
        gpu.write(self.results.address(), &bytes).map_err(|e| failed(&e))?;
        timed(gpu, launches).map_err(|e| failed(&e))?;
        gpu.read(self.results.address(), &mut bytes).map_err(|e| failed(&e))?;
        let (pairs, _) = bytes.as_chunks::<2>();
        Ok(pairs.iter().map(|b| u16::from_le_bytes(*b)).collect())
    }
}

/// Issues launches one after another and waits for each.
fn timed(gpu: &mut Device, launches: &[Prepared]) -> Result<Vec<(String, f32)>, CudaError> {
    let (begin, end) = (gpu.event()?, gpu.event()?);
    let mut times = Vec::with_capacity(launches.len());
    for launch in launches {
        gpu.record(&begin)?;
        gpu.launch(launch)?;
        gpu.record(&end)?;
        end.wait()?;
        times.push((launch.name().to_string(), end.milliseconds_since(&begin)?));
    }
    Ok(times)
}
