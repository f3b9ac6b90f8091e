//! Operators to launches and products, with every address in place.

use super::scratch::Scratch;
use crate::bind::{Heads, Kernel, Operator, Span};
use crate::error::EngineError;
use smolc_kernels_cuda::Launch;
use smolc_kernels_cuda::host::{Blas, CudaError, Device, Gemm, Operands, Plan, Prepared};
use smolc_kernels_cuda::launch::{self, Dtype, attention};
use std::collections::HashSet;
use std::rc::Rc;

/// One thing that a stream does.
pub(super) enum Step {
    Launch(Prepared),
    /// `starts` its gradient: in the first micro-batch of a step it overwrites what it adds to in the others.
    Product {
        plan: Rc<Plan>,
        operands: Operands,
        starts: bool,
    },
    Zero {
        at: u64,
        bytes: usize,
    },
}

impl Step {
    /// Queues it, in the `first` micro-batch of a step or in a later one.
    pub fn issue(&self, device: &Device, blas: &Blas, first: bool) -> Result<(), CudaError> {
        match self {
            Step::Launch(prepared) => device.launch(prepared),
            Step::Product { plan, operands, starts } => blas.run(device, plan, operands, first && *starts),
            Step::Zero { at, bytes } => device.zero(*at, *bytes),
        }
    }

    /// For measurements.
    pub fn name(&self) -> String {
        match self {
            Step::Launch(prepared) => prepared.name().to_string(),
            Step::Product { plan, .. } => format!("product {plan}"),
            Step::Zero { .. } => "zero".into(),
        }
    }
}

/// Which of the two attention paths a device takes.
pub(super) fn path(device: &Device) -> attention::Path {
    match device.info().arch().hopper() {
        true => attention::Path::Hopper,
        false => attention::Path::Portable,
    }
}

pub(super) struct Binder<'a> {
    pub device: &'a mut Device,
    pub blas: &'a mut Blas,
    pub scratch: &'a Scratch,
    pub arena: u64,
    /// The next operator was done by the one before it.
    pub skipped: bool,
    /// Gradients that a product starts, by address.
    pub started: HashSet<u64>,
    /// Gradients that every operator adds to, address and bytes: to be zeroed at the first micro-batch of a step.
    pub added: Vec<(u64, usize)>,
}

pub(super) fn dtype(span: &Span) -> Dtype {
    if span.half() { Dtype::Bf16 } else { Dtype::F32 }
}

pub(super) fn shape(batch: usize, window: usize, h: &Heads) -> attention::Shape {
    attention::Shape { batch, window, heads: h.heads, kv_heads: h.kv_heads, head_dim: h.head_dim }
}

