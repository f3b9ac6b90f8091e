//! The engine: a program bound to memory, and the passes over it.

use crate::backend::{Backend, Resident, Segment, Sums, Update};
use crate::bind::{self, Bound, Kernel, Operator, Span};
use crate::cpu::Cpu;
use crate::error::EngineError;
use crate::micro::{Micro, check};
use crate::places::{named, part, place, segments, space};
use crate::times::{Kind, Times};
use crate::{init, rope};
use smolc_plan::program::Dtype;
use smolc_plan::{AdamW, Model, Parameter, Precision, Program, Space};
use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Words of the five inputs.
struct Inputs {
    tokens: Range<usize>,
    targets: Range<usize>,
    weights: Range<usize>,
    positions: Range<usize>,
    document_start: Range<usize>,
}

/// The contiguous spaces; those of training are empty in a program built for evaluation.
struct Spaces {
    parameters: Range<usize>,
    gradients: Range<usize>,
    moments1: Range<usize>,
    moments2: Range<usize>,
    /// Empty in f32.
    rounded: Range<usize>,
}

/// One of the spaces that a checkpoint holds; all have one layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Parameters, f32 in every precision.
    Parameters,
    /// First Adam moments.
    Moments1,
    /// Second Adam moments.
    Moments2,
}

/// The operands of the head, for [`Engine::logits`].
struct Head {
    n: Span,
    weight: Span,
    d: usize,
}

/// A program ready to run. `B` is the back end; the CPU unless stated.
pub struct Engine<B = Cpu> {
    backend: B,
    parameters: Vec<Parameter>,
    places: HashMap<String, Range<usize>>,
    gradients_of: HashMap<String, Range<usize>>,
    spaces: Spaces,
    segments: Vec<Segment>,
    inputs: Inputs,
    nll: Range<usize>,
    head: Head,
    forward: Bound,
    backward: Bound,
    evaluate: Bound,
    window: usize,
    vocab: usize,
    times: Times,
    /// The host has written parameters that the back end has not been told of.
    written: bool,
}

impl Engine<Cpu> {
    /// Allocates the arena, binds every operator and computes the RoPE tables. All parameters are zero.
    ///
    /// `threads` is the number of threads at work, at least one; it changes no bit of any result.
    pub fn new(
        program: &Program,
        model: &Model,
        parameters: &[Parameter],
        threads: usize,
    ) -> Result<Engine<Cpu>, EngineError> {
        let backend = Cpu::new(program.arena_bytes, threads)?;
        Engine::with_backend(backend, program, model, parameters)
    }
}

