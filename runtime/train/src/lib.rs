//! Training: the stage machine, schedules, optimizer steps, events, the ledger, checkpoints, resume and the report.
//!
//! [`prepare`] makes the data that a plan reads, [`train`] executes one run of a plan in a run directory and tells an
//! [`Observer`] what happens. A run that was stopped, or killed, at any moment goes on from its newest checkpoint that
//! verifies, and ends with the same bits as one that was never stopped.
//!
//! What does not live here: operators and the arena (`runtime/engine`), the order of data, shards and batches
//! (`runtime/data`), progress bars and everything printed (`compiler/smolc`).

pub mod amend;
pub mod checkpoint;
mod corpus;
pub mod directory;
mod durable;
mod error;
pub mod event;
pub mod ledger;
pub mod report;
mod samples;
mod schedule;
mod session;
mod supported;
mod train;

pub use corpus::{Corpus, prepare};
pub use error::{Fault, FaultSample, TrainError};
pub use event::{Event, Observer, Silent, Status};
pub use samples::Samples;
pub use supported::supported;
pub use train::{OpenBackend, Options, Outcome, on_cpu, train, train_on};
