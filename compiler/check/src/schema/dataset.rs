//! The records behind `parquet("…")`, `jsonl("…")`, `hub("…")`, `tokens("…")`, `files("…")` and `text("…")`, and
//! `minhash(…)`.

use super::{Schema, optional};
use crate::types::Type;
use crate::units::Dim;

const TOKENS: Type = Type::Count(Dim::Tokens);
const DOCUMENTS: Type = Type::Count(Dim::Documents);
const EPOCHS: Type = Type::Count(Dim::Epochs);

macro_rules! sized {
    ($($field:expr),* $(,)?) => {
        &[
            $($field,)*
            optional("tokens", TOKENS, "measured when the data are prepared", "Size in tokens."),
            optional("documents", DOCUMENTS, "measured when the data are prepared", "Size in documents (rows)."),
            optional(
                "limit",
                EPOCHS,
                "no limit; a lint above four",
                "Passes that a run, with all it begins from, may make over it. More is an error.",
            ),
        ]
    };
}

macro_rules! columns {
    ($($field:expr),* $(,)?) => {
        sized!(
            optional("text", Type::Column, "none", "Column that holds the text."),
            optional("messages", Type::Column, "none", "Column that holds a conversation, for `Sft`."),
            optional("prompt", Type::Column, "in `chosen` and `rejected`", "Column that holds the prompt, for `Dpo`."),
            optional("chosen", Type::Column, "none", "Column that holds the preferred answer."),
            optional("rejected", Type::Column, "none", "Column that holds the other answer."),
            $($field,)*
        )
    };
}

/// `parquet` and `jsonl`
pub static COLUMNS: Schema = Schema {
    name: "columns",
    doc: "Which columns of a document are read: `text`, or `messages`, or `prompt`, `chosen` and `rejected`.",
    fields: columns!(),
};

/// `hub`
pub static HUB: Schema = Schema {
    name: "hub",
    doc: "A dataset of the Hugging Face hub.",
    fields: columns!(
        optional("config", Type::Optional(&Type::Text), "the dataset's default", "Subset."),
        optional("split", Type::Text, "train", "Split."),
        optional(
            "revision",
            Type::Optional(&Type::Text),
            "the newest",
            "Commit; a spec that names one stays what it was."
        ),
    ),
};

/// `tokens`
pub static TOKEN_SHARDS: Schema = Schema {
    name: "tokens",
    doc: "Shards that are tokenized already, with the tokenizer of the run that reads them.",
    fields: sized!(optional(
        "format",
        Type::Word(&["smolc", "megatron", "datatrove"]),
        "smolc",
        "Layout: this project's shards, Megatron-LM's `.bin` with `.idx`, or datatrove's `.ds`.",
    )),
};

/// `files` and `text`
pub static FILES: Schema = Schema { name: "files", doc: "Text without columns.", fields: sized!() };

/// `minhash(…)`
pub static MINHASH: Schema = Schema {
    name: "minhash",
    doc: "MinHash with locality-sensitive hashing: documents that agree in all hashes of one band count as one.",
    fields: &[
        optional("bands", Type::Int, "14", "Number of bands."),
        optional("hashes", Type::Int, "8", "Hashes in a band."),
        optional("ngram", Type::Int, "5", "Words in a shingle."),
        optional("seed", Type::Int, "0", "Seed of the hash functions."),
    ],
};
