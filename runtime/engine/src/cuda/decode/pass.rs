//! One pass over the model: a prompt, or one token against the cache, and the draw of the token that follows.

use super::CudaDecoder;
use crate::cuda::bind::{Step, path};
use crate::error::EngineError;
use smolc_kernels_cuda::Launch;
use smolc_kernels_cuda::host::{Gemm, Operands};
use smolc_kernels_cuda::launch::generation::{
    AttentionDecode, CacheAppend, History, Sample, attention_decode, cache_append, sample,
};
use smolc_kernels_cuda::launch::{self, Dtype, attention};

/// What a pass reads.
#[derive(Clone, Copy)]
pub(super) enum Rows {
    /// A prompt, padded to so many rows; the token that follows row `last` is drawn.
    Prompt { rows: usize, last: usize },
    /// The token drawn last.
    One,
}

/// Launches and products of a pass, in order.
struct Builder<'d, 'a> {
    decoder: &'d mut CudaDecoder<'a>,
    steps: Vec<Step>,
}

impl Builder<'_, '_> {
    fn launch(&mut self, launch: &Launch) -> Result<(), EngineError> {
        self.steps.push(Step::Launch(self.decoder.cuda.device.prepare(launch)?));
        Ok(())
    }

    fn product(&mut self, gemm: Gemm, operands: Operands) -> Result<(), EngineError> {
        let d = &mut *self.decoder;
        // Planning overwrites its operands: the weight first, then three activations.
        let base = d.planning.address();
        let weight = d.planning.bytes() - 3 * d.activation;
        let at = |i: u64| base + weight + i * d.activation;
        let elsewhere = Operands { a: base, b: at(0), c: at(1), d: at(2), bias: operands.bias };
        let plan = d.cuda.blas.plan(&mut d.cuda.device, gemm, &elsewhere)?;
        self.steps.push(Step::Product { plan, operands, starts: false });
        Ok(())
    }
}

impl CudaDecoder<'_> {
    /// All layers, the head, and the draw.
    pub(super) fn pass(&mut self, what: Rows) -> Result<Vec<Step>, EngineError> {
        let t = self.dtype;
        let (d, f, c, eps) = (self.hidden, self.ffn, self.cache, self.eps);
        let (q, qkv_row) = (c.heads * c.head_dim, (c.heads + 2 * c.kv_heads) * c.head_dim);
        let (layers, vocab, path) = (self.layers, self.vocab, path(&self.cuda.device));
        let state = self.state();
        let (rows, last, tokens, positions) = match what {
            Rows::Prompt { rows, last } => (rows, last, self.at("tokens", 0)?, self.at("positions", 0)?),
            Rows::One => (1, 0, state.token, state.position),
        };
        let [x, y, n1, n2, r1, r2] = self.all(["x", "y", "n1", "n2", "r1", "r2"])?;
        let [qkv, a, lse, gu, h, n] = self.all(["qkv", "a", "lse", "gu", "h", "n"])?;
        let [cos, sin, starts, r] = self.all(["rope.cos", "rope.sin", "document_start", "r"])?;
        let embed = self.weight("embed.weight", 0)?;
        let norm = |x, weight, out, rstd, rows| {
            let op = launch::RmsNorm { x, residual: None, weight, out, rstd, rows, d, eps };
            launch::rms_norm(t, op)
        };
        let mut b = Builder { decoder: self, steps: Vec::new() };
        b.launch(&launch::embed(t, [tokens, embed, x, state.fault], rows, d, vocab)?)?;
        for layer in 0..layers {
            let weight = |b: &Builder<'_, '_>, name| b.decoder.weight(name, layer);
            let (norm1, norm2) = (weight(&b, "norm1.weight")?, weight(&b, "norm2.weight")?);
            let (w_qkv, w_o) = (weight(&b, "qkv.weight")?, weight(&b, "o.weight")?);
            let (w_gu, w_down) = (weight(&b, "gate_up.weight")?, weight(&b, "down.weight")?);
            let bias = weight(&b, "qkv.bias").ok();
            let keys = b.decoder.cached(layer, 0);
            let values = b.decoder.cached(layer, 1);
            b.launch(&norm(x, norm1, n1, r1, rows)?)?;
            let gemm = Gemm::forward(t, [rows, qkv_row, d], bias.is_some(), false);
            b.product(gemm, Operands { a: w_qkv, b: n1, c: qkv, d: qkv, bias: bias.unwrap_or(0) })?;
            let rope = launch::Rope {
                qkv,
                positions,
                cos,
                sin,
                rows,
                heads: c.heads,
                kv_heads: c.kv_heads,
                head_dim: c.head_dim,
                inverse: false,
            };
            b.launch(&launch::rope(t, rope)?)?;
            // Every row belongs to sequence 0: document starts are zeros.
            let append = CacheAppend { qkv, sequences: starts, positions, keys, values, rows, cache: c };
            match what {
                Rows::Prompt { .. } => {
                    b.launch(&cache_append(t, append)?)?;
                    let shape = attention::Shape {
                        batch: 1,
                        window: rows,
                        heads: c.heads,
                        kv_heads: c.kv_heads,
                        head_dim: c.head_dim,
                    };
                    let op = attention::Forward { qkv, document_start: starts, out: a, lse, shape };
                    b.launch(&attention::forward(t, path, op)?)?;
                }
                Rows::One => {
                    b.launch(&cache_append(t, CacheAppend { sequences: 0, ..append })?)?;
                    let (part, part_lse) = (state.parts, state.parts_lse);
                    let op =
                        AttentionDecode { qkv, keys, values, positions, part, part_lse, out: a, cache: c };
                    for launch in attention_decode(t, op)? {
                        b.launch(&launch)?;
                    }
                }
            }
            let operands = Operands { a: w_o, b: a, c: x, d: y, bias: 0 };
            b.product(Gemm::forward(t, [rows, d, q], false, true), operands)?;
            b.launch(&norm(y, norm2, n2, r2, rows)?)?;
            let operands = Operands { a: w_gu, b: n2, c: gu, d: gu, bias: 0 };
            b.product(Gemm::forward(t, [rows, 2 * f, d], false, false), operands)?;
            b.launch(&launch::swiglu(t, gu, h, rows, f)?)?;
            let operands = Operands { a: w_down, b: h, c: y, d: x, bias: 0 };
            b.product(Gemm::forward(t, [rows, d, f], false, true), operands)?;
        }
        let row = x + (t.bytes() * d * last) as u64;
        let weight = b.decoder.weight("norm.weight", 0)?;
        b.launch(&norm(row, weight, n, r, 1)?)?;
        // Logits in f32 whatever the weights are: eight bits would make ties of what the sums tell apart.
        let head = b.decoder.weight("head.weight", 0).unwrap_or(embed);
        let operands = Operands { a: head, b: n, c: state.logits, d: state.logits, bias: 0 };
        b.product(Gemm::forward(t, [1, vocab, d], false, false).in_f32(), operands)?;
        let op = Sample {
            logits: state.logits,
            settings: state.settings,
            tokens: state.token,
            fault: state.fault,
            rows: 1,
            v: vocab,
            pitch: vocab,
            history: Some(History { positions: state.position, drawn: state.drawn, slots: c.capacity + 1 }),
        };
        b.launch(&sample(Dtype::F32, op)?)?;
        Ok(b.steps)
    }
}
