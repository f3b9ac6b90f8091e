//! One sequence read token by token on the GPU, with the keys and values of what was read kept.
//!
//! A prompt is one pass of the training operators, padded to whole tiles so that few shapes of products occur; padded rows
//! come after the prompt, so that nothing attends to them, and the tokens that follow overwrite their keys and values. A
//! further token is a pass of products with one row and one attention over the cache.
//!
//! A pass ends with the draw of the next token, on the device, which also moves the position on: what a step needs from the
//! one before never leaves the device, so that one graph, captured once for the whole capacity of the cache, serves every
//! step. Chunks of the cache behind the end cost a block that leaves at once; a graph a power of two would save those
//! blocks and cost an instantiation each. The host reads the drawn tokens one step behind: while it looks at one, the next
//! is being computed.
//!
//! Activations lie where the evaluation program has them; the cache, the state of the step and a place to plan products in
//! lie beside it.

mod pass;

use super::Cuda;
use super::bind::Step;
use crate::engine::Engine;
use crate::error::EngineError;
use pass::Rows;
use smolc_kernels_cuda::host::{Event, Graph, Memory, Pinned};
use smolc_kernels_cuda::launch::Dtype;
use smolc_kernels_cuda::launch::generation::{Cache, SamplingSettings};
use smolc_plan::{Model, Program};
use std::collections::HashMap;

/// Rows of a prompt are padded to a multiple of this.
const TILE: usize = 64;

/// How steps are given to the device. The tokens do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepping {
    /// As one captured graph, not launch by launch.
    pub graph: bool,
    /// A step before the host has seen the token of the one before it.
    pub ahead: bool,
}

impl Default for Stepping {
    /// The fast way.
    fn default() -> Stepping {
        Stepping { graph: true, ahead: true }
    }
}

/// A model on the GPU that continues one text, in the precision of its program.
pub struct CudaDecoder<'a> {
    // Before the device, with which they go.
    graph: Option<Graph>,
    memory: Memory,
    /// Where products are timed: planning overwrites its operands.
    planning: Memory,
    /// The newest two tokens on their way to the host, and when they are there.
    tokens: [(Pinned, Event); 2],
    cuda: &'a mut Cuda,
    dtype: Dtype,
    /// Address of slot 0, and bytes to the next, of every tensor of the program.
    places: HashMap<String, (u64, u64)>,
    layers: usize,
    hidden: usize,
    ffn: usize,
    vocab: usize,
    eps: f32,
    cache: Cache,
    /// Bytes of the largest activation of a product.
    activation: u64,
    /// One token's pass.
    one: Vec<Step>,
    stepping: Stepping,
    /// Tokens of the prompt, and of the continuation: queued, handed out, and asked for at most.
    prompt: usize,
    queued: usize,
    taken: usize,
    most: usize,
}

/// Addresses of what a step hands to the next, and of what lies behind it.
#[derive(Clone, Copy)]
struct State {
    settings: u64,
    token: u64,
    position: u64,
    fault: u64,
    /// `[capacity + 1]`: the token drawn for every position.
    drawn: u64,
    logits: u64,
    parts: u64,
    parts_lse: u64,
    cache: u64,
    end: u64,
}

/// Bytes of settings, token, position and fault, each at a multiple of 16.
const HEAD: usize = 80;

impl State {
    fn at(base: u64, cache: &Cache, vocab: usize, layers: usize, dtype: Dtype) -> State {
        let mut end = base + HEAD as u64;
        let mut place = |bytes: usize| {
            let at = end.next_multiple_of(256);
            end = at + bytes as u64;
            at
        };
        let chunks = cache.heads * cache.chunks();
        State {
            settings: base,
            token: base + 32,
            position: base + 48,
            fault: base + 64,
            drawn: place(4 * (cache.capacity + 1)),
            logits: place(4 * vocab),
            parts: place(4 * chunks * cache.head_dim),
            parts_lse: place(4 * chunks),
            cache: place(2 * layers * Self::kept(cache, dtype)),
            end,
        }
    }

    /// Bytes of a layer's keys, or of its values.
    fn kept(cache: &Cache, dtype: Dtype) -> usize {
        dtype.bytes() * cache.capacity * cache.kv_heads * cache.head_dim
    }
}

impl Drop for CudaDecoder<'_> {
    /// Waits: a step that runs ahead still writes to what is freed next.
    fn drop(&mut self) {
        // After a fault of the device every call fails, and nothing writes any more.
        let _ = self.cuda.device.wait();
    }
}

