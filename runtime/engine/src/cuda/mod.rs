//! The CUDA back end: the same program over one arena in device memory.
//!
//! Everything that a step does is decided in [`Backend::prepare`]: launches are encoded, products are planned, scratch
//! memory is allocated. A step then only issues them, in one stream; the host waits once, for the loss and the norm of the
//! gradient, with the update queued behind them. Inputs come through two page-locked buffers and two places on the device, so that the copy of a micro-batch
//! overlaps with the work on the one before it.
//!
//! What lies beside the arena: cuBLASLt's workspace, scratch of the kernels, the two places of the inputs, and the segments
//! of the optimizer. [`Cuda::open`] says how much that is.

mod bind;
mod decode;
mod inputs;
mod scratch;
mod traffic;

use crate::backend::{Backend, Segment, Sums, Update};
use crate::bind::{Kernel, Operator};
use crate::error::EngineError;
use bind::{Binder, Step};
pub use decode::{CudaDecoder, Stepping};
use inputs::Inputs;
use scratch::Scratch;
use smolc_kernels_cuda::host::{Blas, Cubins, Device, DeviceInfo, Event, Memory, Pinned, Prepared, Search};
use smolc_kernels_cuda::launch;
use smolc_plan::Precision;
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

/// What is read back once a step: loss, norm, faults.
const RESULTS: usize = 64;

/// A GPU with the arena of one program.
pub struct Cuda {
    // Before the device: freed while its context lives.
    arena: Memory,
    scratch: Option<Scratch>,
    inputs: Inputs,
    results: Pinned,
    /// The results are on the host.
    reduced: Event,
    /// The results hold a norm.
    normed: bool,
    /// A micro-batch that starts its gradients is under way.
    first: bool,
    /// Gradients that no product starts, address and bytes.
    added: Vec<(u64, usize)>,
    blas: Blas,
    /// Steps of every operator, by number and layer.
    steps: Vec<Vec<Vec<Step>>>,
    /// Bytes that the launches of every operator must move, in one layer.
    traffic: Vec<u64>,
    segments: Option<Segments>,
    norm: Option<(Range<usize>, u64, [Prepared; 2])>,
    loss: Option<(Range<usize>, Range<usize>, Prepared)>,
    timing: Option<[Event; 2]>,
    arena_bytes: u64,
    device: Device,
}

/// The optimizer's segments on the device.
struct Segments {
    memory: Memory,
    list: Vec<Segment>,
}

impl Cuda {
    /// Opens the first GPU, compiles what must be compiled on `threads` threads, and allocates the arena. `cache` is the
    /// folder of compiled kernels and of the algorithms of products.
    pub fn open(
        search: &Search,
        cache: &Path,
        arena_bytes: u64,
        threads: usize,
    ) -> Result<Cuda, EngineError> {
        let cubins = Cubins::new(cache, search);
        let device = Device::open(search, &cubins, threads)?;
        let blas = Blas::new(&device, search, cache)?;
        let arena = device.allocate(arena_bytes, "the arena of this run")?;
        Ok(Cuda {
            inputs: Inputs::new(&device)?,
            results: device.pinned(RESULTS)?,
            reduced: device.event()?,
            normed: false,
            first: false,
            added: Vec::new(),
            arena,
            scratch: None,
            blas,
            steps: Vec::new(),
            traffic: Vec::new(),
            segments: None,
            norm: None,
            loss: None,
            timing: None,
            arena_bytes,
            device,
        })
    }

    /// What is known of the GPU.
    pub fn info(&self) -> &DeviceInfo {
        self.device.info()
    }

    /// The device, for measurements.
    pub fn device_mut(&mut self) -> &mut Device {
        &mut self.device
    }

    /// Products whose algorithms this process timed rather than read from the cache.
    pub fn timed_products(&self) -> usize {
        self.blas.timed()
    }

    /// Layers of every operator, by number, and the bytes that its launches must move in one of them (0: not limited by the
    /// bus).
    pub fn operators(&self) -> Vec<(usize, u64)> {
        self.steps.iter().map(Vec::len).zip(self.traffic.iter().copied()).collect()
    }

    /// Every launch and product of one operator in one layer, by name, with the milliseconds that the device takes. For
    /// measurements: the operator runs once more than the program says, on whatever its operands hold.
    pub fn time(&mut self, id: usize, layer: usize) -> Result<Vec<(String, f32)>, EngineError> {
        if self.timing.is_none() {
            self.timing = Some([self.device.event()?, self.device.event()?]);
        }
        let Some([begin, end]) = &self.timing else { return Ok(Vec::new()) };
        let mut times = Vec::new();
        for step in self.steps_of(id, layer)? {
            self.device.record(begin)?;
            step.issue(&self.device, &self.blas, false)?;
            self.device.record(end)?;
            end.wait()?;
            times.push((step.name(), end.milliseconds_since(begin)?));
        }
        Ok(times)
    }

