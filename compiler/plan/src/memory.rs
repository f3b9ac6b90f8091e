//! What a device of a target holds, by category.
//!
//! Bytes a parameter (Rajbhandari et al., 2020, section 3): with bf16 2 for the copy that products read, 4 for the master
//! weight, 8 for Adam's moments and 4 for the gradient, which is summed in f32; with f32 4 + 8 + 4. ZeRO divides the
//! optimizer's part, then gradients, then weights among the replicas. Activations are those of the step program that
//! `smolc-lower` builds, to within 2% on one device (`compiler/lower/tests/memory.rs`). A tenth of the device is left for
//! the driver, the workspace of matrix products, the kernels' scratch memory (of which the sums of dq on Hopper, 4 bytes a
//! token and query column of a micro-batch, are the most), communication and whatever else runs there.

use crate::{Batch, Model, Precision, Recompute, Target};

/// Share of the device that the plan leaves alone.
pub const SPARE: f64 = 0.1;

/// What one device holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// Weights in the training precision.
    pub weights: f64,
    /// Master weights and moments.
    pub optimizer: f64,
    /// Gradients and their sum.
    pub gradients: f64,
    /// Weights of a frozen model beside the one that learns.
    pub reference: f64,
    /// Activations of a micro-batch.
    pub activations: f64,
    /// Evaluation: activations of one forward pass, which replace the others.
    pub evaluation: f64,
    /// Saving: a layer's weights gathered from all replicas.
    pub saving: f64,
}

impl Memory {
    /// What is there all the time.
    pub fn held(&self) -> f64 {
        self.weights + self.optimizer + self.gradients + self.reference
    }

    /// The most there is at one time.
    pub fn peak(&self) -> f64 {
        self.held() + self.activations.max(self.evaluation).max(self.saving)
    }
}

/// Memory of a model in training on one device of a target; `reference`: a second, frozen model stands beside it, as for
/// `Dpo`. `None` when the parameters are too many to be counted.
pub fn memory(m: &Model, batch: &Batch, target: &Target, reference: bool) -> Option<Memory> {
    let (tensor, replicas) = (target.tensor_parallel as f64, target.data_parallel as f64);
    let sharing = tensor * target.pipeline_parallel as f64;
    let parameters = m.parameters()? as f64 / sharing;
    let (weight, master) = match target.precision {
        Precision::Bf16 => (2.0, 12.0),
        Precision::F32 => (4.0, 8.0),
    };
    let gradient = 4.0;
    let divided = |least: u64| if target.zero >= least { replicas } else { 1.0 };
    let layers = m.layers as f64 / target.pipeline_parallel as f64;
    let (hidden, ffn) = (m.hidden as f64, m.ffn as f64 / tensor);
    let q = (m.heads * m.head_dim) as f64 / tensor;
    let kv = (m.kv_heads * m.head_dim) as f64 / tensor;
    let qkv = q + 2.0 * kv;
    let heads = m.heads as f64 / tensor;
    let tokens = (batch.micro * batch.window) as f64;
    let chunk = tokens.min(target.head_chunk as f64);
    // r1, r2 and lse are f32.
    let statistics = 4.0 * (2.0 + heads);
    // Per token: x and y, n1 and n2, qkv, the attention's output, gate and up, their product.
    let layer = weight * (4.0 * hidden + qkv + q + 3.0 * ffn) + statistics;
    let kept = match target.recompute {
        Recompute::None => layers * layer,
        Recompute::Elementwise => layers * (weight * (2.0 * hidden + qkv + q + 2.0 * ffn) + statistics),
        Recompute::Layers => layers * weight * hidden,
    };
    // The residual stream behind the last layer; five inputs, the last norm's statistic and the losses.
    let kept = kept + weight * hidden + 28.0;
    // The most that is alive at one place of the backward pass: the gradient of the residual stream and, at SwiGLU, at
    // gate and up, or at query, key and value, the operands there; with whole layers computed again, all of a layer too.
    let again = if target.recompute == Recompute::Elementwise { hidden } else { 0.0 };
    let attention = hidden + q + qkv + 4.0 * heads / weight;
    let work = match target.recompute {
        Recompute::None | Recompute::Elementwise => (hidden + 3.0 * ffn)
            .max(2.0 * hidden + 2.0 * ffn + again)
            .max(2.0 * hidden + qkv + again)
            .max(attention),
        Recompute::Layers => 4.0 * hidden + qkv + q + 5.0 * ffn + statistics / weight,
    };
    let logits = weight * chunk * m.vocab as f64 / tensor;
    let work = (weight * work * tokens).max(2.0 * weight * hidden * tokens + logits);
    let tables = 4.0 * (batch.window * m.head_dim) as f64;
    // A pipeline holds a micro-batch for each of its groups.
    let in_flight = target.pipeline_parallel as f64;
    Some(Memory {
        weights: weight * parameters / divided(3),
        optimizer: master * parameters / divided(1),
        gradients: gradient * parameters / divided(2),
        reference: if reference { weight * parameters / divided(3) } else { 0.0 },
        activations: kept * tokens * in_flight + work + tables,
        evaluation: (layer * tokens).max(2.0 * weight * hidden * tokens + logits),
        saving: match target.zero {
            3 => 4.0 * parameters / layers.max(1.0),
            _ => 0.0,
        },
    })
}
