//! The numbers of a shape, checked once.

use super::{MAX_LAYERS, ProgramError, ProgramOptions};
use smolc_plan::{Family, Model};

/// Every extent the program's tensors are made of; all at least 1.
pub(super) struct Dimensions {
    pub batch: u64,
    pub window: u64,
    /// Tokens in a micro-batch, B·T.
    pub tokens: u64,
    pub layers: u64,
    pub hidden: u64,
    pub ffn: u64,
    pub heads: u64,
    pub kv_heads: u64,
    pub head_dim: u64,
    /// Width of the attention output, H·d.
    pub q: u64,
    /// Width of all keys or all values, G·d.
    pub kv: u64,
    /// Width of the merged projection, (H + 2G)·d.
    pub qkv: u64,
    /// Width of the merged gate and up projections, 2F.
    pub gate_up: u64,
    pub vocab: u64,
    pub chunk: u64,
    pub tied: bool,
    pub bias: bool,
    pub training: bool,
}

impl Dimensions {
    pub fn of(model: &Model, options: &ProgramOptions) -> Result<Dimensions, ProgramError> {
        for (what, n) in [
            ("batch", options.batch),
            ("window", options.window),
            ("head_chunk", options.head_chunk),
            ("layers", model.layers),
            ("hidden", model.hidden),
            ("ffn", model.ffn),
            ("heads", model.heads),
            ("kv_heads", model.kv_heads),
            ("head_dim", model.head_dim),
            ("vocab", model.vocab),
            ("context", model.context),
        ] {
            if n == 0 {
                return Err(ProgramError::Zero { what });
            }
        }
        if model.layers > MAX_LAYERS {
            return Err(ProgramError::Layers { layers: model.layers });
        }
        if !model.heads.is_multiple_of(model.kv_heads) {
            return Err(ProgramError::Heads { heads: model.heads, kv_heads: model.kv_heads });
        }
        if !model.head_dim.is_multiple_of(2) {
            return Err(ProgramError::OddHead { head_dim: model.head_dim });
        }
        if options.window > model.context {
            return Err(ProgramError::Window { window: options.window, context: model.context });
        }
        if u32::try_from(model.vocab).is_err() {
            return Err(ProgramError::Vocabulary { vocab: model.vocab });
        }
        if u32::try_from(options.window).is_err() {
            return Err(ProgramError::Positions { window: options.window });
        }
        let product =
            |what: &str, a: u64, b: u64| a.checked_mul(b).ok_or_else(|| ProgramError::overflow(what));
        let tokens = product("a micro-batch", options.batch, options.window)?;
        let q = product("the query projection", model.heads, model.head_dim)?;
        let kv = product("the key projection", model.kv_heads, model.head_dim)?;
        let qkv = product("the qkv projection", kv, 2)?
            .checked_add(q)
            .ok_or_else(|| ProgramError::overflow("the qkv projection"))?;
        Ok(Dimensions {
            batch: options.batch,
            window: options.window,
            tokens,
            layers: model.layers,
            hidden: model.hidden,
            ffn: model.ffn,
            heads: model.heads,
            kv_heads: model.kv_heads,
            head_dim: model.head_dim,
            q,
            kv,
            qkv,
            gate_up: product("the gate_up projection", model.ffn, 2)?,
            vocab: model.vocab,
            chunk: options.head_chunk.min(tokens),
            tied: model.tied,
            bias: model.family == Family::Qwen2,
            training: options.training,
        })
    }
}
