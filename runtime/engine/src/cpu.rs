//! The CPU back end: the operators of `kernels/cpu` over one arena.

use crate::arena::Arena;
use crate::backend::{Backend, Resident, Sums, Update};
use crate::bind::{Heads, Kernel, Operator, Span};
use crate::error::EngineError;
use bytemuck::cast_slice;
use smolc_kernels_cpu as k;
use smolc_kernels_cpu::Pool;
use smolc_plan::Precision;
use std::ops::Range;

/// A thread pool and the arena it works in.
pub struct Cpu {
    arena: Arena,
    arena_bytes: u64,
    pool: Pool,
    /// Factor of the loss of the micro-batch at hand.
    scale: f32,
    /// Sum of the losses since the first micro-batch of the step.
    loss: f64,
    norm: f64,
}

impl Cpu {
    /// Maps the arena and starts `threads` threads (at least one).
    pub fn new(arena_bytes: u64, threads: usize) -> Result<Cpu, EngineError> {
        Ok(Cpu {
            arena: Arena::new(arena_bytes)?,
            arena_bytes,
            pool: Pool::new(threads.max(1)),
            scale: 0.0,
            loss: 0.0,
            norm: 0.0,
        })
    }
}

fn heads(h: Heads) -> k::Heads {
    k::Heads { heads: h.heads, kv_heads: h.kv_heads, head_dim: h.head_dim }
}

/// The span of an operand that may be missing: empty when it is.
fn span(optional: &Option<Span>) -> Span {
    optional.unwrap_or_default()
}

/// The slice of an operand that may be missing.
fn given<'a>(optional: &Option<Span>, slice: &'a mut [f32]) -> Option<&'a mut [f32]> {
    optional.is_some().then_some(slice)
}

impl Backend for Cpu {
    fn supports(&self, precision: Precision) -> bool {
        precision == Precision::F32
    }

