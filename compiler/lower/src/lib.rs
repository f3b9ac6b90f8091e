//! Checked spec to plan: model to step program, memory, stages

pub mod program;
