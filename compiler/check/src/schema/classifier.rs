//! `linear_ngrams { … }`.

use super::{Schema, optional, required};
use crate::types::Type;

/// `linear_ngrams`
pub static LINEAR: Schema = Schema {
    name: "linear_ngrams",
    doc: "Linear regression over hashed word sequences, trained on scored documents before anything is filtered.",
    fields: &[
        required("train", Type::Dataset, "Scored documents."),
        required("text", Type::Column, "Column of text."),
        required("label", Type::Column, "Column of scores."),
        optional("ngrams", Type::Int, "2", "Longest word sequence used as a feature."),
        optional("buckets", Type::Int, "2Mi", "Hashed features."),
        optional("epochs", Type::Int, "5", "Passes over the scored documents."),
        optional("seed", Type::Int, "0", "Seed of order and initialization."),
    ],
};

/// Defaults in numbers.
pub mod default {
    /// `ngrams`
    pub const NGRAMS: u64 = 2;
    /// `buckets`
    pub const BUCKETS: u64 = 2 << 20;
    /// `epochs`
    pub const EPOCHS: u64 = 5;
}
