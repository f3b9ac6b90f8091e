//! The forward pass, for training and for evaluation.

use super::ProgramError;
use super::dimensions::Dimensions;
use super::parameters::Weights;
use super::table::{Table, at};
use smolc_plan::program::{Dtype, Slot};
use smolc_plan::{Block, Model, Op, Ref, Space, Statement, TensorId};

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

/// What the forward pass writes. In training everything that the backward pass reads has a slot a layer: nothing is
/// recomputed. Without training the layers share one slot and lifetimes decide who shares bytes.
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
}

impl Activations {
    pub fn declare(table: &mut Table, dims: &Dimensions) -> Result<Activations, ProgramError> {
        let m = dims.tokens;
        let (space, slots, stream) = match dims.training {
            true => (Space::Activation, dims.layers, dims.layers + 1),
            false => (Space::Workspace, 1, 1),
        };
        // Statistics and losses stay f32 in every precision.
        let activation = table.activation();
        let mut add = |name: &str, shape: &[u64], space, slots| {
            let dtype =
                if matches!(name, "r1" | "r2" | "r" | "lse" | "nll") { Dtype::F32 } else { activation };
            table.add(name, shape, dtype, space, slots)
        };
        Ok(Activations {
            x: add("x", &[m, dims.hidden], space, stream)?,
            n1: add("n1", &[m, dims.hidden], space, slots)?,
            r1: add("r1", &[m], space, slots)?,
            qkv: add("qkv", &[m, dims.qkv], space, slots)?,
            a: add("a", &[m, dims.q], space, slots)?,
            lse: add("lse", &[dims.batch, dims.heads, dims.window], space, slots)?,
            y: add("y", &[m, dims.hidden], space, slots)?,
            n2: add("n2", &[m, dims.hidden], space, slots)?,
            r2: add("r2", &[m], space, slots)?,
            gu: add("gu", &[m, dims.gate_up], space, slots)?,
            h: add("h", &[m, dims.ffn], space, slots)?,
            n: add("n", &[m, dims.hidden], Space::Workspace, 1)?,
            r: add("r", &[m], space, 1)?,
            logits: add("logits", &[dims.chunk, dims.vocab], Space::Workspace, 1)?,
            // Read by the host after the pass, so it shares bytes with nothing.
            nll: add("nll", &[m], Space::Activation, 1)?,
        })
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
    let slot = |trained| if head.is_some() { trained } else { Slot::At(0) };
    let saved = |tensor| Ref { tensor, slot: slot(Slot::Layer) };
    let weight = |tensor| Ref { tensor, slot: Slot::Layer };
    let (x, x_next) = (saved(s.x), Ref { tensor: s.x, slot: slot(Slot::NextLayer) });
    let x_last = Ref { tensor: s.x, slot: slot(Slot::At(model.layers)) };
    let (heads, kv_heads, head_dim) = (dims.heads, dims.kv_heads, dims.head_dim);
    let eps = model.norm_eps;
    let body = vec![
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
    ];
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
                eps,
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
