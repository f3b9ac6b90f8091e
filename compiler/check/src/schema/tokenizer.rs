//! `bpe { … }` and `hf("…") { … }`.

use super::{Schema, optional, required};
use crate::types::Type;
use crate::units::Dim;

/// `bpe`
pub static BPE: Schema = Schema {
    name: "bpe",
    doc: "A byte-level BPE trained on the spec's own datasets before anything else runs.",
    fields: &[
        required("vocab", Type::Int, "Number of tokens, special ones included."),
        required("train", Type::List(&Type::Dataset), "Datasets it is trained on."),
        required("eos", Type::Text, "Text of the token that ends a document."),
        optional("bos", Type::Optional(&Type::Text), "none", "Text of the token that begins a document."),
        optional("bytes", Type::Quantity(Dim::Bytes), "16M bytes", "Text taken from each dataset at most."),
        optional("seed", Type::Int, "0", "Seed of the choice of documents."),
        optional("split_digits", Type::Bool, "true", "Every digit is a token of its own."),
    ],
};

/// `hf`
pub static HF: Schema = Schema {
    name: "hf",
    doc: "A Hugging Face `tokenizer.json`.",
    fields: &[
        required("eos", Type::Text, "Text of the token that ends a document."),
        optional("bos", Type::Optional(&Type::Text), "none", "Text of the token that begins a document."),
        optional("vocab", Type::Int, "read from the file", "Number of tokens."),
    ],
};

/// `bytes` of [`BPE`] when it is not given.
pub const DEFAULT_BPE_BYTES: u64 = 16_000_000;