    fn prepare(&mut self, _: &[Operator<'_>]) -> Result<(), EngineError> {
        // The arena is zero, and operators run as they are bound.
        Ok(())
    }

    fn load(&mut self, inputs: &[(Range<usize>, &[f32])], scale: f32) -> Result<(), EngineError> {
        for (words, values) in inputs {
            self.arena.words_mut()[words.clone()].copy_from_slice(values);
        }
        self.scale = scale;
        Ok(())
    }

    fn execute(&mut self, _id: usize, kernel: &Kernel, layer: usize) -> Result<(), EngineError> {
        let (pool, scale) = (&self.pool, self.scale);
        let arena = &mut self.arena;
        match kernel {
            Kernel::Zero { out } => arena.words_mut()[out.at(layer)].fill(0.0),
            Kernel::Embed { tokens, weight, out, d, v: _ } => {
                let [tokens, weight, out] = arena.operands([tokens, weight, out], layer)?;
                k::embed(pool, cast_slice(tokens), weight, out, *d);
            }
            Kernel::EmbedBackward { tokens, dout, grad_weight, d, v: _ } => {
                let [tokens, dout, grad_weight] = arena.operands([tokens, dout, grad_weight], layer)?;
                k::embed_backward(pool, cast_slice(tokens), dout, grad_weight, *d);
            }
            Kernel::RmsNorm { x, weight, out, rstd, d, eps } => {
                let [x, weight, out, rstd] = arena.operands([x, weight, out, rstd], layer)?;
                k::rms_norm(pool, x, weight, out, rstd, *d, *eps);
            }
            Kernel::RmsNormBackward { x, weight, rstd, dout, dx, grad_weight, d } => {
                let [x, weight, rstd, dout, dx, grad_weight] =
                    arena.operands([x, weight, rstd, dout, dx, grad_weight], layer)?;
                k::rms_norm_backward(pool, x, weight, rstd, dout, dx, grad_weight, *d);
            }
            Kernel::Linear { x, weight, bias, residual, out, m, n, k: width } => {
                let [x, weight, b, r, out] =
                    arena.operands([x, weight, &span(bias), &span(residual), out], layer)?;
                let (b, r) = (given(bias, b).map(|b| &*b), given(residual, r).map(|r| &*r));
                k::linear(pool, x, weight, b, r, out, *m, *n, *width);
            }
            Kernel::LinearBackward { x, weight, dout, dx, grad_weight, grad_bias, m, n, k: width } => {
                let [x, weight, dout, dx, grad_weight, b] =
                    arena.operands([x, weight, dout, dx, grad_weight, &span(grad_bias)], layer)?;
                k::linear_backward(
                    pool,
                    x,
                    weight,
                    dout,
                    dx,
                    grad_weight,
                    given(grad_bias, b),
                    *m,
                    *n,
                    *width,
                );
            }
            Kernel::Rope { qkv, positions, cos, sin, heads: h, inverse } => {
                let [qkv, positions, cos, sin] = arena.operands([qkv, positions, cos, sin], layer)?;
                let rotate = if *inverse { k::rope_backward } else { k::rope };
                rotate(pool, qkv, cast_slice(positions), cos, sin, heads(*h));
            }
            Kernel::Attention { qkv, document_start, out, lse, b, t, heads: h } => {
                let [qkv, start, out, lse] = arena.operands([qkv, document_start, out, lse], layer)?;
                k::attention(pool, qkv, cast_slice(start), out, lse, *b, *t, heads(*h));
            }
            Kernel::AttentionBackward {
                qkv,
                document_start,
                out,
                lse,
                dout,
                delta,
                dqkv,
                b,
                t,
                heads: h,
            } => {
                let [qkv, start, out, lse, dout, delta, dqkv] =
                    arena.operands([qkv, document_start, out, lse, dout, delta, dqkv], layer)?;
                let start = cast_slice(start);
                k::attention_backward(pool, qkv, start, out, lse, dout, delta, dqkv, *b, *t, heads(*h));
            }
            Kernel::Swiglu { gate_up, out, f } => {
                let [gate_up, out] = arena.operands([gate_up, out], layer)?;
                k::swiglu(pool, gate_up, out, *f);
            }
            Kernel::SwigluBackward { gate_up, dout, dgate_up, f } => {
                let [gate_up, dout, dgate_up] = arena.operands([gate_up, dout, dgate_up], layer)?;
                k::swiglu_backward(pool, gate_up, dout, dgate_up, *f);
            }
            Kernel::HeadCrossEntropy {
                x,
                weight,
                targets,
                weights,
                logits,
                nll,
                gradients,
                m,
                v,
                d,
                chunk,
            } => {
                let (dx, grad) = (gradients.map(|g| g.0), gradients.map(|g| g.1));
                let [x, weight, targets, weights, logits, nll, dx_words, grad_words] = arena
                    .operands([x, weight, targets, weights, logits, nll, &span(&dx), &span(&grad)], layer)?;
                let op = k::HeadCrossEntropy {
                    x,
                    weight,
                    targets: cast_slice(targets),
                    weights,
                    scale,
                    logits,
                    nll,
                    dx: given(&dx, dx_words),
                    grad_weight: given(&grad, grad_words),
                    m: *m,
                    v: *v,
                    d: *d,
                    chunk: *chunk,
                };
                k::head_cross_entropy(pool, op);
            }
        }
        Ok(())
    }

    fn zero(&mut self, words: Range<usize>) -> Result<(), EngineError> {
        self.arena.words_mut()[words].fill(0.0);
        Ok(())
    }

    fn begin(&mut self, gradients: Range<usize>, first: bool) -> Result<(), EngineError> {
        if first { self.zero(gradients) } else { Ok(()) }
    }

    fn add_loss(&mut self, nll: Range<usize>, weights: Range<usize>, first: bool) -> Result<(), EngineError> {
        let (nll, weights) = (&self.arena.words()[nll], &self.arena.words()[weights]);
        let loss: f64 = nll.iter().zip(weights).map(|(nll, w)| f64::from(*nll) * f64::from(*w)).sum();
        self.loss = if first { 0.0 } else { self.loss } + loss;
        Ok(())
    }

    fn reduce(&mut self, gradients: Range<usize>, _clip: Option<f64>) -> Result<(), EngineError> {
        self.norm = match gradients.is_empty() {
            true => 0.0,
            false => k::grad_norm(&self.pool, &self.arena.words()[gradients]),
        };
        Ok(())
    }

    fn sums(&mut self) -> Result<Sums, EngineError> {
        Ok(Sums { loss: self.loss, norm: self.norm })
    }

    fn update(&mut self, u: &Update<'_>) -> Result<(), EngineError> {
        let ranges = [&u.parameters, &u.gradients, &u.moments1, &u.moments2].map(Range::clone);
        let [params, grads, m, v] = self
            .arena
            .words_mut()
            .get_disjoint_mut(ranges)
            .map_err(|_| EngineError::Program("parameters, gradients and moments overlap".into()))?;
        let step = k::AdamwStep {
            params,
            grads,
            m,
            v,
            segments: u.segments,
            lr: u.lr,
            beta1: u.beta1,
            beta2: u.beta2,
            eps: u.eps,
            weight_decay: u.weight_decay,
            step: u.step,
            grad_scale: u.grad_scale,
        };
        k::adamw(&self.pool, step);
        Ok(())
    }

    fn read(&self, words: Range<usize>, out: &mut [f32]) -> Result<(), EngineError> {
        out.copy_from_slice(&self.arena.words()[words]);
        Ok(())
    }

    fn write(&mut self, words: Range<usize>, values: &[f32]) -> Result<(), EngineError> {
        self.arena.words_mut()[words].copy_from_slice(values);
        Ok(())
    }

    fn parameters_written(&mut self, _: Range<usize>, _: Range<usize>) -> Result<(), EngineError> {
        Ok(())
    }

    fn allocated_bytes(&self) -> u64 {
        self.arena_bytes + self.pool.scratch_bytes() as u64
    }

    fn threads(&self) -> usize {
        self.pool.threads()
    }

    fn device(&self) -> String {
        "the CPU".into()
    }
}

impl Resident for Cpu {
    fn host(&self, words: Range<usize>) -> &[f32] {
        &self.arena.words()[words]
    }

    fn host_mut(&mut self, words: Range<usize>) -> &mut [f32] {
        &mut self.arena.words_mut()[words]
    }
}
