//! The operators of the step program on the CPU: f32, many threads, bits independent of their number.
//!
//! One operator a file, named as in `smolc_plan::program::Op`; each file states shapes, formula, source, algorithm and
//! cost. An operator is a free function over plain slices, row-major, whose first argument is the [`Pool`] that runs it.
//! What does not live here: the arena, the order of operators, and the learning-rate schedule (`runtime/engine`,
//! `runtime/train`); nothing here knows a model.
//!
//! Work is cut into tasks by shape only, and every sum has one order that follows from the shape, so the same call gives
//! the same bits on one thread or on sixty-four. Hand-written loops also give the same bits on every processor (see
//! `lanes`); matrix products come from the `gemm` crate, whose order of summation may differ between kinds of processor.
//!
//! Every function panics if the slices' lengths do not fit the shapes: that is a fault of the caller, never of data.
#![allow(clippy::indexing_slicing)] // shapes are asserted at each entry; inner loops index by construction
#![allow(clippy::too_many_arguments)] // operators take their tensors and dimensions as the step program names them

mod adamw;
mod attention;
mod attention_backward;
mod attention_decode;
mod buffer;
mod disjoint;
mod embed;
mod gemv;
mod grad_norm;
mod head_cross_entropy;
mod lanes;
mod linear;
mod matmul;
mod pool;
mod query_tile;
mod rms_norm;
mod rope;
mod rows;
mod swiglu;
mod tile;

pub use adamw::{AdamwStep, Segment, adamw};
pub use attention::attention;
pub use attention_backward::attention_backward;
pub use attention_decode::attention_decode;
pub use embed::{embed, embed_backward};
pub use gemv::gemv;
pub use grad_norm::grad_norm;
pub use head_cross_entropy::{HeadCrossEntropy, head_cross_entropy};
pub use linear::{linear, linear_backward};
pub use pool::Pool;
pub use rms_norm::{rms_norm, rms_norm_backward};
pub use rope::{rope, rope_backward};
pub use swiglu::{swiglu, swiglu_backward};

/// Heads of an attention operator: `heads` query heads share `kv_heads` key/value heads in equal groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Query heads H, a multiple of `kv_heads`.
    pub heads: usize,
    /// Key/value heads G.
    pub kv_heads: usize,
    /// Size of one head d, even where rotary positions are used.
    pub head_dim: usize,
}

impl Heads {
    /// Length of a row of the merged q | k | v: (H + 2G)·d.
    pub fn row(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// Length of a row of the output: H·d.
    pub fn out_row(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Query heads of one key/value head.
    pub fn group(&self) -> usize {
        assert!(
            self.kv_heads > 0 && self.heads.is_multiple_of(self.kv_heads),
            "{self:?}: heads must come in equal groups"
        );
        self.heads / self.kv_heads
    }
}
