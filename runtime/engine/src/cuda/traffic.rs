//! Bytes that an operator without matrix products must move once across the memory bus: what its time is held against.

use crate::bind::{Kernel, Span};

/// Bytes of the launches of an operator in one layer; 0 where arithmetic, not the bus, is the limit. Of the head, those of
/// the loss kernel: logits are read once and their gradient is written once.
pub(super) fn bytes(kernel: &Kernel) -> u64 {
    let size = |span: &Span| (span.elements() * if span.half() { 2 } else { 4 }) as u64;
    match kernel {
        Kernel::Zero { out } => size(out),
        Kernel::Embed { out, .. } => 2 * size(out),
        Kernel::EmbedBackward { dout, .. } => size(dout),
        Kernel::RmsNorm { x, out, .. } => size(x) + size(out),
        // dx is added to.
        Kernel::RmsNormBackward { x, dout, dx, .. } => size(x) + size(dout) + 2 * size(dx),
        Kernel::Rope { qkv, heads, .. } => {
            let rotated = (heads.heads + heads.kv_heads) as u64;
            2 * size(qkv) * rotated / (rotated + heads.kv_heads as u64)
        }
        Kernel::Swiglu { gate_up, out, .. } => size(gate_up) + size(out),
        Kernel::SwigluBackward { gate_up, dout, dgate_up, .. } => size(gate_up) + size(dout) + size(dgate_up),
        Kernel::HeadCrossEntropy { x, gradients, m, v, .. } => {
            let logits = (m * v * if x.half() { 2 } else { 4 }) as u64;
            if gradients.is_some() { 2 * logits } else { logits }
        }
        Kernel::Linear { .. }
        | Kernel::LinearBackward { .. }
        | Kernel::Attention { .. }
        | Kernel::AttentionBackward { .. } => 0,
    }
}