impl<B: Backend> Engine<B> {
    /// As [`Engine::new`], on a given back end whose arena is large enough for the program.
    pub fn with_backend(
        mut backend: B,
        program: &Program,
        model: &Model,
        parameters: &[Parameter],
    ) -> Result<Engine<B>, EngineError> {
        let half = program.tensors.iter().any(|t| t.dtype == Dtype::Bf16);
        let precision = if half { Precision::Bf16 } else { Precision::F32 };
        if !backend.supports(precision) {
            return Err(EngineError::Precision { precision: precision.name(), device: backend.device() });
        }
        let mut id = 0;
        let [forward, backward, evaluate] = [
            bind::block(program, &program.forward, &mut id)?,
            bind::block(program, &program.backward, &mut id)?,
            bind::block(program, &program.evaluate, &mut id)?,
        ];
        backend.prepare(&operators([&forward, &backward, &evaluate]))?;
        let spaces = Spaces {
            parameters: space(program, Space::Parameter)?,
            gradients: space(program, Space::Gradient)?,
            moments1: space(program, Space::Moment1)?,
            moments2: space(program, Space::Moment2)?,
            rounded: space(program, Space::Rounded)?,
        };
        for other in [&spaces.gradients, &spaces.moments1, &spaces.moments2] {
            if other.len() != spaces.parameters.len() && !program.backward.statements.is_empty() {
                return Err(EngineError::Program(
                    "gradients or moments differ in size from the parameters".into(),
                ));
            }
        }
        let inputs = Inputs {
            tokens: named(program, "tokens")?,
            targets: named(program, "targets")?,
            weights: named(program, "weights")?,
            positions: named(program, "positions")?,
            document_start: named(program, "document_start")?,
        };
        let mut places = HashMap::new();
        let mut gradients_of = HashMap::new();
        for p in parameters {
            let place = place(program, p)?;
            if !spaces.gradients.is_empty() {
                let offset = place.start - spaces.parameters.start;
                let start = spaces.gradients.start + offset;
                gradients_of.insert(p.name.clone(), start..start + place.len());
            }
            places.insert(p.name.clone(), place);
        }
        let mut head = None;
        for kernel in evaluate.groups.iter().flat_map(|g| &g.body) {
            if let Kernel::HeadCrossEntropy { x, weight, d, v, .. } = kernel {
                head = Some((Head { n: *x, weight: *weight, d: *d }, *v));
            }
        }
        let (head, vocab) = head.ok_or_else(|| EngineError::Program("it has no head".into()))?;

        let head_dim = bind::word_count(model.head_dim)?;
        let (cos, sin) = (named(program, "rope.cos")?, named(program, "rope.sin")?);
        let (mut cos_table, mut sin_table) = (vec![0.0; cos.len()], vec![0.0; sin.len()]);
        rope::fill(&model.rope, head_dim, &mut cos_table, &mut sin_table);
        backend.write(cos, &cos_table)?;
        backend.write(sin, &sin_table)?;

        Ok(Engine {
            segments: segments(program, parameters, &places, &spaces.parameters)?,
            nll: named(program, "nll")?,
            window: bind::word_count(program.window)?,
            parameters: parameters.to_vec(),
            backend,
            places,
            gradients_of,
            spaces,
            inputs,
            head,
            forward,
            backward,
            evaluate,
            vocab,
            times: Times::new(),
            written: true,
        })
    }

    /// Fills every parameter as the plan says, from the seed and its Hugging Face name alone (see `init.rs`), and sets
    /// the moments to zero.
    pub fn initialize(&mut self, seed: u64) -> Result<(), EngineError> {
        let mut values = Vec::new();
        for p in &self.parameters {
            let Some(place) = self.places.get(&p.name) else { continue };
            values.clear();
            values.resize(place.len(), p.init_value as f32);
            if let Some(std) = p.init_std {
                init::normal(seed, &p.name, std, &mut values);
            }
            self.backend.write(place.clone(), &values)?;
        }
        self.written = true;
        self.backend.zero(self.spaces.moments1.clone())?;
        self.backend.zero(self.spaces.moments2.clone())
    }

    /// The table of parameters.
    pub fn parameter_table(&self) -> &[Parameter] {
        &self.parameters
    }

    /// A copy of a parameter by its Hugging Face name, row-major.
    pub fn read_parameter(&self, name: &str) -> Result<Vec<f32>, EngineError> {
        let place = self.places.get(name).ok_or_else(|| EngineError::UnknownParameter(name.to_string()))?;
        self.copied(place.clone())
    }

    /// A copy of the gradient of a parameter, as accumulated since the last micro-batch with `first`.
    pub fn read_gradient(&self, name: &str) -> Result<Vec<f32>, EngineError> {
        let place =
            self.gradients_of.get(name).ok_or_else(|| EngineError::UnknownParameter(name.to_string()))?;
        self.copied(place.clone())
    }

    fn copied(&self, words: Range<usize>) -> Result<Vec<f32>, EngineError> {
        let mut values = vec![0f32; words.len()];
        self.backend.read(words, &mut values)?;
        Ok(values)
    }

    fn stored(&self, space: Stored) -> Range<usize> {
        match space {
            Stored::Parameters => self.spaces.parameters.clone(),
            Stored::Moments1 => self.spaces.moments1.clone(),
            Stored::Moments2 => self.spaces.moments2.clone(),
        }
    }

    /// Values in each stored space, padding included.
    pub fn stored_values(&self) -> usize {
        self.spaces.parameters.len()
    }

