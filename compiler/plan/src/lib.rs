//! The execution plan: the only contract between the compiler and the runtime.
//!
//! A [`Plan`] is plain, versioned serde data. The compiler produces it, the runtime reads nothing else, and a plan made
//! on a laptop runs on a cluster. It has one stable [hash](Plan::hash), which leaves out what does not change a result
//! (the compiler's version, where files lie).
//!
//! What does not live here: syntax, spans, diagnostics, file handles, devices. This crate does no I/O.

pub mod data;
pub mod diff;
pub mod hash;
pub mod load;
pub mod model;
pub mod past;
pub mod program;
pub mod ratio;
pub mod run;

pub use data::{Dataset, Document, Measured, Separator, Source, Take, Tokenizer, TokenizerSource};
pub use diff::Difference;
pub use hash::PlanHash;
pub use load::PlanError;
pub use model::{Family, Init, Model, Parameter, Rope, RopeScaling};
pub use past::{Change, PastError};
pub use program::{Block, Op, Precision, Program, Ref, Space, Statement, Tensor, TensorId};
pub use ratio::Ratio;
pub use run::{AdamW, Batch, Checkpoints, MixEntry, Run, Schedule, Stage, Validation};

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
    /// Runs in dependency order.
    pub runs: Vec<Run>,
}