    fn address(&self, word: usize) -> u64 {
        self.arena.address() + 4 * word as u64
    }

    fn steps_of(&self, id: usize, layer: usize) -> Result<&[Step], EngineError> {
        self.steps
            .get(id)
            .and_then(|layers| layers.get(layer))
            .map(Vec::as_slice)
            .ok_or_else(|| EngineError::Program(format!("operator {id} was not prepared for layer {layer}")))
    }

    fn scratch(&self) -> Result<&Scratch, EngineError> {
        self.scratch.as_ref().ok_or_else(|| EngineError::Program("the device was not prepared".into()))
    }

    /// The segments on the device, copied when they change: once a run.
    fn segments(&mut self, list: &[Segment]) -> Result<(u64, u64), EngineError> {
        let ends_bytes = (8 * list.len()).next_multiple_of(16);
        if self.segments.as_ref().is_none_or(|s| s.list != list) {
            let mut bytes = vec![0u8; ends_bytes + list.len()];
            let mut end = 0u64;
            for (i, segment) in list.iter().enumerate() {
                if !segment.len.is_multiple_of(4) {
                    return Err(EngineError::Program(format!(
                        "{} parameters in a row share a weight decay; the GPU's optimizer needs a multiple of 4",
                        segment.len
                    )));
                }
                end += segment.len as u64;
                bytes[8 * i..8 * i + 8].copy_from_slice(&end.to_le_bytes());
                bytes[ends_bytes + i] = u8::from(segment.decay);
            }
            let memory = self.device.allocate(bytes.len() as u64, "the optimizer's segments")?;
            self.device.write(memory.address(), &bytes)?;
            self.segments = Some(Segments { memory, list: list.to_vec() });
        }
        let at = self.segments.as_ref().map_or(0, |s| s.memory.address());
        Ok((at, at + ends_bytes as u64))
    }
}

/// Neighboring ranges, address and bytes, as one.
fn joined(mut ranges: Vec<(u64, usize)>) -> Vec<(u64, usize)> {
    ranges.sort_unstable();
    let mut all: Vec<(u64, usize)> = Vec::new();
    for (at, bytes) in ranges {
        match all.last_mut() {
            Some((start, length)) if *start + *length as u64 == at => *length += bytes,
            _ => all.push((at, bytes)),
        }
    }
    all
}

impl Backend for Cuda {
    fn supports(&self, precision: Precision) -> bool {
        match precision {
            Precision::F32 | Precision::Bf16 => true,
        }
    }

