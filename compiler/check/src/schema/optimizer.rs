//! `AdamW { … }`.

use super::{Schema, optional};
use crate::spec::Decay;
use crate::types::Type;
use crate::value::{Object, Value};
use smolc_plan::AdamW;

/// `AdamW`
pub static ADAMW: Schema = Schema {
    name: "AdamW",
    doc: "AdamW as `torch.optim.AdamW` defines it, after clipping by the global norm.",
    fields: &[
        optional("betas", Type::List(&Type::Rate), "[0.9, 0.95]", "Decay of the first and second moment."),
        optional("eps", Type::Rate, "1e-8", "Added to the root of the second moment."),
        optional(
            "weight_decay",
            Type::Course,
            "0",
            "Decoupled weight decay, multiplied by the learning rate; may change over the run.",
        ),
        optional(
            "decay",
            Type::Word(&["all", "matrices", "no_embedding"]),
            "all",
            "What weight decay applies to: every parameter, those of two dimensions, or every one but the embedding.",
        ),
        optional(
            "clip",
            Type::Optional(&Type::Rate),
            "none",
            "Gradients are scaled by min(1, clip / (norm + 1e-6)), over all parameters.",
        ),
    ],
};

/// The optimizer a checked block describes.
pub fn build(block: &Object) -> Option<(AdamW, Decay)> {
    if block.fields.values().any(|f| f.node.is_error()) {
        return None;
    }
    let beta = |i: usize, default: f64| match block.get("betas").map(|n| &n.value) {
        Some(Value::List(items)) => match items.get(i).map(|n| &n.value) {
            Some(Value::Number(n, _)) => n.to_f64(),
            _ => default,
        },
        _ => default,
    };
    let decay = match block.text("decay") {
        Some("matrices") => Decay::Matrices,
        Some("no_embedding") => Decay::NoEmbedding,
        _ => Decay::All,
    };
    let adamw = AdamW {
        beta1: beta(0, 0.9),
        beta2: beta(1, 0.95),
        eps: block.f64("eps").unwrap_or(1e-8),
        weight_decay: block.f64("weight_decay").unwrap_or(0.0),
        clip: block.f64("clip"),
    };
    Some((adamw, decay))
}
