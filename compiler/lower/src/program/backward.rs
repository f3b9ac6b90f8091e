//! The gradient program: the forward pass differentiated, operator by operator, from the last to the first.

use super::ProgramError;
use super::dimensions::Dimensions;
use super::forward::{Activations, Inputs};
use super::parameters::Weights;
use super::table::{Table, at, layer};
use smolc_plan::program::Dtype;
use smolc_plan::{Block, Model, Op, Space, Statement, TensorId};

/// Gradients of activations. One slot each: a layer's are dead when the layer is done, except the residual's `dx`.
pub(super) struct Gradients {
    pub dn: TensorId,
    dx: TensorId,
    dh: TensorId,
    dgu: TensorId,
    dn2: TensorId,
    da: TensorId,
    delta: TensorId,
    dqkv: TensorId,
    dn1: TensorId,
}

impl Gradients {
    pub fn declare(table: &mut Table, dims: &Dimensions) -> Result<Gradients, ProgramError> {
        let activation = table.activation();
        let mut add = |name: &str, shape: &[u64]| {
            let dtype = if name == "delta" { Dtype::F32 } else { activation };
            table.add(name, shape, dtype, Space::Workspace, 1)
        };
        let m = dims.tokens;
        Ok(Gradients {
            dn: add("dn", &[m, dims.hidden])?,
            dx: add("dx", &[m, dims.hidden])?,
            dh: add("dh", &[m, dims.ffn])?,
            dgu: add("dgu", &[m, dims.gate_up])?,
            dn2: add("dn2", &[m, dims.hidden])?,
            da: add("da", &[m, dims.q])?,
            delta: add("delta", &[dims.batch, dims.heads, dims.window])?,
            dqkv: add("dqkv", &[m, dims.qkv])?,
            dn1: add("dn1", &[m, dims.hidden])?,
        })
    }
}

/// `dx` is the gradient of the residual stream: both branches of a layer add theirs to it, and where it stands between
/// them it is the gradient of `y` (after attention) or of `x` (before the layer).
pub(super) fn block(
    w: &Weights,
    grads: &Weights,
    inputs: &Inputs,
    s: &Activations,
    g: &Gradients,
    model: &Model,
) -> Block {
    let (heads, kv_heads, head_dim) = (model.heads, model.kv_heads, model.head_dim);
    let dx = at(g.dx, 0);
    let linear = |x, weight, grad, dout, dinput, grad_bias: Option<TensorId>| Op::LinearBackward {
        x: layer(x),
        weight: layer(weight),
        dout,
        dx: at(dinput, 0),
        grad_weight: layer(grad),
        grad_bias: grad_bias.map(layer),
    };
    let norm = |x, weight, rstd, dout, grad| Op::RmsNormBackward {
        x: layer(x),
        weight: layer(weight),
        rstd: layer(rstd),
        dout: at(dout, 0),
        dx,
        grad_weight: layer(grad),
    };
    let body = vec![
        linear(s.h, w.down, grads.down, dx, g.dh, None),
        Op::SwigluBackward { gate_up: layer(s.gu), dout: at(g.dh, 0), dgate_up: at(g.dgu, 0) },
        linear(s.n2, w.gate_up, grads.gate_up, at(g.dgu, 0), g.dn2, None),
        norm(s.y, w.norm2, s.r2, g.dn2, grads.norm2),
        linear(s.a, w.o, grads.o, dx, g.da, None),
        Op::AttentionBackward {
            qkv: layer(s.qkv),
            document_start: at(inputs.document_start, 0),
            out: layer(s.a),
            lse: layer(s.lse),
            dout: at(g.da, 0),
            delta: at(g.delta, 0),
            dqkv: at(g.dqkv, 0),
            heads,
            kv_heads,
            head_dim,
        },
        Op::RopeBackward {
            dqkv: at(g.dqkv, 0),
            positions: at(inputs.positions, 0),
            cos: at(inputs.cos, 0),
            sin: at(inputs.sin, 0),
            heads,
            kv_heads,
            head_dim,
        },
        linear(s.n1, w.qkv, grads.qkv, at(g.dqkv, 0), g.dn1, grads.qkv_bias),
        norm(s.x, w.norm1, s.r1, g.dn1, grads.norm1),
    ];
    Block {
        statements: vec![
            Statement::Op(Op::Zero { out: dx }),
            Statement::Op(Op::RmsNormBackward {
                x: at(s.x, model.layers),
                weight: at(w.norm, 0),
                rstd: at(s.r, 0),
                dout: at(g.dn, 0),
                dx,
                grad_weight: at(grads.norm, 0),
            }),
            Statement::Repeat { layers: model.layers, reverse: true, body },
            Statement::Op(Op::EmbedBackward {
                tokens: at(inputs.tokens, 0),
                dout: dx,
                grad_weight: at(grads.embed, 0),
            }),
        ],
    }
}
