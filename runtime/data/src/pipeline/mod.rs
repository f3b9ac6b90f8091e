//! What is done to the documents of a dataset before they are sampled, split and tokenized.
//!
//! A pipeline is a list of [`Step`]s, carried out in order, made from the plan's. Filters are
//! row expressions over a row's columns, compiled for the columns of each file. All steps are deterministic, whatever the
//! number of threads; those that read texts read them in one pass each, in parallel, and hold a few megabytes of them.

mod bounds;
mod cells;
mod decontaminate;
mod filters;
mod minhash;
mod of_plan;
mod repeats;
mod run;
mod words;

pub use decontaminate::{Benchmarks, Contamination, Coverage, SHORTEST};
pub use minhash::{MinHash, MinHashError};
pub use of_plan::unsupported;
pub use run::{Removed, StepReport};

pub(crate) use bounds::Bounds;
pub(crate) use cells::{number_of, row_type};
pub(crate) use filters::{Bound, Filters};
pub(crate) use of_plan::{Means, identity, identity_of_classifier, steps};
pub(crate) use run::{Asked, Reports, report_sample, run};
pub(crate) use words::Words;

use crate::classifier::Linear;
use crate::tokenizer::Tokenizer;
use smolc_expr::row::RowExpr;
use smolc_plan::Amount;
use std::fmt;
use std::sync::Arc;

/// What is asked of a row.
#[derive(Clone)]
pub(crate) struct Asking {
    /// Over the row's columns and the scores.
    pub(crate) expr: RowExpr,
    /// What classifiers say of the row.
    pub(crate) scores: Vec<Scoring>,
    /// As the spec writes it.
    pub(crate) shown: String,
}

/// What a classifier says of a column of text, as a column of numbers.
#[derive(Clone)]
pub(crate) struct Scoring {
    /// Name by which the expression reads it.
    pub(crate) name: String,
    /// The column of text.
    pub(crate) column: String,
    pub(crate) model: Arc<Linear>,
}

/// One step.
#[derive(Clone)]
pub(crate) enum Step {
    /// Keeps rows for which the expression is true: not false and not null.
    Where(Asking),
    /// Keeps each row with the expression's value as probability, decided by the row's place and the seed.
    Thin {
        /// 0 to 1; NaN and null are 0.
        probability: Asking,
        /// Seed.
        seed: u64,
    },
    /// Keeps the first of documents with the same text, byte for byte.
    DedupExact,
    /// Keeps the first of documents that share a band with one of them, directly or over others.
    DedupMinHash(MinHash),
    /// Drops documents that hold text of a benchmark.
    Decontaminate(Arc<Benchmarks>),
    /// Keeps a seeded choice of documents, all if there are fewer.
    Sample {
        /// Documents, or a share of them.
        amount: Amount,
        /// Seed.
        seed: u64,
    },
    /// Keeps a seeded choice of documents that fit so many tokens, their separators included.
    SampleTokens {
        /// Tokens at most.
        tokens: u64,
        /// Seed.
        seed: u64,
        /// What tells the tokens of a document.
        tokenizer: Box<Tokenizer>,
    },
}

impl Step {
    /// `"where"`, `"dedup(exact)"`, …
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Step::Where(_) => "where",
            Step::Thin { .. } => "thin",
            Step::DedupExact => "dedup(exact)",
            Step::DedupMinHash(_) => "dedup(minhash)",
            Step::Decontaminate(_) => "decontaminate",
            Step::Sample { .. } | Step::SampleTokens { .. } => "sample",
        }
    }
}

/// As a report names it: `where(.score >= 3)`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Where(asking) => write!(f, "where({})", asking.shown),
            Step::Thin { probability, .. } => write!(f, "thin({})", probability.shown),
            Step::DedupExact | Step::DedupMinHash(_) => f.write_str(self.name()),
            Step::Decontaminate(benchmarks) => {
                let names: Vec<&str> = benchmarks.coverage().iter().map(|c| c.benchmark.as_str()).collect();
                write!(f, "decontaminate({})", names.join(", "))
            }
            Step::Sample { amount, .. } => match amount {
                Amount::Documents { n } => write!(f, "sample({n} documents)"),
                Amount::Share { of } => write!(f, "sample({of})"),
                Amount::Tokens { n } => write!(f, "sample({n} tokens)"),
            },
            Step::SampleTokens { tokens, .. } => write!(f, "sample({tokens} tokens)"),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
