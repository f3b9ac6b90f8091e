//! The protocols of evaluations: `Likelihood { … }`, `Generation { … }` and so on, exported by `std.evals`.

use super::{Schema, optional, required};
use crate::types::Type;
use crate::units::Dim;

macro_rules! benchmark {
    ($($field:expr),* $(,)?) => {
        &[
            required("data", Type::Path, "Hub identifier, path or URL of the items."),
            optional("subsets", Type::List(&Type::Text), "the default one", "Subsets; the score is their unweighted mean."),
            optional("split", Type::Text, "test", "Split of the items."),
            optional("shots", Type::Int, "0", "Examples put before each question."),
            optional("shots_from", Type::Text, "train", "Split the examples come from."),
            optional(
                "shots_order",
                Type::Word(&["sequential", "random"]),
                "sequential",
                "The first ones, or a seeded choice for every question.",
            ),
            $($field,)*
        ]
    };
}

const TEXTS: Type = Type::List(&Type::Text);

/// `Likelihood`
pub static LIKELIHOOD: Schema = Schema {
    name: "Likelihood",
    doc: "The most likely of several continuations is the answer.",
    fields: benchmark!(
        required(
            "prompt",
            Type::Text,
            "Text before the continuation; `\\{column\\}` is a column of the item."
        ),
        required(
            "choice",
            Type::Text,
            "A continuation; `\\{choice\\}` and `\\{letter\\}` stand for one of the choices."
        ),
        required("choices", Type::Column, "Column of the choices."),
        required("answer", Type::Column, "Column of the right one."),
        optional(
            "normalize",
            Type::Word(&["none", "characters", "tokens", "bytes"]),
            "characters",
            "What a log-probability is divided by; characters without one leading space.",
        ),
    ),
};

/// `Generation`
pub static GENERATION: Schema = Schema {
    name: "Generation",
    doc: "The model writes an answer, which is compared with the right one.",
    fields: benchmark!(
        required("prompt", Type::Text, "Text before the answer; `\\{column\\}` is a column of the item."),
        required("answer", Type::Column, "Column of the right answer."),
        required("tokens", Type::Count(Dim::Tokens), "Tokens at most."),
        optional("stop", TEXTS, "none", "Texts that end the answer."),
        optional(
            "extract",
            Type::Optional(&Type::Text),
            "all of it",
            "Regular expression; its first group is the answer."
        ),
        optional(
            "metric",
            Type::Word(&["exact", "quasi_exact", "number", "math", "f1", "instructions"]),
            "exact",
            "How it is compared.",
        ),
        optional("chat", Type::Bool, "false", "Questions are put through the chat template."),
    ),
};

/// `Execution`
pub static EXECUTION: Schema = Schema {
    name: "Execution",
    doc: "The model writes a program, which is run against tests; the score is pass@1.",
    fields: benchmark!(
        required("prompt", Type::Text, "Text before the program."),
        required("tests", Type::Column, "Column of the tests."),
        required("language", Type::Text, "Language of the program."),
        required("tokens", Type::Count(Dim::Tokens), "Tokens at most."),
        optional("stop", TEXTS, "none", "Texts that end the program."),
        optional("samples", Type::Int, "1", "Programs for each item."),
        optional("temperature", Type::Rate, "0", "Sampling temperature; 0 takes the most likely token."),
    ),
};

/// `Judge`
pub static JUDGE: Schema = Schema {
    name: "Judge",
    doc: "Another model judges the answers. A program named when the run starts carries it out.",
    fields: benchmark!(
        required("judge", Type::Text, "The judge and its version."),
        required("tokens", Type::Count(Dim::Tokens), "Tokens of an answer at most."),
    ),
};

/// `Perplexity`
pub static PERPLEXITY: Schema = Schema {
    name: "Perplexity",
    doc: "Perplexity of a dataset's validation split.",
    fields: &[
        required("on", Type::Dataset, "The dataset; its pipeline ends with `split`."),
        optional("tokens", Type::Count(Dim::Tokens), "1Mi tokens", "Tokens at most."),
    ],
};

/// `Needle`
pub static NEEDLE: Schema = Schema {
    name: "Needle",
    doc: "A sentence hidden in a long text has to be found again.",
    fields: &[
        required("longest", Type::Count(Dim::Tokens), "Longest text."),
        optional("shortest", Type::Count(Dim::Tokens), "512 tokens", "Shortest text."),
        optional("step", Type::Count(Dim::Tokens), "256 tokens", "Distance between two lengths."),
        optional(
            "depths",
            Type::Int,
            "11",
            "Places the sentence is hidden at, from the beginning to the end.",
        ),
        optional("distractors", Type::Int, "0", "Other sentences of the same form."),
        optional("seed", Type::Int, "0", "Seed."),
    ],
};