    /// Copies values of a stored space from its value `from` on.
    pub fn read_stored(&self, space: Stored, from: usize, out: &mut [f32]) -> Result<(), EngineError> {
        let words = self.stored(space);
        self.backend.read(part(&words, from, out.len())?, out)
    }

    /// Overwrites values of a stored space from its value `from` on.
    pub fn write_stored(&mut self, space: Stored, from: usize, values: &[f32]) -> Result<(), EngineError> {
        let words = self.stored(space);
        self.written |= space == Stored::Parameters;
        self.backend.write(part(&words, from, values.len())?, values)
    }

    /// Overwrites a parameter.
    pub fn set_parameter(&mut self, name: &str, values: &[f32]) -> Result<(), EngineError> {
        let place =
            self.places.get(name).cloned().ok_or_else(|| EngineError::UnknownParameter(name.to_string()))?;
        if place.len() != values.len() {
            let (found, expected) = (values.len(), place.len());
            return Err(EngineError::ParameterLength { name: name.to_string(), found, expected });
        }
        self.written = true;
        self.backend.write(place, values)
    }

    /// Forward and backward pass of one micro-batch; returns Σ weights·nll, unscaled. Waits for the device.
    ///
    /// Gradients are those of Σ weights·nll · `scale`, so `scale` is 1 / Σ weights of the whole optimizer step; they add
    /// to what is there unless `first`, which starts them from zero.
    pub fn micro_step(&mut self, micro: &Micro<'_>, scale: f32, first: bool) -> Result<f64, EngineError> {
        self.passes(micro, scale, first)?;
        self.backend.add_loss(self.nll.clone(), self.inputs.weights.clone(), true)?;
        self.backend.reduce(0..0, None)?;
        Ok(self.backend.sums()?.loss)
    }

    /// As [`Engine::micro_step`], without waiting: the loss is added to the step's, which `first` begins.
    pub fn accumulate(&mut self, micro: &Micro<'_>, scale: f32, first: bool) -> Result<(), EngineError> {
        self.passes(micro, scale, first)?;
        self.backend.add_loss(self.nll.clone(), self.inputs.weights.clone(), first)
    }

    fn passes(&mut self, micro: &Micro<'_>, scale: f32, first: bool) -> Result<(), EngineError> {
        if self.backward.groups.is_empty() {
            return Err(EngineError::NotTraining);
        }
        self.load(micro, scale)?;
        let begin = Instant::now();
        self.backend.begin(self.spaces.gradients.clone(), first)?;
        self.count(Kind::Zero, begin);
        run(&mut self.backend, &self.forward, &mut self.times)?;
        run(&mut self.backend, &self.backward, &mut self.times)
    }

    /// Loss of one micro-batch without gradients: Σ weights·nll. Gradients and parameters stay as they are.
    pub fn evaluate(&mut self, micro: &Micro<'_>) -> Result<f64, EngineError> {
        self.load(micro, 0.0)?;
        run(&mut self.backend, &self.evaluate, &mut self.times)?;
        self.backend.add_loss(self.nll.clone(), self.inputs.weights.clone(), true)?;
        self.backend.reduce(0..0, None)?;
        Ok(self.backend.sums()?.loss)
    }

    /// Logits of every token of a micro-batch into `out[B·T, V]`, computed by the host from the last hidden states. For
    /// tests and comparisons: this is the one place where logits exist whole.
    pub fn logits(&mut self, micro: &Micro<'_>, out: &mut [f32]) -> Result<(), EngineError> {
        let expected = self.nll.len() * self.vocab;
        if out.len() != expected {
            return Err(EngineError::Length { what: "logits", found: out.len(), expected });
        }
        self.evaluate(micro)?;
        let (n, weight) = (self.values(&self.head.n)?, self.values(&self.head.weight)?);
        for (x, row) in n.chunks(self.head.d).zip(out.chunks_mut(self.vocab)) {
            for (w, logit) in weight.chunks(self.head.d).zip(row) {
                *logit = x.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32;
            }
        }
        Ok(())
    }