impl Binder<'_> {
    /// The steps of an operator, for each layer.
    pub fn operator(&mut self, operator: &Operator<'_>) -> Result<Vec<Vec<Step>>, EngineError> {
        let fused = std::mem::take(&mut self.skipped);
        let mut all = Vec::with_capacity(operator.layers);
        for layer in 0..operator.layers {
            all.push(if fused { Vec::new() } else { self.layer(operator, layer)? });
        }
        Ok(all)
    }

    fn launch(&mut self, launch: &Launch) -> Result<Step, EngineError> {
        Ok(Step::Launch(self.device.prepare(launch)?))
    }

    fn launches<'l>(
        &mut self,
        launches: impl IntoIterator<Item = &'l Launch>,
    ) -> Result<Vec<Step>, EngineError> {
        launches.into_iter().map(|l| self.launch(l)).collect()
    }

    fn product(&mut self, gemm: Gemm, operands: Operands) -> Result<Step, EngineError> {
        let plan = self.blas.plan(self.device, gemm, &operands)?;
        Ok(Step::Product { plan, operands, starts: false })
    }

    /// A product that adds to the gradient at `operands.d`; the first operator that writes it starts it.
    fn gradient(&mut self, gemm: Gemm, operands: Operands) -> Result<Step, EngineError> {
        let plan = self.blas.plan(self.device, gemm, &operands)?;
        let zeroed = self.added.iter().any(|(at, _)| *at == operands.d);
        let starts = !zeroed && self.started.insert(operands.d);
        Ok(Step::Product { plan, operands, starts })
    }

    /// Other operators add to `elements` of f32 at `at`.
    fn adds_to(&mut self, at: u64, elements: usize) {
        if !self.started.contains(&at) && !self.added.iter().any(|(zeroed, _)| *zeroed == at) {
            self.added.push((at, 4 * elements));
        }
    }

    fn layer(&mut self, operator: &Operator<'_>, layer: usize) -> Result<Vec<Step>, EngineError> {
        let arena = self.arena;
        let at = |span: &Span| arena + span.byte(layer);
        match operator.kernel {
            Kernel::Zero { out } => {
                let size = if out.half() { 2 } else { 4 };
                Ok(vec![Step::Zero { at: at(out), bytes: size * out.elements() }])
            }
            Kernel::Embed { tokens, weight, out, d, v } => {
                let places = [at(tokens), at(weight), at(out), self.scratch.fault()];
                let one = launch::embed(dtype(weight), places, tokens.elements(), *d, *v)?;
                Ok(vec![self.launch(&one)?])
            }
            Kernel::EmbedBackward { tokens, dout, grad_weight, d, v } => {
                let op = launch::EmbedBackward {
                    tokens: at(tokens),
                    dout: at(dout),
                    grad_weight: at(grad_weight),
                    scratch: self.scratch.shared(),
                    rows: tokens.elements(),
                    d: *d,
                    vocabulary: *v,
                };
                self.adds_to(at(grad_weight), v * d);
                self.launches(&launch::embed_backward(dtype(dout), op)?)
            }
            Kernel::RmsNorm { x, weight, out, rstd, d, eps } => {
                let op = launch::RmsNorm {
                    x: at(x),
                    residual: None,
                    weight: at(weight),
                    out: at(out),
                    rstd: at(rstd),
                    rows: rstd.elements(),
                    d: *d,
                    eps: *eps,
                };
                Ok(vec![self.launch(&launch::rms_norm(dtype(x), op)?)?])
            }
            Kernel::RmsNormBackward { x, weight, rstd, dout, dx, grad_weight, d } => {
                let op = launch::RmsNormBackward {
                    x: at(x),
                    weight: at(weight),
                    rstd: at(rstd),
                    dout: at(dout),
                    dx: at(dx),
                    parts: self.scratch.shared(),
                    grad_weight: at(grad_weight),
                    rows: rstd.elements(),
                    d: *d,
                };
                self.adds_to(at(grad_weight), *d);
                self.launches(&launch::rms_norm_backward(dtype(x), op)?)
            }
            Kernel::Linear { x, weight, bias, residual, out, m, n, k } => {
                let gemm = Gemm::forward(dtype(x), [*m, *n, *k], bias.is_some(), residual.is_some());
                let operands = Operands {
                    a: at(weight),
                    b: at(x),
                    c: residual.as_ref().map_or(at(out), at),
                    d: at(out),
                    bias: bias.as_ref().map_or(0, at),
                };
                Ok(vec![self.product(gemm, operands)?])
            }
            Kernel::LinearBackward { x, weight, dout, dx, grad_weight, grad_bias, m, n, k } => {
                let (t, size) = (dtype(x), [*m, *n, *k]);
                let operands = |a, b, d| Operands { a, b, c: d, d, bias: 0 };
                let mut steps = vec![
                    self.product(Gemm::input_gradient(t, size), operands(at(weight), at(dout), at(dx)))?,
                    self.gradient(
                        Gemm::weight_gradient(t, size),
                        operands(at(x), at(dout), at(grad_weight)),
                    )?,
                ];
                if let Some(grad_bias) = grad_bias {
                    let operands = operands(at(dout), self.scratch.ones(), at(grad_bias));
                    steps.push(self.gradient(Gemm::bias_gradient(t, [*m, *n]), operands)?);
                }
                Ok(steps)
            }
            Kernel::Rope { qkv, positions, cos, sin, heads: h, inverse } => {
                let op = launch::Rope {
                    qkv: at(qkv),
                    positions: at(positions),
                    cos: at(cos),
                    sin: at(sin),
                    rows: positions.elements(),
                    heads: h.heads,
                    kv_heads: h.kv_heads,
                    head_dim: h.head_dim,
                    inverse: *inverse,
                };
                Ok(vec![self.launch(&launch::rope(dtype(qkv), op)?)?])
            }
            Kernel::Attention { qkv, document_start, out, lse, b, t, heads: h } => {
                let op = attention::Forward {
                    qkv: at(qkv),
                    document_start: at(document_start),
                    out: at(out),
                    lse: at(lse),
                    shape: shape(*b, *t, h),
                };
                let one = attention::forward(dtype(qkv), path(self.device), op)?;
                Ok(vec![self.launch(&one)?])
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
                // The bf16 kernels rotate dq and dk back before they store them.
                let rotation = match operator.next {
                    Some(Kernel::Rope { qkv: rotated, positions, cos, sin, inverse: true, heads })
                        if qkv.half() && rotated == dqkv && heads == h =>
                    {
                        self.skipped = true;
                        Some(attention::Rotation { positions: at(positions), cos: at(cos), sin: at(sin) })
                    }
                    _ => None,
                };
                let op = attention::Backward {
                    qkv: at(qkv),
                    document_start: at(document_start),
                    out: at(out),
                    lse: at(lse),
                    dout: at(dout),
                    delta: at(delta),
                    dqkv: at(dqkv),
                    scratch: self.scratch.shared(),
                    rotation,
                    shape: shape(*b, *t, h),
                };
                self.launches(&attention::backward(dtype(qkv), path(self.device), op)?)
            }
            Kernel::Swiglu { gate_up, out, f } => {
                let rows = out.elements() / f;
                Ok(vec![self.launch(&launch::swiglu(dtype(out), at(gate_up), at(out), rows, *f)?)?])
            }
            Kernel::SwigluBackward { gate_up, dout, dgate_up, f } => {
                let (t, rows) = (dtype(dout), dout.elements() / f);
                let one = launch::swiglu_backward(t, at(gate_up), at(dout), at(dgate_up), rows, *f)?;
                Ok(vec![self.launch(&one)?])
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
                let t = dtype(x);
                let mut steps = Vec::new();
                for start in (0..*m).step_by(*chunk) {
                    let count = (*chunk).min(m - start);
                    let size = [count, *v, *d];
                    let row =
                        |span: &Span, width: usize, bytes: usize| at(span) + (start * width * bytes) as u64;
                    let here = row(x, *d, t.bytes());
                    let operands = |a, b, d| Operands { a, b, c: d, d, bias: 0 };
                    let forward = Gemm::forward(t, size, false, false);
                    steps.push(self.product(forward, operands(at(weight), here, at(logits)))?);
                    let op = launch::CrossEntropy {
                        logits: at(logits),
                        pitch: *v,
                        targets: row(targets, 1, 4),
                        weights: row(weights, 1, 4),
                        scale: self.scratch.scale(),
                        nll: row(nll, 1, 4),
                        count,
                        v: *v,
                        backward: gradients.is_some(),
                        fault: self.scratch.fault(),
                    };
                    steps.push(self.launch(&launch::cross_entropy(t, op)?)?);
                    if let Some((dx, grad_weight)) = gradients {
                        let dx = operands(at(weight), at(logits), row(dx, *d, t.bytes()));
                        steps.push(self.product(Gemm::input_gradient(t, size), dx)?);
                        let grad = operands(here, at(logits), at(grad_weight));
                        steps.push(self.gradient(Gemm::weight_gradient(t, size), grad)?);
                    }
                }
                Ok(steps)
            }
        }
    }
}
