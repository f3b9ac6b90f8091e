//! Operators with every operand resolved to words of the arena: done once, at load.

use crate::error::EngineError;
use crate::times::Kind;
use smolc_plan::program::{Dtype, Slot};
use smolc_plan::{Block, Op, Program, Ref, Statement, Tensor};
use std::ops::Range;

/// Words of the arena that an operand occupies: `length` elements from word `start + layer · stride`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: usize,
    stride: usize,
    length: usize,
    half: bool,
}

impl Span {
    /// The words in this layer; the last one may be half used.
    pub fn at(&self, layer: usize) -> Range<usize> {
        let start = self.start + layer * self.stride;
        start..start + if self.half { self.length.div_ceil(2) } else { self.length }
    }

    /// Byte of the arena where it begins in this layer.
    pub fn byte(&self, layer: usize) -> u64 {
        4 * (self.start + layer * self.stride) as u64
    }

    /// Elements.
    pub fn elements(&self) -> usize {
        self.length
    }

    /// Whether its elements are bf16; otherwise they are words.
    pub fn half(&self) -> bool {
        self.half
    }
}

/// Heads of an attention operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Heads {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
}

/// An operator of the plan with its operands resolved; the formulas stand at [`Op`]. Widths are in elements.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Kernel {
    Zero {
        out: Span,
    },
    Embed {
        tokens: Span,
        weight: Span,
        out: Span,
        d: usize,
        v: usize,
    },
    EmbedBackward {
        tokens: Span,
        dout: Span,
        grad_weight: Span,
        d: usize,
        v: usize,
    },
    RmsNorm {
        x: Span,
        weight: Span,
        out: Span,
        rstd: Span,
        d: usize,
        eps: f32,
    },
    RmsNormBackward {
        x: Span,
        weight: Span,
        rstd: Span,
        dout: Span,
        dx: Span,
        grad_weight: Span,
        d: usize,
    },
    Linear {
        x: Span,
        weight: Span,
        bias: Option<Span>,
        residual: Option<Span>,
        out: Span,
        m: usize,
        n: usize,
        k: usize,
    },
    LinearBackward {
        x: Span,
        weight: Span,
        dout: Span,
        dx: Span,
        grad_weight: Span,
        grad_bias: Option<Span>,
        m: usize,
        n: usize,
        k: usize,
    },
    Rope {
        qkv: Span,
        positions: Span,
        cos: Span,
        sin: Span,
        heads: Heads,
        inverse: bool,
    },
    Attention {
        qkv: Span,
        document_start: Span,
        out: Span,
        lse: Span,
        b: usize,
        t: usize,
        heads: Heads,
    },
    AttentionBackward {
        qkv: Span,
        document_start: Span,
        out: Span,
        lse: Span,
        dout: Span,
        delta: Span,
        dqkv: Span,
        b: usize,
        t: usize,
        heads: Heads,
    },
    Swiglu {
        gate_up: Span,
        out: Span,
        f: usize,
    },
    SwigluBackward {
        gate_up: Span,
        dout: Span,
        dgate_up: Span,
        f: usize,
    },
    HeadCrossEntropy {
        x: Span,
        weight: Span,
        targets: Span,
        weights: Span,
        logits: Span,
        nll: Span,
        gradients: Option<(Span, Span)>,
        m: usize,
        v: usize,
        d: usize,
        chunk: usize,
    },
}

impl Kernel {
    /// What its time is counted under.
    pub fn kind(&self) -> Kind {
        match self {
            Kernel::Zero { .. } => Kind::Zero,
            Kernel::Embed { .. } => Kind::Embed,
            Kernel::EmbedBackward { .. } => Kind::EmbedBackward,
            Kernel::RmsNorm { .. } => Kind::RmsNorm,
            Kernel::RmsNormBackward { .. } => Kind::RmsNormBackward,
            Kernel::Linear { .. } => Kind::Linear,
            Kernel::LinearBackward { .. } => Kind::LinearBackward,
            Kernel::Rope { inverse: false, .. } => Kind::Rope,
            Kernel::Rope { inverse: true, .. } => Kind::RopeBackward,
            Kernel::Attention { .. } => Kind::Attention,
            Kernel::AttentionBackward { .. } => Kind::AttentionBackward,
            Kernel::Swiglu { .. } => Kind::Swiglu,
            Kernel::SwigluBackward { .. } => Kind::SwigluBackward,
            Kernel::HeadCrossEntropy { .. } => Kind::HeadCrossEntropy,
        }
    }
}