    /// An operand's elements as f32.
    fn values(&self, span: &Span) -> Result<Vec<f32>, EngineError> {
        let words = self.copied(span.at(0))?;
        if !span.half() {
            return Ok(words);
        }
        let halves = words.iter().flat_map(|w| [w.to_bits() << 16, w.to_bits() & 0xffff_0000]);
        Ok(halves.map(f32::from_bits).take(span.elements()).collect())
    }

    /// A copy of −log p of each token's target in the last pass; 0 where the weight is 0.
    pub fn read_nll(&self) -> Result<Vec<f32>, EngineError> {
        self.copied(self.nll.clone())
    }

    /// Ends a step: clips the gradients by their global norm, then one AdamW update with number `step` (from 1). Returns
    /// the loss Σ weights·nll of the micro-batches since the first, and the norm before clipping. If one of them is not
    /// finite nothing is changed: the caller decides what becomes of the run.
    ///
    /// A device is waited for up to the two sums; the update may still be under way.
    pub fn update(&mut self, optimizer: &AdamW, lr: f64, step: u64) -> Result<Sums, EngineError> {
        if self.backward.groups.is_empty() {
            return Err(EngineError::NotTraining);
        }
        if step == 0 {
            return Err(EngineError::Program("updates are numbered from 1".into()));
        }
        let begin = Instant::now();
        self.backend.reduce(self.spaces.gradients.clone(), optimizer.clip)?;
        // A device decides by itself, so that it never idles for the host's answer.
        if self.backend.asynchronous() {
            self.apply(optimizer, f64::NAN, lr, step)?;
            return self.backend.sums();
        }
        let sums = self.backend.sums()?;
        self.count(Kind::GradNorm, begin);
        if sums.loss.is_finite() && sums.norm.is_finite() {
            let begin = Instant::now();
            let scale = optimizer.clip.map_or(1.0, |clip| (clip / (sums.norm + 1e-6)).min(1.0));
            self.apply(optimizer, scale, lr, step)?;
            self.count(Kind::Adamw, begin);
        }
        Ok(sums)
    }

    fn apply(&mut self, optimizer: &AdamW, grad_scale: f64, lr: f64, step: u64) -> Result<(), EngineError> {
        self.backend.update(&Update {
            parameters: self.spaces.parameters.clone(),
            gradients: self.spaces.gradients.clone(),
            moments1: self.spaces.moments1.clone(),
            moments2: self.spaces.moments2.clone(),
            rounded: self.spaces.rounded.clone(),
            segments: &self.segments,
            lr,
            beta1: optimizer.beta1,
            beta2: optimizer.beta2,
            eps: optimizer.eps,
            weight_decay: optimizer.weight_decay,
            step,
            grad_scale,
        })
    }

    fn count(&mut self, kind: Kind, begin: Instant) {
        if !self.backend.asynchronous() {
            self.times.add(kind, begin.elapsed());
        }
    }

    /// The device it runs on, for people.
    pub fn device(&self) -> String {
        self.backend.device()
    }

    /// The back end, for measurements of it.
    pub fn backend_mut(&mut self) -> &mut B {
        &mut self.backend
    }

    /// Bytes this engine holds: the plan's arena, and the kernels' scratch memory.
    pub fn allocated_bytes(&self) -> u64 {
        self.backend.allocated_bytes()
    }

    /// Threads at work.
    pub fn threads(&self) -> usize {
        self.backend.threads()
    }

