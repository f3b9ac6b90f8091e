//! Checked spec to plan: model to step program, memory, stages
