//! The execution plan: the only contract between the compiler and the runtime.
//!
//! A [`Plan`] is plain, versioned serde data. The compiler produces it, the runtime reads nothing else, and a plan made
//! on a laptop runs on a cluster. It has one stable [hash](Plan::hash), which leaves out what does not change a result
//! (the compiler's version, where files lie).
//!
//! What does not live here: syntax, spans, diagnostics, file handles, devices. This crate does no I/O.

pub mod data;
pub mod diff;
pub mod due;
pub mod estimate;
pub mod evaluation;
pub mod filter;
pub mod flops;
pub mod hash;
pub mod load;
pub mod memory;
pub mod model;
pub mod past;
pub mod program;
pub mod ratio;
pub mod run;
pub mod target;
mod view;

pub use data::{
    Amount, Classifier, Columns, Dataset, Dedup, Measured, Separator, Source, Step, Take, TokenFormat,
    Tokenizer, TokenizerSource,
};
pub use diff::Difference;
pub use evaluation::{Evaluation, EvaluationEvent, Items, Metric, Normalize, Protocol, ShotsOrder};
pub use filter::{DRAW, Filter, Score, drawn};
pub use hash::PlanHash;
pub use load::PlanError;
pub use model::{Family, Init, Model, Parameter, Rope, RopeScaling};
pub use past::{Change, PastError};
pub use program::{
    Block, Op, Precision, Program, Ref, Space, Statement, Tensor, TensorId, smaller_head_chunks,
};
pub use ratio::Ratio;
pub use run::{
    AdamW, Batch, Carry, Checkpoints, Guard, Mask, MixEntry, Objective, Parent, Part, Run, Schedule, Signal,
    SignalKind, Stage, Validation,
};
pub use target::{Device, Recompute, Target};

use serde::{Deserialize, Serialize};

/// Version of the plan's format. A reader refuses any other.
pub const PLAN_VERSION: u32 = 1;

/// A whole plan: what `smolc run` executes and `smolc plan --format json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`] at the time of writing.
    pub version: u32,
    /// Name of the spec: the file's stem.
    pub spec: String,
    /// The `smol N` line of the spec.
    pub language: u32,
    /// Version of the compiler that wrote the plan. Not part of the hash.
    pub compiler: String,
    /// Tokenizers by the index that runs and datasets use.
    pub tokenizers: Vec<Tokenizer>,
    /// Every dataset that some run reads, each once.
    pub datasets: Vec<Dataset>,
    /// Classifiers that filters call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classifiers: Vec<Classifier>,
    /// Evaluations that runs and guards use, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<Evaluation>,
    /// Runs that are compared with one another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sweeps: Vec<Sweep>,
    /// Runs in dependency order: each stands behind the one it begins from.
    pub runs: Vec<Run>,
}

/// The same run several times with one value changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Name in the spec.
    pub name: String,
    /// What changes.
    pub variable: String,
    /// Its values, as written, and the runs of each.
    pub values: Vec<SweepValue>,
    /// Evaluations the runs are compared by.
    pub compare: Vec<usize>,
}

/// A value of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepValue {
    /// As written.
    pub value: String,
    /// Indices of its runs.
    pub runs: Vec<usize>,
}
