//! `stage name for 6T tokens { … }`.

use super::{Schema, optional, required};
use crate::types::Type;

/// A stage's body.
pub static STAGE: Schema = Schema {
    name: "stage",
    doc: "A span of the run with one mixture.",
    fields: &[
        required("mix", Type::Mix, "What is read, in which shares; they sum to exactly 100%."),
        optional(
            "enter",
            Type::Record(&BLEND),
            "at once",
            "How the mixture of the stage before passes into this one: `blend over 10B tokens`.",
        ),
    ],
};

/// `blend over …`
pub static BLEND: Schema = Schema {
    name: "blend",
    doc: "The mixture passes over evenly.",
    fields: &[required("over", Type::Portion, "For how long; a share is one of the stage.")],
};