    fn prepare(&mut self, operators: &[Operator<'_>]) -> Result<(), EngineError> {
        let scratch = Scratch::new(&self.device, operators)?;
        self.device.zero(self.arena.address(), self.arena_bytes as usize)?;
        let mut binder = Binder {
            device: &mut self.device,
            blas: &mut self.blas,
            scratch: &scratch,
            arena: self.arena.address(),
            skipped: false,
            started: HashSet::new(),
            added: Vec::new(),
        };
        let mut steps = Vec::with_capacity(operators.len());
        for operator in operators {
            steps.push(binder.operator(operator)?);
        }
        self.added = joined(std::mem::take(&mut binder.added));
        self.steps = steps;
        self.traffic = operators.iter().map(|o| traffic::bytes(o.kernel)).collect();
        self.blas.save()?;
        // Timing products left random numbers behind.
        self.device.zero(self.arena.address(), self.arena_bytes as usize)?;
        scratch.begin(&self.device)?;
        let half = operators.iter().any(|o| matches!(o.kernel, Kernel::LinearBackward { x, .. } if x.half()));
        scratch.write_ones(&self.device, half)?;
        self.device.wait()?;
        self.scratch = Some(scratch);
        Ok(())
    }

    fn load(&mut self, inputs: &[(Range<usize>, &[f32])], scale: f32) -> Result<(), EngineError> {
        let scale_at = self.scratch()?.scale();
        self.inputs.load(&self.device, self.arena.address(), inputs, scale, scale_at)
    }

    fn execute(&mut self, id: usize, _kernel: &Kernel, layer: usize) -> Result<(), EngineError> {
        for step in self.steps_of(id, layer)? {
            step.issue(&self.device, &self.blas, self.first)?;
        }
        Ok(())
    }

    fn zero(&mut self, words: Range<usize>) -> Result<(), EngineError> {
        Ok(self.device.zero(self.address(words.start), 4 * words.len())?)
    }

    fn begin(&mut self, _gradients: Range<usize>, first: bool) -> Result<(), EngineError> {
        self.first = first;
        if first {
            for (at, bytes) in &self.added {
                self.device.zero(*at, *bytes)?;
            }
        }
        Ok(())
    }

    fn add_loss(&mut self, nll: Range<usize>, weights: Range<usize>, first: bool) -> Result<(), EngineError> {
        let (sum, one) = (self.scratch()?.loss(), self.scratch()?.one());
        if first {
            self.device.zero(sum, 8)?;
        }
        if !matches!(&self.loss, Some((a, b, _)) if (a, b) == (&nll, &weights)) {
            let places = [self.address(nll.start), self.address(weights.start), one, sum];
            let prepared = self.device.prepare(&launch::weighted_loss(places, nll.len())?)?;
            self.loss = Some((nll, weights, prepared));
        }
        if let Some((_, _, prepared)) = &self.loss {
            self.device.launch(prepared)?;
        }
        Ok(())
    }

    fn reduce(&mut self, gradients: Range<usize>, clip: Option<f64>) -> Result<(), EngineError> {
        self.normed = !gradients.is_empty();
        let scratch = self.scratch()?;
        let (results, norm_at) = (scratch.results(), scratch.norm());
        let clip = clip.unwrap_or(0.0);
        if !gradients.is_empty() {
            if !matches!(&self.norm, Some((words, c, _)) if *words == gradients && *c == clip.to_bits()) {
                let launches = launch::grad_norm(launch::GradNorm {
                    grads: self.address(gradients.start),
                    n: gradients.len(),
                    parts: scratch.norm_parts(),
                    clip,
                    loss: scratch.loss(),
                    norm: norm_at,
                    coefficient: scratch.coefficient(),
                })?;
                let [parts, finish] = launches;
                let prepared = [self.device.prepare(&parts)?, self.device.prepare(&finish)?];
                self.norm = Some((gradients.clone(), clip.to_bits(), prepared));
            }
            if let Some((_, _, prepared)) = &self.norm {
                for step in prepared {
                    self.device.launch(step)?;
                }
            }
        }
        self.device.download(&mut self.results, results, RESULTS)?;
        Ok(self.device.record(&self.reduced)?)
    }

    fn sums(&mut self) -> Result<Sums, EngineError> {
        self.reduced.wait()?;
        let read = |at: usize| -> [u8; 8] {
            let bytes = self.results.as_slice().get(at..at + 8).and_then(|b| b.try_into().ok());
            bytes.unwrap_or([0xff; 8])
        };
        let fault = u32::from_le_bytes(read(scratch::FAULT)[..4].try_into().unwrap_or([0; 4]));
        if fault != 0 {
            // The engine checks every id before it is copied, so this is a fault of the device or of a kernel.
            return Err(EngineError::Program(format!(
                "the device saw token ids outside the vocabulary (fault {fault:#x}) that the host did not send"
            )));
        }
        let norm = if !self.normed { 0.0 } else { f64::from_le_bytes(read(scratch::NORM)) };
        Ok(Sums { loss: f64::from_le_bytes(read(scratch::LOSS)), norm })
    }

    fn update(&mut self, u: &Update<'_>) -> Result<(), EngineError> {
        let (segment_ends, decays) = self.segments(u.segments)?;
        let op = launch::Adamw {
            params: self.address(u.parameters.start),
            grads: self.address(u.gradients.start),
            m: self.address(u.moments1.start),
            v: self.address(u.moments2.start),
            copy: if u.rounded.is_empty() { 0 } else { self.address(u.rounded.start) },
            n: u.parameters.len(),
            segment_ends,
            decays,
            segments: u.segments.len(),
            grad_scale: self.scratch()?.coefficient(),
            lr: u.lr,
            beta1: u.beta1,
            beta2: u.beta2,
            eps: u.eps,
            weight_decay: u.weight_decay,
            step: u.step,
        };
        Ok(self.device.run(&launch::adamw(op)?)?)
    }

    fn read(&self, words: Range<usize>, out: &mut [f32]) -> Result<(), EngineError> {
        let out = out.get_mut(..words.len()).unwrap_or_default();
        Ok(self.device.read(self.address(words.start), bytemuck::cast_slice_mut(out))?)
    }

    fn write(&mut self, words: Range<usize>, values: &[f32]) -> Result<(), EngineError> {
        let values = values.get(..words.len()).unwrap_or_default();
        Ok(self.device.write(self.address(words.start), bytemuck::cast_slice(values))?)
    }

    fn parameters_written(
        &mut self,
        parameters: Range<usize>,
        rounded: Range<usize>,
    ) -> Result<(), EngineError> {
        if rounded.is_empty() {
            return Ok(());
        }
        let (from, to) = (self.address(parameters.start), self.address(rounded.start));
        Ok(self.device.run(&launch::cast(launch::Dtype::F32, from, to, parameters.len())?)?)
    }

    fn asynchronous(&self) -> bool {
        true
    }

    fn allocated_bytes(&self) -> u64 {
        let segments = self.segments.as_ref().map_or(0, |s| s.memory.bytes());
        let scratch = self.scratch.as_ref().map_or(0, Scratch::bytes);
        self.arena_bytes + self.blas.bytes() + self.inputs.bytes() + segments + scratch
    }

    fn threads(&self) -> usize {
        1
    }

    fn device(&self) -> String {
        let info = self.device.info();
        format!("{} ({})", info.name, info.arch())
    }
}
