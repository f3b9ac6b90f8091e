//! `target NAME { … }` and `Device { … }`.

use super::{DEVICES, Schema, optional, required};
use crate::types::Type;
use crate::units::Dim;

/// `Device`
pub static DEVICE: Schema = Schema {
    name: "Device",
    doc: "A kind of device, by its data sheet.",
    fields: &[
        required("name", Type::Text, "What it is called."),
        required("memory", Type::Quantity(Dim::Bytes), "Its memory."),
        required("bandwidth", Type::Rate, "Bytes a second between memory and processor."),
        required("peak", Type::Rate, "FLOP a second in dense bf16 matrix products (f32 for a CPU)."),
    ],
};

/// `target`
pub static TARGET: Schema = Schema {
    name: "target",
    doc: "The machine a run is meant for. Whether the run fits is proved before it starts.",
    fields: &[
        required("device", Type::Block(DEVICES, "a device"), "What it is made of (`std.targets`)."),
        optional(
            "count",
            Type::Int,
            "data_parallel · tensor_parallel · pipeline_parallel",
            "How many devices.",
        ),
        optional("data_parallel", Type::Int, "what the others leave of `count`", "Replicas."),
        optional("tensor_parallel", Type::Int, "1", "Devices that share every layer."),
        optional("pipeline_parallel", Type::Int, "1", "Groups of layers."),
        optional(
            "zero",
            Type::Int,
            "0",
            "What replicas divide among them: 0 nothing, 1 optimizer state, 2 gradients too, 3 weights too.",
        ),
        optional("precision", Type::Word(&["bf16", "f32"]), "bf16", "Of weights and activations."),
        optional(
            "recompute",
            Type::Word(&["none", "elementwise", "layers"]),
            "none",
            "Keep all activations; or compute norms and SwiGLU again; or keep each layer's input only. No bit changes.",
        ),
        optional(
            "head_chunk",
            Type::Quantity(Dim::Tokens),
            "8,192 tokens with bf16, 512 with f32",
            "Tokens whose logits exist at one time. More are faster on a GPU and take more memory.",
        ),
        optional(
            "utilization",
            Type::Ratio,
            "40%",
            "Share of the peak assumed, for time and cost: of all operations, those computed again included.",
        ),
        optional("price", Type::Rate, "unknown", "Price of one device for an hour."),
    ],
};
