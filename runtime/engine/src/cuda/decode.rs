//! One sequence read token by token on the GPU, with the keys and values of what was read kept.
//!
//! A prompt is one pass of the training operators, padded to whole tiles so that few shapes of products occur; padded rows
//! come after the prompt, so that nothing attends to them, and the tokens that follow overwrite their keys and values. A
//! further token is a pass of products with one row and one attention over the cache. Activations lie where the evaluation
//! program has them; the cache, the parts of attention and a place to plan products in lie beside it.

use super::Cuda;
use super::bind::Step;
use crate::engine::Engine;
use crate::error::EngineError;
use smolc_kernels_cuda::host::{Gemm, Memory, Operands, Pinned};
use smolc_kernels_cuda::launch::generation::{
    AttentionDecode, Cache, CacheAppend, attention_decode, cache_append,
};
use smolc_kernels_cuda::launch::{self, Dtype, attention};
use smolc_plan::{Model, Program};
use std::collections::HashMap;

/// Rows of a prompt are padded to a multiple of this.
const TILE: usize = 64;

/// A model on the GPU that continues one text. f32.
pub struct CudaDecoder<'a> {
    cuda: &'a mut Cuda,
    /// Address of slot 0, and bytes to the next, of every tensor of the program.
    places: HashMap<String, (u64, u64)>,
    layers: usize,
    hidden: usize,
    ffn: usize,
    vocab: usize,
    eps: f32,
    cache: Cache,
    memory: Memory,
    /// Where products are timed: planning overwrites its operands.
    planning: Memory,
    /// Bytes of the largest activation of a product.
    activation: u64,
    logits: Pinned,
    /// One token's pass.
    one: Vec<Step>,
    position: usize,
}

