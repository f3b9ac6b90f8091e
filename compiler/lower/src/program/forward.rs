//! The forward pass, for training and for evaluation.

use super::ProgramError;
use super::dimensions::Dimensions;
use super::parameters::Weights;
use super::table::{Table, at};
use smolc_plan::program::{Dtype, Slot};
use smolc_plan::{Block, Model, Op, Recompute, Ref, Space, Statement, TensorId};

/// What the host writes, and the tables made at load.
pub(super) struct Inputs {
    pub tokens: TensorId,
    pub targets: TensorId,
    pub weights: TensorId,
    pub positions: TensorId,
    pub document_start: TensorId,
    pub cos: TensorId,
    pub sin: TensorId,
}

impl Inputs {
    pub fn declare(table: &mut Table, dims: &Dimensions) -> Result<Inputs, ProgramError> {
        let m = [dims.tokens];
        let mut input = |name: &str, dtype| table.add(name, &m, dtype, Space::Input, 1);
        let tokens = input("tokens", Dtype::U32)?;
        let targets = input("targets", Dtype::U32)?;
        let weights = input("weights", Dtype::F32)?;
        let positions = input("positions", Dtype::U32)?;
        let document_start = input("document_start", Dtype::U32)?;
        let half = [dims.window, dims.head_dim / 2];
        let cos = table.add("rope.cos", &half, Dtype::F32, Space::Constant, 1)?;
        let sin = table.add("rope.sin", &half, Dtype::F32, Space::Constant, 1)?;
        Ok(Inputs { tokens, targets, weights, positions, document_start, cos, sin })
    }
}

/// What the forward pass writes. In training what the backward pass reads has a slot a layer if it is kept, and else one
/// slot, written again. Without training the layers share one slot and lifetimes decide who shares bytes.
pub(super) struct Activations {
    pub x: TensorId,
    pub n1: TensorId,
    pub r1: TensorId,
    pub qkv: TensorId,
    pub a: TensorId,
    pub lse: TensorId,
    pub y: TensorId,
    pub n2: TensorId,
    pub r2: TensorId,
    pub gu: TensorId,
    pub h: TensorId,
    pub n: TensorId,
    pub r: TensorId,
    pub logits: TensorId,
    pub nll: TensorId,
    /// Those that have one slot in training.
    again: Vec<TensorId>,
}

impl Activations {
    pub fn declare(
        table: &mut Table,
        dims: &Dimensions,
        recompute: Recompute,
    ) -> Result<Activations, ProgramError> {
        let m = dims.tokens;
        let kept = |name: &str| match recompute {
            Recompute::None => true,
            Recompute::Elementwise => !matches!(name, "n1" | "n2" | "h"),
            Recompute::Layers => false,
        };
        let mut again = Vec::new();
        // Statistics and losses stay f32 in every precision.
        let activation = table.activation();
        let mut add = |name: &str, shape: &[u64], space, slots| {
            let dtype =
                if matches!(name, "r1" | "r2" | "r" | "lse" | "nll") { Dtype::F32 } else { activation };
            table.add(name, shape, dtype, space, slots)
        };
        let (stream, last) = match dims.training {
            true => ((Space::Activation, dims.layers + 1), Space::Activation),
            false => ((Space::Workspace, 1), Space::Workspace),
        };
        let x = add("x", &[m, dims.hidden], stream.0, stream.1)?;
        let mut of_layer = |name: &str, shape: &[u64]| {
            if dims.training && kept(name) {
                return add(name, shape, Space::Activation, dims.layers);
            }
            let id = add(name, shape, Space::Workspace, 1)?;
            again.push(id);
            Ok(id)
        };
        Ok(Activations {
            x,
            n1: of_layer("n1", &[m, dims.hidden])?,
            r1: of_layer("r1", &[m])?,
            qkv: of_layer("qkv", &[m, dims.qkv])?,
            a: of_layer("a", &[m, dims.q])?,
            lse: of_layer("lse", &[dims.batch, dims.heads, dims.window])?,
            y: of_layer("y", &[m, dims.hidden])?,
            n2: of_layer("n2", &[m, dims.hidden])?,
            r2: of_layer("r2", &[m])?,
            gu: of_layer("gu", &[m, dims.gate_up])?,
            h: of_layer("h", &[m, dims.ffn])?,
            n: add("n", &[m, dims.hidden], Space::Workspace, 1)?,
            r: add("r", &[m], last, 1)?,
            logits: add("logits", &[dims.chunk, dims.vocab], Space::Workspace, 1)?,
            // Read by the host after the pass, so it shares bytes with nothing.
            nll: add("nll", &[m], Space::Activation, 1)?,
            again,
        })
    }

