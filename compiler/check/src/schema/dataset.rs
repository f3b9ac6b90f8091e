//! What may stand behind a source: `parquet("…") { text: .text, tokens: 12B tokens }`.

use super::{Schema, optional, required};
use crate::types::Type;
use crate::units::Dim;

const TOKENS: Type = Type::Count(Dim::Tokens);
const STATED: &str = "Size stated, in tokens; without it the size is measured by `smolc prepare`.";

/// Sources with columns: `parquet`, `jsonl`.
pub static COLUMNS: Schema = Schema {
    name: "columns",
    doc: "Which columns are read.",
    fields: &[
        required("text", Type::Column, "The column that holds the text."),
        optional("tokens", TOKENS, "measured", STATED),
    ],
};

/// Sources without: `files`, `text`.
pub static FILES: Schema = Schema {
    name: "source",
    doc: "What is known of the files.",
    fields: &[optional("tokens", TOKENS, "measured", STATED)],
};
