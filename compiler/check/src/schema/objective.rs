//! `NextToken`, `Sft { … }` and `Dpo { … }`.

use super::{Schema, optional, required};
use crate::types::Type;
use crate::units::Dim;

/// `NextToken`
pub static NEXT_TOKEN: Schema =
    Schema { name: "NextToken", doc: "The next token of every document: pretraining.", fields: &[] };

/// `Sft`
pub static SFT: Schema = Schema {
    name: "Sft",
    doc: "Supervised fine-tuning: the next token of conversations (`messages`).",
    fields: &[
        optional("mask", Type::Word(&["assistant", "all"]), "assistant", "Tokens that count for the loss."),
        optional("pack", Type::Bool, "true", "Several conversations share a window."),
        optional("template", Type::Text, "`std.templates.chatml`", "Chat template (Jinja)."),
    ],
};

/// `Dpo`
pub static DPO: Schema = Schema {
    name: "Dpo",
    doc: "Direct preference optimization (Rafailov et al., 2023) against the run it begins from (`chosen`, `rejected`).",
    fields: &[
        required("beta", Type::Course, "How closely the model stays to its reference."),
        optional("label_smoothing", Type::Ratio, "0%", "Share of preferences taken to be wrong."),
        optional(
            "max_prompt",
            Type::Optional(&Type::Count(Dim::Tokens)),
            "none",
            "Tokens of a prompt at most; a longer one loses its beginning.",
        ),
        optional("template", Type::Text, "`std.templates.chatml`", "Chat template (Jinja)."),
    ],
};

/// The chat template taken when a spec names none; `std.templates.chatml` is the same text.
pub const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + \
    '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
