//! What is done to the documents of a dataset before they are sampled, split and tokenized.
//!
//! A pipeline is a list of [`Step`]s, carried out in order. Filters are expressions over a row's columns, given as a trait
//! object, so that this crate knows nothing of how they were written or compiled. All steps are deterministic, whatever the
//! number of threads; those that read texts read them in one pass each, in parallel, and hold a few megabytes of them.

mod decontaminate;
mod filters;
mod minhash;
mod repeats;
mod rows;
mod run;
mod words;

pub use decontaminate::{Benchmarks, Contamination, Coverage, SHORTEST};
pub use minhash::{MinHash, MinHashError};
pub use rows::{Bounds, Column, ColumnUse, Kind, RowError, RowExpression};
pub use run::{Removed, StepReport};

pub(crate) use filters::Filters;
pub(crate) use run::{Reports, run};

use std::fmt;
use std::sync::Arc;

/// One step.
#[derive(Clone)]
pub enum Step {
    /// Keeps rows for which the expression is true: not 0 and not NaN.
    Where(Arc<dyn RowExpression>),
    /// Keeps each row with the expression's value as probability, decided by the row's place and the seed.
    Thin {
        /// 0 to 1; NaN is 0.
        probability: Arc<dyn RowExpression>,
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
        /// How many.
        documents: u64,
        /// Seed.
        seed: u64,
    },
}

impl Step {
    /// `"where"`, `"dedup"`, …
    pub fn name(&self) -> &'static str {
        match self {
            Step::Where(_) => "where",
            Step::Thin { .. } => "thin",
            Step::DedupExact => "dedup(exact)",
            Step::DedupMinHash(_) => "dedup(minhash)",
            Step::Decontaminate(_) => "decontaminate",
            Step::Sample { .. } => "sample",
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
