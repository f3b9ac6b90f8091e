//! The step program: operators over named tensors with planned offsets in one arena.
//!
//! It is small and readable: the layers are one `repeat`, not an unrolled graph. The backward pass is part of the
//! program, derived by `lower`; nothing is decided at run time. A back end binds every operator to a kernel once.
//!
//! Shapes use B = sequences in a micro-batch, T = window, M = B·T tokens, D = hidden, F = ffn, H = query heads,
//! G = key/value heads, d = head size, V = vocabulary. Everything is row-major f32 unless the tensor says otherwise.

use serde::{Deserialize, Serialize};

/// Index into [`Program::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TensorId(pub u32);

/// The whole program of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Sequences in a micro-batch (B).
    pub batch: u64,
    /// Window (T).
    pub window: u64,
    /// Every tensor.
    pub tensors: Vec<Tensor>,
    /// Loss only, for validation: no tensor of the backward pass is touched.
    pub evaluate: Block,
    /// Forward pass of one micro-batch, saving what the backward pass reads; ends with loss and d(hidden).
    pub forward: Block,
    /// Backward pass of one micro-batch: accumulates into the gradients.
    pub backward: Block,
    /// Bytes of the one arena that holds every tensor.
    pub arena_bytes: u64,
    /// Of which parameters, with their bf16 copies where there are any.
    pub parameter_bytes: u64,
    /// Of which gradients.
    pub gradient_bytes: u64,
    /// Of which optimizer moments.
    pub optimizer_bytes: u64,
    /// Of which activations, inputs and workspace.
    pub activation_bytes: u64,
    /// Floating-point operations of the matrix products and of attention (causal half), forward and backward, one
    /// micro-batch. What is computed again is not among them.
    pub flops: u64,
    /// Operations of the products and of attention that the backward pass does once more to save memory.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub recomputed_flops: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A tensor with its place in the arena.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// Name, unique in the program: `qkv.weight`, `layer.x`, `grad.qkv.weight`.
    pub name: String,
    /// Shape of one slot.
    pub shape: Vec<u64>,
    /// Element type.
    pub dtype: Dtype,
    /// What it is for.
    pub space: Space,
    /// Slots: 1, or one a layer (`layers`, or `layers + 1` for the residual stream).
    pub slots: u64,
    /// Byte offset of slot 0 in the arena, a multiple of 64.
    pub offset: u64,
    /// Bytes from one slot to the next, a multiple of 64; the size of a slot for parameters, gradients and moments, so
    /// that each of those spaces is contiguous and has one layout.
    pub stride: u64,
}

/// Element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// Unsigned 32-bit integer (token ids, positions, document starts).
    U32,
    /// bfloat16: the upper half of an f32.
    Bf16,
}

impl Dtype {
    /// Bytes of an element.
    pub fn bytes(self) -> u64 {
        match self {
            Dtype::F32 | Dtype::U32 => 4,
            Dtype::Bf16 => 2,
        }
    }
}

/// In what a run computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Everything in f32.
    #[default]
    F32,
    /// Activations, their gradients and the weights that products read in bf16, sums in f32. Parameters, their gradients
    /// and moments stay f32, so a checkpoint holds the same as in f32.
    Bf16,
}

impl Precision {
    /// As a spec writes it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        }
    }

    /// Whether it is what a plan without the field means.
    pub fn is_default(&self) -> bool {
        *self == Precision::default()
    }

    /// Tokens whose logits exist at one time, where no target says otherwise. 512 rows of a 49,152-token vocabulary are
    /// 96 MiB in f32, and a CPU's products are at full speed from there on. bf16 runs on GPUs, whose products of the head
    /// need thousands of rows, and where every chunk adds its part to the whole f32 gradient of the head.
    pub fn head_chunk(self) -> u64 {
        match self {
            Precision::F32 => 512,
            Precision::Bf16 => 8192,
        }
    }
}

/// Chunks of the head below `chunk`, tokens, the largest first: what a run is offered that does not fit.
pub fn smaller_head_chunks(chunk: u64) -> impl Iterator<Item = u64> {
    [4096, 2048, 1024, 512].into_iter().filter(move |smaller| *smaller < chunk)
}

