//! The gradient program: the forward pass differentiated, operator by operator, from the last to the first; what the
//! forward pass did not keep is computed again before it is read.

use super::ProgramError;
use super::dimensions::Dimensions;
use super::forward::{self, Activations, Inputs};
use super::parameters::Weights;
use super::table::{Table, at, layer};
use smolc_plan::program::Dtype;
use smolc_plan::{Block, Model, Op, Recompute, Space, Statement, TensorId};

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

/// The operators of the forward pass that a layer's backward pass repeats.
#[derive(Default)]
pub(super) struct Again {
    /// Before everything.
    layer: Vec<Op>,
    /// Before the gradient of the down projection.
    swiglu: Option<Op>,
    /// Before the gradient of gate and up.
    norm2: Option<Op>,
    /// Before the gradient of query, key and value.
    norm1: Option<Op>,
}

impl Again {
    pub fn new(
        recompute: Recompute,
        w: &Weights,
        inputs: &Inputs,
        s: &Activations,
        model: &Model,
        dims: &Dimensions,
    ) -> Again {
        let body = forward::layer_body(w, inputs, s, model, dims, true);
        let writing = |tensor: TensorId| {
            body.iter()
                .find(|op| matches!(op, Op::RmsNorm { out, .. } | Op::Swiglu { out, .. } if out.tensor == tensor))
                .cloned()
        };
        match recompute {
            Recompute::None => Again::default(),
            Recompute::Elementwise => {
                Again { layer: Vec::new(), swiglu: writing(s.h), norm2: writing(s.n2), norm1: writing(s.n1) }
            }
            Recompute::Layers => {
                let mut layer = body;
                // The last one makes the next layer's input, which is kept.
                layer.pop();
                Again { layer, ..Again::default() }
            }
        }
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
    again: Again,
) -> Block {
    let (heads, kv_heads, head_dim) = (model.heads, model.kv_heads, model.head_dim);
    let dx = at(g.dx, 0);
    let linear = |x, weight, grad, dout, dinput, grad_bias: Option<TensorId>| Op::LinearBackward {
        x: s.of(x),
        weight: layer(weight),
        dout,
        dx: at(dinput, 0),
        grad_weight: layer(grad),
        grad_bias: grad_bias.map(layer),
    };
    let norm = |x, weight, rstd, dout, grad| Op::RmsNormBackward {
        x,
        weight: layer(weight),
        rstd: s.of(rstd),
        dout: at(dout, 0),
        dx,
        grad_weight: layer(grad),
    };
    let mut body = again.layer;
    body.extend(again.swiglu);
    body.extend([
        linear(s.h, w.down, grads.down, dx, g.dh, None),
        Op::SwigluBackward { gate_up: s.of(s.gu), dout: at(g.dh, 0), dgate_up: at(g.dgu, 0) },
    ]);
    body.extend(again.norm2);
    body.extend([
        linear(s.n2, w.gate_up, grads.gate_up, at(g.dgu, 0), g.dn2, None),
        norm(s.of(s.y), w.norm2, s.r2, g.dn2, grads.norm2),
        linear(s.a, w.o, grads.o, dx, g.da, None),
        Op::AttentionBackward {
            qkv: s.of(s.qkv),
            document_start: at(inputs.document_start, 0),
            out: s.of(s.a),
            lse: s.of(s.lse),
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
    ]);
    body.extend(again.norm1);
    body.extend([
        linear(s.n1, w.qkv, grads.qkv, at(g.dqkv, 0), g.dn1, grads.qkv_bias),
        norm(layer(s.x), w.norm1, s.r1, g.dn1, grads.norm1),
    ]);
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
