//! `stage name for 6T tokens { … }`.

use super::{Schema, required};
use crate::types::Type;

/// A stage's body.
pub static STAGE: Schema = Schema {
    name: "stage",
    doc: "A span of the run with one mixture.",
    fields: &[required("mix", Type::Mix, "What is read, in which shares; they sum to exactly 100%.")],
};
