//! Why a model has no program.

use super::MAX_LAYERS;
use super::verify::VerifyError;
use thiserror::Error;

/// Why [`build`](super::build) refused a model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProgramError {
    /// A dimension is zero.
    #[error("`{what}` is zero")]
    Zero {
        /// The field.
        what: &'static str,
    },
    /// Query heads are not shared evenly by the key/value heads.
    #[error("{heads} heads do not divide into {kv_heads} key/value heads; `kv_heads` must divide `heads`")]
    Heads {
        /// Query heads.
        heads: u64,
        /// Key/value heads.
        kv_heads: u64,
    },
    /// RoPE rotates pairs.
    #[error("a head of size {head_dim} cannot be rotated in pairs; `head_dim` must be even")]
    OddHead {
        /// Head size.
        head_dim: u64,
    },
    /// The window does not fit the model.
    #[error("a window of {window} tokens exceeds the model's context of {context}")]
    Window {
        /// Window asked for.
        window: u64,
        /// The model's longest.
        context: u64,
    },
    /// Token ids are 32 bits.
    #[error("a vocabulary of {vocab} does not fit into 32-bit token ids")]
    Vocabulary {
        /// Rows of the embedding.
        vocab: u64,
    },
    /// Positions are 32 bits.
    #[error("a window of {window} tokens does not fit into 32-bit positions")]
    Positions {
        /// Window asked for.
        window: u64,
    },
    /// More layers than a program may have.
    #[error("{layers} layers; a program has at most {MAX_LAYERS}")]
    Layers {
        /// Layers asked for.
        layers: u64,
    },
    /// A size exceeds 64 bits.
    #[error("the size of {what} exceeds 2^64 bytes")]
    Overflow {
        /// What was being added up.
        what: String,
    },
    /// The memory plan is wrong: a mistake in this crate, caught before it could corrupt a run.
    #[error("the memory plan is inconsistent (a bug in the compiler): {0}")]
    Plan(#[from] VerifyError),
}

impl ProgramError {
    pub(super) fn overflow(what: impl Into<String>) -> ProgramError {
        ProgramError::Overflow { what: what.into() }
    }
}
