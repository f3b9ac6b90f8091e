//! `run name { … }`.

use super::{MODELS, OBJECTIVES, OPTIMIZERS, Schema, TARGETS, optional, required};
use crate::types::Type;
use crate::units::Dim;

const TOKENS: Type = Type::Quantity(Dim::Tokens);

/// A run's body, stages aside.
pub static RUN: Schema = Schema {
    name: "run",
    doc: "One training: a model, its batch, optimizer and schedule, and stages that tile it.",
    fields: &[
        required("model", Type::Block(MODELS, "a model"), "The model that is trained."),
        required("tokenizer", Type::Tokenizer, "How text becomes tokens."),
        optional("window", TOKENS, "the model's context", "Tokens in a sequence."),
        required("batch", Type::BatchSize, "What one optimizer step reads; a whole number of windows."),
        optional(
            "micro_batch",
            Type::BatchSize,
            "the largest divisor of the batch up to 8 sequences",
            "What is in memory at once; divides the batch.",
        ),
        required("optimizer", Type::Block(OPTIMIZERS, "an optimizer"), "How parameters are updated."),
        required("lr", Type::Schedule, "Learning rate over the run; update i sees t = i - 1."),
        optional(
            "document_mask",
            Type::Bool,
            "false",
            "Tokens attend within their document only, and no prediction crosses a document's end.",
        ),
        optional(
            "precision",
            Type::Word(&["f32", "bf16"]),
            "f32",
            "In what it computes; bf16 needs a GPU, and keeps parameters, gradients and moments in f32.",
        ),
        optional("validate", Type::Cadence, "never", "When the validation splits are evaluated."),
        optional(
            "validate_on",
            TOKENS,
            "32Ki tokens",
            "Tokens evaluated per dataset at most, in whole windows.",
        ),
        optional(
            "checkpoint",
            Type::Cadence,
            "every 1000 steps, keep 3",
            "When checkpoints are written, and how many are kept.",
        ),
        optional("seed", Type::Int, "0", "Seed of initialization, order and every other random choice."),
        optional(
            "objective",
            Type::Block(OBJECTIVES, "an objective"),
            "NextToken",
            "What is learned: `NextToken {}`, `Sft { … }` or `Dpo { … }`.",
        ),
        optional(
            "eval",
            Type::Events,
            "never",
            "Evaluations and when: `suite every 500B tokens and at stage end`, or a list of such.",
        ),
        optional("target", Type::Block(TARGETS, "a target"), "none", "The machine it must fit on."),
        optional(
            "carry",
            Type::Word(&["weights", "everything"]),
            "everything when the schedule is continued, weights otherwise",
            "What is taken over from the run it begins from: weights, or optimizer moments too.",
        ),
        optional(
            "stages",
            Type::Any,
            "the `stage` members",
            "All stages as a list, in the place of those of the run it is derived from.",
        ),
    ],
};

/// Defaults in numbers.
pub mod default {
    /// `validate_on`
    pub const VALIDATE_ON: u64 = 32 * 1024;
    /// `checkpoint` interval in steps.
    pub const CHECKPOINT_EVERY: u64 = 1000;
    /// Checkpoints kept.
    pub const CHECKPOINT_KEEP: u64 = 3;
    /// Largest `micro_batch` chosen without being asked.
    pub const MICRO: u64 = 8;
}
