//! Sources, tokenising, shards and the order of data.
//!
//! [`order`] says which window of which dataset is sample number `g` of a run: a pure, invertible function, so that rank
//! count, worker count and restarts are only views of it.
//!
//! What does not live here: spec syntax, mixture checking (the plan's weights are exact and sum to one), anything that
//! knows a model or a device, and printing.

pub mod order;
