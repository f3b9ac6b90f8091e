//! Runs a step program: one arena, every operator bound once, nothing allocated or looked up in a step.
//!
//! [`Engine`] owns the arena of a [`Program`](smolc_plan::Program) and executes its blocks: a micro-batch forward and
//! backward, an evaluation, an optimizer update. [`Backend`] is what executes one bound operator; [`Cpu`] is the one that
//! exists. [`hf`] reads and writes Hugging Face model folders.
//!
//! What does not live here: where batches come from, schedules, checkpoints of a run and events (`runtime/train`), and
//! the arithmetic of the operators (`kernels/cpu`). Nothing here decides where a tensor lies: the plan does.

#![allow(clippy::indexing_slicing)] // ranges are checked when a program is bound; see `bind`

mod arena;
mod backend;
mod bind;
mod cpu;
mod cuda;
mod engine;
mod error;
pub mod hf;
mod init;
mod micro;
mod places;
mod rope;
mod times;

pub use backend::{Backend, Resident, Segment, Sums, Update};
pub use bind::{Heads, Kernel, Operator, Span};
pub use cpu::Cpu;
pub use cuda::{Cuda, CudaDecoder, Stepping};
pub use engine::{Engine, Stored};
pub use error::EngineError;
pub use micro::Micro;
pub use rope::{fill as fill_rope_tables, inverse_frequencies};
pub use smolc_kernels_cuda::launch::generation::SamplingSettings;
pub use times::Kind;