/// An operator with the number by which a back end knows it, for [`Backend::prepare`](crate::Backend::prepare).
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    /// Its number: unique in an engine, counted from 0 without gaps in the order of the list.
    pub id: usize,
    /// The operator.
    pub kernel: &'a Kernel,
    /// Layers it runs in, from 0.
    pub layers: usize,
    /// The operator right after it in the same layer.
    pub next: Option<&'a Kernel>,
}

/// A bound block: groups of operators, each run for its layers in order.
pub(crate) struct Bound {
    pub groups: Vec<Group>,
}

/// Operators run one after the other for each layer.
pub(crate) struct Group {
    /// Number of the first operator of the body; the others follow.
    pub first_id: usize,
    pub layers: usize,
    pub reverse: bool,
    pub body: Vec<Kernel>,
}

/// Binds a block. Errors when an operand lies outside the arena, has the wrong shape for its operator, or overlaps
/// another operand of the same operator in any layer; after this, running the block cannot fail.
///
/// `next_id` is the number of the block's first operator, and is moved on by as many as it has.
pub(crate) fn block(program: &Program, block: &Block, next_id: &mut usize) -> Result<Bound, EngineError> {
    let mut groups = Vec::new();
    for statement in &block.statements {
        let (layers, reverse, body) = match statement {
            Statement::Op(op) => (1, false, std::slice::from_ref(op)),
            Statement::Repeat { layers, reverse, body } => (*layers, *reverse, body.as_slice()),
        };
        let binder = Binder { program, layers };
        let body = body.iter().map(|op| binder.bind(op)).collect::<Result<Vec<_>, _>>()?;
        let first_id = *next_id;
        *next_id += body.len();
        groups.push(Group { first_id, layers: word_count(layers)?, reverse, body });
    }
    Ok(Bound { groups })
}

/// The words of a tensor's whole space of slots; errs unless they lie inside the arena.
pub(crate) fn words(program: &Program, tensor: &Tensor) -> Result<Range<usize>, EngineError> {
    let end = tensor.stride.checked_mul(tensor.slots).and_then(|n| n.checked_add(tensor.offset));
    match end.filter(|end| *end <= program.arena_bytes) {
        Some(end) => Ok(word_count(tensor.offset / 4)?..word_count(end / 4)?),
        None => Err(EngineError::Program(format!("`{}` lies outside the arena", tensor.name))),
    }
}

/// A plan's number as an index on this machine.
pub(crate) fn word_count(n: u64) -> Result<usize, EngineError> {
    usize::try_from(n).map_err(|_| too_large("a size"))
}

fn too_large(what: &str) -> EngineError {
    EngineError::Program(format!("{what} does not fit into this machine's address space"))
}

struct Binder<'a> {
    program: &'a Program,
    layers: u64,
}

/// An operand with the extents of its tensor.
struct Operand<'a> {
    span: Span,
    tensor: &'a Tensor,
}

impl Operand<'_> {
    fn dim(&self, i: usize) -> Result<usize, EngineError> {
        match self.tensor.shape.get(i) {
            Some(n) => word_count(*n),
            None => Err(EngineError::Program(format!("`{}` has too few dimensions", self.tensor.name))),
        }
    }

    /// The span, if the operand has exactly this shape once multiplied out.
    fn sized(&self, factors: &[usize]) -> Result<Span, EngineError> {
        let expected = factors.iter().try_fold(1usize, |n, f| n.checked_mul(*f));
        if expected != Some(self.span.length) {
            let name = &self.tensor.name;
            return Err(EngineError::Program(format!(
                "`{name}` has shape {:?}, not {factors:?}",
                self.tensor.shape
            )));
        }
        Ok(self.span)
    }
}