/// What a tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// A weight.
    Parameter,
    /// bf16 copy of the parameter of the same name without `bf16.`, element for element; the update refreshes it.
    Rounded,
    /// Gradient of the parameter of the same name without `grad.`; same relative offset as the parameter.
    Gradient,
    /// First Adam moment (`adam.m.` + name).
    Moment1,
    /// Second Adam moment (`adam.v.` + name).
    Moment2,
    /// Written by the host before a micro-batch: `tokens`, `targets`, `weights`, `positions`, `document_start`.
    Input,
    /// Saved by the forward pass for the backward pass.
    Activation,
    /// Alive within a pass only; shares bytes with others that are not alive at the same time.
    Workspace,
    /// Tables computed once at load (RoPE cosines and sines, `[T, d/2]` each).
    Constant,
}

/// A use of a tensor inside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ref {
    /// The tensor.
    pub tensor: TensorId,
    /// Which slot.
    pub slot: Slot,
}

/// Which slot of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// A fixed slot.
    At(u64),
    /// The layer of the enclosing `repeat`.
    Layer,
    /// The layer of the enclosing `repeat`, plus one (the residual stream after it).
    NextLayer,
}

/// A straight list of statements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// In order.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Statement {
    /// An operator.
    Op(Op),
    /// The body once for every layer 0 … `layers`-1, or from the last to the first.
    Repeat {
        /// Number of layers.
        layers: u64,
        /// From the last layer to the first.
        reverse: bool,
        /// The body.
        body: Vec<Op>,
    },
}

/// An operator. `out`, `d…` and `grad…` are written; the rest is read. `grad_weight`, `grad_bias` accumulate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // the formula above each variant names its fields
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// `out = 0`; begins a sum that other operators add to.
    Zero { out: Ref },
    /// `out[M,D] = weight[tokens[M], :]`
    Embed { tokens: Ref, weight: Ref, out: Ref },
    /// `grad_weight[tokens[m], :] += dout[m, :]`, in token order per row (deterministic).
    EmbedBackward { tokens: Ref, dout: Ref, grad_weight: Ref },
    /// `rstd[m] = 1/√(mean(x[m,:]²) + eps)`, `out = x · rstd · weight`.
    RmsNorm { x: Ref, weight: Ref, out: Ref, rstd: Ref, eps: f64 },
    /// `dx += ∂(norm)/∂x · dout` (adds to the residual's gradient), `grad_weight += Σ_m dout · x · rstd`.
    RmsNormBackward { x: Ref, weight: Ref, rstd: Ref, dout: Ref, dx: Ref, grad_weight: Ref },
    /// `out[M,N] = x[M,K] · weight[N,K]ᵀ (+ bias[N]) (+ residual[M,N])`
    Linear { x: Ref, weight: Ref, bias: Option<Ref>, residual: Option<Ref>, out: Ref },
    /// `dx[M,K] = dout[M,N] · weight[N,K]`, `grad_weight[N,K] += doutᵀ · x`, `grad_bias += Σ_m dout`.
    LinearBackward { x: Ref, weight: Ref, dout: Ref, dx: Ref, grad_weight: Ref, grad_bias: Option<Ref> },
    /// Rotates q and k inside `qkv[M, (H+2G)·d]` in place, half-split layout.
    Rope { qkv: Ref, positions: Ref, cos: Ref, sin: Ref, heads: u64, kv_heads: u64, head_dim: u64 },
    /// The inverse rotation of dq and dk, in place.
    RopeBackward { dqkv: Ref, positions: Ref, cos: Ref, sin: Ref, heads: u64, kv_heads: u64, head_dim: u64 },
    /// Causal attention over the merged `qkv`: token t of a row sees `document_start[t] … t` of the same row.
    /// `out[M, H·d]`, `lse[B, H, T]` (natural log of the sum of exponentials of the scaled scores).
    Attention { qkv: Ref, document_start: Ref, out: Ref, lse: Ref, heads: u64, kv_heads: u64, head_dim: u64 },
    /// Gradient of [`Op::Attention`] into `dqkv`, written whole; `delta[B, H, T]` is workspace for Σ dout·out.
    AttentionBackward {
        qkv: Ref,
        document_start: Ref,
        out: Ref,
        lse: Ref,
        dout: Ref,
        delta: Ref,
        dqkv: Ref,
        heads: u64,
        kv_heads: u64,
        head_dim: u64,
    },
    /// `out[M,F] = silu(gate) · up` with `gate_up[M, 2F] = gate | up`.
    Swiglu { gate_up: Ref, out: Ref },
    /// `dgate_up[M, 2F]` from `dout[M,F]`; may not alias `gate_up`.
    SwigluBackward { gate_up: Ref, dout: Ref, dgate_up: Ref },
    /// Cross-entropy of `x[M,D] · weight[V,D]ᵀ` against `targets[M]`, each token weighted by `weights[M]` (0 = masked),
    /// in chunks of `chunk` tokens so that the logits never exist whole (`logits[chunk, V]` is workspace).
    /// `nll[M]` receives each token's −log p (0 where the weight is 0). The loss is Σ weights·nll · scale, where the
    /// host passes `scale` = 1 / Σ weights of the whole optimizer step. Writes `dx` and accumulates `grad_weight` when
    /// they are there; validation leaves them out.
    HeadCrossEntropy {
        x: Ref,
        weight: Ref,
        targets: Ref,
        weights: Ref,
        logits: Ref,
        nll: Ref,
        dx: Option<Ref>,
        grad_weight: Option<Ref>,
        chunk: u64,
    },
}