    /// Time spent by kind since the last [`Engine::reset_times`]; one entry for each of [`Kind::ALL`].
    pub fn times(&self) -> &[(&'static str, Duration)] {
        self.times.as_slice()
    }

    /// Starts counting time from zero.
    pub fn reset_times(&mut self) {
        self.times.reset();
    }

    /// Tells the back end of parameters that the host has written since it was last told. Every pass does so first; who
    /// reads the back end's memory without one calls it.
    pub(crate) fn refresh(&mut self) -> Result<(), EngineError> {
        if std::mem::take(&mut self.written) {
            self.backend.parameters_written(self.spaces.parameters.clone(), self.spaces.rounded.clone())?;
        }
        Ok(())
    }

    /// Tokens of a micro-batch, B·T.
    pub fn tokens(&self) -> usize {
        self.nll.len()
    }

    /// Checks a batch and hands it to the back end.
    fn load(&mut self, micro: &Micro<'_>, scale: f32) -> Result<(), EngineError> {
        let begin = Instant::now();
        let (expected, window) = (self.nll.len(), self.window);
        let vocab = u32::try_from(self.vocab - 1).unwrap_or(u32::MAX);
        let last = u32::try_from(window - 1).unwrap_or(u32::MAX);
        check("tokens", micro.tokens, expected, |_| vocab)?;
        check("targets", micro.targets, expected, |_| vocab)?;
        check("positions", micro.positions, expected, |_| last)?;
        check("document_start", micro.document_start, expected, |i| (i % window) as u32)?;
        if micro.weights.len() != expected {
            return Err(EngineError::Length { what: "weights", found: micro.weights.len(), expected });
        }
        if let Some(index) = micro.weights.iter().position(|w| !w.is_finite()) {
            return Err(EngineError::Weight { value: micro.weights[index], index });
        }
        self.refresh()?;
        let inputs = [
            (self.inputs.tokens.clone(), bytemuck::cast_slice(micro.tokens)),
            (self.inputs.targets.clone(), bytemuck::cast_slice(micro.targets)),
            (self.inputs.weights.clone(), micro.weights),
            (self.inputs.positions.clone(), bytemuck::cast_slice(micro.positions)),
            (self.inputs.document_start.clone(), bytemuck::cast_slice(micro.document_start)),
        ];
        self.backend.load(&inputs, scale)?;
        self.count(Kind::Inputs, begin);
        Ok(())
    }
}

impl<B: Resident> Engine<B> {
    /// A parameter by its Hugging Face name, row-major.
    pub fn parameter(&self, name: &str) -> Option<&[f32]> {
        self.places.get(name).map(|place| self.backend.host(place.clone()))
    }

    /// The gradient of a parameter, as accumulated since the last micro-batch with `first`.
    pub fn gradient(&self, name: &str) -> Option<&[f32]> {
        self.gradients_of.get(name).map(|place| self.backend.host(place.clone()))
    }

    /// All parameters, in the program's layout with its padding: what a checkpoint stores.
    pub fn parameters(&self) -> &[f32] {
        self.backend.host(self.spaces.parameters.clone())
    }

    /// All gradients, in the parameters' layout; empty in a program built for evaluation.
    pub fn gradients(&self) -> &[f32] {
        self.backend.host(self.spaces.gradients.clone())
    }

    /// All first moments, in the parameters' layout.
    pub fn moments1(&self) -> &[f32] {
        self.backend.host(self.spaces.moments1.clone())
    }

    /// All second moments, in the parameters' layout.
    pub fn moments2(&self) -> &[f32] {
        self.backend.host(self.spaces.moments2.clone())
    }

    /// −log p of each token's target in the last pass; 0 where the weight is 0.
    pub fn nll(&self) -> &[f32] {
        self.backend.host(self.nll.clone())
    }
}

fn run<B: Backend>(backend: &mut B, block: &Bound, times: &mut Times) -> Result<(), EngineError> {
    let timed = !backend.asynchronous();
    for group in &block.groups {
        for i in 0..group.layers {
            let layer = if group.reverse { group.layers - 1 - i } else { i };
            for (id, kernel) in (group.first_id..).zip(&group.body) {
                let begin = Instant::now();
                backend.execute(id, kernel, layer)?;
                if timed {
                    times.add(kernel.kind(), begin.elapsed());
                }
            }
        }
    }
    Ok(())
}

/// Every operator of the blocks, in the order of their numbers.
fn operators<'a>(blocks: [&'a Bound; 3]) -> Vec<Operator<'a>> {
    let groups = blocks.into_iter().flat_map(|b| &b.groups);
    groups
        .flat_map(|group| {
            (group.first_id..).zip(&group.body).enumerate().map(|(i, (id, kernel))| Operator {
                id,
                kernel,
                layers: group.layers,
                next: group.body.get(i + 1),
            })
        })
        .collect()
}
