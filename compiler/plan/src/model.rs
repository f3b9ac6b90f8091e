//! Model shape and the parameter table.

use crate::program::TensorId;
use serde::{Deserialize, Serialize};

/// Architecture family, as `transformers` names its `model_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Llama and SmolLM2: no biases.
    Llama,
    /// Qwen2: biases on q, k and v.
    Qwen2,
}

/// A decoder-only transformer with RMSNorm, RoPE, grouped-query attention and SwiGLU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Name in the spec.
    pub name: String,
    /// Architecture family.
    pub family: Family,
    /// Number of layers.
    pub layers: u64,
    /// Width of the residual stream.
    pub hidden: u64,
    /// Width of the SwiGLU hidden layer.
    pub ffn: u64,
    /// Query heads.
    pub heads: u64,
    /// Key/value heads; divides `heads`.
    pub kv_heads: u64,
    /// Size of a head; `hidden / heads` unless stated.
    pub head_dim: u64,
    /// Rows of the embedding.
    pub vocab: u64,
    /// Longest window, in tokens (`max_position_embeddings`).
    pub context: u64,
    /// The output head shares the embedding.
    pub tied: bool,
    /// RMSNorm epsilon.
    pub norm_eps: f64,
    /// Rotary position embedding.
    pub rope: Rope,
    /// Initialisation.
    pub init: Init,
}

/// Rotary position embedding, half-split ("HF") layout: pair (i, i + head_dim/2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rope {
    /// Base.
    pub theta: f64,
    /// Frequency scaling.
    pub scaling: Option<RopeScaling>,
    /// Every so manyth layer, from the `skip_every`-th on, goes without (SmolLM3: every fourth). The step program does not know
    /// it, and such a run is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_every: Option<u64>,
}

/// RoPE scaling as Llama 3.1 defines it (`rope_type: llama3`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RopeScaling {
    /// Factor by which low frequencies are divided.
    pub factor: f64,
    /// Low-frequency factor.
    pub low_freq_factor: f64,
    /// High-frequency factor.
    pub high_freq_factor: f64,
    /// Context the model was trained with before scaling.
    pub original_context: u64,
}

/// Initialisation (nanotron's for SmolLM2): N(0, std) everywhere, N(0, std/√(2·layers)) for attention output and MLP
/// down projections, norms at 1, biases at 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Init {
    /// Standard deviation.
    pub std: f64,
}

/// One named tensor as it stands in `model.safetensors`: rows `rows` of a program tensor, of layer `layer` if that
/// tensor has one slot a layer. q, k and v are row ranges of one merged tensor, and so are gate and up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Hugging Face name, `model.layers.0.self_attn.q_proj.weight`.
    pub name: String,
    /// Shape on disk, row-major; one dimension for norms and biases.
    pub shape: Vec<u64>,
    /// The program tensor it lies in.
    pub tensor: TensorId,
    /// Slot of that tensor.
    pub layer: Option<u64>,
    /// First row.
    pub row: u64,
    /// Standard deviation it is initialised with; `None` for norms (1) and biases (0).
    pub init_std: Option<f64>,
    /// Value it is initialised with when `init_std` is none.
    pub init_value: f64,
    /// Weight decay applies.
    pub decay: bool,
}

impl Model {
    /// Number of trainable parameters, each tied weight counted once; `None` on overflow.
    pub fn parameters(&self) -> Option<u64> {
        let (d, q, kv) =
            (self.hidden, self.heads.checked_mul(self.head_dim)?, self.kv_heads.checked_mul(self.head_dim)?);
        let qkv = q.checked_add(kv.checked_mul(2)?)?;
        let bias = if self.family == Family::Qwen2 { qkv } else { 0 };
        let attention = d.checked_mul(qkv.checked_add(q)?)?.checked_add(bias)?;
        let mlp = d.checked_mul(self.ffn)?.checked_mul(3)?;
        let layer = attention.checked_add(mlp)?.checked_add(d.checked_mul(2)?)?;
        let embedding = self.vocab.checked_mul(d)?.checked_mul(if self.tied { 1 } else { 2 })?;
        layer.checked_mul(self.layers)?.checked_add(embedding)?.checked_add(d)
    }
}
