//! `Llama { … }` and `Qwen2 { … }`.

use super::{Schema, optional, required};
use crate::spec::ModelSpec;
use crate::types::Type;
use crate::units::Dim;
use crate::value::Object;
use smolc_plan::{Family, Init, Model, Rope, RopeScaling};

const TOKENS: Type = Type::Count(Dim::Tokens);

macro_rules! decoder {
    ($name:literal, $doc:literal) => {
        Schema {
            name: $name,
            doc: $doc,
            fields: &[
                required("layers", Type::Int, "Number of layers."),
                required("hidden", Type::Int, "Width of the residual stream."),
                required("ffn", Type::Int, "Width of the SwiGLU hidden layer."),
                required("heads", Type::Int, "Query heads."),
                optional("kv_heads", Type::Int, "heads", "Key/value heads; divides `heads`."),
                optional("head_dim", Type::Int, "hidden / heads", "Size of a head."),
                required("vocab", Type::Int, "Rows of the embedding; at least the tokenizer's size."),
                required("context", TOKENS, "Longest window the model is made for."),
                optional("tied", Type::Bool, "false", "The output head shares the embedding."),
                optional("norm_eps", Type::Rate, "1e-5", "Epsilon of RMSNorm."),
                optional("rope", Type::Record(&ROPE), "theta 10,000", "Rotary position embedding."),
                optional("init", Type::Record(&INIT), "std 0.02", "Initialization."),
            ],
        }
    };
}

/// `Llama`
pub static LLAMA: Schema =
    decoder!("Llama", "A decoder with RMSNorm, RoPE, grouped-query attention and SwiGLU, without biases.");
/// `Qwen2`
pub static QWEN2: Schema = decoder!("Qwen2", "As `Llama`, with biases on q, k and v.");

/// `rope`
pub static ROPE: Schema = Schema {
    name: "rope",
    doc: "Rotary position embedding.",
    fields: &[
        optional("theta", Type::Rate, "10,000", "Base of the frequencies."),
        optional(
            "scaling",
            Type::Optional(&Type::Record(&SCALING)),
            "none",
            "Frequency scaling as Llama 3.1 defines it.",
        ),
        optional(
            "skip_every",
            Type::Optional(&Type::Int),
            "none",
            "Every so manyth layer has no position embedding: 4 in SmolLM3.",
        ),
    ],
};

/// `rope.scaling`
pub static SCALING: Schema = Schema {
    name: "scaling",
    doc: "Frequency scaling as Llama 3.1 defines it (`rope_type: llama3`).",
    fields: &[
        required("factor", Type::Rate, "By how much low frequencies are divided."),
        required("low_freq_factor", Type::Rate, "Low-frequency factor."),
        required("high_freq_factor", Type::Rate, "High-frequency factor."),
        required("original_context", TOKENS, "Context before scaling."),
    ],
};

/// `init`
pub static INIT: Schema = Schema {
    name: "init",
    doc: "N(0, std); N(0, std/√(2·layers)) for attention output and down projections; norms at 1, biases at 0.",
    fields: &[optional("std", Type::Rate, "0.02", "Standard deviation.")],
};

/// The model a checked block describes; `None` if a field it needs is missing or wrong (reported already).
pub fn build(name: &str, block: &Object) -> Option<ModelSpec> {
    if block.fields.values().any(|f| f.node.is_error()) {
        return None;
    }
    let (hidden, heads) = (block.u64("hidden")?, block.u64("heads")?);
    let rope = block.object("rope");
    let scaling = match rope.and_then(|r| r.object("scaling")) {
        Some(s) => Some(RopeScaling {
            factor: s.f64("factor")?,
            low_freq_factor: s.f64("low_freq_factor")?,
            high_freq_factor: s.f64("high_freq_factor")?,
            original_context: s.u64("original_context")?,
        }),
        None => None,
    };
    let model = Model {
        name: name.into(),
        family: if block.schema.is_some_and(|s| std::ptr::eq(s, &QWEN2)) {
            Family::Qwen2
        } else {
            Family::Llama
        },
        layers: block.u64("layers")?,
        hidden,
        ffn: block.u64("ffn")?,
        heads,
        kv_heads: block.u64("kv_heads").unwrap_or(heads),
        // Zero heads are reported by the rule; the division must not fail before it.
        head_dim: block.u64("head_dim").or_else(|| hidden.checked_div(heads)).unwrap_or(0),
        vocab: block.u64("vocab")?,
        context: block.u64("context")?,
        tied: block.bool("tied").unwrap_or(false),
        norm_eps: block.f64("norm_eps").unwrap_or(1e-5),
        rope: Rope {
            theta: rope.and_then(|r| r.f64("theta")).unwrap_or(10_000.0),
            scaling,
            skip_every: rope.and_then(|r| r.u64("skip_every")),
        },
        init: Init { std: block.object("init").and_then(|i| i.f64("std")).unwrap_or(0.02) },
    };
    let spans = block.fields.iter().map(|(k, f)| (k.clone(), f.node.span)).collect();
    Some(ModelSpec { model, spans, span: block.span })
}
