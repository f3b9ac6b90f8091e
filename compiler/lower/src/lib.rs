//! Checked spec to plan: model to step program and its gradient, memory, stages, data.
//!
//! [`lower`] takes a complete [`Spec`] and yields the [`Plan`](smolc_plan::Plan) that the runtime executes. It decides
//! nothing a spec could have said: every choice is either in the spec or documented where it is made (`Precision::head_chunk`). The same spec
//! gives the same plan, byte for byte.
//!
//! What does not live here: parsing and checks (smolc-check), the plan's format (smolc-plan), devices.

pub mod ledger;
mod lowering;
pub mod program;

pub use lowering::lower;