impl<'a> CudaDecoder<'a> {
    /// At the beginning of a text of at most `program.window` tokens. `engine` was made from `program`, which evaluates one
    /// sequence in f32, and holds the model's weights.
    ///
    /// Errors: a program of several sequences; a shape that the kernels do not do; too little memory.
    pub fn new(
        engine: &'a mut Engine<Cuda>,
        program: &Program,
        model: &Model,
    ) -> Result<CudaDecoder<'a>, EngineError> {
        let half = program.tensors.iter().any(|t| t.dtype == smolc_plan::program::Dtype::Bf16);
        if program.batch != 1 || half {
            return Err(EngineError::Program("decoding takes a program of one sequence in f32".into()));
        }
        let size = |n: u64| {
            usize::try_from(n).map_err(|_| EngineError::Program(format!("{n} does not fit this machine")))
        };
        let cuda = engine.backend_mut();
        let base = cuda.arena.address();
        let places = program.tensors.iter().map(|t| (t.name.clone(), (base + t.offset, t.stride))).collect();
        let cache = Cache {
            batch: 1,
            capacity: size(program.window)?,
            heads: size(model.heads)?,
            kv_heads: size(model.kv_heads)?,
            head_dim: size(model.head_dim)?,
        };
        let (layers, hidden, ffn, vocab) =
            (size(model.layers)?, size(model.hidden)?, size(model.ffn)?, size(model.vocab)?);
        let kept = 4 * layers * 2 * cache.capacity * cache.kv_heads * cache.head_dim;
        let parts = 4 * cache.heads * cache.chunks() * (cache.head_dim + 1);
        let memory = cuda.device.allocate((kept + parts) as u64, "the cache of keys and values")?;
        cuda.device.zero(memory.address(), kept + parts)?;
        let qkv = (cache.heads + 2 * cache.kv_heads) * cache.head_dim;
        let widest = qkv.max(2 * ffn).max(hidden);
        let deepest = hidden.max(ffn).max(cache.heads * cache.head_dim);
        let weight: u64 = 4 * (deepest * widest.max(vocab)) as u64;
        let activation: u64 = 4 * (cache.capacity * widest).max(vocab) as u64;
        let activation = activation.next_multiple_of(256);
        let planning =
            cuda.device.allocate(weight.next_multiple_of(256) + 3 * activation, "planning products")?;
        let logits = cuda.device.pinned(4 * vocab)?;
        let eps = model.norm_eps as f32;
        let mut decoder = CudaDecoder {
            cuda,
            places,
            layers,
            hidden,
            ffn,
            vocab,
            eps,
            cache,
            memory,
            planning,
            activation,
            logits,
            one: Vec::new(),
            position: 0,
        };
        decoder.one = decoder.pass(1, None)?;
        Ok(decoder)
    }

    /// Tokens read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Most tokens it can read.
    pub fn context(&self) -> usize {
        self.cache.capacity
    }

    /// Tokens the model knows.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Forgets what was read.
    pub fn reset(&mut self) {
        self.position = 0;
    }

    /// Reads tokens, at least one, all in the vocabulary and no more than fit; returns the logits `[V]` of the token that
    /// follows them.
    pub fn read(&mut self, tokens: &[u32]) -> Result<&[f32], EngineError> {
        if tokens.is_empty() || tokens.len() > self.context() - self.position {
            let (found, expected) = (tokens.len(), self.context() - self.position);
            return Err(EngineError::Length { what: "tokens", found, expected });
        }
        if self.position == 0 && tokens.len() > 1 {
            let rows = tokens.len().next_multiple_of(TILE).min(self.cache.capacity);
            let steps = self.pass(rows, Some(tokens.len() - 1))?;
            let mut padded = tokens.to_vec();
            padded.resize(rows, 0);
            self.issue(&padded, &steps)?;
        } else {
            let steps = std::mem::take(&mut self.one);
            let mut done = Ok(());
            for (i, token) in tokens.iter().enumerate() {
                done = done.and_then(|()| {
                    self.position += usize::from(i > 0);
                    self.issue(std::slice::from_ref(token), &steps)
                });
            }
            self.one = steps;
            done?;
            self.position -= tokens.len() - 1;
        }
        self.position += tokens.len();
        let from = self.at("logits", 0)?;
        self.cuda.device.download(&mut self.logits, from, 4 * self.vocab)?;
        self.cuda.device.wait()?;
        Ok(bytemuck::cast_slice(self.logits.as_slice()))
    }

    /// Writes the inputs of `tokens` from the current position on, and queues the steps.
    fn issue(&mut self, tokens: &[u32], steps: &[Step]) -> Result<(), EngineError> {
        let first = u32::try_from(self.position).unwrap_or(u32::MAX);
        let positions: Vec<u32> = (first..).take(tokens.len()).collect();
        let device = &self.cuda.device;
        device.write(self.at("tokens", 0)?, bytemuck::cast_slice(tokens))?;
        device.write(self.at("positions", 0)?, bytemuck::cast_slice(&positions))?;
        device.zero(self.at("document_start", 0)?, 4 * tokens.len())?;
        for step in steps {
            step.issue(device, &self.cuda.blas, false)?;
        }
        Ok(())
    }

    fn at(&self, name: &str, layer: usize) -> Result<u64, EngineError> {
        let missing = || EngineError::Program(format!("it has no `{name}`"));
        self.places.get(name).map(|(at, stride)| at + stride * layer as u64).ok_or_else(missing)
    }

    /// Address of a layer's keys (`which` 0) or values (1).
    fn cached(&self, layer: usize, which: usize) -> u64 {
        let one = 4 * self.cache.capacity * self.cache.kv_heads * self.cache.head_dim;
        self.memory.address() + (one * (2 * layer + which)) as u64
    }

    fn product(&mut self, gemm: Gemm, operands: Operands) -> Result<Step, EngineError> {
        // The weight first, then three activations.
        let base = self.planning.address();
        let weight = self.planning.bytes() - 3 * self.activation;
        let at = |i: u64| base + weight + i * self.activation;
        let elsewhere = Operands { a: base, b: at(0), c: at(1), d: at(2), bias: operands.bias };
        let plan = self.cuda.blas.plan(&mut self.cuda.device, gemm, &elsewhere)?;
        Ok(Step::Product { plan, operands, starts: false })
    }

    /// All layers over `rows` tokens, and the head over the row `last`: a prompt, or one token against the cache.
    fn pass(&mut self, rows: usize, last: Option<usize>) -> Result<Vec<Step>, EngineError> {
        let t = Dtype::F32;
        let (d, f, c) = (self.hidden, self.ffn, self.cache);
        let (q, qkv_row) = (c.heads * c.head_dim, (c.heads + 2 * c.kv_heads) * c.head_dim);
        let fault = self.cuda.scratch()?.fault();
        let mut steps = Vec::new();
        let [tokens, positions] = [self.at("tokens", 0)?, self.at("positions", 0)?];
        let [x, y, n1, n2, r1, r2] = self.all(["x", "y", "n1", "n2", "r1", "r2"])?;
        let [qkv, a, lse, gu, h, n] = self.all(["qkv", "a", "lse", "gu", "h", "n"])?;
        let [cos, sin, starts, r, logits, embed] =
            self.all(["rope.cos", "rope.sin", "document_start", "r", "logits", "embed.weight"])?;
        let eps = self.eps;
        let norm = |x, weight, out, rstd, rows| launch::RmsNorm {
            x,
            residual: None,
            weight,
            out,
            rstd,
            rows,
            d,
            eps,
        };
        let mut launches = vec![launch::embed(t, [tokens, embed, x, fault], rows, d, self.vocab)?];
        self.flush(&mut launches, &mut steps)?;
        for layer in 0..self.layers {
            let weight = |name: &str| self.at(name, layer);
            let [norm1, norm2, w_qkv, w_o, w_gu, w_down] = [
                weight("norm1.weight")?,
                weight("norm2.weight")?,
                weight("qkv.weight")?,
                weight("o.weight")?,
                weight("gate_up.weight")?,
                weight("down.weight")?,
            ];
            let bias = self.at("qkv.bias", layer).ok();
            launches.push(launch::rms_norm(t, norm(x, norm1, n1, r1, rows))?);
            self.flush(&mut launches, &mut steps)?;
            let gemm = Gemm::forward(t, [rows, qkv_row, d], bias.is_some(), false);
            let operands = Operands { a: w_qkv, b: n1, c: qkv, d: qkv, bias: bias.unwrap_or(0) };
            steps.push(self.product(gemm, operands)?);
            launches.push(launch::rope(
                t,
                launch::Rope {
                    qkv,
                    positions,
                    cos,
                    sin,
                    rows,
                    heads: c.heads,
                    kv_heads: c.kv_heads,
                    head_dim: c.head_dim,
                    inverse: false,
                },
            )?);
            let (keys, values) = (self.cached(layer, 0), self.cached(layer, 1));
            launches.push(cache_append(
                t,
                CacheAppend {
                    qkv,
                    // Every row belongs to sequence 0: document starts are zeros.
                    sequences: starts,
                    positions,
                    keys,
                    values,
                    rows,
                    cache: c,
                },
            )?);
            if last.is_some() {
                let shape = attention::Shape {
                    batch: 1,
                    window: rows,
                    heads: c.heads,
                    kv_heads: c.kv_heads,
                    head_dim: c.head_dim,
                };
                let op = attention::Forward { qkv, document_start: starts, out: a, lse, shape };
                launches.push(attention::forward(t, attention::Path::Portable, op)?);
            } else {
                let part = self.cached(self.layers, 0);
                let part_lse = part + (4 * c.heads * c.chunks() * c.head_dim) as u64;
                let op = AttentionDecode { qkv, keys, values, positions, part, part_lse, out: a, cache: c };
                launches.extend(attention_decode(t, op)?);
            }
            self.flush(&mut launches, &mut steps)?;
            let operands = Operands { a: w_o, b: a, c: x, d: y, bias: 0 };
            steps.push(self.product(Gemm::forward(t, [rows, d, q], false, true), operands)?);
            launches.push(launch::rms_norm(t, norm(y, norm2, n2, r2, rows))?);
            self.flush(&mut launches, &mut steps)?;
            let operands = Operands { a: w_gu, b: n2, c: gu, d: gu, bias: 0 };
            steps.push(self.product(Gemm::forward(t, [rows, 2 * f, d], false, false), operands)?);
            launches.push(launch::swiglu(t, gu, h, rows, f)?);
            self.flush(&mut launches, &mut steps)?;
            let operands = Operands { a: w_down, b: h, c: y, d: x, bias: 0 };
            steps.push(self.product(Gemm::forward(t, [rows, d, f], false, true), operands)?);
        }
        let row = x + (4 * d * last.unwrap_or(0)) as u64;
        launches.push(launch::rms_norm(t, norm(row, self.at("norm.weight", 0)?, n, r, 1))?);
        self.flush(&mut launches, &mut steps)?;
        let head = self.at("head.weight", 0).unwrap_or(embed);
        let operands = Operands { a: head, b: n, c: logits, d: logits, bias: 0 };
        steps.push(self.product(Gemm::forward(t, [1, self.vocab, d], false, false), operands)?);
        Ok(steps)
    }

    fn all<const N: usize>(&self, names: [&str; N]) -> Result<[u64; N], EngineError> {
        let mut found = [0; N];
        for (place, name) in found.iter_mut().zip(names) {
            *place = self.at(name, 0)?;
        }
        Ok(found)
    }

    fn flush(
        &mut self,
        launches: &mut Vec<smolc_kernels_cuda::Launch>,
        steps: &mut Vec<Step>,
    ) -> Result<(), EngineError> {
        for launch in launches.drain(..) {
            steps.push(Step::Launch(self.cuda.device.prepare(&launch)?));
        }
        Ok(())
    }
}