    /// A layer's use of one of its tensors, in training.
    pub fn of(&self, tensor: TensorId) -> Ref {
        let slot = if self.again.contains(&tensor) { Slot::At(0) } else { Slot::Layer };
        Ref { tensor, slot }
    }
}

/// Where the head leaves its gradients.
#[derive(Clone, Copy)]
pub(super) struct HeadGradient {
    pub dx: TensorId,
    pub grad_weight: TensorId,
}

/// What the pass is for.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    /// Saves activations and begins the backward pass in the head.
    Train(HeadGradient),
    /// Loss only; every layer uses slot 0, which stays in the cache.
    Evaluate,
}

/// The operators of a layer, each with the slot that `mode` gives its tensors.
pub(super) fn layer_body(
    w: &Weights,
    inputs: &Inputs,
    s: &Activations,
    model: &Model,
    dims: &Dimensions,
    training: bool,
) -> Vec<Op> {
    let saved = |tensor| if training { s.of(tensor) } else { at(tensor, 0) };
    let stream = |slot| Ref { tensor: s.x, slot: if training { slot } else { Slot::At(0) } };
    let weight = |tensor| Ref { tensor, slot: Slot::Layer };
    let (x, x_next) = (stream(Slot::Layer), stream(Slot::NextLayer));
    let (heads, kv_heads, head_dim) = (dims.heads, dims.kv_heads, dims.head_dim);
    let eps = model.norm_eps;
    vec![
        Op::RmsNorm { x, weight: weight(w.norm1), out: saved(s.n1), rstd: saved(s.r1), eps },
        Op::Linear {
            x: saved(s.n1),
            weight: weight(w.qkv),
            bias: w.qkv_bias.map(weight),
            residual: None,
            out: saved(s.qkv),
        },
        Op::Rope {
            qkv: saved(s.qkv),
            positions: at(inputs.positions, 0),
            cos: at(inputs.cos, 0),
            sin: at(inputs.sin, 0),
            heads,
            kv_heads,
            head_dim,
        },
        Op::Attention {
            qkv: saved(s.qkv),
            document_start: at(inputs.document_start, 0),
            out: saved(s.a),
            lse: saved(s.lse),
            heads,
            kv_heads,
            head_dim,
        },
        Op::Linear { x: saved(s.a), weight: weight(w.o), bias: None, residual: Some(x), out: saved(s.y) },
        Op::RmsNorm { x: saved(s.y), weight: weight(w.norm2), out: saved(s.n2), rstd: saved(s.r2), eps },
        Op::Linear {
            x: saved(s.n2),
            weight: weight(w.gate_up),
            bias: None,
            residual: None,
            out: saved(s.gu),
        },
        Op::Swiglu { gate_up: saved(s.gu), out: saved(s.h) },
        Op::Linear {
            x: saved(s.h),
            weight: weight(w.down),
            bias: None,
            residual: Some(saved(s.y)),
            out: x_next,
        },
    ]
}

pub(super) fn block(
    w: &Weights,
    inputs: &Inputs,
    s: &Activations,
    model: &Model,
    dims: &Dimensions,
    mode: Mode,
) -> Block {
    let head = match mode {
        Mode::Train(head) => Some(head),
        Mode::Evaluate => None,
    };
    let x_last = at(s.x, if head.is_some() { model.layers } else { 0 });
    let body = layer_body(w, inputs, s, model, dims, head.is_some());
    Block {
        statements: vec![
            Statement::Op(Op::Embed {
                tokens: at(inputs.tokens, 0),
                weight: at(w.embed, 0),
                out: at(s.x, 0),
            }),
            Statement::Repeat { layers: model.layers, reverse: false, body },
            Statement::Op(Op::RmsNorm {
                x: x_last,
                weight: at(w.norm, 0),
                out: at(s.n, 0),
                rstd: at(s.r, 0),
                eps: model.norm_eps,
            }),
            Statement::Op(Op::HeadCrossEntropy {
                x: at(s.n, 0),
                weight: at(w.head, 0),
                targets: at(inputs.targets, 0),
                weights: at(inputs.weights, 0),
                logits: at(s.logits, 0),
                nll: at(s.nll, 0),
                dx: head.map(|h| at(h.dx, 0)),
                grad_weight: head.map(|h| at(h.grad_weight, 0)),
                chunk: dims.chunk,
            }),
        ],
    }
}