impl Op {
    /// The operator's name, as in the JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Zero { .. } => "zero",
            Op::Embed { .. } => "embed",
            Op::EmbedBackward { .. } => "embed_backward",
            Op::RmsNorm { .. } => "rms_norm",
            Op::RmsNormBackward { .. } => "rms_norm_backward",
            Op::Linear { .. } => "linear",
            Op::LinearBackward { .. } => "linear_backward",
            Op::Rope { .. } => "rope",
            Op::RopeBackward { .. } => "rope_backward",
            Op::Attention { .. } => "attention",
            Op::AttentionBackward { .. } => "attention_backward",
            Op::Swiglu { .. } => "swiglu",
            Op::SwigluBackward { .. } => "swiglu_backward",
            Op::HeadCrossEntropy { .. } => "head_cross_entropy",
        }
    }

    /// Every tensor the operator names, read or written.
    pub fn refs(&self) -> Vec<Ref> {
        match *self {
            Op::Zero { out } => vec![out],
            Op::Embed { tokens, weight, out } => vec![tokens, weight, out],
            Op::EmbedBackward { tokens, dout, grad_weight } => vec![tokens, dout, grad_weight],
            Op::RmsNorm { x, weight, out, rstd, .. } => vec![x, weight, out, rstd],
            Op::RmsNormBackward { x, weight, rstd, dout, dx, grad_weight } => {
                vec![x, weight, rstd, dout, dx, grad_weight]
            }
            Op::Linear { x, weight, bias, residual, out } => {
                [Some(x), Some(weight), bias, residual, Some(out)].into_iter().flatten().collect()
            }
            Op::LinearBackward { x, weight, dout, dx, grad_weight, grad_bias } => {
                [Some(x), Some(weight), Some(dout), Some(dx), Some(grad_weight), grad_bias]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Op::Rope { qkv, positions, cos, sin, .. } => vec![qkv, positions, cos, sin],
            Op::RopeBackward { dqkv, positions, cos, sin, .. } => vec![dqkv, positions, cos, sin],
            Op::Attention { qkv, document_start, out, lse, .. } => vec![qkv, document_start, out, lse],
            Op::AttentionBackward { qkv, document_start, out, lse, dout, delta, dqkv, .. } => {
                vec![qkv, document_start, out, lse, dout, delta, dqkv]
            }
            Op::Swiglu { gate_up, out } => vec![gate_up, out],
            Op::SwigluBackward { gate_up, dout, dgate_up } => vec![gate_up, dout, dgate_up],
            Op::HeadCrossEntropy { x, weight, targets, weights, logits, nll, dx, grad_weight, .. } => [
                Some(x),
                Some(weight),
                Some(targets),
                Some(weights),
                Some(logits),
                Some(nll),
                dx,
                grad_weight,
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }
}