impl<'a> Binder<'a> {
    fn operand(&self, r: Ref) -> Result<Operand<'a>, EngineError> {
        let tensor = self
            .program
            .tensors
            .get(r.tensor.0 as usize)
            .ok_or_else(|| EngineError::Program(format!("an operator names tensor {}", r.tensor.0)))?;
        let (first, per_layer): (u64, u64) = match r.slot {
            Slot::At(n) => (n, 0),
            Slot::Layer | Slot::NextLayer if tensor.slots == 1 => (0, 0),
            Slot::Layer => (0, 1),
            Slot::NextLayer => (1, 1),
        };
        let last = per_layer.saturating_mul(self.layers.saturating_sub(1)).saturating_add(first);
        let elements = tensor.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d));
        let end = elements
            .and_then(|n| n.checked_mul(tensor.dtype.bytes()))
            .and_then(|n| last.checked_mul(tensor.stride)?.checked_add(n)?.checked_add(tensor.offset));
        if last >= tensor.slots || end.is_none_or(|end| end > self.program.arena_bytes) {
            return Err(EngineError::Program(format!(
                "slot {last} of `{}` is outside the arena",
                tensor.name
            )));
        }
        let span = Span {
            start: word_count((tensor.offset + first * tensor.stride) / 4)?,
            stride: word_count(per_layer * tensor.stride / 4)?,
            length: word_count(elements.unwrap_or(0))?,
            half: tensor.dtype == Dtype::Bf16,
        };
        Ok(Operand { span, tensor })
    }

    /// Operands of one operator must be apart in every layer, for they are borrowed together.
    fn check_apart(&self, op: &Op) -> Result<(), EngineError> {
        let spans = op.refs().into_iter().map(|r| self.operand(r)).collect::<Result<Vec<_>, _>>()?;
        for layer in 0..word_count(self.layers)? {
            for (i, a) in spans.iter().enumerate() {
                for b in spans.iter().skip(i + 1) {
                    let (x, y) = (a.span.at(layer), b.span.at(layer));
                    if x.start < y.end && y.start < x.end {
                        let (name, a, b) = (op.name(), &a.tensor.name, &b.tensor.name);
                        return Err(EngineError::Program(format!("`{name}`: `{a}` and `{b}` overlap")));
                    }
                }
            }
        }
        Ok(())
    }

    fn bind(&self, op: &Op) -> Result<Kernel, EngineError> {
        self.check_apart(op)?;
        let get = |r: Ref| self.operand(r);
        let (b, t) = (word_count(self.program.batch)?, word_count(self.program.window)?);
        let m = b.checked_mul(t).ok_or_else(|| too_large("a micro-batch"))?;
        let heads = |heads: u64, kv_heads: u64, head_dim: u64| -> Result<Heads, EngineError> {
            let h = Heads {
                heads: word_count(heads)?,
                kv_heads: word_count(kv_heads)?,
                head_dim: word_count(head_dim)?,
            };
            if kv_heads == 0
                || !heads.is_multiple_of(kv_heads)
                || head_dim == 0
                || !head_dim.is_multiple_of(2)
            {
                return Err(EngineError::Program(format!("{h:?}")));
            }
            Ok(h)
        };
        Ok(match *op {
            Op::Zero { out } => Kernel::Zero { out: get(out)?.span },
            Op::Embed { tokens, weight, out } => {
                let d = get(weight)?.dim(1)?;
                let v = get(weight)?.dim(0)?;
                Kernel::Embed {
                    tokens: get(tokens)?.sized(&[m])?,
                    weight: get(weight)?.sized(&[v, d])?,
                    out: get(out)?.sized(&[m, d])?,
                    d,
                    v,
                }
            }
            Op::EmbedBackward { tokens, dout, grad_weight } => {
                let d = get(grad_weight)?.dim(1)?;
                let v = get(grad_weight)?.dim(0)?;
                Kernel::EmbedBackward {
                    tokens: get(tokens)?.sized(&[m])?,
                    dout: get(dout)?.sized(&[m, d])?,
                    grad_weight: get(grad_weight)?.sized(&[v, d])?,
                    d,
                    v,
                }
            }
            Op::RmsNorm { x, weight, out, rstd, eps } => {
                let d = get(weight)?.dim(0)?;
                Kernel::RmsNorm {
                    x: get(x)?.sized(&[m, d])?,
                    weight: get(weight)?.sized(&[d])?,
                    out: get(out)?.sized(&[m, d])?,
                    rstd: get(rstd)?.sized(&[m])?,
                    d,
                    eps: eps as f32,
                }
            }
            Op::RmsNormBackward { x, weight, rstd, dout, dx, grad_weight } => {
                let d = get(weight)?.dim(0)?;
                Kernel::RmsNormBackward {
                    x: get(x)?.sized(&[m, d])?,
                    weight: get(weight)?.sized(&[d])?,
                    rstd: get(rstd)?.sized(&[m])?,
                    dout: get(dout)?.sized(&[m, d])?,
                    dx: get(dx)?.sized(&[m, d])?,
                    grad_weight: get(grad_weight)?.sized(&[d])?,
                    d,
                }
            }
            Op::Linear { x, weight, bias, residual, out } => {
                let (n, k) = (get(weight)?.dim(0)?, get(weight)?.dim(1)?);
                Kernel::Linear {
                    x: get(x)?.sized(&[m, k])?,
                    weight: get(weight)?.sized(&[n, k])?,
                    bias: bias.map(|r| get(r)?.sized(&[n])).transpose()?,
                    residual: residual.map(|r| get(r)?.sized(&[m, n])).transpose()?,
                    out: get(out)?.sized(&[m, n])?,
                    m,
                    n,
                    k,
                }
            }
            Op::LinearBackward { x, weight, dout, dx, grad_weight, grad_bias } => {
                let (n, k) = (get(weight)?.dim(0)?, get(weight)?.dim(1)?);
                Kernel::LinearBackward {
                    x: get(x)?.sized(&[m, k])?,
                    weight: get(weight)?.sized(&[n, k])?,
                    dout: get(dout)?.sized(&[m, n])?,
                    dx: get(dx)?.sized(&[m, k])?,
                    grad_weight: get(grad_weight)?.sized(&[n, k])?,
                    grad_bias: grad_bias.map(|r| get(r)?.sized(&[n])).transpose()?,
                    m,
                    n,
                    k,
                }
            }
            Op::Rope { qkv, positions, cos, sin, heads: h, kv_heads, head_dim }
            | Op::RopeBackward { dqkv: qkv, positions, cos, sin, heads: h, kv_heads, head_dim } => {
                let heads = heads(h, kv_heads, head_dim)?;
                let half = heads.head_dim / 2;
                Kernel::Rope {
                    qkv: get(qkv)?.sized(&[m, heads.heads + 2 * heads.kv_heads, heads.head_dim])?,
                    positions: get(positions)?.sized(&[m])?,
                    cos: get(cos)?.sized(&[t, half])?,
                    sin: get(sin)?.sized(&[t, half])?,
                    heads,
                    inverse: matches!(op, Op::RopeBackward { .. }),
                }
            }
            Op::Attention { qkv, document_start, out, lse, heads: h, kv_heads, head_dim } => {
                let heads = heads(h, kv_heads, head_dim)?;
                Kernel::Attention {
                    qkv: get(qkv)?.sized(&[m, heads.heads + 2 * heads.kv_heads, heads.head_dim])?,
                    document_start: get(document_start)?.sized(&[m])?,
                    out: get(out)?.sized(&[m, heads.heads, heads.head_dim])?,
                    lse: get(lse)?.sized(&[m, heads.heads])?,
                    b,
                    t,
                    heads,
                }
            }
            Op::AttentionBackward {
                qkv,
                document_start,
                out,
                lse,
                dout,
                delta,
                dqkv,
                heads: h,
                kv_heads,
                head_dim,
            } => {
                let heads = heads(h, kv_heads, head_dim)?;
                let merged = [m, heads.heads + 2 * heads.kv_heads, heads.head_dim];
                let own = [m, heads.heads, heads.head_dim];
                Kernel::AttentionBackward {
                    qkv: get(qkv)?.sized(&merged)?,
                    document_start: get(document_start)?.sized(&[m])?,
                    out: get(out)?.sized(&own)?,
                    lse: get(lse)?.sized(&[m, heads.heads])?,
                    dout: get(dout)?.sized(&own)?,
                    delta: get(delta)?.sized(&[m, heads.heads])?,
                    dqkv: get(dqkv)?.sized(&merged)?,
                    b,
                    t,
                    heads,
                }
            }
            Op::Swiglu { gate_up, out } => {
                let f = get(out)?.dim(1)?;
                Kernel::Swiglu {
                    gate_up: get(gate_up)?.sized(&[m, 2, f])?,
                    out: get(out)?.sized(&[m, f])?,
                    f,
                }
            }
            Op::SwigluBackward { gate_up, dout, dgate_up } => {
                let f = get(dout)?.dim(1)?;
                Kernel::SwigluBackward {
                    gate_up: get(gate_up)?.sized(&[m, 2, f])?,
                    dout: get(dout)?.sized(&[m, f])?,
                    dgate_up: get(dgate_up)?.sized(&[m, 2, f])?,
                    f,
                }
            }
            Op::HeadCrossEntropy { x, weight, targets, weights, logits, nll, dx, grad_weight, chunk } => {
                let (v, d) = (get(weight)?.dim(0)?, get(weight)?.dim(1)?);
                let chunk = word_count(chunk)?;
                let gradients = match (dx, grad_weight) {
                    (Some(dx), Some(grad)) => Some((get(dx)?.sized(&[m, d])?, get(grad)?.sized(&[v, d])?)),
                    (None, None) => None,
                    _ => return Err(EngineError::Program("the head has one gradient of two".into())),
                };
                if chunk == 0 {
                    return Err(EngineError::Program("the head's chunk is empty".into()));
                }
                Kernel::HeadCrossEntropy {
                    x: get(x)?.sized(&[m, d])?,
                    weight: get(weight)?.sized(&[v, d])?,
                    targets: get(targets)?.sized(&[m])?,
                    weights: get(weights)?.sized(&[m])?,
                    logits: get(logits)?.sized(&[chunk, v])?,
                    nll: get(nll)?.sized(&[m])?,
                    gradients,
                    m,
                    v,
                    d,
                    chunk,
                }
            }
        })
    }
}
