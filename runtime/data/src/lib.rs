//! Sources, tokenising, shards and the order of data.
//!
//! ```text
//! Source ─► documents ─► sample, split ─► tokens ─► shards on disk ─► Store ─► Loader ─► Batch
//!                                                                     Order ──┘
//! ```
//!
//! [`prepare_tokenizer`] and [`prepare_dataset`] turn the plan's sources into files under the run's directory, whole or not at
//! all. [`Store`] reads them back, verified. [`order`] says which window of which dataset is sample number `g` of a run: a
//! pure, invertible function, so that rank count, worker count and restarts are only views of it. [`Loader`] joins the two.
//!
//! What does not live here: spec syntax, mixture checking (the plan's weights are exact and sum to one), anything that
//! knows a model or a device, and printing: progress goes to a [`Progress`].

mod classifier;
mod durable;
mod entropy;
mod error;
mod guard;
mod loader;
pub mod order;
pub mod pipeline;
mod prepare;
mod progress;
mod source;
mod store;
mod suggest;
mod tokenizer;
mod tokens;

pub use classifier::{Classes, Quality};
pub use entropy::entropy;
pub use error::DataError;
pub use guard::panics_are_caught;
pub use loader::{Batch, Loader};
pub use prepare::{
    Classified, Manifest, classified, dataset_directory, prepare_dataset, prepare_tokenizer, prepare_tokens,
    tokenizer_path,
};
pub use progress::{Progress, Silent};
pub use source::parquet::ParquetError;
pub use source::{FileColumn, Holds, columns};
pub use store::{Split, SplitView, Store};
pub use tokenizer::{Engine, Tokenizer};
pub use tokens::{Ends, Layout, Survey, Tokenized, TokensError};