impl<'a> CudaDecoder<'a> {
    /// For texts of at most `context` tokens, which are at most those of the program's window. `engine` was made from `program`, which evaluates one sequence, and
    /// holds the model's weights; products and the cache are in its precision.
    ///
    /// Errors: a program of several sequences or a shorter window; a shape that the kernels do not do; too little memory.
    pub fn new(
        engine: &'a mut Engine<Cuda>,
        program: &Program,
        model: &Model,
        context: usize,
        stepping: Stepping,
    ) -> Result<CudaDecoder<'a>, EngineError> {
        if program.batch != 1 || context == 0 || context as u64 > program.window {
            return Err(EngineError::Program(format!(
                "it evaluates {} sequences of {} tokens; decoding takes one of at least the context's {context}",
                program.batch, program.window
            )));
        }
        engine.refresh()?;
        let half = program.tensors.iter().any(|t| t.dtype == smolc_plan::program::Dtype::Bf16);
        let dtype = if half { Dtype::Bf16 } else { Dtype::F32 };
        let size = |n: u64| {
            usize::try_from(n).map_err(|_| EngineError::Program(format!("{n} does not fit this machine")))
        };
        let cuda = engine.backend_mut();
        let base = cuda.arena.address();
        let places = program.tensors.iter().map(|t| (t.name.clone(), (base + t.offset, t.stride))).collect();
        let cache = Cache {
            batch: 1,
            capacity: context,
            heads: size(model.heads)?,
            kv_heads: size(model.kv_heads)?,
            head_dim: size(model.head_dim)?,
        };
        let (layers, hidden, ffn, vocab) =
            (size(model.layers)?, size(model.hidden)?, size(model.ffn)?, size(model.vocab)?);
        let bytes = State::at(0, &cache, vocab, layers, dtype).end;
        let memory = cuda.device.allocate(bytes, "the cache of keys and values")?;
        cuda.device.zero(memory.address(), size(bytes)?)?;
        let qkv = (cache.heads + 2 * cache.kv_heads) * cache.head_dim;
        let widest = qkv.max(2 * ffn).max(hidden);
        let deepest = hidden.max(ffn).max(cache.heads * cache.head_dim);
        let weight = (dtype.bytes() * deepest * widest.max(vocab)) as u64;
        let activation = (dtype.bytes() * cache.capacity * widest).max(4 * vocab) as u64;
        let activation = activation.next_multiple_of(256);
        let planning =
            cuda.device.allocate(weight.next_multiple_of(256) + 3 * activation, "planning products")?;
        let token =
            || -> Result<(Pinned, Event), EngineError> { Ok((cuda.device.pinned(4)?, cuda.device.event()?)) };
        let mut decoder = CudaDecoder {
            graph: None,
            tokens: [token()?, token()?],
            cuda,
            dtype,
            places,
            layers,
            hidden,
            ffn,
            vocab,
            eps: model.norm_eps as f32,
            cache,
            memory,
            planning,
            activation,
            one: Vec::new(),
            stepping,
            prompt: 0,
            queued: 0,
            taken: 0,
            most: 0,
        };
        decoder.one = decoder.pass(Rows::One)?;
        if stepping.graph {
            decoder.capture()?;
        }
        decoder.cuda.blas.save()?;
        Ok(decoder)
    }

    /// Makes the graph. The step runs once before, so that the driver and cuBLASLt load now whatever they load late.
    fn capture(&mut self) -> Result<(), EngineError> {
        self.put(0, 0, &SamplingSettings::GREEDY)?;
        self.issue(&self.one)?;
        self.cuda.device.wait()?;
        let Cuda { device, blas, .. } = &*self.cuda;
        let graph =
            device.capture(|device| self.one.iter().try_for_each(|step| step.issue(device, blas, false)))?;
        self.graph = Some(graph);
        Ok(())
    }

    /// Most tokens it can read.
    pub fn context(&self) -> usize {
        self.cache.capacity
    }

    /// Tokens that were read before the one handed out last was drawn.
    pub fn position(&self) -> usize {
        self.prompt + self.taken.saturating_sub(1)
    }

    /// Tokens the model knows.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Forgets what was read and reads a prompt: at least one token, all in the vocabulary, no more than the context
    /// holds. At most `most` tokens of its continuation will be asked for; how they are drawn says `settings`.
    pub fn begin(
        &mut self,
        prompt: &[u32],
        settings: &SamplingSettings,
        most: usize,
    ) -> Result<(), EngineError> {
        if prompt.is_empty() || prompt.len() > self.context() {
            let (found, expected) = (prompt.len(), self.context());
            return Err(EngineError::Length { what: "tokens", found, expected });
        }
        settings.check()?;
        (self.prompt, self.queued, self.taken, self.most) = (prompt.len(), 0, 0, most);
        let last = prompt.len() - 1;
        self.put(prompt.get(last).copied().unwrap_or(0), last, settings)?;
        if prompt.len() == 1 {
            return self.step();
        }
        let rows = prompt.len().next_multiple_of(TILE).min(self.cache.capacity);
        let steps = self.pass(Rows::Prompt { rows, last })?;
        self.cuda.blas.save()?;
        let mut padded = prompt.to_vec();
        padded.resize(rows, 0);
        let positions: Vec<u32> = (0..).take(rows).collect();
        let device = &self.cuda.device;
        device.write(self.at("tokens", 0)?, bytemuck::cast_slice(&padded))?;
        device.write(self.at("positions", 0)?, bytemuck::cast_slice(&positions))?;
        device.zero(self.at("document_start", 0)?, 4 * rows)?;
        self.issue(&steps)?;
        self.fetch()
    }

    /// The next token of the continuation. `None`: a logit is not finite.
    ///
    /// Errors when it was not to be asked for, or when the context has no room to draw it from.
    pub fn token(&mut self) -> Result<Option<u32>, EngineError> {
        let room = self.most.min(self.context() - self.prompt + 1);
        if self.taken >= room || self.prompt == 0 {
            return Err(EngineError::Program(format!(
                "token {} of a continuation that has {room}, {} behind a prompt of {} in a context of {}",
                self.taken + 1,
                self.most,
                self.prompt,
                self.context()
            )));
        }
        let ahead = usize::from(self.stepping.ahead);
        while self.queued < (self.taken + 1 + ahead).min(room) {
            self.step()?;
        }
        let Some((pinned, arrived)) = self.tokens.get(self.taken % 2) else { return Ok(None) };
        arrived.wait()?;
        self.taken += 1;
        let bytes: Option<[u8; 4]> = pinned.as_slice().get(..4).and_then(|b| b.try_into().ok());
        Ok(bytes.map(u32::from_le_bytes).filter(|token| *token != u32::MAX))
    }

    /// The logits `[V]` that the newest queued token was drawn from: of the last one handed out, unless steps run ahead.
    pub fn logits(&self) -> Result<Vec<f32>, EngineError> {
        let mut logits = vec![0f32; self.vocab];
        self.cuda.device.read(self.state().logits, bytemuck::cast_slice_mut(&mut logits))?;
        Ok(logits)
    }

    /// Launches and products of one step.
    pub fn launches(&self) -> usize {
        self.one.len()
    }

    /// Queues the step that reads the token drawn last.
    fn step(&mut self) -> Result<(), EngineError> {
        match &self.graph {
            Some(graph) => self.cuda.device.replay(graph)?,
            None => self.issue(&self.one)?,
        }
        self.fetch()
    }

    /// Queues the copy of the token that was drawn last.
    fn fetch(&mut self) -> Result<(), EngineError> {
        let from = self.state().drawn + 4 * (self.prompt + self.queued) as u64;
        if let Some((pinned, arrived)) = self.tokens.get_mut(self.queued % 2) {
            self.cuda.device.download(pinned, from, 4)?;
            self.cuda.device.record(arrived)?;
        }
        self.queued += 1;
        Ok(())
    }

    fn issue(&self, steps: &[Step]) -> Result<(), EngineError> {
        for step in steps {
            step.issue(&self.cuda.device, &self.cuda.blas, false)?;
        }
        Ok(())
    }

    /// Writes the state of a step that reads `token` at `position`.
    fn put(&self, token: u32, position: usize, settings: &SamplingSettings) -> Result<(), EngineError> {
        let mut bytes = [0u8; HEAD];
        bytes[..32].copy_from_slice(&settings.bytes());
        bytes[32..36].copy_from_slice(&token.to_le_bytes());
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        bytes[48..52].copy_from_slice(&position.to_le_bytes());
        Ok(self.cuda.device.write(self.state().settings, &bytes)?)
    }

    fn state(&self) -> State {
        State::at(self.memory.address(), &self.cache, self.vocab, self.layers, self.dtype)
    }

    /// Address of a layer's keys (`which` 0) or values (1).
    fn cached(&self, layer: usize, which: usize) -> u64 {
        self.state().cache + ((2 * layer + which) * State::kept(&self.cache, self.dtype)) as u64
    }

    fn at(&self, name: &str, layer: usize) -> Result<u64, EngineError> {
        let missing = || EngineError::Program(format!("it has no `{name}`"));
        self.places.get(name).map(|(at, stride)| at + stride * layer as u64).ok_or_else(missing)
    }

    /// A weight as products read it.
    fn weight(&self, name: &str, layer: usize) -> Result<u64, EngineError> {
        match self.dtype {
            Dtype::F32 => self.at(name, layer),
            Dtype::Bf16 => self.at(&format!("bf16.{name}"), layer),
        }
    }

    fn all<const N: usize>(&self, names: [&str; N]) -> Result<[u64; N], EngineError> {
        let mut found = [0; N];
        for (place, name) in found.iter_mut().zip(names) {
            *place = self.at(name, 0)?;
        }
        Ok(found)
    }
}
